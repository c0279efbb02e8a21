"""The plans by themselves: which row they want next, and when they have enough."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.heard import ErrorBytes
from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, OutcomeBatch
from anyicmp.engine.ping import PingPlan
from anyicmp.engine.probe import Probe
from anyicmp.engine.segments import InOrder, Segment
from anyicmp.engine.sweep import InFlight, SweepPlan
from anyicmp.engine.trace import BEYOND, TracePlan
from anyicmp.methods.echo import EchoMethod
from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, Version
from engine.rig import EXCEEDED, SECOND, TARGET, UNREACHABLE, one_series

TEMPLATE = EchoMethod(4).template(size=56)
FIRST = int(IPv4Address("10.0.0.0"))


def ping(number: int | None, interval: int) -> PingPlan:
    probe = Probe(peer=TARGET[4], hop_limit=9, traffic_class=184, interface=3)
    return one_series(probe, TEMPLATE, number=number, interval=interval, timeout=SECOND)


def ended(version: Version, kind: int, *tags: int, error: int | None = None) -> OutcomeBatch:
    batch = OutcomeBatch(version)
    width = 4 if version == 4 else 16
    for tag in tags:
        batch.append(kind, target=bytes([10] + [1] * (width - 1)), scope=0, tag=tag, sent_at=0.0)
        if error is not None:
            batch.errors[len(batch) - 1] = ErrorBytes(
                data=bytes([error, 0]) + bytes(30),
                quoted=Quoted.TRANSPORT,
                extension=0,
                original=bytes(width),
                protocol=1,
            )
    return batch


# Ping.


def test_a_ping_takes_one_row_an_interval() -> None:
    plan, tx, now = ping(3, SECOND), PacketBatch(4), 10**12
    times = []
    while (due := plan.wake_at(now)) is not None:
        now = max(now, due)
        assert plan.take(tx, 0, 64, now) == 1
        assert plan.take(tx, 0, 64, now) == 0
        times.append(now)
    assert times == [10**12 + i * SECOND for i in range(3)]
    assert not plan.done
    assert len(plan.heard(ended(4, TIMEOUT, 0, 1))) == 2
    assert not plan.done
    plan.heard(ended(4, REPLY, 2))
    assert plan.done


def test_a_ping_writes_each_column_that_is_read() -> None:
    plan, tx = ping(1, 0), PacketBatch(4)
    for column in (tx.hop_limit, tx.traffic_class, tx.flow_label, tx.scope, tx.interface, tx.tag):
        for i in range(len(column)):
            column[i] = 77
    tx.has_local[:] = b"\1" * 64
    plan.take(tx, 5, 64, 0)
    assert tx.address(tx.peer, 5) == TARGET[4]
    assert (tx.hop_limit[5], tx.traffic_class[5], tx.flow_label[5]) == (9, 184, UNSET)
    assert (tx.scope[5], tx.interface[5], tx.has_local[5], tx.tag[5]) == (0, 3, 0, 0)
    assert tx.hop_limit[4] == tx.hop_limit[6] == 77


def test_intervals_are_kept_although_turns_come_late() -> None:
    plan, tx = ping(None, SECOND), PacketBatch(4)
    start = 10**12
    plan.take(tx, 0, 1, start)
    assert plan.wake_at(start) == start + SECOND
    plan.take(tx, 0, 1, start + SECOND + 200)
    assert plan.wake_at(start) == start + 2 * SECOND, "a late turn does not shift the next one"


def test_the_first_interval_is_whole_however_young_the_clock_is() -> None:
    """A monotonic clock may count from the start of the machine, a moment ago."""
    plan, tx = ping(None, 3600 * SECOND), PacketBatch(4)
    plan.take(tx, 0, 1, 5 * SECOND)
    assert plan.wake_at(5 * SECOND) == 3605 * SECOND


def test_missed_probes_are_not_made_up_for() -> None:
    plan, tx = ping(None, SECOND), PacketBatch(4)
    plan.take(tx, 0, 1, 10**12)
    late = 10**12 + 100 * SECOND
    assert plan.wake_at(late) == late
    assert plan.take(tx, 0, 64, late) == 1
    assert plan.take(tx, 0, 64, late) == 0
    assert plan.wake_at(late) == late + SECOND


# Sweep.


def sweep(version: Version = 4, **options: object) -> SweepPlan:
    return SweepPlan(Probe(peer=b""), TEMPLATE, timeout=SECOND, **options)  # type: ignore[arg-type]


def addresses(tx: PacketBatch, n: int) -> list[int]:
    return [int.from_bytes(tx.address(tx.peer, i), "big") for i in range(n)]


@pytest.mark.parametrize("capacity", [1, 7, 64, 300])
def test_a_sweep_hands_out_each_address_of_its_segments_once(capacity: int) -> None:
    plan, tx = sweep(), PacketBatch(4, capacity=capacity)
    plan.add(Segment(FIRST, 200, 0))
    plan.add(Segment(FIRST + 1000, 1, 200))
    plan.add(Segment(FIRST + 2000, 99, 201))
    plan.finish()
    got, numbers = [], []
    while n := plan.take(tx, 0, capacity, 0):
        got += addresses(tx, n)
        batch = ended(4, REPLY, *tx.tag[:n])
        numbers += plan.heard(batch).sequences
    assert got == [*range(FIRST, FIRST + 200), FIRST + 1000, *range(FIRST + 2000, FIRST + 2099)]
    assert numbers == list(range(300))
    assert plan.done
    assert plan.sent == 300


def test_a_sweep_of_ipv6_keeps_the_scope() -> None:
    first = int(IPv6Address("fe80::fffe"))
    plan, tx = sweep(), PacketBatch(6)
    plan.add(Segment(first, 4, 0, scope=3))
    plan.add(Segment(int(IPv6Address("2001:db8::1")), 1, 4))
    assert plan.take(tx, 0, 64, 0) == 5
    assert addresses(tx, 4) == list(range(first, first + 4))
    assert list(tx.scope[:5]) == [3, 3, 3, 3, 0]


def test_a_silent_target_is_probed_again_and_shown_once() -> None:
    plan, tx = sweep(retries=2), PacketBatch(4)
    plan.add(Segment(FIRST, 3, 0))
    plan.finish()
    assert plan.take(tx, 0, 64, 0) == 3
    tags = list(tx.tag[:3])
    batch = ended(4, TIMEOUT, tags[1])
    batch.packed[:] = tx.peer[4:8]
    assert len(plan.heard(batch)) == 0
    assert list(plan.heard(ended(4, REPLY, tags[0], tags[2])).sequences) == [0, 2]
    for attempt in (1, 2):
        assert not plan.done
        assert plan.wake_at(5) == 5
        assert plan.take(tx, 0, 64, 0) == 1
        assert addresses(tx, 1) == [FIRST + 1]
        batch = ended(4, TIMEOUT, tx.tag[0])
        batch.packed[:] = tx.peer[:4]
        shown = plan.heard(batch)
        assert len(shown) == (attempt == 2)
    assert list(shown.sequences) == [1]
    assert plan.done
    assert plan.sent == 5


def test_all_rows_of_a_call_are_of_one_attempt_and_wait_alike() -> None:
    plan, tx = sweep(retries=2, backoff=2.0), PacketBatch(4)
    plan.add(Segment(FIRST, 6, 0))
    assert plan.take(tx, 0, 4, 0) == 4
    assert plan.timeout == SECOND
    batch = ended(4, TIMEOUT, *tx.tag[:4])
    batch.packed[:] = tx.peer[:16]
    assert len(plan.heard(batch)) == 0
    assert plan.take(tx, 0, 64, 0) == 4
    assert (addresses(tx, 4), plan.timeout) == ([*range(FIRST, FIRST + 4)], 2 * SECOND)
    batch = ended(4, TIMEOUT, tx.tag[2])
    batch.packed[:] = tx.peer[8:12]
    plan.heard(batch)
    assert plan.take(tx, 0, 64, 0) == 1
    assert (addresses(tx, 1), plan.timeout) == ([FIRST + 2], 4 * SECOND)
    assert plan.take(tx, 0, 64, 0) == 2
    assert (addresses(tx, 2), plan.timeout) == ([FIRST + 4, FIRST + 5], SECOND)


def test_an_error_or_a_failure_is_not_probed_again() -> None:
    plan, tx = sweep(retries=5), PacketBatch(4)
    plan.add(Segment(FIRST, 2, 0))
    plan.finish()
    plan.take(tx, 0, 64, 0)
    assert len(plan.heard(ended(4, ERROR, tx.tag[0], error=3))) == 1
    assert len(plan.heard(ended(4, FAILED, tx.tag[1]))) == 1
    assert plan.done


def test_no_more_wait_than_in_flight_says_over_all_plans() -> None:
    shared = InFlight(5)
    plans, tx = [sweep(in_flight=shared) for _ in range(2)], PacketBatch(4)
    for plan in plans:
        plan.add(Segment(FIRST, 100, 0))
    assert plans[0].take(tx, 0, 3, 0) == 3
    assert plans[1].take(tx, 0, 64, 0) == 2
    assert [plan.take(tx, 0, 64, 0) for plan in plans] == [0, 0]
    assert [plan.wake_at(0) for plan in plans] == [None, None]
    plans[0].heard(ended(4, REPLY, 0))
    assert plans[1].wake_at(7) == 7
    assert plans[1].take(tx, 0, 64, 0) == 1


def test_a_sweep_on_hold_takes_nothing() -> None:
    plan, tx = sweep(), PacketBatch(4)
    plan.add(Segment(FIRST, 10, 0))
    plan.held = True
    assert plan.take(tx, 0, 64, 0) == 0
    assert plan.wake_at(0) is None
    plan.held = False
    assert plan.wake_at(0) == 0


def test_a_sweep_says_when_it_is_hungry() -> None:
    calls: list[int] = []
    segments, tx = InOrder(), PacketBatch(4)
    plan = sweep(on_hungry=lambda: calls.append(1), segments=segments)
    for i in range(3):
        plan.add(Segment(FIRST + 10 * i, 10, 10 * i))
    assert len(segments) == 3
    plan.take(tx, 0, 15, 0)
    assert (len(calls), len(segments)) == (1, 2)
    assert not plan.full
    segments.ahead = 1
    assert plan.full


# Trace.


def trace(**options: Any) -> TracePlan:
    given: dict[str, Any] = {"first_hop": 1, "max_hops": 30, "probes": 3, "timeout": SECOND, **options}
    return TracePlan(Probe(peer=TARGET[4]), TEMPLATE, **given)


def limits(plan: TracePlan, tx: PacketBatch, now: int = 0) -> list[tuple[int, int]]:
    n = plan.take(tx, 0, tx.capacity, now)
    return list(zip(tx.hop_limit[:n], tx.tag[:n], strict=True))


def test_one_probe_a_hop_scouts_ahead_and_the_others_follow_where_the_target_is_not_passed() -> None:
    plan, tx = trace(), PacketBatch(4)
    rows = limits(plan, tx)
    assert [ttl for ttl, _ in rows] == [*range(1, BEYOND + 2), 1, 1]
    assert limits(plan, tx) == []
    plan.heard(ended(4, ERROR, rows[1][1], error=EXCEEDED[4]))
    assert [ttl for ttl, _ in limits(plan, tx)] == [BEYOND + 2, BEYOND + 3, 2, 2, 3, 3]


def walk(plan: TracePlan, version: Version, answers: dict[int, tuple[int, int | None]]) -> set[int]:
    """Run a trace to its end; `answers` has (kind, ICMP type) by hop, else time exceeded. Hops probed."""
    tx, probed, now = PacketBatch(version), set(), 0
    for _ in range(1000):
        rows = limits(plan, tx, now)
        probed |= {ttl for ttl, _ in rows}
        if not rows:
            due = plan.wake_at(now)
            if due is None:
                break
            now = due
        for ttl, tag in rows:
            kind, error = answers.get(ttl, (ERROR, EXCEEDED[version]))
            plan.heard(ended(version, kind, tag, error=error))
            if plan.done:
                return probed
    assert plan.done
    return probed


@pytest.mark.parametrize("version", [4, 6])
def test_a_trace_ends_at_the_target(version: Version) -> None:
    plan = trace()
    answers = dict.fromkeys(range(4, 31), (REPLY, None))
    probed = walk(plan, version, answers)
    assert plan.last_hop == 4
    assert max(probed) <= 4 + BEYOND


@pytest.mark.parametrize("version", [4, 6])
def test_a_trace_ends_at_an_unreachable(version: Version) -> None:
    plan = trace()
    walk(plan, version, dict.fromkeys(range(3, 31), (ERROR, UNREACHABLE[version])))
    assert plan.last_hop == 3


@given(st.integers(1, 30), st.integers(1, 5), st.data())
def test_however_answers_come_few_probes_go_past_the_target(target: int, probes: int, data: Any) -> None:
    """Hops answer in any order, and none is silent for longer than the plan has patience."""
    plan, tx = trace(probes=probes), PacketBatch(4)
    waiting: list[tuple[int, int]] = []
    sent: list[int] = []
    for _ in range(1000):
        rows = limits(plan, tx)
        waiting += rows
        sent += [ttl for ttl, _ in rows]
        ttl, tag = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        kind, error = (REPLY, None) if ttl >= target else (ERROR, EXCEEDED[4])
        answer = ended(4, kind, tag, error=error)
        answer.rtts[0] = 0.01
        plan.heard(answer)
        if plan.done:
            break
    assert plan.done
    assert sum(ttl > target for ttl in sent) <= BEYOND
    assert all(sent.count(ttl) == probes for ttl in range(1, target + 1))


def test_a_trace_goes_on_over_silent_hops_to_the_last() -> None:
    plan = trace(max_hops=12)
    probed = walk(plan, 4, dict.fromkeys(range(1, 31), (TIMEOUT, None)))
    assert probed == set(range(1, 13))
    assert plan.last_hop == 12


def test_without_news_a_trace_goes_farther_and_then_all_the_way() -> None:
    plan, tx = trace(), PacketBatch(4, capacity=128)
    assert len(limits(plan, tx, 0)) == BEYOND + 3
    eighth = SECOND // 8
    assert plan.wake_at(5) == eighth
    assert limits(plan, tx, eighth - 1) == []
    assert [ttl for ttl, _ in limits(plan, tx, eighth)] == list(range(BEYOND + 2, 2 * BEYOND + 3))
    half = eighth // 2
    assert limits(plan, tx, eighth + half - 1) == []
    assert len(limits(plan, tx, eighth + half)) == 90 - (BEYOND + 3) - (BEYOND + 1)
    assert plan.wake_at(eighth + half) is None


def test_patience_grows_with_the_slowest_answer() -> None:
    plan, tx = trace(), PacketBatch(4)
    rows = limits(plan, tx, 0)
    slow = ended(4, ERROR, rows[0][1], error=EXCEEDED[4])
    slow.rtts[0] = 0.4
    plan.heard(slow)
    assert limits(plan, tx, 400_000_000)
    assert plan.wake_at(400_000_000) == 1_200_000_000


def test_one_by_one_nothing_leaves_before_the_last_has_ended() -> None:
    plan, tx = trace(one_by_one=True, probes=2), PacketBatch(4)
    sent = []
    for ttl in (1, 2, 3, 1, 2, 3):
        ((limit, tag),) = limits(plan, tx)
        plan.waiting = 1
        assert limits(plan, tx) == []
        assert plan.wake_at(0) is None
        sent.append(limit)
        plan.waiting = 0
        kind, error = (REPLY, None) if ttl == 3 else (ERROR, EXCEEDED[4])
        plan.heard(ended(4, kind, tag, error=error))
    assert sent == [1, 2, 3, 1, 2, 3]
    assert plan.done


def test_a_trace_waits_for_the_nearer_hops_when_the_target_answered() -> None:
    plan, tx = trace(probes=1), PacketBatch(4)
    rows = dict(limits(plan, tx))
    plan.heard(ended(4, REPLY, rows[3]))
    assert plan.last_hop == 3
    assert not plan.done
    assert limits(plan, tx) == []
    plan.heard(ended(4, TIMEOUT, rows[1]))
    plan.heard(ended(4, ERROR, rows[2], error=EXCEEDED[4]))
    assert plan.done, "hops beyond the target are not waited for"


def test_a_nearer_answer_of_the_target_shortens_the_way() -> None:
    plan, tx = trace(probes=1), PacketBatch(4)
    rows = dict(limits(plan, tx))
    for ttl in (6, 5, 4):
        plan.heard(ended(4, REPLY, rows[ttl]))
        assert plan.last_hop == ttl


def test_a_trace_may_begin_farther_out_and_numbers_its_probes() -> None:
    plan, tx = trace(first_hop=4, max_hops=5, probes=2), PacketBatch(4)
    rows = limits(plan, tx)
    assert [ttl for ttl, _ in rows] == [4, 5, 4, 5]
    batch = plan.heard(ended(4, TIMEOUT, *(tag for _, tag in rows)))
    assert list(batch.sequences) == [0, 2, 1, 3], "a number is a place, not a time"
    assert plan.done
    assert plan.probed == 5


def test_a_probe_that_cannot_leave_ends_the_trace() -> None:
    plan, tx = trace(probes=1), PacketBatch(4)
    rows = limits(plan, tx)
    plan.heard(ended(4, FAILED, rows[0][1]))
    assert plan.last_hop == 1
    assert plan.done


def test_the_next_round_begins_in_its_time_and_goes_as_far_as_the_last() -> None:
    plan, tx = trace(probes=1, rounds=3, interval=10 * SECOND), PacketBatch(4)
    start = 10**12
    far = dict(limits(plan, tx, start))
    assert set(far) == set(range(1, BEYOND + 2))
    plan.heard(ended(4, ERROR, far[1], error=EXCEEDED[4]))
    assert plan.wake_at(start + 5) == start + 5
    assert plan.take(tx, 0, 64, start + 5) == 1, "the interval is between rounds, not between hops"
    plan.heard(ended(4, REPLY, far[2]))
    assert plan.rounds_done == 1
    assert plan.wake_at(start + SECOND) == start + 10 * SECOND
    assert plan.take(tx, 0, 64, start + SECOND) == 0
    second = dict(limits(plan, tx, start + 10 * SECOND))
    assert set(second) == {1, 2}
    # What the first round still waited for does not count in the second.
    plan.heard(ended(4, REPLY, far[3]))
    assert plan.last_hop == 30
    # The target has moved away.
    plan.heard(ended(4, ERROR, second[2], error=EXCEEDED[4]))
    more = dict(limits(plan, tx, start + 10 * SECOND + 5))
    assert set(more) == set(range(3, 3 + BEYOND + 1))
    plan.heard(ended(4, ERROR, second[1], more[3], error=EXCEEDED[4]))
    plan.heard(ended(4, REPLY, more[4]))
    assert plan.rounds_done == 2
    assert set(dict(limits(plan, tx, start + 20 * SECOND))) == {1, 2, 3, 4}


def test_a_target_that_is_silent_for_a_round_is_not_looked_for_farther_out() -> None:
    plan, tx = trace(probes=1, rounds=2), PacketBatch(4)
    first = dict(limits(plan, tx))
    plan.heard(ended(4, ERROR, first[1], error=EXCEEDED[4]))
    plan.heard(ended(4, REPLY, first[2]))
    second = dict(limits(plan, tx))
    assert set(second) == {1, 2}
    plan.heard(ended(4, ERROR, second[1], error=EXCEEDED[4]))
    assert limits(plan, tx, 10 * SECOND) == []
    plan.heard(ended(4, TIMEOUT, second[2]))
    assert plan.done


# Answers that may be about several probes.


def unclear(*tags: int) -> OutcomeBatch:
    batch = OutcomeBatch(4)
    batch.unclear.append(tags)
    return batch


def test_what_unclear_answers_may_have_been_about_is_asked_again_one_by_one() -> None:
    plan, tx = trace(probes=1, max_hops=3), PacketBatch(4)
    rows = dict(limits(plan, tx))
    for _ in range(2):
        plan.heard(unclear(*rows.values()))
    assert len(plan.heard(ended(4, TIMEOUT, *rows.values()))) == 0, "not yet"
    ((ttl, tag),) = limits(plan, tx)
    assert (ttl, tag) == (1, rows[1])
    plan.waiting = 1
    assert limits(plan, tx) == []
    plan.waiting = 0
    assert list(plan.heard(ended(4, ERROR, tag, error=EXCEEDED[4])).kinds) == [ERROR]
    ((ttl, tag),) = limits(plan, tx)
    assert ttl == 2
    # Two answers were unclear, and two probes are answered now: the third one was silent.
    last = plan.heard(ended(4, ERROR, tag, error=EXCEEDED[4]))
    assert [(kind, plan.hop_of(tag)) for kind, tag in zip(last.kinds, last.tags, strict=True)] == [
        (ERROR, 2),
        (TIMEOUT, 3),
    ]
    assert plan.done


def test_a_hop_that_is_silent_alone_is_not_asked_for_its_other_probes() -> None:
    plan, tx = trace(probes=3, max_hops=1), PacketBatch(4)
    rows = limits(plan, tx)
    plan.heard(unclear(*(tag for _, tag in rows)))
    assert len(plan.heard(ended(4, TIMEOUT, *(tag for _, tag in rows)))) == 0
    ((_, tag),) = limits(plan, tx)
    assert len(plan.heard(ended(4, TIMEOUT, tag))) == 3
    assert plan.done


def test_an_answer_that_was_clear_after_all_is_not_asked_for_again() -> None:
    plan, tx = trace(probes=1, max_hops=2), PacketBatch(4)
    rows = dict(limits(plan, tx))
    plan.heard(unclear(*rows.values()))
    assert len(plan.heard(ended(4, ERROR, rows[1], error=EXCEEDED[4]))) == 1
    assert len(plan.heard(ended(4, TIMEOUT, rows[2]))) == 0
    ((ttl, _),) = limits(plan, tx)
    assert ttl == 2
