"""Where a sweep is: which of its targets have had their outcome, in the order in which they are probed.

It is kept up as outcomes are handed out, and it says what is left. What the targets are is not known here.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Self

import attrs

from anyicmp.wire.wide import counting, ones, wide

__all__ = ["Ended", "SweepPosition"]

FEW = 256
"""Up to so many, as a batch has, are compared at once: for each number there is a column to keep."""


@attrs.frozen(order=False)
class SweepPosition:
    """From where a sweep of the same targets, in the same order, goes on.

    Its text (`str`) can be stored, and be given instead of it.

    Attributes:
        start: all targets before this one, counted from 0 in the order of probing, have their outcome.
        done: those behind it that have theirs as well, as (first, last) pairs, both included, in order.
    """

    start: int = 0
    done: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """The position of a text. Raises ValueError for what is none."""
        try:
            start, *ranges = text.split(",")
            pairs = [part.partition("-") for part in ranges]
            position = cls(int(start), tuple((int(a), int(b if dash else a)) for a, dash, b in pairs))
        except ValueError:
            raise ValueError(f"not a position in a sweep: {text!r}") from None
        edges = [edge + k for pair in position.done for k, edge in enumerate(pair)]
        if position.start < 0 or any(b <= a for a, b in pairwise([position.start, *edges])):
            raise ValueError(f"not a position in a sweep: {text!r}")
        return position

    def __str__(self) -> str:
        ranges = (str(first) if first == last else f"{first}-{last}" for first, last in self.done)
        return ",".join((str(self.start), *ranges))

    def left(self, first: int, count: int) -> Iterator[tuple[int, int]]:
        """What of `count` targets from `first` on has no outcome, as (first, count) pairs."""
        end, at = first + count, max(first, self.start)
        for begin, last in self.done:
            if begin >= end:
                break
            if begin > at:
                yield at, begin - at
            at = max(at, last + 1)
        if at < end:
            yield at, end - at


class Ended:
    """Targets that have their outcome: all before one, and flags for those behind it.

    What had theirs at the beginning stays a range: it may be as large as it likes.
    """

    def __init__(self, position: SweepPosition) -> None:
        self._start = position.start
        self._flags = bytearray()
        self._before = deque(position.done)
        self._advance()

    def end(self, places: array[int]) -> None:
        """These targets, by their places in the order of probing, have theirs now."""
        n, first = len(places), places[0]
        if places[-1] - first == n - 1 and _in_a_row(places, n):
            if first == self._start and not self._flags:
                self._start += n
                if self._before:
                    self._advance()
                return
            self._set(first, n)
        else:
            for place in places:
                self._set(place, 1)
        self._advance()

    def _advance(self) -> None:
        """Let the start go over all that follows it and has its outcome."""
        while True:
            over = self._flags.find(0)
            over = len(self._flags) if over < 0 else over
            if not over and self._before and self._before[0][0] <= self._start:
                over = max(0, self._before.popleft()[1] + 1 - self._start)
            elif not over:
                return
            del self._flags[:over]
            self._start += over

    def _set(self, first: int, count: int) -> None:
        at = first - self._start
        if len(self._flags) < at + count:
            self._flags += bytes(at + count - len(self._flags))
        self._flags[at : at + count] = b"\1" * count

    @property
    def position(self) -> SweepPosition:
        """From where it would go on."""
        ranges, at = list(self._before), self._start
        for flag, run in groupby(self._flags):
            count = sum(1 for _ in run)
            if flag:
                ranges.append((at, at + count - 1))
            at += count
        done: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            if done and done[-1][1] + 1 == first:
                first = done.pop()[0]
            done.append((first, last))
        return SweepPosition(self._start, tuple(done))


def _in_a_row(places: array[int], n: int) -> bool:
    """Whether n places follow one another."""
    if n > FEW:
        return places == array("Q", range(places[0], places[0] + n))
    return wide(places) == places[0] * ones(n) + counting(n)
