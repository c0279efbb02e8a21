"""Reading the targets of a sweep: any iterable of hosts, networks and ranges, one part after another.

What is one target and what is many, what is left out, in which order and which share of it. Names are
handed on as they are; looking them up is the sweep's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import chain

import anyio.lowlevel
import attrs

from anyicmp.engine.permutation import Permutation
from anyicmp.engine.position import SweepPosition
from anyicmp.engine.targets import BadTarget, Name, Span, Target, parse_excluded, parse_target, subtract

__all__ = ["Found", "TargetReader", "Targets", "count_targets", "excluded"]

Targets = Target | Iterable[Target] | AsyncIterable[Target]

Found = Span | Name | BadTarget

SINGLE = (str, IPv4Address, IPv6Address, IPv4Network, IPv6Network)

COUNTABLE = 1 << 56
"""Numbers that targets may have: a probe's tag has so many bits for them."""


def excluded(targets: Target | Iterable[Target]) -> tuple[Span, ...]:
    """The spans to leave out. Raises ValueError for a name or what is no target."""
    many = (targets,) if isinstance(targets, SINGLE) else targets
    return tuple(chain.from_iterable(map(parse_excluded, many)))


def _size(found: Found) -> int:
    return found.count if isinstance(found, Span) else 1


def _part(found: Found, offset: int, count: int) -> Found:
    """`count` targets of what was found, from the `offset`-th on."""
    if isinstance(found, Span) and count < found.count:
        return attrs.evolve(found, first=found.first + offset, count=count)
    return found


def _check(targets: object) -> Iterable[object] | AsyncIterable[object]:
    """Make one target many, and find mistakes that can be found before anything is sent.

    Raises ValueError for an empty collection and for networks and ranges that are none, TypeError for
    what holds no targets. Generators are not touched: what is wrong in them becomes a SendFailure.
    """
    many = (targets,) if isinstance(targets, SINGLE) else targets
    if isinstance(many, AsyncIterable):
        return many
    if isinstance(many, (bytes, bytearray)) or not isinstance(many, Iterable):
        raise TypeError(f"targets must be hosts, addresses or networks, not {targets!r}")
    if isinstance(many, (list, tuple, set, frozenset)):
        if not many:
            raise ValueError("no targets: give at least one host, address or network")
        for target in many:
            if not isinstance(target, str) or "/" in target or "-" in target:
                found = parse_target(target)
                if isinstance(found, BadTarget) and found.malformed:
                    raise ValueError(f"{found.text}: {found.reason}")
    return many


async def count_targets(targets: Targets, *, exclude: Target | Iterable[Target] = ()) -> int:
    """How many targets a sweep of these has: the addresses of networks and ranges, and one for each name.

    They are read once, as a sweep reads them; nothing is looked up or sent. Raises ValueError or TypeError
    as `sweep` does.
    """
    reader = TargetReader(targets, excluded(exclude), None, (0, 1), SweepPosition())
    async for _ in reader:
        pass
    return reader.numbered


class TargetReader:
    """The targets with their numbers, in the order to probe them.

    Iterating yields (part, number of its first target) pairs; a part is a span, a name or a mistake.

    Attributes:
        numbered: targets handed out so far; with `shuffle` or `shard`, this shard's targets in all.
        skipped: how many of them had their outcome in an earlier sweep.
        places: with `shuffle` or `shard`, the places in the order of probing of those handed out, by number;
            whoever learns of an outcome takes its place out. Else a target's number is its place.
    """

    def __init__(
        self,
        targets: object,
        exclude: Iterable[Span],
        shuffle: int | None,
        shard: tuple[int, int],
        resume: SweepPosition,
    ) -> None:
        """Raises ValueError or TypeError for mistakes that show before anything is sent."""
        self.numbered = self.skipped = 0
        self.places: dict[int, int] | None = None if shuffle is None and shard == (0, 1) else {}
        self._resume = resume
        self._targets = _check(targets)
        self._exclude = tuple(exclude)
        self._shuffle = shuffle
        self._shard = shard

    def __aiter__(self) -> AsyncGenerator[tuple[Found, int]]:
        return self._in_turn() if self.places is None else self._permuted(self.places)

    async def _in_turn(self) -> AsyncGenerator[tuple[Found, int]]:
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                number = self.numbered
                if number >= COUNTABLE:
                    raise ValueError("no target can stand behind more than 2^56 others: large networks last")
                size = _size(part)
                self.numbered += size
                self.skipped += size
                for first, count in self._resume.left(number, size):
                    self.skipped -= count
                    yield _part(part, first - number, count), first

    async def _permuted(self, places: dict[int, int]) -> AsyncGenerator[tuple[Found, int]]:
        parts, starts, size = [], [], 0
        async for part in self._parts():
            parts.append(part)
            starts.append(size)
            size += _size(part)
        if size > COUNTABLE:
            raise ValueError("no more than 2^56 targets can be shuffled or shared out")
        index, of = self._shard
        order = range(size) if self._shuffle is None else Permutation(size, self._shuffle)
        positions = range(index, size, of)
        self.numbered = len(positions)
        left = list(self._resume.left(0, len(positions)))
        self.skipped = len(positions) - sum(count for _, count in left)
        for place in chain.from_iterable(range(first, first + count) for first, count in left):
            number = order[positions[place]]
            at = bisect_right(starts, number) - 1
            places[number] = place
            yield _part(parts[at], number - starts[at], 1), number

    async def _parts(self) -> AsyncGenerator[Found]:
        if isinstance(self._targets, AsyncIterable):
            nth = 0
            try:
                async for target in self._targets:
                    for part in self._parse(target):
                        yield part
                    nth += 1
                    await self._breathe(nth)
            finally:
                # Handed over in the call, it has nobody else who could close it.
                if isinstance(self._targets, AsyncGenerator):
                    await self._targets.aclose()
            return
        for nth, target in enumerate(self._targets, 1):
            for part in self._parse(target):
                yield part
            await self._breathe(nth)

    async def _breathe(self, nth: int) -> None:
        # Neither a plain iterable nor an asynchronous one need ever let other tasks run.
        if not nth % 256:
            await anyio.lowlevel.checkpoint()

    def _parse(self, target: object) -> Iterable[Found]:
        try:
            found = parse_target(target)
        except TypeError as error:
            return (BadTarget(repr(target), str(error)),)
        return subtract(found, self._exclude) if isinstance(found, Span) else (found,)
