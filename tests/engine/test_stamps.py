"""What the kernel's timestamps do to a round trip: sooner known, later known, wrong, of another probe."""

from __future__ import annotations

from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine import matching, stamps
from anyicmp.engine.probe import Probe
from anyicmp.engine.segments import Segment
from anyicmp.engine.stamps import STEADY
from anyicmp.engine.sweep import SweepPlan
from anyicmp.results import Outcome, Reply
from anyicmp.wire.batch import Version
from engine.rig import MS, SECOND, TARGET, Rig

US = 1_000


def sent(version: Version = 4) -> tuple[Rig, bytes]:
    """A probe that left within a system call of 20 microseconds."""
    rig = Rig(version)
    rig.ping()
    assert rig.fill() == 1
    probe = bytes(rig.tx.row(0))
    rig.leave(0, 1, took=20 * US)
    return rig, probe


def round_trip(outcomes: list[Outcome]) -> tuple[int, str]:
    """The only reply's, in nanoseconds."""
    (outcome,) = outcomes
    assert isinstance(outcome, Reply)
    return round(outcome.rtt * SECOND), outcome.clock


@pytest.mark.parametrize("version", [4, 6])
def test_a_transmit_stamp_is_when_the_probe_left(version: Version) -> None:
    rig, probe = sent(version)
    rig.pass_time(10 * US)
    rig.stamp(rig.tx.token[0], age=15 * US)  # within the call
    assert rig.feed() == []
    rig.pass_time(50 * MS)
    rig.reply(probe, age=MS)
    assert round_trip(rig.feed()) == (50 * MS - MS + 15 * US, "kernel")
    assert (rig.exchange.counts.foreign, rig.exchange.counts.received) == (0, 1)


def test_stamp_and_reply_may_come_in_one_call() -> None:
    rig, probe = sent()
    rig.pass_time(10 * US)
    rig.stamp(rig.tx.token[0], age=15 * US)
    rig.reply(probe, at=1, age=5 * US)
    assert round_trip(rig.feed(2)) == (10 * US, "kernel")


def test_the_wait_for_a_neighbour_is_not_in_the_round_trip() -> None:
    """The first probe to a neighbour leaves when its link address is known, long after the system call."""
    rig, probe = sent()
    rig.pass_time(800 * MS)
    rig.stamp(rig.tx.token[0], age=MS)
    rig.feed()
    rig.pass_time(2 * MS)
    rig.reply(probe, age=0)
    (outcome,) = rig.feed()
    assert round_trip([outcome]) == (3 * MS, "kernel")
    # The reply says too when it left.
    assert outcome.sent_at == pytest.approx((rig.now + rig.offset - 3 * MS) / SECOND, abs=1e-6)


def test_it_does_not_lengthen_the_time_that_a_probe_waits() -> None:
    rig, _ = sent()
    rig.pass_time(900 * MS)
    rig.stamp(rig.tx.token[0], age=0)
    rig.feed()
    rig.pass_time(100 * MS)
    (outcome,) = rig.expire()
    assert outcome.kind == "timeout"


@pytest.mark.parametrize("age", [-1, 20 * US + 10 * US + 1, 3600 * SECOND, -3600 * SECOND])
def test_a_stamp_that_cannot_be_changes_nothing(age: int) -> None:
    """From before the probe was handed to the kernel, or from the future."""
    rig, probe = sent()
    rig.pass_time(10 * US)
    rig.stamp(rig.tx.token[0], age=age)
    rig.feed()
    rig.pass_time(MS)
    rig.reply(probe, age=0)
    assert round_trip(rig.feed()) == (MS + 30 * US, "kernel")


def test_a_stamp_read_after_the_reply_changes_nothing() -> None:
    rig, probe = sent()
    rig.pass_time(MS)
    rig.reply(probe, age=0)
    rig.stamp(rig.tx.token[0], at=1, age=MS)
    assert round_trip(rig.feed(2)) == (MS + 20 * US, "kernel")
    rig.stamp(rig.tx.token[0], age=MS)
    assert rig.feed() == []


@pytest.mark.parametrize("other", [1 << 16, 0xFF << 16, 1, 1 << 48])
def test_a_stamp_of_another_probe_changes_nothing(other: int) -> None:
    """Another use of the slot, another sequence, another socket."""
    rig = Rig(identifiers=(7, 8))
    rig.ping()
    rig.fill()
    probe = bytes(rig.tx.row(0))
    rig.leave(0, 1, took=20 * US)
    rig.pass_time(10 * US)
    rig.stamp(rig.tx.token[0] ^ other, age=10 * US)
    rig.feed()
    rig.reply(probe, age=0)
    assert round_trip(rig.feed()) == (30 * US, "kernel")


def test_a_stamp_that_nobody_waits_for_changes_nothing() -> None:
    rig, _ = sent()
    rig.pass_time(2 * SECOND)
    rig.expire()
    rig.stamp(rig.tx.token[0], age=SECOND)
    assert rig.feed() == []
    assert rig.exchange.counts.foreign == 0


ROWS = 24
MISCHIEF = ["nothing", "answered", "other use", "other order", "impossible", "not sent"]


