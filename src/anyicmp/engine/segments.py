"""Segments: neighbouring addresses yet to be probed, the order in which they are handed out, their columns.

When they are probed and what becomes of the probes is the plan's. No more is expanded than fits a call.
"""

from __future__ import annotations

from array import array
from collections import deque
from sys import byteorder
from typing import Protocol

import attrs

from anyicmp.wire.wide import counting, ones, ramp, wide

__all__ = ["ATTEMPTS", "DOUBTS", "PROBES", "InOrder", "Segment", "Segments", "numbers_of"]

ATTEMPTS = 256
"""Probes that a target may have, the first one included: the tag has 8 bits for them."""

DOUBTS = 4
"""As many probes in a row may be lost on this host before a target is called silent: two bits of the tag."""

PROBES = ATTEMPTS * DOUBTS

MARK_BITS = PROBES.bit_length() - 1
NUMBER = (1 << 64 - MARK_BITS) - 1
"""A tag is a number of so many bits before so many bits of mark."""


@attrs.define
class Segment:
    """`count` neighbouring addresses still to probe, from `first` on; `sequence` numbers the first.

    `mark` is what of their tags is not the number: 256 for each probe that this host may have lost, plus
    the attempt.
    """

    first: int
    count: int
    sequence: int
    scope: int = 0
    mark: int = 0

    @property
    def attempt(self) -> int:
        """How many probes the addresses have had, those lost on this host left out."""
        return self.mark % ATTEMPTS

    def addresses(self, width: int) -> bytes:
        """The addresses as a packed column, of so many octets each."""
        # All at once: each is a lane, as wide as an address and the first one foremost.
        lanes = self.first * ones(self.count, width) + counting(self.count, width, "big")
        return lanes.to_bytes(self.count * width, "big")

    def tags(self) -> array[int]:
        """The tags of the probes to them, as a column."""
        lanes = ramp(self.sequence * PROBES + self.mark, PROBES, self.count)
        return array("Q", lanes.to_bytes(8 * self.count, byteorder))

    def cut(self, n: int) -> Segment:
        """The first n addresses, taken off; there are at least as many."""
        front = Segment(self.first, n, self.sequence, self.scope, self.mark)
        self.first += n
        self.sequence += n
        self.count -= n
        return front

    def join(self, other: Segment) -> bool:
        """Take in the segment that follows this one; False, and nothing is done, if another does."""
        end, number = self.first + self.count, self.sequence + self.count
        follows = (other.first, other.sequence, other.scope, other.mark) == (
            end,
            number,
            self.scope,
            self.mark,
        )
        if follows:
            self.count += other.count
        return follows


def numbers_of(tags: array[int]) -> array[int]:
    """The targets' numbers in a column of tags."""
    n = len(tags)
    lanes = wide(tags) >> MARK_BITS & NUMBER * ones(n)
    return array("Q", lanes.to_bytes(8 * n, byteorder))


class Segments(Protocol):
    """Where segments wait. Its length is how many of them do.

    Attributes:
        ahead: as many may wait before no more are needed.
    """

    ahead: int

    def __len__(self) -> int: ...

    def add(self, segment: Segment) -> None:
        """One more; those to probe again (with a mark) go before those that are new."""
        ...

    def take(self, most: int, now: int, attempt: int | None = None) -> Segment | None:
        """Up to `most` (at least 1) neighbours that are due; None: none is, or none of this attempt."""
        ...

    def due(self, now: int) -> int | None:
        """When `take` has something next, in nanoseconds; None: nothing waits."""
        ...


class InOrder:
    """All is due at once: first what is probed again, then what is new, in the order in which it came."""

    ahead = 1024

    def __init__(self) -> None:
        self._lines: dict[int, deque[Segment]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def add(self, segment: Segment) -> None:
        """See `Segments.add`."""
        line = self._lines.get(segment.attempt)
        if line is None:
            line = self._lines[segment.attempt] = deque()
        if segment.mark and line and line[-1].join(segment):
            return
        if segment.mark and not segment.attempt:
            line.appendleft(segment)
        else:
            line.append(segment)
        self._waiting += 1

    def take(self, most: int, now: int, attempt: int | None = None) -> Segment | None:
        """See `Segments.take`."""
        if attempt is None:
            attempt = max(self._lines, default=0)
        line = self._lines.get(attempt)
        if line is None:
            return None
        if line[0].count > most:
            return line[0].cut(most)
        segment = line.popleft()
        self._waiting -= 1
        if not line:
            del self._lines[attempt]
        return segment

    def due(self, now: int) -> int | None:
        """See `Segments.due`."""
        return now if self._waiting else None
