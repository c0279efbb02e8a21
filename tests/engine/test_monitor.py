"""The calendar of a monitor: phases, slots, stalls, and what is left when targets go."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp.engine.cohort import NAME, SLOT, Entry
from anyicmp.engine.monitor import (
    COARSE,
    COMPANY,
    FEW,
    GLANCE,
    GRID,
    LEAD,
    LONG,
    SHORT,
    SPREAD,
    STALE,
    MonitorPlan,
)
from anyicmp.engine.outcome import REPLY, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.echo import EchoMethod
from anyicmp.wire.batch import PacketBatch, Version

SECOND = 10**9
START = 10**12


class Watch:
    """A plan, and every probe that it hands out: name, slot, time."""

    def __init__(self, version: Version = 4) -> None:
        self.late: list[tuple[int, int]] = []
        self.plan = MonitorPlan(
            Probe(peer=b"", stamped=True),
            EchoMethod(version).template(size=56),
            timeout=SECOND,
            on_left=lambda late, n: self.late.append((late, n)),
        )
        self.tx = PacketBatch(version, capacity=64, slot=128)
        self.taken: list[tuple[int, int, int]] = []
        self.now = START

    def add(self, n: int, *, interval: int = SECOND) -> list[Entry]:
        first = len(self.plan.entries)
        entries = [Entry(i, i.to_bytes(4, "big"), 0, interval=interval) for i in range(first, first + n)]
        for entry in entries:
            self.plan.add(entry)
        self.plan.wake_at(self.now)
        return entries

    def take(self, room: int = 64) -> int:
        n = self.plan.take(self.tx, 0, room, self.now)
        self.plan.left(0, n, self.now)
        for i in range(n):
            tag = self.tx.tag[i]
            assert self.tx.address(self.tx.peer, i) == (tag >> NAME).to_bytes(4, "big")
            self.taken.append((tag >> NAME, tag & SLOT, self.now))
        return n

    def until(self, end: int) -> None:
        """Take whatever is due at the time at which it is."""
        while (due := self.plan.wake_at(self.now)) is not None and due < end:
            self.now = due
            self.take()
        self.now = end


def test_each_target_is_due_once_an_interval_on_its_own_phase() -> None:
    watch = Watch()
    watch.add(200)
    watch.until(START + GRID - LEAD + 3 * SECOND)
    times: dict[int, list[int]] = {}
    for name, slot, now in watch.taken:
        times.setdefault(name, []).append(now)
        assert slot == len(times[name]) - 1
    assert all(len(found) == 3 for found in times.values())
    assert all(b - a == SECOND for found in times.values() for a, b in pairwise(found))
    assert {late for late, _ in watch.late} == {LEAD}


@settings(max_examples=20)
@given(st.integers(1, 2000))
def test_phases_lie_evenly(n: int) -> None:
    """However many there are, no tenth of the interval has much more than its share."""
    watch = Watch()
    entries = watch.add(n)
    tenths = Counter((entry.due - START) * 10 // SECOND for entry in entries)
    assert max(tenths.values()) <= n / 10 + 2 * COMPANY
    places = Counter(entry.due for entry in entries)
    assert max(places.values()) <= max(COMPANY, 2 * n * COARSE / SECOND + 3 * COMPANY)


def test_a_long_interval_does_not_keep_anybody_waiting_at_first() -> None:
    watch = Watch()
    entries = watch.add(400, interval=300 * SECOND)
    assert max(entry.due for entry in entries) < START + SPREAD
    watch.until(START + 900 * SECOND)
    for entry in entries:
        times = [now - START for name, _, now in watch.taken if name == entry.name]
        assert len(times) in (3, 4)
        assert {(b - a) for a, b in pairwise(times[1:])} == {300 * SECOND}
    spread = [now - START for _, slot, now in watch.taken if slot == 1]
    assert max(spread) > 280 * SECOND


@settings(max_examples=50)
@given(st.integers(1, 10**10), st.integers(0, 10**11), st.integers(GRID, 10**10))
def test_what_a_stall_misses_has_slots_and_is_not_made_up_for(first: int, stall: int, interval: int) -> None:
    watch = Watch()
    (entry,) = watch.add(1, interval=interval)
    watch.until(START + first)
    watch.now += stall
    before = len(watch.taken)
    while (due := watch.plan.wake_at(watch.now)) is not None and due <= watch.now:
        watch.take()
    assert len(watch.taken) <= before + 1
    assert entry.due > watch.now
    assert entry.slot == (entry.due - START) // interval
    assert entry.taken == len(watch.taken)
    assert len({slot for _, slot, _ in watch.taken}) == len(watch.taken)


def test_how_late_probes_are_is_told() -> None:
    """When they leave, which may be in several calls, and other plans' rows may stand before them."""
    watch = Watch()
    watch.add(COMPANY)
    watch.add(2)
    first, second = sorted({entry.due for entry in watch.plan.entries.values()})
    watch.now = second + 1
    assert watch.plan.take(watch.tx, 10, 64, watch.now) == COMPANY + 2
    watch.plan.left(10, 12, second + 2)
    watch.plan.left(12, 12 + COMPANY, second + 3)
    assert watch.late == [(second - first + 2, 2), (second - first + 3, COMPANY - 2), (3, 2)]


