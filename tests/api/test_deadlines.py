"""How long a probe waits, in virtual time: to the nanosecond, whatever else waits."""

from __future__ import annotations

from array import array

import anyio
import pytest

from anyicmp import Prober
from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.wire.batch import PacketBatch, RowKind

SECOND = 1_000_000_000
TIMEOUTS = (1.0, 0.3, 0.000001, 1.7, 0.1 + 0.2, 59.999999999)

pytestmark = pytest.mark.anyio


async def test_each_of_many_probes_waits_as_long_as_it_was_told(network: SimulatedNetwork) -> None:
    clocks, waited = network.clocks, []
    async with Prober(network=network) as prober:

        async def ping(timeout: float) -> None:
            began = clocks.monotonic()
            (outcome,) = await prober.ping("10.0.0.2", count=1, timeout=timeout)
            assert outcome.kind == "timeout"
            waited.append((timeout, clocks.monotonic() - began))

        async with anyio.create_task_group() as tasks:
            for i in range(60):
                tasks.start_soon(ping, TIMEOUTS[i % len(TIMEOUTS)])
    assert len(waited) == 60
    assert dict(waited) == {timeout: round(timeout * SECOND) for timeout in TIMEOUTS}
    assert [nanoseconds for _, nanoseconds in waited] == sorted(nanoseconds for _, nanoseconds in waited)


@pytest.mark.parametrize("address", ["10.0.0.2", "2001:db8:1::2"])
async def test_a_trace_and_a_sweep_wait_no_longer(network: SimulatedNetwork, address: str) -> None:
    clocks = network.clocks
    async with Prober(network=network) as prober:
        began = clocks.monotonic()
        await prober.traceroute(address, max_hops=3, probes=2, timeout=0.7)
        assert clocks.monotonic() - began == 7 * SECOND // 10
        began = clocks.monotonic()
        await prober.sweep([address], timeout=0.7, retries=2, backoff=2)
        assert clocks.monotonic() - began == (1 + 2 + 4) * 7 * SECOND // 10


@pytest.mark.parametrize("number", [300, 1500])
async def test_what_came_in_time_is_heard_though_nobody_looked_in_time(
    network: SimulatedNetwork, number: int
) -> None:
    """The process was stopped for longer than the timeout, and one turn cannot read all that has come."""
    sent: list[bytes] = []

    def noting(packet: bytes) -> None:
        sent.append(packet)
        if len(sent) % number == 0:
            network.clocks.advance(3.0)

    network.on_sent, network.receive_buffer = noting, 1 << 22
    targets = [f"10.1.{i // 250}.{i % 250}" for i in range(number)]
    async with Prober(network=network) as prober:
        swept = await prober.sweep(targets, timeout=1.0)
        alive = []

        async def ping(target: str) -> None:
            alive.append((await prober.ping(target, count=1, timeout=1.0)).is_alive)

        async with anyio.create_task_group() as tasks:
            for target in targets:
                tasks.start_soon(ping, target)
        assert len(swept.alive) == sum(alive) == number
        assert prober.statistics.late == 0


async def test_a_flood_holds_up_no_timeout(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More comes all the time than a turn can read: no more is heard first than the buffer held."""
    clocks = network.clocks
    async with Prober(network=network) as prober:
        (transport,) = (each for each in network.transports if each.spec.version == 4)
        began = clocks.monotonic()

        def recv(rx: PacketBatch, offset: int) -> int:
            clocks.advance(0.001)
            assert clocks.monotonic() - began < 2 * SECOND
            rx.kind[:] = bytes([RowKind.ICMP]) * rx.capacity
            rx.length[:] = array(rx.length.typecode, bytes(rx.length.itemsize * rx.capacity))
            return rx.capacity

        monkeypatch.setattr(transport, "recv", recv)
        (outcome,) = (await prober.ping("10.0.0.2", count=1, timeout=0.5)).outcomes
        assert outcome.kind == "timeout"
        assert 0.5 <= (clocks.monotonic() - began) / SECOND < 0.52
        monkeypatch.undo()


async def test_what_comes_between_reading_and_judging_is_heard(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was stopped in the midst of the turn in which another probe's time was up."""
    clocks, stalls = network.clocks, []
    network.add("10.0.0.5", Host(delay=0.5))
    network.add("10.0.0.9", Host(delay=0.9))
    async with Prober(network=network) as prober:
        (transport,) = (each for each in network.transports if each.spec.version == 4)
        began, receive = clocks.monotonic(), transport.recv

        def recv(rx: PacketBatch, offset: int) -> int:
            n = receive(rx, offset)
            if n and not stalls:
                stalls.append(clocks.monotonic() - began)
                clocks.advance(3.0)
            return n

        monkeypatch.setattr(transport, "recv", recv)
        found: dict[str, str] = {}

        async def ping(target: str, timeout: float) -> None:
            (outcome,) = (await prober.ping(target, count=1, timeout=timeout)).outcomes
            found[target] = outcome.kind

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ping, "10.0.0.2", 0.5)
            tasks.start_soon(ping, "10.0.0.5", 1.0)
            tasks.start_soon(ping, "10.0.0.9", 1.0)
    assert stalls == [SECOND // 2]
    assert found == {"10.0.0.2": "timeout", "10.0.0.5": "reply", "10.0.0.9": "reply"}
