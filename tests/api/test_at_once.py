"""Who pings one probe after the other is answered in its own step; who asks for many saves their calls."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from anyicmp import Prober
from anyicmp.api import ping_options
from anyicmp.api.driver import AT_ONCE
from anyicmp.engine.exchange import Exchange
from anyicmp.engine.lone import Lone
from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.testing.transport import SimulatedTransport
from anyicmp.wire.batch import PacketBatch

pytestmark = pytest.mark.anyio

HOST = "10.7.0.1"


@pytest.fixture
def left(network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """How many rows each call sent, of probes that were alone and of others.

    The host answers within the call that sends, as this host does over loopback.
    """
    network.add(HOST, Host(delay=0.0))
    send = SimulatedTransport.send

    def answered_within(self: SimulatedTransport, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        told = send(self, tx, start, stop)
        network.clocks.advance(0.0)
        return told

    monkeypatch.setattr(SimulatedTransport, "send", answered_within)
    rows: dict[str, list[int]] = {"alone": [], "among others": []}
    sent, left_alone = Exchange.sent, Lone.left

    def noting(self: Exchange, tx: PacketBatch, start: int, stop: int) -> None:
        rows["among others"].append(stop - start)
        sent(self, tx, start, stop)

    def noting_alone(self: Lone, tx: PacketBatch) -> None:
        rows["alone"].append(1)
        left_alone(self, tx)

    monkeypatch.setattr(Exchange, "sent", noting)
    monkeypatch.setattr(Lone, "left", noting_alone)
    return rows


async def pinging(prober: Prober, times: int) -> None:
    for _ in range(times):
        assert (await prober.ping(HOST, count=1)).is_alive


@pytest.mark.parametrize("tasks", [1, 3, AT_ONCE])
async def test_one_after_the_other_is_always_alone(
    network: SimulatedNetwork, left: dict[str, list[int]], tasks: int
) -> None:
    """However often: each has let the loop run before the next one."""
    async with Prober(network=network) as prober, anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(pinging, prober, 50)
    assert left == {"alone": [1] * 50 * tasks, "among others": []}


async def test_each_lets_the_loop_run(network: SimulatedNetwork, left: dict[str, list[int]]) -> None:
    cycles = 0

    async def counting() -> None:
        nonlocal cycles
        while True:
            await anyio.lowlevel.checkpoint()
            cycles += 1

    async with Prober(network=network) as prober, anyio.create_task_group() as group:
        group.start_soon(counting)
        await pinging(prober, 50)
        group.cancel_scope.cancel()
    assert len(left["alone"]) == 50
    assert cycles >= 48


async def test_many_go_on_in_batches(network: SimulatedNetwork, left: dict[str, list[int]]) -> None:
    """Those few that are answered in their own step do not become more and more."""
    async with Prober(network=network) as prober, anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(pinging, prober, 50)
    assert len(left["alone"]) + sum(left["among others"]) == 5000
    assert len(left["alone"]) + len(left["among others"]) < 1000


@pytest.mark.parametrize("given_up", [0, 20])
async def test_who_is_cancelled_there_leaves_nothing(
    network: SimulatedNetwork, left: dict[str, list[int]], given_up: int
) -> None:
    async with Prober(network=network) as prober:
        await pinging(prober, given_up)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await prober.ping(HOST, count=1)
        assert scope.cancelled_caught
        (driver,) = prober._drivers.values()
        assert (driver.alone, driver.exchange.table.in_flight) == (None, 0)
        await pinging(prober, 20)
    assert len(left["alone"]) == given_up + 21


async def test_equal_options_are_checked_once(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is equal and yet no right option (True for 1, 56.0 for 56) is not taken for one that was."""
    network.add(HOST, Host(delay=0.0))
    checks: list[object] = []
    whole: Callable[..., object] = ping_options.at_least
    monkeypatch.setattr(ping_options, "at_least", lambda *told: checks.append(told) or whole(*told))
    async with Prober(network=network) as prober:
        for _ in range(3):
            await prober.ping(HOST, count=1, size=56)
        assert len(checks) == 1
        for wrong in ({"count": True}, {"count": 1.0}, {"count": 1, "size": 56.0}):
            with pytest.raises(TypeError):
                await prober.ping(HOST, **wrong)  # type: ignore[arg-type]
        assert (await prober.ping(HOST, count=1, payload=bytearray(56))).is_alive
