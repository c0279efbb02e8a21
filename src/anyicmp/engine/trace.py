"""The plan of a traceroute: several hops at once, few probes past the target, one flow.

It decides which hop limit comes next and when the way is known. Rows for people are made elsewhere.
"""

from __future__ import annotations

from collections import deque
from math import isnan

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["BEYOND", "TracePlan"]

BEYOND = 8
"""So many probes go past the target at most."""

PATIENCE = 8
"""The part of a timeout, one in so many, without any news after which the next hops are asked all the same:
silent hops then wait together. After half of that once more without news, all that are left are asked."""

NUMBER = 1 << 32
ROUND = 1 << 40
ROUNDS = 1 << 24
"""A tag tells so many rounds apart; by the time their numbers come again nothing waits any longer."""

SECOND = 1_000_000_000


class TracePlan:
    """Rounds of `probes` probes to each hop limit from `first_hop` to `max_hops`; see `plan.Plan`.

    The first probe of each hop scouts. No more than `BEYOND` probes go past the nearest place where the
    target may be; an answer from on the way moves that place on. If nothing is heard for a while more may
    go, for then the target is far away, or silent.

    A round ends when the way is known: all probes up to its last hop have ended. The next begins
    `interval` nanoseconds after the one before began, or later, and goes as far as the one before, unless
    that place turns out to be on the way. A tag is the round times 2^40 plus the hop limit times 2^32 plus
    the probe's number, which counts on as if each round probed all hops.

    Answers that may be about several probes (`OutcomeBatch.unclear`) are of use to none. When nothing else
    waits, the probes that they may have been about and that seemed silent go out again, one by one, until as
    many were answered as answers were unclear; a hop that is silent then is not asked again.

    Attributes:
        rounds_done: rounds that have ended.
        last_hop: the hop limit beyond which there is nothing to learn in this round.
        probed: the highest hop limit that a probe of this round was sent with.
    """

    many = False
    responsive = True
    patient = False

    def __init__(
        self,
        probe: Probe,
        template: Template,
        *,
        first_hop: int,
        max_hops: int,
        probes: int,
        timeout: int,
        rounds: int | None = 1,
        interval: int = 0,
        one_by_one: bool = False,
    ) -> None:
        """`rounds` None goes on without end. `one_by_one`: no probe leaves before the last one has ended."""
        self.template = template
        self.timeout = timeout
        self.waiting = 0
        self.rounds_done = 0
        self._probe = probe
        self._first_hop, self._max_hops, self._probes = first_hop, max_hops, probes
        self._rounds = rounds
        self._interval = interval
        self._one_by_one = one_by_one
        self._begin_at = 0
        self._slowest = 0
        self._begin(None, 0)

    def _begin(self, settled: int | None, widened: int) -> None:
        """Begin a round. `settled`: where the target was last; `widened`: how often to go farther at once."""
        self._settled, self._widened = settled, widened
        self._nearest = settled or self._first_hop
        self._scout = self._first_hop
        self._further: deque[int] = deque()
        self._sent: dict[int, int] = {}
        self._past = 0
        self._waiting: dict[int, int] = {}
        self._unclear: set[int] = set()
        self._owed = 0
        self._again: dict[int, tuple[OutcomeBatch, int]] = {}
        self._once_more: int | None = None
        self._begun = False
        self._moved_at: int | None = None
        self.last_hop = self._max_hops
        self._found = self._sure = False
        self._sure_at: int | None = None
        self.probed = 0

    @property
    def done(self) -> bool:
        return self.rounds_done == self._rounds

    # Rows out.

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        at = start
        if not self._begun:
            if now < self._begin_at:
                return 0
            self._begun = True
            self._begin_at = now + self._interval
        self._widen(now)
        while at < stop and (not self._one_by_one or self.waiting + at - start == 0):
            ttl = self._next()
            if ttl is None:
                break
            sent = self._sent.get(ttl, 0)
            number = self._place(ttl) + sent
            if sent == 0:
                self._scout = ttl + 1
                self._further.extend([ttl] * (self._probes - 1))
            else:
                self._further.remove(ttl)
            self._sent[ttl] = sent + 1
            self._past += ttl > self._nearest
            self._write(tx, at, ttl, self.rounds_done % ROUNDS * ROUND + ttl * NUMBER + number)
            at += 1
        if at == start and stop > start and self.waiting == 0 and self._again and not self._open():
            self._once_more = min(self._again)
            self._write(tx, at, self.hop_of(self._once_more), self._once_more)
            at += 1
        if at > start:
            self._moved_at = now
        return at - start

    def _place(self, ttl: int) -> int:
        # A number is a place in a round, not a count: how far a round looks ahead is a matter of timing.
        hops = self._max_hops - self._first_hop + 1
        return (self.rounds_done * hops + ttl - self._first_hop) * self._probes

    def _write(self, tx: PacketBatch, at: int, ttl: int, tag: int) -> None:
        self._probe.write(tx, at, hop_limit=ttl)
        tx.tag[at] = tag
        self.probed = max(self.probed, ttl)
        self._waiting[ttl] = self._waiting.get(ttl, 0) + 1

    def _next(self) -> int | None:
        """The hop limit that may be probed next."""
        limit, may_pass = self._limit, self._past < self._allowed
        if self._scout <= limit:
            if self._scout <= self._nearest or may_pass:
                return self._scout
            may_pass = False  # the next scout has precedence
        safe = limit if self._sure or may_pass else min(self._nearest, limit)
        return next((ttl for ttl in self._further if ttl <= safe), None)

    @property
    def _limit(self) -> int:
        """The last hop that this round has to ask, as far as is known."""
        if self._found or self._settled is None or self._nearest > self._settled:
            return self.last_hop
        return self._settled

    @property
    def _allowed(self) -> int:
        """How many probes may go past the nearest place where the target may be."""
        if self._one_by_one or self._widened > 1:
            return self._probes * self._max_hops
        return BEYOND + self._widened * (BEYOND + 1)

    def _open(self) -> bool:
        """Whether a probe that has not been sent yet may be."""
        return self._next() is not None

    def _widen(self, now: int) -> None:
        """Go farther if there was no news for long enough."""
        due = self._widens_at(now)
        if due is not None and now >= due:
            self._sure = self._found
            self._widened += not self._found
            self._moved_at = now

    def _widens_at(self, now: int) -> int | None:
        """When to go farther; None: there is no need."""
        if self._open() or self._widened > 1 or not self._left():
            return None
        if self._found:
            # If it were nearer it would answer from there in about the same time: only then nothing up to
            # its place is past it, although a hop before it is silent.
            if self._sure_at is None:
                self._sure_at = now + self._slowest
            return self._sure_at
        if self._moved_at is None:
            self._moved_at = now
        return self._moved_at + (max(self.timeout // PATIENCE, 2 * self._slowest) >> self._widened)

    def _left(self) -> bool:
        """Whether a hop, up to the last that matters, was not probed as often as it shall be."""
        return self._scout <= self._limit or any(ttl <= self._limit for ttl in self._further)

    def wake_at(self, now: int) -> int | None:
        if not self._begun:
            return max(self._begin_at, now)
        if self._one_by_one and self.waiting:
            return None
        if self._open() or (self._again and self.waiting == 0):
            return now
        due = self._widens_at(now)
        return None if due is None else max(due, now)

    # What was heard.

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        for tags in outcomes.unclear:
            ours = {tag for tag in tags if self.is_of(tag, self.rounds_done)}
            self._unclear |= ours
            self._owed += bool(ours)
        told = [i for i, tag in enumerate(outcomes.tags) if self._hear(outcomes, i, tag)]
        if len(told) < len(outcomes):
            outcomes = outcomes.only(told)
        self._give_up(outcomes)
        for i, tag in enumerate(outcomes.tags):
            outcomes.sequences[i] = tag % NUMBER
        if self._begun and self._is_over():
            self.rounds_done += 1
            if not self.done:
                # Where no target was found, none is near enough to go past.
                lost = not self._found and self._settled is None
                self._begin(self.last_hop if self._found else None, 2 if lost else 0)
        return outcomes

    def _hear(self, outcomes: OutcomeBatch, i: int, tag: int) -> bool:
        """Take one outcome; returns whether people should see it now."""
        self._moved_at = None
        if not self.is_of(tag, self.rounds_done):
            return True
        ttl, kind = self.hop_of(tag), outcomes.kinds[i]
        self._waiting[ttl] -= 1
        if not self._waiting[ttl]:
            del self._waiting[ttl]
        if tag == self._once_more:
            self._once_more = None
            del self._again[tag]
            self._owed -= kind != TIMEOUT
            if kind == TIMEOUT:
                self._unclear -= {other for other in self._again if self.hop_of(other) == ttl}
        elif kind == TIMEOUT and tag in self._unclear:
            self._again[tag] = outcomes, i
            return False
        self._ended(outcomes, i, ttl)
        return True

    def _ended(self, outcomes: OutcomeBatch, i: int, ttl: int) -> None:
        kind, rtt = outcomes.kinds[i], outcomes.rtts[i]
        if not isnan(rtt):
            self._slowest = max(self._slowest, round(rtt * SECOND))
        if kind in (REPLY, FAILED) or (kind == ERROR and outcomes.is_unreachable(i)):
            if not self._found or ttl < self.last_hop:
                self._sure, self._sure_at = False, None
            self.last_hop, self._found = min(self.last_hop, ttl), True
        elif kind == ERROR and self._nearest <= ttl < self._max_hops:
            self._nearest = ttl + 1
            self._past = sum(sent for hop, sent in self._sent.items() if hop > ttl + 1)

    def _give_up(self, outcomes: OutcomeBatch) -> None:
        """Tell of those that are not asked again after all: nobody answered them."""
        for tag, (batch, i) in list(self._again.items()):
            ttl = self.hop_of(tag)
            if (
                self._owed <= 0 or tag not in self._unclear or ttl > self.last_hop
            ) and tag != self._once_more:
                del self._again[tag]
                outcomes.take(batch, i)

    def _is_over(self) -> bool:
        if self._left() or self._again:
            return False
        return all(ttl > self._limit for ttl in self._waiting)

    @staticmethod
    def hop_of(tag: int) -> int:
        """The hop limit of the probe with this tag."""
        return tag // NUMBER % 256

    @staticmethod
    def is_of(tag: int, number: int) -> bool:
        """Whether the probe with this tag belongs to the round with this number (from 0)."""
        return tag // ROUND == number % ROUNDS
