"""Which probes ask the kernel when they leave: few ones, where it tells and nobody forbade it."""

from __future__ import annotations

import anyio
import pytest

from anyicmp import Prober
from anyicmp.api.driver import AT_ONCE
from anyicmp.engine.ping import MANY
from anyicmp.testing import SimulatedNetwork
from anyicmp.testing.transport import SimulatedTransport
from anyicmp.wire.batch import PacketBatch, RowKind

pytestmark = pytest.mark.anyio


@pytest.fixture
def asked(network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number for each row that leaves: whether it asks."""
    network.stamps_sending = True
    rows: list[int] = []
    send = SimulatedTransport.send

    def noting(self: SimulatedTransport, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        rows.extend(tx.stamped[start:stop])
        return send(self, tx, start, stop)

    monkeypatch.setattr(SimulatedTransport, "send", noting)
    return rows


async def pinged(network: SimulatedNetwork, hosts: list[str], **options: bool) -> None:
    async with Prober(network=network, **options) as prober, anyio.create_task_group() as tasks:
        for host in hosts:
            tasks.start_soon(lambda host=host: prober.ping(host, count=1))


@pytest.mark.parametrize("at_once", [1, 2, MANY - 1])
async def test_a_few_pings_ask(network: SimulatedNetwork, asked: list[int], at_once: int) -> None:
    await pinged(network, [f"10.1.0.{i}" for i in range(at_once)])
    assert asked == [1] * at_once


async def test_many_pings_at_once_are_timed_as_a_sweep_is(
    network: SimulatedNetwork, asked: list[int]
) -> None:
    """The first of them leave before anybody can know that there are many."""
    await pinged(network, [f"10.1.0.{i}" for i in range(AT_ONCE + MANY)])
    assert asked == [1] * AT_ONCE + [0] * MANY
    await pinged(network, ["10.1.0.1"])
    assert asked[AT_ONCE + MANY :] == [1]


async def test_a_trace_asks_and_a_sweep_does_not(network: SimulatedNetwork, asked: list[int]) -> None:
    async with Prober(network=network) as prober:
        await prober.sweep("10.1.0.0/28")
        assert set(asked) == {0}
        asked.clear()
        await prober.traceroute("10.0.0.3")
        assert set(asked) == {1}


async def test_an_exact_sweep_asks_for_each_probe(network: SimulatedNetwork, asked: list[int]) -> None:
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/22", exact=True)
        assert len(result.alive) == 1022
        assert asked == [1] * 1022
        asked.clear()
        await prober.sweep("10.1.0.0/28")
        assert set(asked) == {0}


async def test_stamps_and_replies_share_a_buffer_and_none_is_lost(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stamp takes as much room as a small reply."""
    network.stamps_sending = True
    network.receive_buffer = 20_000
    stamps: list[int] = []
    recv = SimulatedTransport.recv

    def noting(self: SimulatedTransport, rx: PacketBatch, offset: int) -> int:
        n = recv(self, rx, offset)
        stamps.extend(kind for kind in rx.kind[offset : offset + n] if kind == RowKind.STAMP)
        return n

    monkeypatch.setattr(SimulatedTransport, "recv", noting)
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/23", exact=True)
        assert prober.statistics.dropped == 0
    assert (len(result.alive), len(stamps)) == (510, 510)


async def test_nobody_asks_a_kernel_that_cannot_tell(network: SimulatedNetwork, asked: list[int]) -> None:
    network.stamps_sending = False
    await pinged(network, ["10.1.0.1"])
    assert asked == [0]
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/28", exact=True)
    assert len(result.alive) == 14
    assert set(asked) == {0}


async def test_it_can_be_switched_off(network: SimulatedNetwork, asked: list[int]) -> None:
    await pinged(network, ["10.1.0.1"], transmit_stamps=False)
    assert asked == [0]
    async with Prober(network=network, transmit_stamps=False) as prober:
        with pytest.raises(ValueError, match="exact=True needs the transmit stamps"):
            await prober.sweep("10.1.0.1", exact=True)
        assert len(asked) == 1
    with pytest.raises(TypeError, match="transmit_stamps must be True, False or None"):
        Prober(transmit_stamps="no")  # type: ignore[arg-type]