def sent_at_after(few: int, version: Version, mischief: str, at: int) -> list[int]:
    """When the table says that each of some neighbours left, with something odd about one of their stamps."""
    rig = Rig(version)
    plan = SweepPlan(Probe(peer=b""), rig.method.template(size=56), timeout=SECOND)
    plan.add(Segment(first=int.from_bytes(TARGET[version], "big"), count=ROWS, sequence=0))
    rig.exchange.start(plan, rig.now)
    assert rig.fill() == ROWS
    leaving = at if mischief == "not sent" else ROWS
    rig.leave(0, leaving, took=100 * US)
    rig.pass_time(10 * US)
    width = rig.tx.width
    if mischief == "answered":
        peer = bytes(rig.tx.peer[at * width : (at + 1) * width])
        rig.reply(bytes(rig.tx.row(at)), peer=peer, age=0)
        assert len(rig.feed()) == 1
    for i in range(ROWS):
        rig.stamp(rig.tx.token[i], at=i, age=(10 + ROWS - i) * US)
    if mischief == "other use":
        rig.rx.token[at] ^= 1 << 16
    elif mischief == "other order":
        for column in (rig.rx.token, rig.rx.when):
            column[at], column[0] = column[0], column[at]
    elif mischief == "impossible":
        rig.rx.when[at] += SECOND
    with mock.patch.object(matching, "FEW", few):
        assert rig.feed(ROWS) == []
    return list(rig.exchange.table.sent_at[:ROWS])


@pytest.mark.parametrize("mischief", MISCHIEF)
@given(version=st.sampled_from([4, 6]), at=st.integers(1, ROWS - 1))
def test_stamps_by_columns_say_what_they_say_one_by_one(mischief: str, version: Version, at: int) -> None:
    by_columns, by_rows = (sent_at_after(few, version, mischief, at) for few in (8, ROWS + 1))
    assert by_columns == by_rows


def test_undisturbed_stamps_are_taken_by_columns() -> None:
    with mock.patch.object(stamps, "note_sending", side_effect=AssertionError("row by row")):
        times = sent_at_after(8, 4, "nothing", 1)
    assert {later - earlier for earlier, later in pairwise(times)} == {US}


STEP = st.integers(-7200 * SECOND, 7200 * SECOND) | st.integers(-50 * MS, 50 * MS) | st.just(0)
LATE = st.integers(0, 20 * MS) | st.just(0)


@given(
    rows=st.sampled_from([1, 12]),
    before=STEP,
    midway=st.tuples(st.sampled_from(["sending", "on the way", "before reading"]), STEP),
    after=STEP,
    true=st.integers(0, 2 * SECOND),
    held=st.integers(0, 100 * MS) | st.just(0),
    late_stamp=LATE,
    late=LATE,
    stamped=st.booleans(),
)
def test_no_step_of_the_wall_clock_makes_a_round_trip_wrong(
    rows: int,
    before: int,
    midway: tuple[str, int],
    after: int,
    true: int,
    held: int,
    late_stamp: int,
    late: int,
    stamped: bool,
) -> None:
    """Steps of any size, one of them within a round trip; a neighbour, a stamp and an answer that wait.

    Without transmit stamps the time that the kernel held a probe is part of its round trip. A block of
    twelve is matched by columns, one row is not: the rules are the same.
    """
    rig = Rig()
    rig.offset += before
    plan = SweepPlan(Probe(peer=b""), rig.method.template(size=56), timeout=10 * SECOND)
    plan.add(Segment(first=int.from_bytes(TARGET[4], "big"), count=rows, sequence=0))
    plan.finish()
    rig.exchange.start(plan, rig.now)
    assert rig.fill() == rows
    moment, step = midway

    def at(name: str) -> None:
        if name == moment:
            rig.offset += step

    # The call that sends takes no time: the rows of one call leave together.
    rig.tx.before, rig.tx.real = rig.now, rig.now + rig.offset
    rig.tx.after = rig.now
    rig.exchange.sent(rig.tx, 0, rows)
    rig.pass_time(held)
    left = [rig.now + rig.offset] * rows
    at("sending")
    rig.pass_time(late_stamp)
    if stamped:
        for i in range(rows):
            rig.stamp(rig.tx.token[i], at=i, age=rig.now + rig.offset - left[i])
        rig.feed(rows)
    # The answers may already lie there.
    rig.pass_time(max(0, true - late_stamp))
    at("on the way")
    arrived = rig.now + rig.offset
    at("before reading")
    rig.pass_time(late)
    for i in range(rows):
        peer = (int.from_bytes(TARGET[4], "big") + i).to_bytes(4, "big")
        rig.reply(bytes(rig.tx.row(i)), peer=peer, at=i, age=rig.now + rig.offset - arrived)
    outcomes = rig.feed(rows)
    rig.offset += after
    assert len(outcomes) == rows
    real = max(true, late_stamp) + (0 if stamped else held)
    for outcome in outcomes:
        assert isinstance(outcome, Reply)
        off = round(outcome.rtt * SECOND) - real
        assert outcome.rtt >= 0
        # Where a step takes the transmit stamp away, the wait for the neighbour comes back.
        lost = held if stamped and moment == "sending" and step else 0
        assert -STEADY <= off <= late + STEADY + lost
        if off - lost > STEADY or off < -STEADY:
            assert outcome.clock == "user"
