"""The plan of a sweep: one answer for each of many targets of one IP version.

It hands out addresses and remembers which to probe again. Reading targets and pacing are not its work.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import attrs

from anyicmp.engine.outcome import FAILED, TIMEOUT, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.engine.segments import ATTEMPTS, DOUBTS, PROBES, InOrder, Segment, Segments, numbers_of
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["InFlight", "SweepPlan"]

SECOND = 1_000_000_000

LONGEST = 60 * SECOND
"""Nanoseconds: a timeout that grows from probe to probe grows no further than this."""


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

    A tag is the target's number times 1,024 plus the mark of its segment. `held` stops new probes while the
    consumer is behind; what is in flight goes on.
    """

    many = False
    responsive = True
    patient = False

    def __init__(
        self,
        probe: Probe,
        template: Template,
        *,
        timeout: int,
        retries: int = 0,
        backoff: float = 1.0,
        in_flight: InFlight | None = None,
        segments: Segments | None = None,
        on_hungry: Callable[[], None] | None = None,
    ) -> None:
        """`probe` gives the header fields; its peer is not used. `timeout` is in nanoseconds.

        The timeout of each further probe to a target is `backoff` times that of the one before.
        `segments` says in which order and how fast; None: in order, all at once. `on_hungry` is called
        whenever a segment has been used up.
        """
        longest = max(timeout, LONGEST)
        self._timeouts = [min(round(timeout * backoff**k), longest) for k in range(retries + 1)]
        self.template = template
        self.timeout = timeout
        self.held = False
        self.waiting = 0
        self.sent = 0
        self._probe = probe
        self._retries = retries
        self._in_flight = in_flight or InFlight(None)
        self._on_hungry = on_hungry
        self._segments = InOrder() if segments is None else segments
        self._waiting = 0
        self._finished = False

    def add(self, segment: Segment) -> None:
        """More addresses to probe."""
        self._segments.add(segment)

    def finish(self) -> None:
        """No more addresses will be added."""
        self._finished = True

    @property
    def full(self) -> bool:
        """Whether as many addresses wait to be probed as are needed ahead."""
        return len(self._segments) > self._segments.ahead

    @property
    def done(self) -> bool:
        return self._finished and not self._segments and not self._waiting

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        room = min(stop - start, self._in_flight.room)
        if self.held or room < 1:
            return 0
        segments, at, stop = self._segments, start, start + room
        had, attempt = len(segments), None
        while at < stop and (segment := segments.take(stop - at, now, attempt)) is not None:
            # One timeout holds for all rows of a call.
            attempt = segment.attempt
            at = self._write(tx, at, segment)
        if attempt is None:
            return 0
        self.timeout = self._timeouts[attempt]
        self._waiting += at - start
        self._in_flight.waiting += at - start
        self.sent += at - start
        if len(segments) < had and self._on_hungry is not None:
            self._on_hungry()
        return at - start

    def _write(self, tx: PacketBatch, at: int, segment: Segment) -> int:
        """Write rows from `at` on, one for each address; returns where they end."""
        n = segment.count
        end, width = at + n, tx.width
        self._probe.write_header(tx, at, end, keep=True)
        tx.peer[at * width : end * width] = segment.addresses(width)
        if segment.scope:
            tx.scope[at:end] = array("I", [segment.scope]) * n
        tx.tag[at:end] = segment.tags()
        return end

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        ended = outcomes.endings(self.many)
        self._waiting -= ended
        self._in_flight.waiting -= ended
        self.sent -= outcomes.kinds.count(FAILED)
        tags = outcomes.tags
        outcomes.sequences = numbers_of(tags)
        # Who is called silent was silent after the last and longest timeout.
        outcomes.timeout = self._timeouts[-1] / SECOND
        if TIMEOUT not in outcomes.kinds or not (self._retries or outcomes.doubtful):
            return outcomes
        width = 4 if outcomes.version == 4 else 16
        keep = []
        for i, kind in enumerate(outcomes.kinds):
            mark = self._next_mark(tags[i], outcomes.doubtful) if kind == TIMEOUT else None
            if mark is None:
                keep.append(i)
                continue
            first = int.from_bytes(outcomes.packed[i * width : (i + 1) * width], "big")
            self._segments.add(Segment(first, 1, tags[i] // PROBES, outcomes.scopes[i], mark))
        return outcomes if len(keep) == len(outcomes) else outcomes.only(keep)

    def _next_mark(self, tag: int, doubtful: set[int]) -> int | None:
        """The mark with which to probe a silent target again, None if it is to be called silent."""
        mark = tag % PROBES
        if tag in doubtful and mark // ATTEMPTS < DOUBTS - 1:
            return mark + ATTEMPTS
        if mark % ATTEMPTS < self._retries:
            return mark % ATTEMPTS + 1
        return None

    def wake_at(self, now: int) -> int | None:
        if self.held or self._in_flight.room < 1:
            return None
        return self._segments.due(now)
