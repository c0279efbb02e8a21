"""The hub: when rows leave, what time an outcome is given, what the receive buffer lets in flight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.exchange import Exchange
from anyicmp.engine.multipath import MultipathPlan
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.probe import Probe
from anyicmp.engine.room import Room, queue_cost
from anyicmp.engine.segments import Segment
from anyicmp.engine.sweep import SweepPlan
from anyicmp.engine.table import SLOTS
from anyicmp.methods.echo import EchoMethod
from anyicmp.results import NoReply, Reply
from engine.rig import MS, SECOND, TARGET, Rig, one_series


def test_no_more_leave_than_answers_fit_into_the_receive_buffer() -> None:
    rig = Rig(room=10 * queue_cost(56))
    rig.ping(None)
    taken = 0
    while n := rig.fill():
        rig.leave(0, n)
        taken += n
    assert taken == 10
    probe = bytes(rig.tx.row(0))
    rig.reply(probe)
    assert len(rig.feed()) == 1
    assert rig.fill() == 1, "an answer made room for one"
    assert rig.fill() == 0


def test_large_answers_take_more_of_the_buffer() -> None:
    rig = Rig(room=10 * queue_cost(56), slot=2048)
    rig.ping(None, size=1400)
    assert queue_cost(1400) > 2 * queue_cost(56)
    taken = 0
    while n := rig.fill():
        rig.leave(0, n)
        taken += n
    assert taken == rig.exchange.room.octets // queue_cost(1400)


def test_one_probe_leaves_however_small_the_buffer() -> None:
    rig = Rig(room=1)
    plan = rig.ping(3, timeout=SECOND)
    assert rig.fill() == 1
    rig.leave(0, 1)
    assert rig.fill() == 0
    rig.pass_time(SECOND)
    assert len(rig.expire()) == 1
    assert rig.fill() == 1
    assert plan.series[0].taken == 2


def test_time_outs_forgetting_and_failures_give_their_room_back() -> None:
    rig = Rig(room=4 * queue_cost(56))
    for way in ("expire", "forget", "fail"):
        plan = rig.ping(4, interval=0)
        total = 0
        while n := rig.fill():
            if way == "fail":
                for i in range(n):
                    rig.tx.real, rig.tx.before = rig.now + rig.offset, rig.now
                    rig.exchange.failed(rig.tx, i, 1, rig.now)
            else:
                rig.leave(0, n)
            total += n
        assert total == 4, way
        if way == "expire":
            rig.pass_time(SECOND)
            assert len(rig.expire()) == 4
        rig.exchange.forget(plan)
    assert rig.exchange.table.in_flight == 0


def test_a_partial_send_stamps_only_what_left() -> None:
    rig = Rig()
    plans = [rig.ping() for _ in range(5)]
    assert rig.fill() == 5
    probes = [bytes(rig.tx.row(i)) for i in range(5)]
    rig.leave(0, 2)
    assert rig.exchange.counts.sent == 2
    rig.pass_time(SECOND)
    assert [type(o) for o in rig.expire()] == [NoReply, NoReply]
    rig.leave(2, 5)
    rig.pass_time(10 * MS)
    for i in (2, 3, 4):
        rig.reply(probes[i], at=i - 2)
    outcomes = rig.feed(3)
    assert [o.rtt for o in outcomes if isinstance(o, Reply)] == [0.01] * 3
    assert all(plan.done for plan in plans)


def test_rows_of_one_call_leave_evenly() -> None:
    """What one system call took is spread over its rows, and a deadline counts from the call's end."""
    rig = Rig()
    rig.ping(None, timeout=SECOND)
    for _ in range(3):
        rig.ping(None, timeout=SECOND)
    n = rig.fill()
    assert n == 4
    probes = [bytes(rig.tx.row(i)) for i in range(n)]
    rig.leave(0, n, took=8 * MS)
    rig.pass_time(2 * MS)
    for i in range(n):
        rig.reply(probes[i], at=i)
    rtts = [o.rtt for o in rig.feed(n) if isinstance(o, Reply)]
    assert rtts == [0.01, 0.008, 0.006, 0.004]


def test_a_forgotten_plan_hears_nothing_more() -> None:
    rig = Rig()
    gone, kept = rig.ping(), rig.ping()
    n = rig.fill()
    assert n == 2
    probes = [bytes(rig.tx.row(i)) for i in range(2)]
    rig.leave(0, 2)
    rig.exchange.forget(gone)
    for i in (0, 1):
        rig.reply(probes[i], at=i)
    results = rig.exchange.feed(rig.rx, 2)
    assert [plan for plan, _ in results] == [kept]
    assert rig.exchange.counts.late == 1
    assert rig.exchange.table.in_flight == 0
    rig.exchange.forget(gone)  # twice is once


