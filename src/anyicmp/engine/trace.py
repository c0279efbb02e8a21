"""The plan of a traceroute: probes with growing hop limit, several hops at once, one flow.

It decides which hop limit comes next and when the way is known. Rows for people are made elsewhere.
"""

from __future__ import annotations

from collections import deque

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["AHEAD", "TracePlan", "is_final"]

AHEAD = 6
"""Hops probed beyond the farthest whose probes have ended: parallel, but few packets past the target."""

NUMBER = 1 << 32

_UNREACHABLE = {4: frozenset({3}), 6: frozenset({1})}
"""ICMP types that end the way (RFC 792, RFC 4443); time exceeded is a hop's ordinary answer."""


def is_final(version: int, icmp_type: int) -> bool:
    """Whether an ICMP error of this type ends the way, instead of naming a router on it."""
    return icmp_type in _UNREACHABLE[version]


class TracePlan:
    """`probes` probes to each hop limit from `first_hop` to `max_hops`; see `plan.Plan`.

    A tag is the hop limit times 2^32 plus the probe's number.
    """

    many = False

    def __init__(
        self, probe: Probe, template: Template, *, first_hop: int, max_hops: int, probes: int, timeout: int
    ) -> None:
        self.template = template
        self.timeout = timeout
        self._probe = probe
        self._left = deque(ttl for ttl in range(first_hop, max_hops + 1) for _ in range(probes))
        self._reach = first_hop + AHEAD - 1
        self._waiting: dict[int, int] = {}
        self._number = 0
        self.last_hop = max_hops
        """The hop limit beyond which nothing is left to learn."""
        self.probed = 0
        """The highest hop limit that a probe was sent with."""

    @property
    def done(self) -> bool:
        if self._left and self._left[0] <= self.last_hop:
            return False
        return all(ttl > self.last_hop for ttl in self._waiting)

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        at = start
        while at < stop and self._next_is_open():
            ttl = self._left.popleft()
            self._probe.write(tx, at, hop_limit=ttl)
            tx.tag[at] = ttl * NUMBER + self._number
            self._number += 1
            self.probed = max(self.probed, ttl)
            self._waiting[ttl] = self._waiting.get(ttl, 0) + 1
            at += 1
        return at - start

    def _next_is_open(self) -> bool:
        return bool(self._left) and self._left[0] <= min(self._reach, self.last_hop)

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        for i, tag in enumerate(outcomes.tags):
            ttl, outcomes.sequences[i] = divmod(tag, NUMBER)
            self._waiting[ttl] -= 1
            if not self._waiting[ttl]:
                del self._waiting[ttl]
            self._reach = max(self._reach, ttl + AHEAD)
            if self._ends(outcomes, i):
                self.last_hop = min(self.last_hop, ttl)
        return outcomes

    def _ends(self, outcomes: OutcomeBatch, i: int) -> bool:
        kind = outcomes.kinds[i]
        if kind == ERROR:
            return is_final(outcomes.version, outcomes.errors[i].data[0])
        return kind in (REPLY, FAILED)

    def wake_at(self, now: int) -> int | None:
        return now if self._next_is_open() else None

    @staticmethod
    def hop_of(tag: int) -> int:
        """The hop limit of the probe with this tag."""
        return tag // NUMBER
