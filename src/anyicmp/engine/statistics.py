"""Round-trip figures of a series of probes, kept up as outcomes come in.

Counts and sums in constant memory, quantiles over the most recent round trips. No outcome is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import sqrt

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, OutcomeBatch
from anyicmp.results import Statistics

__all__ = ["RECENT", "Tally", "quantile"]

RECENT = 65536
"""Median, p95 and p99 are over so many round trips, the latest ones."""


class Tally:
    """Takes outcome batches, gives `Statistics`.

    `errors_answer`: an ICMP error counts as an answer too, with its round trip (the hops of a trace).
    """

    def __init__(self, *, errors_answer: bool = False) -> None:
        self._answers = frozenset((REPLY, ERROR)) if errors_answer else frozenset((REPLY,))
        self._kinds = [0, 0, 0, 0]
        self._received = 0
        self._answered_tags: set[int] = set()
        self._duplicates = 0
        self._late = 0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0
        self._jitter = 0.0
        self._last: float | None = None
        self._minimum: float | None = None
        self._maximum: float | None = None

    def add(self, outcomes: OutcomeBatch, *, many: bool = False, rows: Sequence[int] | None = None) -> None:
        """Count a batch, or some of its rows. `many`: a probe may have a reply from each of many hosts."""
        for i in range(len(outcomes)) if rows is None else rows:
            kind = outcomes.kinds[i]
            if many and kind == REPLY:
                if outcomes.tags[i] in self._answered_tags:
                    self._add_round_trip(outcomes.rtts[i])
                    continue
                self._answered_tags.add(outcomes.tags[i])
            self._kinds[kind] += 1
            if kind in self._answers:
                self._received += 1
                self._add_round_trip(outcomes.rtts[i])
        if rows is None:
            self._duplicates += len(outcomes.copies)
            self._late += len(outcomes.late)
            self._answered_tags.difference_update(outcomes.ended)

    @property
    def failed(self) -> int:
        """Probes that could not be sent."""
        return self._kinds[FAILED]

    def _add_round_trip(self, rtt: float) -> None:
        self._recent.append(rtt)
        self._count += 1
        delta = rtt - self._mean
        self._mean += delta / self._count
        self._squares += delta * (rtt - self._mean)
        if self._last is None or self._minimum is None or self._maximum is None:
            self._minimum = self._maximum = rtt
        else:
            self._jitter += (abs(rtt - self._last) - self._jitter) / 16
            self._minimum = min(self._minimum, rtt)
            self._maximum = max(self._maximum, rtt)
        self._last = rtt

    def statistics(self, *, sent: int | None = None) -> Statistics:
        """The figures so far. `sent` counts probes still in flight too; without it, ended ones alone."""
        ended = self._kinds[REPLY] + self._kinds[ERROR] + self._kinds[TIMEOUT]
        ordered = sorted(self._recent)
        return Statistics(
            sent=ended if sent is None else sent,
            received=self._received,
            errors=self._kinds[ERROR],
            failed=self._kinds[FAILED],
            duplicates=self._duplicates,
            late=self._late,
            loss=1 - self._received / ended if ended else None,
            last=self._last,
            minimum=self._minimum,
            average=self._mean if self._count else None,
            maximum=self._maximum,
            stddev=sqrt(self._squares / (self._count - 1)) if self._count > 1 else None,
            median=quantile(ordered, 0.5),
            p95=quantile(ordered, 0.95),
            p99=quantile(ordered, 0.99),
            jitter=self._jitter if self._count > 1 else None,
        )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which `share` of sorted values lie, interpolated between neighbours; None of none."""
    if not ordered:
        return None
    at = (len(ordered) - 1) * share
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
