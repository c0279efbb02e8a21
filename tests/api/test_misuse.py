"""What callers do wrong, or at odd moments: it is said at once, nothing hangs and nothing goes on unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio

from anyicmp import ClosedError, IPAddress, NameLookupError, Prober
from anyicmp.api import sweep
from anyicmp.api.stream import Stream
from anyicmp.testing import SimulatedNetwork
from api.scene import let_others_run

pytestmark = pytest.mark.anyio

OPENERS: list[Callable[[Prober, str], Stream[Any]]] = [
    Prober.open_ping,
    Prober.open_sweep,
    Prober.open_traceroute,
    Prober.open_monitor,
]
CALLS: list[Callable[[Prober, str], Awaitable[Any]]] = [
    Prober.ping,
    Prober.sweep,
    Prober.traceroute,
    Prober.path_mtu,
]


@pytest.mark.parametrize("opened", OPENERS)
async def test_a_stream_that_was_never_entered_says_so(
    network: SimulatedNetwork, opened: Callable[[Prober, str], Stream[Any]]
) -> None:
    async with Prober(network=network) as prober:
        with pytest.raises(ClosedError, match="enter it"):
            await anext(opened(prober, "10.0.0.1"))


@pytest.mark.parametrize("opened", OPENERS)
async def test_a_stream_is_entered_once(
    network: SimulatedNetwork, opened: Callable[[Prober, str], Stream[Any]]
) -> None:
    async with Prober(network=network) as prober:
        stream = opened(prober, "10.0.0.1")
        async with stream:
            with pytest.raises(ClosedError, match="once"):
                await stream.__aenter__()
            await anext(stream)
        with pytest.raises(ClosedError, match="once"):
            await stream.__aenter__()
        assert [driver.exchange.table.in_flight for driver in prober._drivers.values() if driver._sinks] == []


@pytest.mark.parametrize("opened", OPENERS)
async def test_a_stream_that_was_left_ends(
    network: SimulatedNetwork, opened: Callable[[Prober, str], Stream[Any]]
) -> None:
    async with Prober(network=network) as prober:
        async with opened(prober, "10.0.0.1") as stream:
            pass
        with anyio.fail_after(5):
            assert [item async for item in stream] == []


async def test_two_tasks_cannot_iterate_over_one_stream(network: SimulatedNetwork) -> None:
    network.turns.automatic = False
    async with (
        Prober(network=network) as prober,
        prober.open_ping("10.0.0.1") as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(anext, stream)
        await let_others_run()
        with pytest.raises(anyio.BusyResourceError):
            await anext(stream)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("call", CALLS)
async def test_a_prober_that_is_not_open_says_so(
    network: SimulatedNetwork, call: Callable[[Prober, str], Awaitable[Any]]
) -> None:
    with pytest.raises(ClosedError, match="not open"):
        await call(Prober(network=network), "10.0.0.1")


async def test_a_sweep_left_at_once_leaves_nothing_going(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        async with prober.open_sweep(["10.1.0.0/16"]):
            pass
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        assert not any(driver._sinks for driver in prober._drivers.values())
    assert not network.sent


async def test_closing_ends_a_sweep_that_still_waits_for_its_first_target(network: SimulatedNetwork) -> None:
    async def targets() -> AsyncIterator[str]:
        await anyio.sleep_forever()
        yield "10.0.0.1"

    prober = Prober(network=network)
    await prober.open()
    with anyio.fail_after(5):
        async with prober.open_sweep(targets()) as stream, anyio.create_task_group() as tasks:

            async def consume() -> None:
                with pytest.raises(ClosedError):
                    await anext(stream)

            tasks.start_soon(consume)
            await let_others_run()
            await prober.aclose()


async def test_targets_that_never_wait_leave_others_their_turn(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "UNREAD", 200)

    async def asynchronous() -> AsyncIterator[str]:
        while True:
            yield "10.0.0.999"

    def plain() -> Iterator[str]:
        while True:
            yield "10.0.0.999"

    async with Prober(network=network) as prober:
        for targets in (asynchronous(), plain()):
            async with prober.open_sweep(targets) as stream:
                with anyio.fail_after(5):
                    while stream.progress.done <= sweep.UNREAD:
                        await anyio.lowlevel.checkpoint()
                for _ in range(100):
                    await anyio.lowlevel.checkpoint()
                assert stream.progress.done == sweep.UNREAD + 1
                for _ in range(2 * sweep.UNREAD):
                    assert (await anext(stream)).kind == "failed"


async def test_another_event_loop_is_refused(
    network: SimulatedNetwork, anyio_backend: tuple[str, dict[str, Any]]
) -> None:
    async def elsewhere() -> None:
        with pytest.raises(ClosedError, match="another event loop"):
            await prober.ping("10.0.0.1")

    async with Prober(network=network) as prober:
        name, options = anyio_backend
        await anyio.to_thread.run_sync(lambda: anyio.run(elsewhere, backend=name, backend_options=options))
        assert (await prober.ping("10.0.0.1", count=1)).is_alive


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_guest_in_the_event_loop_is_another_one(network: SimulatedNetwork) -> None:
    """Trio as a guest of asyncio: both run in one thread, and a task of the one cannot wait in the other."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    async def elsewhere() -> None:
        with pytest.raises(ClosedError, match="another event loop"):
            await prober.ping("10.0.0.1")

    async with Prober(network=network) as prober:
        trio.lowlevel.start_guest_run(
            elsewhere,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda told: over.set_result(told.unwrap()),
        )
        with anyio.fail_after(10):
            await over
        assert (await prober.ping("10.0.0.1", count=1)).is_alive


