"""Every public call, cancelled at each of its checkpoints until it completes: nothing is left of it.

In virtual time, and over the real loopback.
"""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import anyicmp
from anyicmp import Prober
from anyicmp.testing import SimulatedNetwork

pytestmark = pytest.mark.anyio

Call = Callable[[Prober, str], Coroutine[Any, Any, object]]
MOST = 400
"""No call here has so many checkpoints: a test that gets there has found an endless one."""


@types.coroutine
def stepped(
    call: Coroutine[Any, Any, object], at: int, cancel: Callable[[], None]
) -> Generator[Any, Any, None]:
    """Run a call; where it suspends for the `at`-th time (from 0), have it cancelled."""
    step, resume, value = 0, call.send, None
    while True:
        try:
            waits_for = resume(value)
        except StopIteration:
            return
        if step == at:
            cancel()
        step += 1
        try:
            resume, value = call.send, (yield waits_for)
        except BaseException as error:  # noqa: BLE001 - it is the call's to handle
            resume, value = call.throw, error  # type: ignore[assignment]


def tasks() -> int:
    """Tasks of the running loop, but for those that let virtual time pass."""
    trio = sys.modules.get("trio")
    if trio is None or not trio.lowlevel.in_trio_run():
        return len(asyncio.all_tasks())
    found = [trio.lowlevel.current_root_task()]
    for task in found:
        found += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return sum(not task.name.endswith("virtual time") for task in found)