def test_what_does_not_fit_is_due_at_once() -> None:
    watch = Watch()
    watch.add(COMPANY)
    assert watch.take(room=COMPANY - 1) == COMPANY - 1
    assert watch.plan.wake_at(watch.now) == watch.now
    assert watch.take() == 1
    assert watch.plan.wake_at(watch.now) == START + SECOND


def test_few_have_transmit_stamps_many_have_none() -> None:
    watch = Watch()
    watch.add(COMPANY)
    watch.take()
    assert set(watch.tx.stamped[:COMPANY]) == {1}
    watch.now += SECOND
    watch.add(2 * COMPANY)
    watch.now += SECOND
    n = watch.take()
    assert n == 3 * COMPANY
    assert set(watch.tx.stamped[:n]) == {0}


def test_a_dropped_target_is_not_probed() -> None:
    watch = Watch()
    entries = watch.add(8)
    watch.until(START + SECOND)
    watch.plan.drop(entries[0])
    watch.plan.drop(entries[0])
    watch.taken.clear()
    watch.until(START + 2 * SECOND)
    assert {name for name, _, _ in watch.taken} == set(range(1, 8))
    assert not watch.plan.wants(0)
    assert watch.plan.wants(1 << NAME)


def test_one_that_moves_goes_on_where_it_was() -> None:
    watch = Watch()
    (entry,) = watch.add(1)
    watch.until(START + 2 * SECOND)
    moved = entry.moved(bytes([9, 9, 9, 9]), 0)
    watch.plan.drop(entry)
    watch.plan.take_over(moved)
    watch.now = START + 2 * SECOND
    assert watch.plan.take(watch.tx, 0, 64, watch.now) == 1
    assert watch.tx.address(watch.tx.peer, 0) == bytes([9, 9, 9, 9])
    assert watch.tx.tag[0] == 2
    assert watch.plan.wake_at(watch.now) == START + 3 * SECOND


def test_targets_that_come_and_go_leave_nothing() -> None:
    watch = Watch()
    watch.add(50, interval=300 * SECOND)
    for _ in range(20 * STALE):
        entry = Entry(999, bytes(4), 0, interval=300 * SECOND)
        watch.plan.add(entry)
        watch.plan.drop(entry)
    places = sum(map(len, watch.plan._calendar.values())) + len(watch.plan._ready)
    assert places <= 50 + 2 * STALE + 1
    assert len(watch.plan._times) == len(watch.plan._calendar)
    watch.until(START + 900 * SECOND)
    assert {name for name, _, _ in watch.taken} == set(range(50))


def test_a_tag_has_room_for_years_of_slots_and_many_targets() -> None:
    watch, name, slot = Watch(), (1 << 28) - 1, (1 << 36) - 2
    for i in range(3):
        watch.plan.add(Entry(name - i, (name - i).to_bytes(4, "big"), 0, interval=SECOND, slot=slot))
    watch.until(START + 2 * SECOND)
    assert sorted(watch.taken) == sorted(
        (name - i, slot + k, START + k * SECOND) for k in range(2) for i in range(3)
    )
    assert not watch.plan.wants(1 << NAME)


