"""A network's time on loops that keep their own: it jumps where nothing is left to do, and nobody starves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trio

from anyicmp import Prober
from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.testing.keeper import JUMPS

EVENTS = 200


def network_with_events(note: Callable[[int], None]) -> SimulatedNetwork:
    """A host, and EVENTS events of which the first is due in a second, the next a second later."""
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(delay=0.25))
    for i in range(1, EVENTS + 1):
        network.clocks.after(float(i), lambda i=i: note(i))  # type: ignore[misc]
    return network


class Cycles(trio.abc.Instrument):
    """Counts those of a loop."""

    def __init__(self) -> None:
        self.seen = 0

    def before_io_wait(self, timeout: float) -> None:
        self.seen += 1


class CountingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.cycles = Cycles()
        super().__init__()

    def _run_once(self) -> None:
        self.cycles.seen += 1
        super()._run_once()  # type: ignore[misc]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_jumps_that_wake_nobody_share_cycles_of_the_loop(loop: str) -> None:
    counted = Cycles()

    async def main() -> int:
        done = anyio.Event()
        cycles = counted if loop == "trio" else asyncio.get_running_loop().cycles  # type: ignore[attr-defined]
        seen = []

        def note(i: int) -> None:
            seen.append(i)
            if i == EVENTS:
                done.set()

        async with Prober(network=network_with_events(note)) as prober:
            await prober.ping("10.0.0.1", count=1)
            assert not seen
            began = cycles.seen
            await done.wait()
            return int(cycles.seen - began)

    options: dict[str, Any] = (
        {"loop_factory": CountingLoop} if loop == "asyncio" else {"instruments": [counted]}
    )
    cycles = anyio.run(main, backend=loop, backend_options=options)
    # A cycle of trio's in which nobody is ready, another in which whoever asked for it is.
    assert EVENTS / JUMPS <= cycles <= 2 * EVENTS / JUMPS + 8


@pytest.mark.anyio
async def test_a_descriptor_is_heard_while_time_jumps() -> None:
    ours, theirs = socket.socketpair()
    heard: list[int] = []
    seen = 0

    def note(i: int) -> None:
        nonlocal seen
        seen = i
        if i == 100:
            theirs.send(b"x")

    async def read() -> None:
        await anyio.wait_readable(ours)
        heard.append(seen)

    with ours, theirs:
        async with Prober(network=network_with_events(note)), anyio.create_task_group() as tasks:
            tasks.start_soon(read)
    (when,) = heard
    assert 100 <= when <= 100 + 2 * JUMPS


def test_a_timer_of_the_loop_is_looked_at_between_two_jumps() -> None:
    async def main() -> tuple[int, int]:
        loop, done, heard = asyncio.get_running_loop(), asyncio.Event(), []

        def expire(i: int) -> None:
            heard.append((i, seen))
            done.set()

        seen = 0

        def note(i: int) -> None:
            nonlocal seen
            seen = i
            if i == 100:
                loop.call_later(0.0, expire, i)

        async with Prober(network=network_with_events(note)):
            await done.wait()
        return heard[0]

    asked, when = anyio.run(main, backend="asyncio")
    assert asked <= when <= asked + 1


@pytest.mark.parametrize("use_uvloop", [False, True])
def test_what_an_event_raises_goes_to_the_loop_and_time_goes_on(use_uvloop: bool) -> None:
    said: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told))
        done = anyio.Event()

        def note(i: int) -> None:
            if i == 3:
                raise ZeroDivisionError
            if i == EVENTS:
                done.set()

        async with Prober(network=network_with_events(note)):
            await done.wait()

    anyio.run(main, backend="asyncio", backend_options={"use_uvloop": use_uvloop})
    assert [type(told["exception"]) for told in said] == [ZeroDivisionError]
