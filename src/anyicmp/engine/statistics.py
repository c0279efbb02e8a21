"""Round-trip figures of a series of probes, kept up as outcomes come in.

Counts and sums in constant memory, quantiles over the most recent round trips. No outcome is kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from copy import copy
from itertools import repeat
from math import fsum, nan, sqrt
from operator import mul, sub

import attrs

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, OutcomeBatch
from anyicmp.results import KINDS, ErrorReply, Outcome, Reply, Statistics

__all__ = ["RECENT", "Moments", "Tally", "figures", "quantile"]

RECENT = 65536
"""Median, p95 and p99 are over so many round trips, the latest ones."""

CHUNK = 64
"""Round trips that are folded into moments together, before they are forgotten or when someone asks."""


@attrs.define
class Moments:
    """What is kept of round trips that are not kept themselves."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    jitter: float = 0.0
    last: float | None = None
    minimum: float | None = None
    maximum: float | None = None

    def fold(self, rtts: Sequence[float], *, in_order: bool) -> float:
        """Take more round trips in; returns their sum.

        `in_order`: the difference of neighbours means something.
        """
        if not rtts:
            return 0.0
        if in_order:
            jitter, last = self.jitter, rtts[0] if self.last is None else self.last
            for rtt in rtts:
                jitter += (abs(rtt - last) - jitter) / 16
                last = rtt
            self.jitter = jitter
        self.last = rtts[-1]
        lowest, highest = min(rtts), max(rtts)
        self.minimum = lowest if self.minimum is None else min(self.minimum, lowest)
        self.maximum = highest if self.maximum is None else max(self.maximum, highest)
        # Mean and squares of two series together (Chan, Golub and LeVeque, 1979).
        n, total, together = len(rtts), self.count + len(rtts), fsum(rtts)
        mean = together / n
        delta = mean - self.mean
        apart = list(map(sub, rtts, repeat(mean)))
        self.squares += fsum(map(mul, apart, apart)) + delta * delta * self.count * n / total
        self.mean += delta * n / total
        self.count = total
        return together

    def take(self, rtt: float) -> None:
        """Take one more round trip in, in order."""
        if self.last is None:
            self.minimum = self.maximum = rtt
        else:
            self.jitter += (abs(rtt - self.last) - self.jitter) / 16
            if rtt < self.minimum:  # type: ignore[operator] # there is one where there is a last
                self.minimum = rtt
            elif rtt > self.maximum:  # type: ignore[operator]
                self.maximum = rtt
        self.last = rtt
        # Welford's mean and squares, a round trip at a time.
        self.count += 1
        delta = rtt - self.mean
        self.mean += delta / self.count
        self.squares += delta * (rtt - self.mean)