def test_those_that_come_together_stay_together() -> None:
    """However many fit into a batch, each has its slots; whoever comes later has its own."""
    watch = Watch()
    watch.add(2 * COMPANY)
    for _ in range(3):
        while watch.plan.wake_at(watch.now) == watch.now:
            watch.take(room=5)
        watch.now += SECOND
    watch.now += SECOND  # the others miss one
    (late,) = watch.add(1)
    while (due := watch.plan.wake_at(watch.now)) is not None and due < START + 5 * SECOND:
        watch.now = due
        watch.take(room=3)
    slots: dict[int, list[int]] = {}
    for name, slot, _ in watch.taken:
        slots.setdefault(name, []).append(slot)
    assert slots.pop(late.name) == [0]
    assert [tuple(slots[i]) for i in range(2 * COMPANY)] == [(0, 1, 2, 3)] * COMPANY + [
        (0, 1, 2, 4)
    ] * COMPANY
    assert [entry.taken for entry in watch.plan.entries.values()] == [4] * 2 * COMPANY + [1]


@given(st.integers(1, COMPANY - 1), st.integers(0, COMPANY - 1))
def test_one_may_go_while_others_wait_for_their_turn(taken: int, gone: int) -> None:
    watch = Watch()
    entries = watch.add(COMPANY)
    assert watch.take(room=taken) == taken
    before = [(entry.slot, entry.taken, entry.due) for entry in entries]
    assert before == [(1, 1, START + SECOND)] * taken + [(0, 0, START)] * (COMPANY - taken)
    watch.plan.drop(entries[gone])
    assert [(entry.slot, entry.taken, entry.due) for entry in entries] == before
    moved = entries[gone].moved(bytes(4), 0)
    assert (moved.slot, moved.taken, moved.due, moved.following - moved.due) == (*before[gone], SECOND)
    left = COMPANY - taken - (gone >= taken)
    assert watch.take() == left
    assert (watch.plan.wake_at(watch.now) or 0) > watch.now
    watch.taken.clear()
    watch.until(START + SECOND + 1)
    assert sorted(watch.taken) == [(i, 1, START + SECOND) for i in range(COMPANY) if i != gone]


def test_those_that_happen_to_be_due_together_are_one_cohort() -> None:
    watch = Watch()
    for _ in range(3):
        (entry,) = watch.add(1, interval=10 * SECOND)
        watch.take()
    watch.until(START + 10 * SECOND)
    assert watch.plan._calendar[START + 10 * SECOND] == [entry.cohort]
    watch.until(START + 21 * SECOND)
    assert sorted(watch.taken) == [(i, k, START + 10 * k * SECOND) for i in range(3) for k in range(3)]
    assert [each.taken for each in watch.plan.entries.values()] == [3] * 3


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([50, 100, 1000])), max_size=8), st.booleans())
def test_whoever_comes_whenever_is_probed_each_interval(
    comings: list[tuple[int, int]], names_come_slowly: bool
) -> None:
    watch = Watch()
    since: dict[int, tuple[int, int]] = {}
    many_at = None
    for n, interval in comings:
        for _ in range(n if names_come_slowly else 1):
            for entry in watch.add(1 if names_come_slowly else n, interval=interval * 1_000_000):
                since[entry.name] = watch.now, entry.interval
                if many_at is None and len(watch.plan.entries) > FEW:
                    many_at = watch.now
            watch.until(watch.now + 1_700_000)
    watch.until(end := watch.now + 3 * SECOND)
    times: dict[int, list[int]] = {name: [] for name in since}
    for name, slot, now in watch.taken:
        assert slot == len(times[name])
        times[name].append(now)
    for name, (began, interval) in since.items():
        assert times[name][0] - began <= interval + (GRID if interval % COARSE else COARSE)
        apart = [b - a for a, b in pairwise(times[name])]
        for (a, b), gap in zip(pairwise(times[name]), apart, strict=True):
            # Where few become many, they leave a little earlier from then on, and on the larger grid.
            moves = many_at is not None and b >= many_at and a <= many_at + 2 * interval
            assert gap == interval or moves
        assert 0 <= sum(apart) - len(apart) * interval + LEAD <= COARSE
        assert sum(each != interval for each in apart) <= 2
        assert end - times[name][-1] <= interval
        assert watch.plan.entries[name].taken == len(times[name])