def test_a_plan_forgotten_between_fill_and_send_leaves_nothing_behind() -> None:
    rig = Rig()
    gone, kept = rig.ping(), rig.ping()
    assert rig.fill() == 2
    rig.exchange.forget(gone)
    rig.leave(0, 2)
    assert rig.exchange.table.in_flight == 1
    rig.pass_time(SECOND)
    assert len(rig.expire()) == 1
    assert kept.done


def test_plans_take_turns() -> None:
    """A sweep of many does not keep a ping waiting."""
    rig = Rig(capacity=16)
    sweep = SweepPlan(Probe(peer=b""), rig.method.template(size=56), timeout=SECOND)
    sweep.add(Segment(1 << 24, 1000, 0))
    rig.exchange.start(sweep, rig.now)
    ping = rig.ping(1)
    assert rig.fill() == 16
    rig.leave(0, 16)
    assert ping.series[0].taken == 0
    assert rig.fill() == 16
    assert ping.series[0].taken == 1, "the second batch begins with who waited"


def test_flows_of_one_plan_leave_together() -> None:
    """It takes one at a time, and from its second on others follow in the batch, in turn with other plans."""
    rig = Rig(capacity=8)

    def multipath() -> MultipathPlan:
        return MultipathPlan(
            Probe(peer=TARGET[4]),
            lambda flow: rig.method.template(size=56, flow=flow),
            enough=lambda ways, balancers: 6,
            max_hops=4,
            timeout=SECOND,
            attempts=1,
        )

    plan = multipath()
    rig.exchange.start(plan, rig.now)
    rig.probe()
    assert rig.fill() == 5
    rig.leave(0, 5)
    checksums = {bytes(rig.tx.row(i)[2:4]) for i in range(5)}
    assert len(checksums) == 5, "a flow of echo is a checksum"
    rig.exchange.forget(plan)
    first, second = multipath(), multipath()
    for plan in (first, second):
        rig.exchange.start(plan, rig.now)
    rig.probe()
    assert rig.fill() == 8
    assert (first.sent, second.sent) == (5, 5)