@pytest.mark.parametrize("call", [Prober.ping, Prober.traceroute, Prober.path_mtu])
async def test_the_time_limit_is_for_the_lookup_too(
    network: SimulatedNetwork, call: Callable[..., Awaitable[Any]]
) -> None:
    async def resolver(host: str, family: int | None) -> Sequence[IPAddress]:
        await anyio.sleep_forever()
        raise AssertionError

    async with Prober(network=network, resolver=resolver) as prober:
        with anyio.fail_after(5), pytest.raises(NameLookupError, match="time limit"):
            await call(prober, "my.example", time_limit=0.01)


async def test_a_sweep_keeps_to_the_family_and_the_source(network: SimulatedNetwork) -> None:
    async with Prober(network=network, family=4) as prober:
        rows = await prober.sweep(["2001:db8:1::1", "10.0.0.1"])
        assert [row.kind for row in sorted(rows, key=lambda row: row.sequence)] == ["failed", "reply"]
        with pytest.raises(ValueError, match="IPv4"):
            await prober.sweep("2001:db8:2::/120")
    async with Prober(network=network) as prober:
        (row,) = await prober.sweep(["2001:db8:1::1"], source="192.0.2.1")
        assert row.kind == "failed"
    assert {packet[0] >> 4 for packet in network.sent} == {4}


async def test_a_name_does_not_lead_to_what_is_excluded(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        (row,) = await prober.sweep(["answers.example"], exclude="10.0.0.0/24")
    assert (row.kind, row.host, str(row.target)) == ("failed", "answers.example", "10.0.0.1")
    assert not network.sent


async def test_a_target_that_cannot_be_probed_keeps_its_address(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        (row,) = await prober.sweep(["fe80::1%no-such"])
    assert (row.kind, str(row.target)) == ("failed", "fe80::1%no-such")


async def test_an_interface_name_may_hold_a_hyphen(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        with pytest.raises(ValueError, match="no interface of this host is named 'br-lan'"):
            await prober.ping("fe80::1%br-lan")


async def test_an_address_written_at_length_is_no_name(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        result = await prober.ping("2001:0DB8:1::0001", count=1)
    assert result.is_alive
    assert result.host is None


@pytest.mark.parametrize("rate", [1e-300, 1e308, 10**400])
async def test_a_rate_that_time_cannot_count_is_refused(network: SimulatedNetwork, rate: float) -> None:
    async with Prober(network=network) as prober:
        with pytest.raises(ValueError, match="rate"):
            await prober.sweep(["10.0.0.1"], rate=rate)
        with pytest.raises(ValueError, match="timeout"):
            await prober.ping("10.0.0.1", timeout=10**400)


async def test_more_targets_than_can_be_shuffled(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        for options in ({"shuffle": 1}, {"shard": (0, 2)}):
            with pytest.raises(ValueError, match="2\\^56"):
                await prober.sweep("2001:db8::/32", **options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"privileged": "yes"}, TypeError),
        ({"batched": 1}, TypeError),
        ({"interface": 5}, TypeError),
        ({"interface": ""}, ValueError),
        ({"interface": "lo\0"}, ValueError),
        ({"receive_buffer": 1 << 31}, ValueError),
    ],
)
def test_options_of_a_prober_that_no_socket_could_take(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=next(iter(options))):
        Prober(**options)
