"""Histogram: how many durations were about how long, in few octets and for as long as you like.

Classes of equal ratio, so that a quantile is as right for a LAN as for a satellite. No duration is kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, repeat

__all__ = ["Histogram"]

BASE = 0.00005
PER_OCTAVE = 16
"""Classes between a duration and twice as much: each is 4.4 % wide."""

LOWEST, HIGHEST = -6 * PER_OCTAVE, 20 * PER_OCTAVE
"""From 0.8 microseconds to 52 seconds; what is beyond counts in the last class on its side."""

_BOUNDS = [BASE * 2 ** (k / PER_OCTAVE) for k in range(LOWEST, HIGHEST)]
"""Up to which a duration belongs to each class; the last class has none."""


class Histogram:
    """Counts of durations in seconds. It takes room for the classes between the extremes that it has seen."""

    __slots__ = ("_counts", "_first")

    def __init__(self) -> None:
        self._counts = array("I")
        self._first = 0

    def add(self, duration: float, n: int = 1) -> None:
        """Count a duration, n times."""
        at = bisect_left(_BOUNDS, duration) + LOWEST
        if not 0 <= at - self._first < len(self._counts):
            self._widen(at)
        try:
            self._counts[at - self._first] += n
        except OverflowError:
            self._counts = array("Q", self._counts)
            self._counts[at - self._first] += n

    def add_all(self, durations: Sequence[float]) -> None:
        """Count durations, one at least, each once."""
        classes = list(map(bisect_left, repeat(_BOUNDS), durations))
        for extreme in (min(classes), max(classes)):
            if not 0 <= extreme + LOWEST - self._first < len(self._counts):
                self._widen(extreme + LOWEST)
        counts, shift = self._counts, LOWEST - self._first
        for at in classes:
            try:
                counts[at + shift] += 1
            except OverflowError:
                self._counts = counts = array("Q", counts)
                counts[at + shift] += 1

    def _widen(self, at: int) -> None:
        counts = self._counts
        if not counts:
            self._first = at
        zeros = array(counts.typecode, [0])
        if at < self._first:
            self._counts = zeros * (self._first - at) + counts
            self._first = at
        else:
            self._counts = counts + zeros * (at - self._first + 1 - len(counts))

    @property
    def total(self) -> int:
        """How many durations were counted."""
        return sum(self._counts)

    def up_to(self, doublings: int) -> tuple[int, ...]:
        """How many were at most 50 microseconds, 100, 200 and so on: `doublings` numbers, cumulated."""
        below = tuple(accumulate(self._counts, initial=0))
        # Bounds below all that was seen have none, those above have all.
        last = len(below) - 1
        at = 1 - self._first
        lower = min(doublings, max(0, -(at // PER_OCTAVE)))
        upper = min(doublings, max(lower, -((at - last) // PER_OCTAVE)))
        inner = below[lower * PER_OCTAVE + at : upper * PER_OCTAVE + at : PER_OCTAVE]
        return (0,) * lower + inner + below[-1:] * (doublings - upper)

    def quantile(self, share: float) -> float | None:
        """The middle of the class in which `share` of the durations are reached; None of none."""
        wanted, total = share * self.total, 0
        for i, n in enumerate(self._counts, self._first):
            total += n
            if n and total >= wanted:
                return float(BASE * 2 ** ((i - 0.5) / PER_OCTAVE))
        return None