def test_the_next_deadline_is_the_earliest_of_timeouts_and_due_rows() -> None:
    rig = Rig()
    assert rig.exchange.next_deadline() is None
    rig.ping(None, interval=3 * SECOND, timeout=SECOND)
    assert rig.exchange.next_deadline() == 0
    rig.probe()
    assert rig.exchange.next_deadline() == rig.now + SECOND
    rig.pass_time(SECOND)
    rig.expire()
    assert rig.exchange.next_deadline() == rig.now + 2 * SECOND
    rig.ping(1, timeout=SECOND // 2)
    rig.probe()
    assert rig.exchange.next_deadline() == rig.now + SECOND // 2


def test_plans_share_a_pacer() -> None:
    rig = Rig()
    pacer, template = Pacer(10), rig.method.template(size=56)
    plans = []
    for _ in range(2):
        plan = SweepPlan(Probe(peer=b""), template, timeout=SECOND)
        plan.add(Segment(1 << 24, 1000, 0))
        rig.exchange.start(plan, rig.now, pacer)
        plans.append(plan)
    sent = []
    for _ in range(41):
        n = rig.fill()
        if n:
            rig.leave(0, n)
            sent += [rig.now] * n
        rig.pass_time(SECOND // 40)
        rig.expire()
    assert len(sent) == 11
    assert min(plan.sent for plan in plans) >= 3, "neither starves"


def test_all_slots_of_all_lanes_are_used_before_one_waits() -> None:
    rig = Rig(identifiers=(1, 2), room=1 << 40, capacity=4096)
    plan = SweepPlan(Probe(peer=b""), rig.method.template(size=56), timeout=SECOND)
    plan.add(Segment(1 << 24, 1 << 20, 0))
    rig.exchange.start(plan, rig.now)
    total = 0
    while n := rig.fill():
        rig.leave(0, n)
        total += n
    assert total == 2 * SLOTS
    assert [rig.exchange.table.vacant(lane) for lane in (0, 1)] == [0, 0]
    rig.pass_time(SECOND)
    ((_, ended),) = rig.exchange.expire(rig.now, rig.now)
    assert len(ended) == 2 * SLOTS
    assert rig.fill() == 4096


# Clocks.


def test_the_kernel_s_stamp_takes_the_time_in_the_queue_off() -> None:
    rig = Rig()
    rig.ping()
    probe = rig.probe()
    rig.pass_time(50 * MS)
    rig.reply(probe, age=45 * MS)
    (outcome,) = rig.feed()
    assert isinstance(outcome, Reply)
    assert (outcome.rtt, outcome.clock) == (0.005, "kernel")


@pytest.mark.parametrize("step", [-3600.0, -1.0, -0.001, 0.06, 1.0, 3600.0])
def test_a_clock_step_between_stamp_and_read_is_seen(step: float) -> None:
    """The stamp is wall-clock time; where it cannot be true the program's own clock is used."""
    rig = Rig()
    rig.ping()
    probe = rig.probe()
    rig.pass_time(50 * MS)
    rig.reply(probe, age=10 * MS if step > 0 else 0)
    rig.offset += round(step * SECOND)
    (outcome,) = rig.feed()
    assert isinstance(outcome, Reply)
    assert (outcome.rtt, outcome.clock) == (0.05, "user")


def test_a_clock_step_between_send_and_read_does_not_matter() -> None:
    rig = Rig()
    rig.ping()
    probe = rig.probe()
    rig.offset += 7 * SECOND
    rig.pass_time(50 * MS)
    rig.reply(probe, age=MS)
    (outcome,) = rig.feed()
    assert isinstance(outcome, Reply)
    assert (outcome.rtt, outcome.clock) == (0.049, "kernel")


@pytest.mark.parametrize(("age", "kind"), [(0, "timeout"), (600 * MS, "reply")])
def test_a_process_that_looks_late_tells_what_came_late_from_what_waited(age: int, kind: str) -> None:
    """It looks after 1.5 s at an answer to a probe whose time was 1 s."""
    rig = Rig()
    rig.ping()
    probe = rig.probe()
    rig.pass_time(1500 * MS)
    rig.reply(probe, age=age)
    (outcome,) = rig.feed()
    assert outcome.kind == kind
    assert rig.exchange.counts.late == (kind == "timeout")
    assert rig.exchange.table.in_flight == 0


@given(
    wait=st.integers(0, 2 * SECOND),
    age=st.integers(-3 * SECOND, 3 * SECOND),
    took=st.integers(0, 10 * MS),
)
def test_a_round_trip_is_never_negative(wait: int, age: int, took: int) -> None:
    rig = Rig(capacity=1)
    rig.ping()
    assert rig.fill() == 1
    probe = bytes(rig.tx.row(0))
    rig.leave(0, 1, took=took)
    rig.pass_time(wait)
    rig.reply(probe, age=age)
    (outcome,) = rig.feed()
    if not isinstance(outcome, Reply):  # only what the kernel got after the probe's time
        assert 0 <= age <= wait + took - SECOND
        return
    assert 0 <= outcome.rtt <= (wait + took) / SECOND
    assert outcome.clock in ("kernel", "user")


def test_the_same_verbs_give_the_same_bytes() -> None:
    def run() -> list[bytes]:
        rig = Rig(identifiers=(5, 6))
        rig.ping(3)
        rig.ping(None, interval=SECOND)
        out = []
        for _ in range(5):
            n = rig.fill()
            if n:
                rig.leave(0, n)
                out += [bytes(rig.tx.row(i)) for i in range(n)]
            rig.pass_time(SECOND)
            rig.expire()
        return out

    assert run() == run()


def test_the_engine_knows_the_largest_probe() -> None:
    method = EchoMethod(4)
    method.identify((1,), verify=False)
    exchange = Exchange(method, Room(1 << 20, version=4))
    assert exchange.largest == 0
    plan = one_series(Probe(peer=bytes(4)), method.template(size=1400), number=1, interval=0, timeout=SECOND)
    exchange.start(plan, 0)
    assert exchange.largest == 1408
    exchange.forget(plan)
    assert exchange.largest == 0


def test_two_clocks_that_are_read_a_little_apart_leave_one_number() -> None:
    """Of many rows that leave in several calls; a step of the wall clock is another number."""
    rig = Rig()
    for k, more in enumerate((0, 400, -400, 5000)):
        for _ in range(2):
            rig.ping(1)
        assert rig.fill() == 2
        rig.offset += more
        rig.leave(0, 2)
        rig.offset -= more
        ahead = rig.exchange.table.ahead[2 * k : 2 * k + 2].tolist()
        assert ahead == [rig.offset + (more if more > 1000 else 0)] * 2
