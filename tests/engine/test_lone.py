"""A series of pings that is alone ends as it would have among others, whatever is heard."""

from __future__ import annotations

from struct import Struct
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyicmp.engine.lone import Lone
from anyicmp.engine.ping import PingPlan, Series
from anyicmp.engine.probe import Probe
from anyicmp.engine.rows import reply_of
from anyicmp.engine.table import OPEN
from anyicmp.results import Outcome, Reply
from anyicmp.wire.batch import Version
from engine.rig import MS, OTHER, SECOND, TARGET, Rig, ip, one_series

NONCE = Struct("!I")
TIMEOUT, INTERVAL = SECOND // 2, SECOND


class Among(Rig):
    """One series of the exchange's plans."""

    def __init__(self, version: Version, verify: bool, number: int) -> None:
        super().__init__(version, verify=verify)
        probe = Probe(peer=TARGET[version], stamped=True)
        self.plan = one_series(
            probe, self.method.template(size=56), number=number, interval=INTERVAL, timeout=TIMEOUT
        )
        self.began = self.now
        self.series: Series = self.plan.series[0]
        self.begin()

    def begin(self) -> None:
        self.exchange.start(self.plan, self.now)

    def go_to(self, i: int) -> bytes:
        """Wait until the i-th probe is due, and send it; its octets."""
        self.now = max(self.now, self.began + i * INTERVAL, self.series.due)
        return self.probe()

    def rows(self, n: int) -> list[Outcome]:
        return self.feed(n)

    def state(self) -> dict[str, Any]:
        """All that is to be equal."""
        table = self.exchange.table
        columns, times = ("state", "tag", "nonce", "generation"), ("sent_at", "handed_at", "ahead")
        return {
            "counts": attrs.astuple(self.exchange.counts),
            "used": list(self.exchange.room.used),
            "in flight": (table.in_flight, list(table.in_lane), self.plan.waiting),
            "slots": [tuple(getattr(table, name)[slot] for name in columns) for slot in range(8)],
            "left": [bool(table.sent_at[slot]) for slot in range(8)],
            "times": {
                slot: tuple(getattr(table, name)[slot] for name in times)
                for slot in range(8)
                if table.state[slot] == OPEN
            },
            "peers": bytes(table.peer[: 8 * table.width]),
        }


class ByItself(Among):
    """The same series alone, as long as it can be."""

    lone: Lone | None

    def begin(self) -> None:
        assert self.plan.lend() is None, "its first probe is ready"
        self.plan._ready.clear()
        assert self.plan.lend() is self.series
        self.lone = Lone(self.exchange, self.plan)
        self.lone.begin(self.series)
        self.again = False

    def rejoin(self) -> None:
        if self.lone is not None:
            self.lone.rejoin(self.now)
            self.lone = None

    def state(self) -> dict[str, Any]:
        found = super().state()
        if self.lone is not None and self.lone.in_flight:
            # The exchange learns of it when it is to go on with it.
            lone, room = self.lone, self.exchange.room
            found["used"], found["in flight"] = [room.cost[56]], (1, [1], 1)
            found["times"] = {lone._slot: (lone._sent_at, lone._before, lone._ahead)}
        return found

    def probe(self) -> bytes:
        if self.lone is not None and self.lone.in_flight:
            self.rejoin()
        if self.lone is None:
            return super().probe()
        assert self.now >= self.lone.until
        self.fill()  # of the nonces alone: the exchange has no plan
        (nonce,) = NONCE.unpack_from(self.tx.nonce)
        self.lone.take(self.tx, self.now, nonce, again=self.again)
        self.again = True
        self.tx.before = self.tx.after = self.now
        self.tx.real = self.now + self.offset
        self.lone.left(self.tx)
        return bytes(self.tx.row(0))

    def rows(self, n: int) -> list[Outcome]:
        self.rx.after, self.rx.real = self.now, self.now + self.offset
        if self.lone is None:
            return self.feed(n)
        answered = self.lone.heard(self.rx, n)
        if answered is None:
            self.rejoin()
            return self.feed(n)
        if not answered:
            return []
        if self.lone.over:
            self.plan.drop(self.lone.series)
        return [reply_of(None, ip(TARGET[self.version]), answered)]

    def expire(self) -> list[Outcome]:
        self.rejoin()
        return super().expire()


