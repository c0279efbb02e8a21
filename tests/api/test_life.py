"""Opening, closing, cancelling, crashing: nothing hangs, nothing is left, nobody disturbs another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

import anyicmp
from anyicmp import ClosedError, Outcome, PingStream, Prober
from anyicmp.api import ping
from anyicmp.testing import Host, SimulatedNetwork

pytestmark = pytest.mark.anyio


async def each_of(stream: PingStream) -> None:
    async for _ in stream:
        pass


async def test_one_cancelled_among_many(network: SimulatedNetwork) -> None:
    alive, scope = [], anyio.CancelScope()
    async with Prober(network=network) as prober, anyio.create_task_group() as tasks:

        async def one(host: str) -> None:
            alive.append((host, (await prober.ping(host, count=3)).is_alive))

        async def cancelled() -> None:
            with scope:
                await prober.ping("10.0.0.2", count=1000)
                alive.append(("cancelled", True))

        network.clocks.after(1.5, scope.cancel)
        tasks.start_soon(cancelled)
        for i in range(1, 21):
            tasks.start_soon(one, f"10.1.0.{i}")
    assert sorted(alive) == sorted((f"10.1.0.{i}", True) for i in range(1, 21))
    assert scope.cancelled_caught
    assert len([packet for packet in network.sent if packet[16:20] == bytes([10, 0, 0, 2])]) <= 3


async def test_a_cancelled_call_sends_no_more(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        for call in (prober.ping, prober.traceroute):
            with anyio.CancelScope() as scope:
                network.clocks.after(0.5, scope.cancel)
                await call("10.0.0.2")
            assert scope.cancelled_caught
        sent = len(network.sent)
        network.clocks.advance(60)
        await anyio.lowlevel.checkpoint()
        assert len(network.sent) == sent


async def test_closing_during_flight_ends_everyone(network: SimulatedNetwork) -> None:
    ended: list[str] = []
    prober = Prober(network=network)
    await prober.open()

    async def awaited() -> None:
        with pytest.raises(ClosedError, match="while this was in flight"):
            await prober.ping("10.0.0.2", count=100)
        ended.append("ping")

    async def traced() -> None:
        with pytest.raises(ClosedError):
            await prober.traceroute("10.0.0.2", timeout=100)
        ended.append("trace")

    async def swept() -> None:
        with pytest.raises(ClosedError):
            await prober.sweep("10.0.0.2", timeout=100)
        ended.append("sweep")

    async def streamed() -> None:
        async with prober.open_ping("10.0.0.1") as stream:
            assert (await anext(stream)).kind == "reply"
            with pytest.raises(ClosedError):
                await each_of(stream)
        ended.append("stream")

    async with anyio.create_task_group() as tasks:
        for call in (awaited, traced, swept, streamed):
            tasks.start_soon(call)
        closed = anyio.Event()
        network.clocks.after(3.0, closed.set)
        await closed.wait()
        await prober.aclose()
    assert sorted(ended) == ["ping", "stream", "sweep", "trace"]
    assert all(transport.closed for transport in network.transports)


async def test_a_closed_prober_says_so(network: SimulatedNetwork) -> None:
    prober = Prober(network=network)
    with pytest.raises(ClosedError, match="enter it first"):
        await prober.ping("10.0.0.1")
    async with prober:
        pass
    with pytest.raises(ClosedError, match="open a new one"):
        await prober.ping("10.0.0.1")
    with pytest.raises(ClosedError):
        await prober.open()
    await prober.aclose()


async def test_entered_in_one_task_and_closed_in_another(network: SimulatedNetwork) -> None:
    probers: list[Prober] = []

    async def enter() -> None:
        probers.append(await Prober(network=network).__aenter__())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(enter)
    (prober,) = probers
    assert (await prober.ping("10.0.0.1", count=1)).is_alive
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(prober.aclose)
    assert network.transports[0].closed


async def test_a_stream_is_held_across_a_yield(network: SimulatedNetwork) -> None:
    """PEP 789: no cancel scope surrounds the block, so a generator may hold it open."""

    async def outcomes(prober: Prober) -> AsyncIterator[Outcome]:
        async with prober.open_ping("10.0.0.1", count=5) as stream:
            async for outcome in stream:
                yield outcome

    @asynccontextmanager
    async def opened(prober: Prober) -> AsyncIterator[PingStream]:
        async with prober.open_ping("10.0.0.1") as stream:
            yield stream

    async with Prober(network=network) as prober:
        with anyio.fail_after(5):
            generator = outcomes(prober)
            assert (await anext(generator)).sequence == 0
            with anyio.move_on_after(0):
                await anyio.sleep(1)
            assert [outcome.sequence async for outcome in generator] == [1, 2, 3, 4]
        with pytest.raises(KeyError, match="mine"):
            async with opened(prober):
                raise KeyError("mine")
        assert (await prober.ping("10.0.0.1", count=1)).is_alive


async def test_streams_end_in_any_order(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        first = await prober.open_ping("10.0.0.1").__aenter__()
        second = await prober.open_sweep("10.1.0.0/24").__aenter__()
        await anext(first)
        await first.__aexit__(None, None, None)
        assert len([outcome async for outcome in second]) == 254
        await second.__aexit__(None, None, None)


async def test_a_stream_yields_each_outcome_as_it_happens(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober, prober.open_ping("answers.example", count=3) as stream:
        assert (stream.host, str(stream.target)) == ("answers.example", "10.0.0.1")
        first = await anext(stream)
        assert first.host == "answers.example"
        assert stream.statistics.sent >= 1
        rest = [outcome.sequence async for outcome in stream]
        assert rest == [1, 2]
        assert (stream.statistics.sent, stream.statistics.received) == (3, 3)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_leaving_a_stream_ends_its_iteration_and_its_probes(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        async with prober.open_ping("10.0.0.1", interval=0.1) as stream:
            await anext(stream)
        sent = len(network.sent)
        assert (await prober.ping("10.0.0.1", count=3)).is_alive
        assert len(network.sent) == sent + 3
        for _ in range(1000):
            try:
                await anext(stream)
            except StopAsyncIteration:
                break
        else:
            pytest.fail("a stream that was left has no end")


async def test_a_stream_of_its_own_frees_its_socket(network: SimulatedNetwork) -> None:
    async with anyicmp.open_ping("10.0.0.1", network=network) as stream:
        await anext(stream)
    async with anyicmp.open_sweep("10.1.0.0/24", network=network) as sweep:
        await anext(sweep)
    with pytest.raises(anyicmp.NameLookupError):
        async with anyicmp.open_ping("nowhere.example", network=network):
            pass
    assert len(network.transports) == 4  # a sweep has sockets of its own
    assert all(transport.closed for transport in network.transports)


async def test_a_slow_consumer_of_a_ping_loses_the_oldest(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping, "UNREAD", 100)
    async with Prober(network=network) as prober, prober.open_ping("10.0.0.1") as stream:
        later = anyio.Event()
        network.clocks.after(299.5, later.set)
        await later.wait()
        assert stream.statistics.received == 300
        assert stream.dropped == 200
        assert (await anext(stream)).sequence == 200


async def test_a_crash_of_the_driver_wakes_everyone_with_the_reason(network: SimulatedNetwork) -> None:
    reasons: list[BaseException | None] = []

    async with Prober(network=network) as prober:

        async def crashing() -> None:
            with pytest.raises(ClosedError) as raised:
                await prober.ping("10.0.0.1", count=100)
            reasons.append(raised.value.__cause__)

        def broken(rx: object, offset: int) -> int:
            raise ZeroDivisionError("a bug")

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(crashing)
            network.clocks.after(2.5, lambda: setattr(network.transports[0], "recv", broken))
        assert [type(reason) for reason in reasons] == [ZeroDivisionError] * 3
        assert network.transports[0].closed
        # The prober itself is not lost: the next call opens sockets anew.
        assert (await prober.ping("10.0.0.1", count=1)).is_alive


async def test_a_virtual_year_passes_quickly(network: SimulatedNetwork) -> None:
    network.add("10.0.0.60", Host(delay=86_400.0))
    result = await anyicmp.ping("10.0.0.60", count=365, interval=86_400.0, timeout=100_000, network=network)
    assert result.is_alive
    assert result.outcomes[-1].sent_at - result.outcomes[0].sent_at == 364 * 86_400.0
