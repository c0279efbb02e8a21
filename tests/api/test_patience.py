"""Answers to a monitor of many targets wait for its next turn; nobody else's wait for them."""

from __future__ import annotations

import socket
from typing import Any

import anyio
import pytest

from anyicmp import Prober
from anyicmp.api.driver import Driver
from anyicmp.api.wake import Wake, open_wake, waiter
from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.testing.transport import SimulatedTransport
from anyicmp.wire.batch import PacketBatch
from api.scene import made
from api.test_monitor import changes_until

TARGETS = [f"10.3.0.{i}" for i in range(200)]

ROW = 9e-6
"""Seconds that a row takes to leave, on a slow machine."""


def spread(delay: float = 0.05) -> SimulatedNetwork:
    """Each target is as far away as no other."""
    network = made(privileged=True)
    for i, target in enumerate(TARGETS):
        network.add(target, Host(delay=delay + i * 0.0003))
    return network


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """All turns of drivers."""
    turns: list[bool] = []
    turn = Driver.turn

    def noting(driver: Driver, readable: bool = True) -> None:
        turns.append(readable)
        turn(driver, readable)

    monkeypatch.setattr(Driver, "turn", noting)
    return turns


@pytest.mark.virtual_time
@pytest.mark.anyio
async def test_many_answers_are_read_in_one_turn(turns: list[bool]) -> None:
    network = spread()
    async with Prober(network=network) as prober, prober.open_monitor(TARGETS, interval=0.1) as monitor:
        await changes_until(monitor, network, 1.5)
        status = monitor.snapshot()
        rtts = [status[target].statistics.average for target in TARGETS]
        received = sum(each.totals.received for each in status.values())
    assert rtts == pytest.approx([0.05 + i * 0.0003 for i in range(200)], abs=1e-8)
    assert received > 2_500
    assert len(turns) < received / 8


@pytest.mark.virtual_time
@pytest.mark.anyio
async def test_what_is_due_together_leaves_in_one_turn(turns: list[bool]) -> None:
    """Though sending it takes longer than a turn has where others are not patient."""
    network = made(privileged=True)
    network.add("10.3.0.0/24", Host(delay=0.004))
    async with (
        Prober(network=network) as prober,
        prober.open_monitor(TARGETS[:100], interval=0.01) as monitor,
    ):
        await changes_until(monitor, network, 0.3)
        network.on_sent = lambda packet: network.clocks.advance(ROW)
        turns.clear()
        before = prober.statistics.sent
        await changes_until(monitor, network, 0.6)
        sent = prober.statistics.sent - before
    assert sent > 2_500
    assert len(turns) == pytest.approx(sent / 100, rel=0.1)


@pytest.mark.virtual_time
@pytest.mark.anyio
async def test_what_is_due_leaves_before_what_has_come_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it takes time too. Then both are done in the same turn, and nothing is lost."""
    done: list[str] = []
    for what, name in ((Driver, "turn"), (SimulatedTransport, "send"), (SimulatedTransport, "recv")):
        does = getattr(what, name)

        def noting(*given: object, name: str = name, does: Any = does) -> Any:
            done.append(name)
            return does(*given)

        monkeypatch.setattr(what, name, noting)
    network = spread()
    # No multiple of 20 ms: 16 or 8 probes leave together, in two calls or in one.
    async with Prober(network=network) as prober, prober.open_monitor(TARGETS, interval=0.19) as monitor:
        await changes_until(monitor, network, 0.6)
        done.clear()
        await changes_until(monitor, network, 1.4)
        assert prober.statistics.received > prober.statistics.sent - 2 * len(TARGETS)
    _, *turns, _ = " ".join(done).split("turn")
    assert len(turns) > 25
    assert set(turns) == {" send recv ", " send send recv "}


@pytest.mark.virtual_time
@pytest.mark.anyio
@pytest.mark.parametrize("seen", [False, True])
async def test_what_has_no_stamp_does_not_wait_and_what_has_one_does(
    turns: list[bool], monkeypatch: pytest.MonkeyPatch, seen: bool
) -> None:
    """A kernel that begins to stamp long after the sockets were opened, whatever it seemed to do then."""
    network, recv, stamping = spread(), SimulatedTransport.recv, False

    def unstamped(transport: SimulatedTransport, rx: PacketBatch, offset: int) -> int:
        n = recv(transport, rx, offset)
        for i in () if stamping else range(offset, offset + n):
            rx.when[i] = 0
        return n

    def turns_and_received() -> tuple[int, int]:
        return len(turns), sum(status.totals.received for status in monitor.snapshot().values())

    monkeypatch.setattr(SimulatedTransport, "recv", unstamped)
    monkeypatch.setattr(SimulatedTransport, "stamps", seen)
    async with Prober(network=network) as prober, prober.open_monitor(TARGETS, interval=0.1) as monitor:
        await changes_until(monitor, network, 0.6)
        turned, received = turns_and_received()
        assert turned > received / 2 > 300
        stamping = True
        await changes_until(monitor, network, 1.2)
        status, now = monitor.snapshot(), turns_and_received()
    assert now[1] - received > 1_000
    assert now[0] - turned < (now[1] - received) / 8
    rtts = [status[target].statistics.average for target in TARGETS]
    assert rtts == pytest.approx([0.05 + i * 0.0003 for i in range(200)], abs=1e-8)


@pytest.mark.virtual_time
@pytest.mark.anyio
async def test_who_waits_for_an_answer_hears_it_at_once() -> None:
    network = spread()
    network.add("10.0.0.7", Host(delay=0.0031))
    clock = network.clocks
    async with Prober(network=network) as prober:
        async with prober.open_monitor(TARGETS, interval=0.1) as monitor:
            await changes_until(monitor, network, 0.7)
            began = clock.monotonic()
            await prober.ping("10.0.0.7", count=1)
            assert clock.monotonic() - began == pytest.approx(3_100_000, abs=1000)
            await changes_until(monitor, network, 1.2)
        began = clock.monotonic()
        await prober.ping("10.0.0.7", count=1)
        assert clock.monotonic() - began == pytest.approx(3_100_000, abs=1000)


@pytest.mark.anyio
async def test_a_wake_that_does_not_listen_waits_for_its_timer() -> None:
    """Its descriptor is readable all the time."""
    given: list[bool] = []
    place = waiter()

    def turn(readable: bool) -> None:
        given.append(readable)
        if readable:
            ours.recv(16)
        if not given[-1] and len(given) == 2:
            wake.listen(True)
            wake.after(None)
        elif len(given) == 1:
            wake.listen(False)
            wake.after(0.02)
            theirs.send(b"x")
        else:
            place.wake()

    ours, theirs = socket.socketpair()
    with ours, theirs:
        wake: Wake = open_wake(turn, ours.fileno())
        wake.after(None)
        theirs.send(b"x")
        with anyio.fail_after(10):
            await place.wait()
        wake.close()
    assert given == [True, False, True]


@pytest.mark.anyio
@pytest.mark.usefixtures("needs_raw_socket")
async def test_after_a_monitor_a_ping_is_heard() -> None:
    async with Prober() as prober:
        async with prober.open_monitor([f"127.3.0.{i}" for i in range(100)], interval=0.1) as monitor:
            async for _ in monitor:
                if all(status.state == "up" for status in monitor.snapshot().values()):
                    break
        with anyio.fail_after(10):
            result = await prober.ping("127.0.0.1", count=2, interval=0.02, timeout=20)
    assert result.statistics.received == 2
