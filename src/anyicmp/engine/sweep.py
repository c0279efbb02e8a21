"""The plan of a sweep: one answer for each of many targets of one IP version.

It hands out addresses and remembers which to probe again. Reading targets and pacing are not its work.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from itertools import repeat
from operator import floordiv
from sys import byteorder

import attrs

from anyicmp.engine.outcome import FAILED, TIMEOUT, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["ATTEMPTS", "DOUBTS", "Segment", "SweepPlan"]

ATTEMPTS = 256
"""Probes that a target may have, the first one included: the tag has 8 bits for them."""

DOUBTS = 4
"""As many probes in a row may be lost on this host before a target is called silent: two bits of the tag."""

PROBES = ATTEMPTS * DOUBTS


@attrs.define
class Segment:
    """`count` neighbouring addresses still to probe, from `first` on; `sequence` numbers the first."""

    first: int
    count: int
    sequence: int
    scope: int = 0


@attrs.define
class InFlight:
    """How many probes wait for an answer, of at most so many (None: no limit); plans may share it."""

    most: int | None
    waiting: int = 0

    @property
    def room(self) -> int:
        return 1 << 30 if self.most is None else self.most - self.waiting


class SweepPlan:
    """Probes segments of addresses as they are added, until `finish` says that there are no more.

    A tag is the target's number times 1,024, plus 256 for each probe that this host may have lost, plus
    the attempt. `held` stops new probes while the consumer is behind; what is in flight goes on.
    """

    many = False
    responsive = True

    def __init__(
        self,
        probe: Probe,
        template: Template,
        *,
        timeout: int,
        retries: int = 0,
        in_flight: InFlight | None = None,
        on_hungry: Callable[[], None] | None = None,
    ) -> None:
        """`probe` gives the header fields; its peer is not used. `timeout` is in nanoseconds.

        `on_hungry` is called whenever a segment has been used up.
        """
        self.template = template
        self.timeout = timeout
        self.held = False
        self.waiting = 0
        self.sent = 0
        self._probe = probe
        self._retries = retries
        self._in_flight = in_flight or InFlight(None)
        self._on_hungry = on_hungry
        self._segments: deque[Segment] = deque()
        self._again: deque[tuple[bytes, int, int]] = deque()
        self._waiting = 0
        self._finished = False

    def add(self, segment: Segment) -> None:
        """More addresses to probe."""
        self._segments.append(segment)

    def finish(self) -> None:
        """No more addresses will be added."""
        self._finished = True

    @property
    def pending(self) -> int:
        """Segments that have addresses left to probe."""
        return len(self._segments)

    @property
    def done(self) -> bool:
        return self._finished and not self._segments and not self._again and not self._waiting

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        room = min(stop - start, self._in_flight.room)
        if self.held or room < 1:
            return 0
        at, stop = start, start + room
        while self._again and at < stop:
            peer, scope, tag = self._again.popleft()
            self._probe.write_header(tx, at, at + 1)
            tx.peer[at * tx.width : (at + 1) * tx.width] = peer
            tx.scope[at] = scope
            tx.tag[at] = tag
            at += 1
        while self._segments and at < stop:
            at = self._take_segment(tx, at, stop)
        self._waiting += at - start
        self._in_flight.waiting += at - start
        self.sent += at - start
        return at - start

    def _take_segment(self, tx: PacketBatch, at: int, stop: int) -> int:
        segment = self._segments[0]
        n = min(segment.count, stop - at)
        end, width = at + n, tx.width
        self._probe.write_header(tx, at, end)
        addresses = range(segment.first, segment.first + n)
        if width == 4:
            packed = array("I", addresses)
            if byteorder == "little":
                packed.byteswap()
            tx.peer[at * 4 : end * 4] = packed.tobytes()
        else:
            tx.peer[at * 16 : end * 16] = b"".join(a.to_bytes(16, "big") for a in addresses)
        if segment.scope:
            tx.scope[at:end] = array("I", [segment.scope]) * n
        tag = segment.sequence * PROBES
        tx.tag[at:end] = array("Q", range(tag, tag + n * PROBES, PROBES))
        segment.first += n
        segment.sequence += n
        segment.count -= n
        if not segment.count:
            self._segments.popleft()
            if self._on_hungry is not None:
                self._on_hungry()
        return end

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        ended = outcomes.endings(self.many)
        self._waiting -= ended
        self._in_flight.waiting -= ended
        self.sent -= outcomes.kinds.count(FAILED)
        tags = outcomes.tags
        outcomes.sequences = array("Q", map(floordiv, tags, repeat(PROBES)))
        if TIMEOUT not in outcomes.kinds or not (self._retries or outcomes.doubtful):
            return outcomes
        width = 4 if outcomes.version == 4 else 16
        keep = []
        for i, kind in enumerate(outcomes.kinds):
            again = self._next_attempt(tags[i], outcomes.doubtful) if kind == TIMEOUT else None
            if again is not None:
                peer = bytes(outcomes.packed[i * width : (i + 1) * width])
                self._again.append((peer, outcomes.scopes[i], again))
            else:
                keep.append(i)
        return outcomes if len(keep) == len(outcomes) else outcomes.only(keep)

    def _next_attempt(self, tag: int, doubtful: set[int]) -> int | None:
        """The tag with which to probe a silent target again, None if it is to be called silent."""
        if tag in doubtful and tag // ATTEMPTS % DOUBTS < DOUBTS - 1:
            return tag + ATTEMPTS
        if tag % ATTEMPTS < self._retries:
            return tag % ATTEMPTS + 1 + tag // PROBES * PROBES
        return None

    def wake_at(self, now: int) -> int | None:
        if self.held or not (self._segments or self._again):
            return None
        if self._in_flight.room < 1:
            return None
        return now