class Tally:
    """Takes outcome batches, gives `Statistics`.

    `errors_answer`: an ICMP error counts as an answer too, with its round trip (the hops of a trace).
    `one_host`: the round trips are of one host, in order; of many hosts there is no jitter.
    """

    def __init__(self, *, errors_answer: bool = False, one_host: bool = True) -> None:
        self._one_host = one_host
        self._answers = frozenset((REPLY, ERROR)) if errors_answer else frozenset((REPLY,))
        self._kinds = [0, 0, 0, 0]
        self._received = 0
        self._answered_tags: set[int] = set()
        self._duplicates = 0
        self._late = 0
        # The k-th round trip of all stands at place k, modulo their number once there are more than are kept.
        self._recent = array("d")
        self._kept = self._folded = 0
        self._chunk = min(CHUNK, RECENT)
        self._moments = Moments()

    def add(self, outcomes: OutcomeBatch, *, many: bool = False, rows: Sequence[int] | None = None) -> None:
        """Count a batch, or some of its rows. `many`: a probe may have a reply from each of many hosts."""
        whole, n = rows is None, len(outcomes)
        if whole and outcomes.kinds.count(TIMEOUT) == n:
            self._kinds[TIMEOUT] += n
            rows = ()
        elif whole and not many and outcomes.kinds.count(REPLY) == n:
            self._kinds[REPLY] += n
            self._received += n
            self._keep(outcomes.rtts)
            rows = ()
        for i in range(n) if rows is None else rows:
            self.count(outcomes.kinds[i], outcomes.rtts[i], outcomes.tags[i] if many else None)
        if whole:
            self._duplicates += len(outcomes.copies)
            self._late += len(outcomes.late)
            self._answered_tags.difference_update(outcomes.ended)

    def count(self, kind: int, rtt: float, probe: int | None = None) -> None:
        """Count one outcome; `probe` names the probe where one may have several replies."""
        if probe is not None and kind == REPLY:
            if probe in self._answered_tags:
                self._keep_one(rtt)
                return
            self._answered_tags.add(probe)
        self._kinds[kind] += 1
        if kind in self._answers:
            self._received += 1
            self._keep_one(rtt)

    def end(self, probe: int) -> None:
        """No more replies to this probe will come."""
        self._answered_tags.discard(probe)

    def add_copy(self) -> None:
        """Another copy of an answer came."""
        self._duplicates += 1

    def add_late(self) -> None:
        """An answer came after its probe's timeout."""
        self._late += 1

    @property
    def failed(self) -> int:
        """Probes that could not be sent."""
        return self._kinds[FAILED]

    def _keep(self, rtts: Sequence[float]) -> None:
        """Among the recent ones, instead of the oldest."""
        at, recent = 0, self._recent
        while at < len(rtts):
            place = self._kept % RECENT
            part = rtts[at : at + RECENT - place]
            after = self._kept + len(part)
            self._fold(after - RECENT)
            if place == len(recent):
                recent.extend(part)
            else:
                recent[place : place + len(part)] = array("d", part)
            at, self._kept = at + len(part), after

    def _keep_one(self, rtt: float) -> None:
        """The same with one: a ping has no time for columns."""
        kept = self._kept
        if kept < RECENT:
            self._recent.append(rtt)
        else:
            self._fold(kept + 1 - RECENT)
            self._recent[kept % RECENT] = rtt
        self._kept = kept + 1

    def _fold(self, until: int) -> None:
        """Take at least the first so many of all round trips into the moments: they are forgotten next.

        Chunks of one size, so that the figures do not depend on how the outcomes came.
        """
        while self._folded < until:
            at = self._folded % RECENT
            self._moments.fold(self._recent[at : at + self._chunk], in_order=self._one_host)
            self._folded += self._chunk

    def statistics(self, *, sent: int | None = None) -> Statistics:
        """The figures so far. `sent` counts probes still in flight too; without it, ended ones alone."""
        ended = self._kinds[REPLY] + self._kinds[ERROR] + self._kinds[TIMEOUT]
        ordered = sorted(self._recent)
        self._fold(self._kept - self._kept % self._chunk)
        moments, rest = copy(self._moments), self._folded % RECENT
        moments.fold(self._recent[rest : rest + self._kept - self._folded], in_order=self._one_host)
        return Statistics(
            sent=ended if sent is None else sent,
            received=self._received,
            errors=self._kinds[ERROR],
            failed=self._kinds[FAILED],
            duplicates=self._duplicates,
            late=self._late,
            loss=1 - self._received / ended if ended else None,
            last=moments.last,
            minimum=moments.minimum,
            average=moments.mean if moments.count else None,
            maximum=moments.maximum,
            stddev=sqrt(moments.squares / (moments.count - 1)) if moments.count > 1 else None,
            median=quantile(ordered, 0.5),
            p95=quantile(ordered, 0.95),
            p99=quantile(ordered, 0.99),
            jitter=moments.jitter if self._one_host and moments.count > 1 else None,
        )


def figures(rows: Sequence[Outcome], *, many: bool, duplicates: int, late: int) -> Statistics:
    """The figures of a series whose outcomes are all there. `many` as in `Tally.add`."""
    tally = Tally()
    for row in rows:
        rtt = row.rtt if isinstance(row, Reply | ErrorReply) else nan
        tally.count(KINDS.index(row.kind), rtt, row.sequence if many else None)
    for _ in range(duplicates):
        tally.add_copy()
    for _ in range(late):
        tally.add_late()
    return tally.statistics()


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which `share` of sorted values lie, interpolated between neighbours; None of none."""
    if not ordered:
        return None
    at = (len(ordered) - 1) * share
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
