"""The plan of a traceroute: probes with growing hop limit, several hops at once, one flow.

It decides which hop limit comes next and when the way is known. Rows for people are made elsewhere.
"""

from __future__ import annotations

from collections import deque

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["AHEAD", "TracePlan"]

AHEAD = 6
"""Hops probed beyond the farthest whose probes have ended: parallel, but few packets past the target."""

NUMBER = 1 << 32
ROUND = 1 << 40
ROUNDS = 1 << 24
"""A tag tells so many rounds apart; by the time their numbers come again nothing waits any longer."""


class TracePlan:
    """Rounds of `probes` probes to each hop limit from `first_hop` to `max_hops`; see `plan.Plan`.

    A round ends when the way is known: all probes up to its last hop have ended. The next begins
    `interval` nanoseconds after the one before began, or later. A tag is the round times 2^40 plus the
    hop limit times 2^32 plus the probe's number, which counts on as if each round probed all hops.

    Attributes:
        rounds_done: rounds that have ended.
        last_hop: the hop limit beyond which there is nothing to learn in this round.
        probed: the highest hop limit that a probe of this round was sent with.
    """

    many = False
    responsive = True

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
    ) -> None:
        """`rounds` None goes on without end."""
        self.template = template
        self.timeout = timeout
        self.waiting = 0
        self.rounds_done = 0
        self._probe = probe
        self._limits = [ttl for ttl in range(first_hop, max_hops + 1) for _ in range(probes)]
        self._max_hops = max_hops
        self._reach = first_hop + AHEAD - 1
        self._rounds = rounds
        self._interval = interval
        self._begin_at = 0
        self._begin()

    def _begin(self) -> None:
        self._left = deque(self._limits)
        # A number is a place in a round, not a count: how far a round looks ahead is a matter of timing.
        self._number = self.rounds_done * len(self._limits)
        self._waiting: dict[int, int] = {}
        self._begun = False
        self.last_hop = self._max_hops
        self.probed = 0

    @property
    def done(self) -> bool:
        return self.rounds_done == self._rounds

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        at = start
        if not self._begun:
            if now < self._begin_at:
                return 0
            self._begun = True
            self._begin_at = now + self._interval
        while at < stop and self._next_is_open():
            ttl = self._left.popleft()
            self._probe.write(tx, at, hop_limit=ttl)
            tx.tag[at] = self.rounds_done % ROUNDS * ROUND + ttl * NUMBER + self._number
            self._number += 1
            self.probed = max(self.probed, ttl)
            self._waiting[ttl] = self._waiting.get(ttl, 0) + 1
            at += 1
        return at - start

    def _next_is_open(self) -> bool:
        return bool(self._left) and self._left[0] <= min(self._reach, self.last_hop)

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        for i, tag in enumerate(outcomes.tags):
            outcomes.sequences[i] = tag % NUMBER
            if self.is_of(tag, self.rounds_done):
                self._ended(outcomes, i, self.hop_of(tag))
        if self._begun and self._is_over():
            # The next round may send as far as this one saw at once.
            self._reach = max(self._reach, self.last_hop if self.last_hop < self._max_hops else 0)
            self.rounds_done += 1
            if not self.done:
                self._begin()
        return outcomes

    def _ended(self, outcomes: OutcomeBatch, i: int, ttl: int) -> None:
        self._waiting[ttl] -= 1
        if not self._waiting[ttl]:
            del self._waiting[ttl]
        self._reach = max(self._reach, ttl + AHEAD)
        if self._ends(outcomes, i):
            self.last_hop = min(self.last_hop, ttl)

    def _is_over(self) -> bool:
        if self._left and self._left[0] <= self.last_hop:
            return False
        return all(ttl > self.last_hop for ttl in self._waiting)

    def _ends(self, outcomes: OutcomeBatch, i: int) -> bool:
        kind = outcomes.kinds[i]
        if kind == ERROR:
            return outcomes.is_unreachable(i)
        return kind in (REPLY, FAILED)

    def wake_at(self, now: int) -> int | None:
        return max(self._begin_at if not self._begun else now, now) if self._next_is_open() else None

    @staticmethod
    def hop_of(tag: int) -> int:
        """The hop limit of the probe with this tag."""
        return tag // NUMBER % 256

    @staticmethod
    def is_of(tag: int, number: int) -> bool:
        """Whether the probe with this tag belongs to the round with this number (from 0)."""
        return tag // ROUND == number % ROUNDS