def descriptors() -> int:
    """Descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def settled(state: Callable[[], object], wanted: object) -> object:
    """The state once it is as wanted, or after as many turns as a cancelled task may take to end."""
    for _ in range(50):
        if state() == wanted:
            break
        await anyio.lowlevel.checkpoint()
    return state()


async def ping(prober: Prober, target: str) -> object:
    return await prober.ping(target, count=3, interval=0.001)


async def ping_alone(prober: Prober, target: str) -> object:
    return await prober.ping(target, count=2, interval=0.001, new_identifier=True)


async def sweep(prober: Prober, target: str) -> object:
    return await prober.sweep([target, target, f"{target}-{target}"], timeout=0.5)


async def traceroute(prober: Prober, target: str) -> object:
    return await prober.traceroute(target, max_hops=2, timeout=0.5)


async def path_mtu(prober: Prober, target: str) -> object:
    return await prober.path_mtu(target, probes=1, timeout=0.5)


async def resolve(prober: Prober, target: str) -> object:
    return await prober.resolve(target)


async def ping_stream(prober: Prober, target: str) -> object:
    async with prober.open_ping(target, count=3, interval=0.001) as stream:
        return [outcome async for outcome in stream]


async def sweep_stream(prober: Prober, target: str) -> object:
    async with prober.open_sweep([target] * 3, timeout=0.5) as stream:
        return [batch async for batch in stream.batches()]


async def trace_stream(prober: Prober, target: str) -> object:
    async with prober.open_traceroute(target, rounds=2, interval=0.001, max_hops=2, timeout=0.5) as stream:
        return [trace async for trace in stream]


CALLS = [ping, ping_alone, sweep, traceroute, path_mtu, resolve, ping_stream, sweep_stream, trace_stream]


async def cancelled_everywhere(prober: Prober, call: Call, target: str, state: Callable[[], object]) -> int:
    """Cancel at the first checkpoint, at the second, ..., until the call completes; how often that was."""
    await call(prober, target)
    wanted = await settled(state, None)
    for at in range(MOST):
        with anyio.CancelScope() as scope:
            await stepped(call(prober, target), at, scope.cancel)
        assert await settled(state, wanted) == wanted, f"after being cancelled at checkpoint {at}"
        if not scope.cancelled_caught:
            return at
    raise AssertionError("it has no end")


def in_flight(prober: Prober) -> list[int]:
    return [driver.exchange.table.in_flight for driver in prober._drivers.values()]


def quarantined(prober: Prober) -> list[int]:
    return [driver.exchange.matching.quarantine.count for driver in prober._drivers.values()]


def sinks(prober: Prober) -> int:
    return sum(len(driver._sinks) for driver in prober._drivers.values()) + len(prober._watchers)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("target", ["10.0.0.1", "10.0.0.2", "2001:db8:1::1"])
async def test_a_call_cancelled_anywhere_leaves_nothing(
    network: SimulatedNetwork, call: Call, target: str
) -> None:
    async with Prober(network=network) as prober:

        def state() -> object:
            opened = sum(not transport.closed for transport in network.transports)
            room = [sum(driver.exchange.room.used) for driver in prober._drivers.values()]
            return in_flight(prober), quarantined(prober), room, sinks(prober), opened, tasks()

        cancelled = await cancelled_everywhere(prober, call, target, state)
        assert cancelled >= (call is not resolve)
        result = await prober.ping("10.0.0.1", count=1)
        assert result.statistics.average == pytest.approx(0.01)


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_cancelled_anywhere_on_the_real_loopback_leaves_nothing(call: Call) -> None:
    async with Prober() as prober:

        def state() -> object:
            return in_flight(prober), quarantined(prober), sinks(prober), descriptors(), tasks()

        rounds = 0
        while rounds < 20:
            rounds += 1 + await cancelled_everywhere(prober, call, "127.0.0.1", state)
        result = await prober.ping("127.0.0.1", count=1)
        assert result.is_alive
        assert result.outcomes[0].rtt < 0.1  # type: ignore[union-attr]


async def test_opening_and_closing_cancelled_anywhere_leaves_nothing(network: SimulatedNetwork) -> None:
    """The functions open a prober for the one call; a prober itself opens, closes and tells what works."""

    async def whole_life() -> None:
        prober = Prober(network=network)
        try:
            await prober.open()
            await prober.ping("10.0.0.1", count=1)
        finally:
            await prober.aclose()

    async def stream() -> None:
        async with anyicmp.open_ping("10.0.0.1", count=2, network=network) as outcomes:
            async for _ in outcomes:
                pass

    async def swept() -> None:
        async with anyicmp.open_sweep(["10.0.0.1", "answers.example"], network=network) as outcomes:
            async for _ in outcomes:
                pass

    calls: list[Callable[[], Awaitable[object]]] = [
        whole_life,
        stream,
        swept,
        lambda: anyicmp.ping("10.0.0.1", count=2, network=network),
        lambda: anyicmp.sweep("10.0.0.1", network=network),
        lambda: anyicmp.traceroute("10.0.0.1", network=network),
        anyicmp.capabilities,
    ]
    before = tasks()
    for call in calls:
        for at in range(MOST):
            with anyio.CancelScope() as scope:
                await stepped(call(), at, scope.cancel)  # type: ignore[arg-type]
            assert await settled(tasks, before) == before
            assert all(transport.closed for transport in network.transports)
            if not scope.cancelled_caught:
                break
        else:
            pytest.fail("it has no end")


async def test_fifty_cancelled_among_fifty(network: SimulatedNetwork) -> None:
    alive: list[bool] = []
    async with Prober(network=network) as prober, anyio.create_task_group() as group:

        async def one(at: int | None) -> None:
            with anyio.CancelScope() as scope:
                call = ping(prober, "10.0.0.1")
                if at is None:
                    alive.append((await call).statistics.received == 3)  # type: ignore[attr-defined]
                else:
                    await stepped(call, at, scope.cancel)

        for i in range(100):
            group.start_soon(one, i % 7 if i % 2 else None)
    assert alive == [True] * 50


@pytest.mark.usefixtures("needs_icmp_socket")
async def test_fifty_cancelled_among_fifty_on_the_real_loopback() -> None:
    alive: list[bool] = []
    before = descriptors()
    async with Prober() as prober:
        async with anyio.create_task_group() as group:

            async def one(at: int | None) -> None:
                with anyio.CancelScope() as scope:
                    call = ping(prober, "127.0.0.1")
                    if at is None:
                        alive.append((await call).statistics.received == 3)  # type: ignore[attr-defined]
                    else:
                        await stepped(call, at, scope.cancel)

            for i in range(100):
                group.start_soon(one, i % 7 if i % 2 else None)
        assert alive == [True] * 50
        assert in_flight(prober) == [0]
    assert descriptors() == before