def test_few_are_probed_exactly_when_they_are_due_many_on_a_grid() -> None:
    interval = 12_345_678
    for n, exact in ((FEW, True), (FEW + 1, False)):
        watch = Watch()
        entries = watch.add(n, interval=interval)
        watch.until(START + SECOND)
        assert {late for late, _ in watch.late} == {0 if exact else LEAD}
        first = [now for name, _, now in watch.taken if name == entries[0].name]
        apart = {b - a for a, b in pairwise(first)}
        assert (apart == {interval}) == exact
        assert all((now + LEAD) % GRID == 0 for now in first) == (not exact)
        assert len(first) == pytest.approx(SECOND / interval, abs=1)


BETWEEN = (SHORT + LONG) / 2


@pytest.mark.parametrize(
    ("shares", "interval", "grid"),
    [
        ([SHORT / 2], SECOND, COARSE),
        ([BETWEEN], SECOND, GRID),
        ([LONG * 1.2], SECOND, COARSE),
        ([LONG * 2], SECOND, COARSE),
        ([LONG * 2], SECOND - GRID, GRID),
        # The way back takes more: the smaller grid takes more time itself.
        ([BETWEEN, LONG * 1.2], SECOND, GRID),
        ([BETWEEN, LONG * 2], SECOND, COARSE),
        ([BETWEEN, LONG * 2, LONG * 1.2], SECOND, COARSE),
        ([BETWEEN, SHORT / 1.2], SECOND, GRID),
        ([BETWEEN, SHORT / 2], SECOND, COARSE),
    ],
)
def test_many_leave_in_larger_batches_where_that_is_short_or_time_is(
    shares: list[float], interval: int, grid: int
) -> None:
    """So much of the time is taken by handing probes over, one glance after the other."""
    watch = Watch()
    watch.add(20 * FEW, interval=interval)
    while watch.now < START + (len(shares) + 2) * GLANCE:
        share = shares[min(len(shares) - 1, (watch.now - START) // GLANCE)]
        each = int(share * interval / (20 * FEW))
        watch.now = watch.plan.wake_at(watch.now) or 0
        began = watch.now
        while n := watch.plan.take(watch.tx, 0, 64, watch.now):
            watch.taken += [(watch.tx.tag[i] >> NAME, 0, began) for i in range(n)]
            watch.now += n * each
            watch.plan.left(0, n, watch.now)
    late = [began for _, _, began in watch.taken if began > START + (len(shares) + 1) * GLANCE]
    assert all((began + LEAD) % grid == 0 for began in late)
    assert grid == COARSE or any((began + LEAD) % COARSE for began in late)
    times: dict[int, list[int]] = {}
    for name, _, began in watch.taken:
        times.setdefault(name, []).append(began)
    apart = Counter(b - a for found in times.values() for a, b in pairwise(found))
    assert set(apart) <= {interval + shift for shift in (-COARSE + GRID, 0, COARSE - GRID)}
    # Those with a phase between the larger grid's move once when it changes.
    assert sum(n for each, n in apart.items() if each != interval) <= 20 * FEW * len(shares)


def test_a_scope_stands_in_its_own_row() -> None:
    watch = Watch(6)
    for name, scope in enumerate((0, 7, 0)):
        watch.plan.add(Entry(name, bytes(16), scope, interval=SECOND))
    assert watch.plan.take(watch.tx, 0, 64, watch.now) == 3
    assert list(watch.tx.scope[:3]) == [0, 7, 0]


def test_people_see_slots_as_sequence_numbers() -> None:
    batch = OutcomeBatch(4)
    for slot in (8, (1 << 36) - 1):
        batch.append(REPLY, target=bytes(4), scope=0, tag=3 << NAME | slot, sent_at=0.0)
    assert list(Watch().plan.heard(batch).sequences) == [8, (1 << 36) - 1]
