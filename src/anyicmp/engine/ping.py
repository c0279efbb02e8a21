"""The plan of all pings alike: series of echo requests, each to one address, one every interval.

Whoever asks for a thousand pings in one turn gets them in batches, as a sweep does. It knows when each
series has its next probe due and when it is over; what came of the probes it passes on.
"""

from __future__ import annotations

from array import array
from collections import deque
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

import attrs

from anyicmp.engine.outcome import REPLY, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["PingPlan", "Series"]

NUMBER = 0xFFFFFFFF
"""The low bits of a tag: the probe's number. The bits above name its series."""

MANY = 8
"""From so many on, pings that leave in one call are timed as a sweep is: transmit stamps are for a few."""

STALE = 64
"""Series that were dropped may stay among those that wait, up to so many or half of them all."""


class Series:
    """`number` probes (None: without end) to one address, one every `interval` nanoseconds.

    After a stall the next probe leaves at once and the one after it a whole interval later: missed
    probes are not made up for. Whoever wants to know what comes of them adds to this class.

    Attributes:
        peer: packed destination; scope: interface index of a link-local one, else 0.
        taken, ended: probes that were handed out, and those that have ended.
        name: in tags, -1 until `PingPlan.add` gives it one.
        due: when its next probe is, in nanoseconds, 0 before the first.
    """

    name = -1

    def __init__(self, peer: bytes, scope: int = 0, *, number: int | None, interval: int) -> None:
        self.peer = peer
        self.scope = scope
        self.number = number
        self.interval = interval
        self.taken = self.ended = self.due = 0

    def tag(self, now: int) -> int:
        """The tag of its next probe, which leaves now."""
        taken = self.taken
        self.taken = taken + 1
        if self.taken != self.number:
            due = (self.due or now) + self.interval
            self.due = due if due > now else now + self.interval
        return self.name << 32 | taken & NUMBER

    @property
    def over(self) -> bool:
        """Whether all its probes have ended."""
        return self.number is not None and self.ended >= self.number

    def sequence(self, tag: int) -> int:
        """The number of a probe by its tag; it never wraps."""
        return self.taken - ((self.taken - tag) & NUMBER)


Kept = TypeVar("Kept", bound=Series)


class PingPlan(Generic[Kept]):
    """Series that share header fields, payload and timeout; see `plan.Plan`.

    Attributes:
        series: those that are not over and not dropped, by name; always the same dictionary.
    """

    responsive = False
    patient = False

    def __init__(self, probe: Probe, template: Template, *, timeout: int, many: bool = False) -> None:
        """`probe` gives the header fields; peer and scope are those of the series."""
        self.template = template
        self.timeout = timeout
        self.many = many
        self.waiting = 0
        self.series: dict[int, Kept] = {}
        self._probe, self._unstamped = probe, attrs.evolve(probe, stamped=False)
        self._names = 0
        self._ready: deque[Kept] = deque()
        self._timed: list[tuple[int, int, Any]] = []

    def add(self, series: Kept) -> bool:
        """Its first probe is due at once. Returns whether none was before, so that the plan must be asked."""
        self.keep(series)
        self._ready.append(series)
        return len(self._ready) == 1

    def keep(self, series: Kept) -> None:
        """Others ask it when it is due (`write`), until it is to be resumed."""
        series.name = name = self._names
        self._names = name + 1
        self.series[name] = series

    def write(self, tx: PacketBatch, i: int, series: Series) -> None:
        """Write to row i what all probes of a series have in common."""
        self._probe.write(tx, i, peer=series.peer, scope=series.scope)

    def resume(self, series: Series) -> None:
        """It was alone so far: from now on it has its turn among others."""
        if series.taken != series.number:
            heappush(self._timed, (series.due, series.name, series))

    def drop(self, series: Series) -> None:
        """Nobody waits for it any longer, or it is over."""
        self.series.pop(series.name, None)
        if len(self._timed) > STALE and len(self._timed) > 2 * len(self.series):
            self._timed = [entry for entry in self._timed if entry[1] in self.series]
            heapify(self._timed)

    def lend(self) -> Kept | None:
        """The only series, which is alone from now on, until it is to be resumed; None if there are more."""
        if len(self.series) != 1 or self._ready:
            return None
        self._timed.clear()
        return next(iter(self.series.values()))

    @property
    def done(self) -> bool:
        return not self.series

    def wants(self, tag: int) -> bool:
        return tag >> 32 in self.series

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        self._advance(now)
        taken = self._first(stop - start)
        n, width = len(taken), tx.width
        if not n:
            return 0
        tags = [series.tag(now) for series in taken]
        for series in taken:
            if series.taken != series.number:
                heappush(self._timed, (series.due, series.name, series))
        if n == 1:
            self._probe.write(tx, start, peer=taken[0].peer, scope=taken[0].scope)
            tx.tag[start] = tags[0]
            return 1
        probe = self._probe if n < MANY else self._unstamped
        probe.write_header(tx, start, start + n, keep=True)
        tx.peer[start * width : (start + n) * width] = b"".join([series.peer for series in taken])
        if width == 16:
            tx.scope[start : start + n] = array("I", [series.scope for series in taken])
        tx.tag[start : start + n] = array("Q", tags)
        return n

    def _first(self, most: int) -> list[Kept]:
        """Take those that are first off the ready ones; they are all alive."""
        ready, alive = self._ready, self.series
        taken: list[Kept] = []
        while ready and (room := most - len(taken)):
            first = [ready.popleft() for _ in range(min(room, len(ready)))]
            taken += [series for series in first if series.name in alive]
        return taken

    def _advance(self, now: int) -> None:
        timed = self._timed
        while timed and timed[0][0] <= now:
            self._ready.append(heappop(timed)[2])

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        alive, sequences = self.series, []
        for tag, kind in zip(outcomes.tags, outcomes.kinds, strict=True):
            series = alive.get(tag >> 32)
            if series is None:
                sequences.append(tag & NUMBER)
                continue
            taken = series.taken  # as `Series.sequence`, without a call
            sequences.append(taken - ((taken - tag) & NUMBER))
            if kind != REPLY or not self.many:
                series.ended += 1
        for tag in outcomes.ended:
            if (series := alive.get(tag >> 32)) is not None:
                series.ended += 1
        outcomes.sequences = array("Q", sequences)
        return outcomes

    def wake_at(self, now: int) -> int | None:
        if self._ready:
            return now
        timed = self._timed
        while timed and timed[0][1] not in self.series:
            heappop(timed)
        return max(timed[0][0], now) if timed else None
