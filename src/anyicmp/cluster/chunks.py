"""How a sweep is divided into chunks, what share of the rate each has, and what of their news is new.

Deterministic: it is told of workers, parcels and failures, and knows neither Dask nor a clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise

import attrs

from anyicmp import SweepPosition

__all__ = ["ATTEMPTS", "LANES", "Chunk", "Division", "GivenUp"]

LANES = 3
"""Chunks that a worker may have at once: while one waits for its last answers, the others send."""

SENDING = 2
"""Chunks of a worker among which the rate is divided; the third is there for those that only wait."""

ATTEMPTS = 3
"""As often an attempt at a chunk may fail before the chunk is given up."""

BEYOND = (1 << 56) - 1
"""No target has a larger number."""


@attrs.frozen(kw_only=True, order=False)
class GivenUp:
    """Targets that were given up, and why.

    Attributes:
        first, count: their places in the order of probing.
        reason: a sentence.
    """

    first: int
    count: int
    reason: str

    def __str__(self) -> str:
        return f"targets {self.first} to {self.first + self.count - 1}: {self.reason}"


@attrs.define(eq=False)
class Run:
    """One attempt at a chunk: packets sent, as it last said, and outcomes that nobody else had brought."""

    sent: int = 0
    brought: int = 0


@attrs.define(eq=False)
class Chunk:
    """Neighbouring places in the order of probing.

    Attributes:
        number: of the chunk.
        first, count: its places.
        position: what of them has an outcome; all that is not the chunk's has one.
        share: part of the rate, 0 to 1.
        sending: there is something left to send for the first time.
        failures: attempts that failed.
        attempt: number of the present attempt.
    """

    number: int
    first: int
    count: int
    position: SweepPosition
    share: float = 1.0
    sending: bool = True
    failures: int = 0
    attempt: int = 0
    _seen: array[int] = attrs.field(factory=lambda: array("Q"))
    _runs: dict[str, Run] = attrs.field(factory=dict)

    def left(self) -> list[tuple[int, int]]:
        """Its places without an outcome, as (first, count) pairs."""
        return list(self.position.left(self.first, self.count))


def _only(left: Sequence[tuple[int, int]]) -> SweepPosition:
    """The position from which a sweep probes these places, (first, count) pairs in order, and no others."""
    ends = [(first, first + count - 1) for first, count in left]
    gaps = [(last + 1, first - 1) for (_, last), (first, _) in pairwise(ends)]
    return SweepPosition(ends[0][0], (*gaps, (ends[-1][1] + 1, BEYOND)))


class Division:
    """The chunks of one sweep.

    Attributes:
        total: targets to probe.
        done: outcomes handed on.
        given_up: what was given up.
    """

    def __init__(self, targets: int, *, size: int, resume: SweepPosition, limited: bool) -> None:
        """`size`: targets of a chunk. `limited`: there is a rate to share."""
        self._targets = targets
        self._size = size
        self._resume = resume
        self._limited = limited
        self._next = 0
        self._active: dict[int, Chunk] = {}
        self._again: list[Chunk] = []
        self._ended_sent = 0
        self._ended_again = 0
        self.total = sum(count for _, count in resume.left(0, targets))
        self.done = 0
        self.given_up: list[GivenUp] = []

    # Chunks out.

    def next(self, workers: int) -> Chunk | None:
        """The chunk to begin now, None if none should be, with so many workers."""
        running = len(self._active) - len(self._again)
        if running >= workers * LANES:
            return None
        share = 1.0
        if self._limited:
            share = 1 / (workers * SENDING)
            waiting = {chunk.number for chunk in self._again}
            used = sum(c.share for c in [*self._active.values()] if c.sending and c.number not in waiting)
            # What is left of a share that others hold is worth waiting for until it is a whole one.
            if 1 - used < share * 0.999:
                return None
        chunk = self._again.pop(0) if self._again else self._new()
        if chunk is not None:
            chunk.share = share
        return chunk

    def _new(self) -> Chunk | None:
        while (first := self._next * self._size) < self._targets:
            number, count = self._next, min(self._size, self._targets - first)
            self._next += 1
            left = list(self._resume.left(first, count))
            if left:
                chunk = self._active[number] = Chunk(number, first, count, _only(left))
                return chunk
        return None

    # News in.

    def take(
        self, number: int, run: str, numbers: Sequence[int], *, sent: int, position: str, over: bool
    ) -> list[int] | None:
        """A parcel has come: which of its outcomes nobody had yet, by index; None: all of them.

        Args:
            number: of the chunk.
            run: which attempt it is of, by whoever made it: the engine repeats a job by itself.
            numbers: the targets' numbers.
            sent: packets that this attempt has sent so far.
            position: what it knows to have an outcome.
            over: nothing more will come of the chunk.
        """
        chunk = self._active.get(number)
        if chunk is None or chunk in self._again:
            self._ended_again += len(numbers)
            return []
        if run not in chunk._runs:
            chunk.sending = True  # once more, if another run had sent all
        ours = chunk._runs.setdefault(run, Run())
        new: list[int] | None = None
        if len(chunk._runs) > 1:
            seen = set(chunk._seen)
            new = [i for i, n in enumerate(numbers) if n not in seen]
        brought = len(numbers) if new is None else len(new)
        chunk._seen.extend(numbers)
        ours.sent = sent
        ours.brought += brought
        self.done += brought
        if _ahead(chunk, position):
            chunk.position = SweepPosition.of(position)
        chunk.sending = chunk.sending and ours.sent < sum(count for _, count in chunk.left()) + ours.brought
        if over:
            self._end(chunk)
        return new

    def fail(self, number: int, reason: str, *, for_good: bool = False) -> None:
        """An attempt at a chunk has failed; it is tried again, or given up (at once with `for_good`)."""
        chunk = self._active.get(number)
        if chunk is None:
            return
        chunk.failures += 1
        if for_good or chunk.failures >= ATTEMPTS:
            self.given_up += [GivenUp(first=a, count=n, reason=reason) for a, n in chunk.left()]
            self._end(chunk)
        else:
            chunk.attempt += 1
            self._again.append(chunk)

    def _end(self, chunk: Chunk) -> None:
        self._ended_sent += sum(run.sent for run in chunk._runs.values())
        self._ended_again += _for_nothing(chunk)
        del self._active[chunk.number]

    # How far it is.

    @property
    def over(self) -> bool:
        """Whether all chunks have ended."""
        return not self._active and self._next * self._size >= self._targets

    def is_active(self, number: int) -> bool:
        """Whether a chunk has begun and not ended."""
        return number in self._active

    @property
    def sent(self) -> int:
        """Packets sent, as far as attempts have said."""
        return self._ended_sent + sum(r.sent for c in [*self._active.values()] for r in [*c._runs.values()])

    @property
    def sent_again(self) -> int:
        """Packets, at least, that were sent for nothing: by attempts that came to no end, or twice."""
        return self._ended_again + sum(map(_for_nothing, [*self._active.values()]))

    @property
    def position(self) -> SweepPosition:
        """What has an outcome, in the whole sweep. What was given up has none."""
        ends = [(first, first + count) for first, count in sorted(self._left())]
        if not ends:
            return SweepPosition(self._targets)
        done = [(end, first - 1) for (_, end), (first, _) in pairwise(ends) if first > end]
        if ends[-1][1] < self._targets:
            done.append((ends[-1][1], self._targets - 1))
        return SweepPosition(ends[0][0], tuple(done))

    def _left(self) -> Iterator[tuple[int, int]]:
        for chunk in [*self._active.values()]:  # copies: it may be asked for from another thread
            yield from chunk.left()
        for part in [*self.given_up]:
            yield part.first, part.count
        first = min(self._next * self._size, self._targets)
        yield from self._resume.left(first, self._targets - first)


def _ahead(chunk: Chunk, position: str) -> bool:
    """Whether a position says more than what is known of the chunk. Attempts may be behind one another."""
    ours = sum(count for _, count in chunk.left())
    theirs = sum(count for _, count in SweepPosition.of(position).left(chunk.first, chunk.count))
    return theirs < ours


def _for_nothing(chunk: Chunk) -> int:
    """What all attempts but the last one sent without bringing an outcome."""
    runs = list(chunk._runs.values())
    return sum(max(0, run.sent - run.brought) for run in runs[:-1])
