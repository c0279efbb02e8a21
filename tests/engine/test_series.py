"""Many series in one plan: their order, their ends, and what is left when somebody gives up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.outcome import REPLY, TIMEOUT
from anyicmp.engine.ping import STALE, PingPlan, Series
from anyicmp.engine.probe import Probe
from anyicmp.engine.table import FORGOTTEN, OPEN
from anyicmp.methods.echo import EchoMethod
from anyicmp.wire.batch import PacketBatch, Version
from engine.rig import SECOND, TARGET, Rig
from engine.test_plans import ended

START = 10**12


def new_plan(version: Version = 4, *, many: bool = False) -> PingPlan:
    return PingPlan(Probe(peer=b""), EchoMethod(version).template(size=56), timeout=SECOND, many=many)


def peer(i: int) -> bytes:
    return bytes([10, 0, i >> 8, i & 255])


def added(plan: PingPlan, *numbers: int | None, interval: int = SECOND) -> list[Series]:
    made = [Series(peer(i), number=number, interval=interval) for i, number in enumerate(numbers)]
    for series in made:
        plan.add(series)
    return made


def test_all_series_that_are_due_leave_in_one_batch() -> None:
    plan, tx = new_plan(), PacketBatch(4)
    added(plan, *[1] * 50)
    assert plan.take(tx, 3, 64, START) == 50
    assert [tx.address(tx.peer, 3 + i) for i in range(50)] == [peer(i) for i in range(50)]
    assert len(set(tx.tag[3:53])) == 50
    assert plan.wake_at(START) is None


def test_a_scope_stands_in_its_own_row() -> None:
    plan, tx = new_plan(6), PacketBatch(6)
    for scope in (0, 7, 0):
        plan.add(Series(bytes(16), scope, number=1, interval=SECOND))
    assert plan.take(tx, 0, 64, START) == 3
    assert list(tx.scope[:3]) == [0, 7, 0]


def test_what_does_not_fit_comes_first_in_the_next_batch() -> None:
    plan, tx = new_plan(), PacketBatch(4)
    added(plan, *[1] * 5)
    assert plan.take(tx, 0, 3, START) == 3
    assert plan.wake_at(START) == START
    assert plan.take(tx, 0, 3, START) == 2
    assert [tx.address(tx.peer, i) for i in range(2)] == [peer(3), peer(4)]


def test_only_the_first_that_is_due_asks_for_a_turn() -> None:
    plan = new_plan()
    assert [plan.add(Series(peer(i), number=1, interval=0)) for i in range(3)] == [True, False, False]


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=20), st.integers(1, 20_000))
def test_each_series_keeps_its_own_interval(intervals: list[int], until: int) -> None:
    """However they are mixed: series i has had 1 + until // interval probes after so much time."""
    plan, tx = new_plan(), PacketBatch(4)
    made = [Series(peer(i), number=None, interval=interval) for i, interval in enumerate(intervals)]
    for series in made:
        plan.add(series)
    now = START
    while (due := plan.wake_at(now)) is not None and due <= START + until:
        now = due
        assert plan.take(tx, 0, 64, now)
    assert [series.taken for series in made] == [1 + until // interval for interval in intervals]


def test_outcomes_are_numbered_by_their_own_series() -> None:
    plan, tx = new_plan(), PacketBatch(4)
    first, second = added(plan, None, None, interval=0)
    for at in (0, 2, 4, 6):
        assert plan.take(tx, at, 8, START) == 2
    batch = plan.heard(ended(4, REPLY, *tx.tag[:8]))
    told = [(tag >> 32, sequence) for tag, sequence in zip(batch.tags, batch.sequences, strict=True)]
    assert sorted(told) == [(name, number) for name in (first.name, second.name) for number in range(4)]
    assert (first.ended, second.ended) == (4, 4)


def test_a_number_never_wraps() -> None:
    series = Series(peer(0), number=None, interval=0)
    for taken, number in ((5, 4), (1 << 32, (1 << 32) - 1), ((1 << 33) + 3, (1 << 33) - 2)):
        series.taken = taken
        assert series.sequence(9 << 32 | (number & 0xFFFFFFFF)) == number


def test_a_series_is_over_when_its_probes_have_ended() -> None:
    plan, tx = new_plan(), PacketBatch(4)
    (series,) = added(plan, 2, interval=0)
    plan.take(tx, 0, 1, START)
    plan.take(tx, 1, 2, START)
    plan.heard(ended(4, TIMEOUT, tx.tag[0]))
    assert not series.over
    plan.heard(ended(4, REPLY, tx.tag[1]))
    assert series.over


def test_a_probe_with_many_answers_ends_at_its_timeout() -> None:
    plan, tx = new_plan(many=True), PacketBatch(4)
    (series,) = added(plan, 1)
    plan.take(tx, 0, 1, START)
    plan.heard(ended(4, REPLY, tx.tag[0], tx.tag[0]))
    assert not series.over
    last = ended(4, TIMEOUT)
    last.ended.append(tx.tag[0])
    plan.heard(last)
    assert series.over


def test_what_was_dropped_leaves_no_more_and_is_not_waited_for() -> None:
    plan, tx = new_plan(), PacketBatch(4)
    first, second = added(plan, None, None)
    plan.drop(first)
    assert plan.take(tx, 0, 64, START) == 1
    assert tx.address(tx.peer, 0) == peer(1)
    plan.drop(second)
    assert plan.wake_at(START) is None
    assert plan.take(tx, 0, 64, START + 10 * SECOND) == 0
    assert plan.done


def test_dropped_series_do_not_pile_up() -> None:
    """A monitor that adds and removes targets for months keeps no trace of those that are gone."""
    plan, tx = new_plan(), PacketBatch(4)
    for _ in range(1000):
        (series,) = added(plan, None, interval=3600 * SECOND)
        assert plan.take(tx, 0, 64, START) == 1
        plan.drop(series)
    assert len(plan._timed) <= STALE + 1
    assert plan.series == {}


@pytest.mark.parametrize("given_up", range(4))
def test_what_nobody_wants_is_forgotten_and_the_rest_still_waits(given_up: int) -> None:
    rig = Rig()
    plan = PingPlan(Probe(peer=b""), rig.method.template(size=56), timeout=SECOND)
    made = [Series(TARGET[4], number=1, interval=0) for _ in range(4)]
    for series in made:
        plan.add(series)
    rig.exchange.start(plan, rig.now)
    assert rig.fill() == 4
    rig.leave(0, 4)
    probes = [bytes(rig.tx.row(i)) for i in range(4)]
    for series in made[:given_up]:
        plan.drop(series)
    rig.exchange.release(plan, plan.wants)
    table = rig.exchange.table
    assert list(table.state[:4]) == [FORGOTTEN] * given_up + [OPEN] * (4 - given_up)
    assert table.in_flight == plan.waiting == 4 - given_up
    assert rig.exchange.room.used == [(4 - given_up) * 832]
    for i, probe in enumerate(probes):
        rig.reply(probe, at=i)
    assert len(rig.feed(4)) == 4 - given_up
    assert rig.exchange.counts.late == given_up
    assert (table.in_flight, plan.waiting, rig.exchange.room.used) == (0, 0, [0])


def test_a_plan_that_is_forgotten_leaves_nothing_in_flight() -> None:
    rig = Rig()
    kept = rig.ping(3, interval=0)
    gone = PingPlan(Probe(peer=b""), rig.method.template(size=56), timeout=SECOND)
    for series in [Series(TARGET[4], number=1, interval=0) for _ in range(5)]:
        gone.add(series)
    rig.exchange.start(gone, rig.now)
    n = 0
    while (filled := rig.fill()) > 0 and n < 8:
        rig.leave(0, filled)
        n += filled
    assert (kept.waiting, gone.waiting, rig.exchange.table.in_flight) == (3, 5, 8)
    rig.exchange.forget(gone)
    assert (kept.waiting, gone.waiting, rig.exchange.table.in_flight) == (3, 0, 3)