Step = tuple[Any, ...]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), st.integers(0, 3), st.one_of(st.none(), st.integers(0, 20 * MS))),
        st.tuples(st.just("broken"), st.integers(0, 3), st.integers(0, 63), st.integers(1, 255)),
        st.tuples(st.just("cut"), st.integers(0, 3), st.integers(0, 63)),
        st.tuples(st.just("other"), st.integers(0, 3)),
        st.tuples(st.just("error"), st.integers(0, 3), st.integers(8, 64)),
        st.tuples(st.just("stamp"), st.integers(0, 3), st.integers(0, 20 * MS)),
        st.tuples(st.just("stamp and reply"), st.integers(0, 3), st.integers(0, 20 * MS)),
        st.tuples(st.just("twice"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.sampled_from([1, 7 * MS, TIMEOUT // 2, TIMEOUT])),
        st.tuples(st.just("stall"), st.sampled_from([TIMEOUT + 10 * MS, TIMEOUT + 30 * MS])),
        st.tuples(st.just("clock"), st.sampled_from([-SECOND, -MS, 1, 20 * MS])),
    ),
    max_size=5,
)


def play(rig: Among, steps: list[list[Step]]) -> list[Any]:
    """All outcomes, and the state after each step."""
    told: list[Any] = []
    probes: list[bytes] = []
    tokens: list[int] = []
    for i, of_this in enumerate(steps):
        probes.append(rig.go_to(i))
        tokens.append(rig.tx.token[0])
        for kind, *values in of_this:
            n = 1
            which = min(values[0], len(probes) - 1) if kind not in ("wait", "stall", "clock") else 0
            probe = probes[which]
            if kind == "reply":
                rig.reply(probe, age=values[1])
            elif kind == "broken":
                rig.reply(probe, age=0)
                rig.rx.data[values[1]] ^= values[2]
            elif kind == "cut":
                rig.reply(probe[: 8 + values[1]], age=0)
            elif kind == "other":
                rig.reply(probe, peer=OTHER[rig.version], age=0)
            elif kind == "error":
                rig.error(probe, keep=values[1])
            elif kind == "stamp":
                rig.stamp(tokens[which], age=values[1])
            elif kind == "stamp and reply":
                rig.stamp(tokens[which], age=values[1])
                rig.reply(probe, at=1, age=values[1] // 2)
                n = 2
            elif kind == "twice":
                rig.reply(probe, age=0)
                rig.reply(probe, at=1, age=0)
                n = 2
            elif kind == "wait":
                # Not beyond the next probe: what is due at one moment comes in one order.
                rig.now = max(rig.now, min(rig.now + values[0], rig.series.due - 1))
                told += [rig.expire(), rig.state()]
                continue
            else:
                # Nobody has a turn meanwhile, or the wall clock is set.
                rig.now += values[0] if kind == "stall" else 0
                rig.offset += values[0] if kind == "clock" else 0
                continue
            told += [rig.rows(n), rig.state()]
    rig.now += TIMEOUT
    return [*told, rig.expire(), rig.state()]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("verify", [False, True])
@given(steps=st.lists(STEPS, min_size=1, max_size=4))
@example(steps=[[("stall", TIMEOUT + 30 * MS), ("reply", 0, 0)]])
@example(steps=[[("twice", 0)], [("reply", 1, 0)]])
def test_alone_and_among_others_the_same_comes_out(
    version: Version, verify: bool, steps: list[list[Step]]
) -> None:
    assert play(ByItself(version, verify, len(steps)), steps) == play(
        Among(version, verify, len(steps)), steps
    )


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_as_expected_stays_alone(version: Version) -> None:
    rig = ByItself(version, version == 4, 3)
    for i in range(3):
        probe = rig.go_to(i)
        rig.now += 2 * MS
        rig.stamp(rig.tx.token[0], age=2 * MS - 1000)
        rig.reply(probe, at=1, age=500_000)
        (row,) = rig.rows(2)
        assert rig.lone is not None
        assert rig.lone.until == rig.began + (i + 1) * INTERVAL or rig.lone.over
        assert isinstance(row, Reply)
        assert row.rtt == pytest.approx(0.001499)
        assert (row.sequence, row.clock, row.ttl, row.size) == (i, "kernel", 61, 56)
    assert rig.lone is not None
    assert rig.lone.over
    assert rig.exchange.counts.received == 3


@pytest.mark.parametrize("version", [4, 6])
def test_a_probe_that_could_not_leave_yet_counts_among_others(version: Version) -> None:
    rig = ByItself(version, False, 1)
    assert rig.lone is not None
    rig.fill()
    rig.lone.take(rig.tx, rig.now, 0, again=False)
    rig.rejoin()
    cost, table = rig.exchange.room.cost[56], rig.exchange.table
    assert (table.in_flight, table.in_lane, rig.plan.waiting) == (1, [1], 1)
    assert rig.exchange.room.used == [cost]
    assert table.next_deadline() is None, "its time has not begun"
    rig.leave(0, 1)
    rig.reply(bytes(rig.tx.row(0)))
    assert len(rig.feed()) == 1
    assert (table.in_flight, table.in_lane, rig.plan.waiting) == (0, [0], 0)
    assert rig.exchange.room.used == [0]


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("size", [19, 20])
def test_who_may_be_alone(many: bool, size: int) -> None:
    rig = Rig(4)
    plan = PingPlan(Probe(peer=TARGET[4]), rig.method.template(size=size), timeout=TIMEOUT, many=many)
    assert Lone.fits(rig.exchange, plan) == (not many and size == 20)
