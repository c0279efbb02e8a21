"""Reading the targets of a sweep: any iterable of hosts, networks and ranges, one part after another.

What is one target and what is many, what is left out, in which order and which share of it. Names are
handed on as they are; looking them up is the sweep's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import anyio.lowlevel
import attrs

from anyicmp.engine.permutation import Permutation
from anyicmp.engine.targets import BadTarget, Name, Span, Target, parse_target, subtract

__all__ = ["Found", "TargetReader", "Targets", "excluded"]

Targets = Target | Iterable[Target] | AsyncIterable[Target]

Found = Span | Name | BadTarget

SINGLE = (str, IPv4Address, IPv6Address, IPv4Network, IPv6Network)

COUNTABLE = 1 << 56
"""Numbers that targets may have: a probe's tag has so many bits for them."""


def excluded(targets: Target | Iterable[Target]) -> tuple[Span, ...]:
    """The spans to leave out. Raises ValueError for a name or what is no target."""
    many = (targets,) if isinstance(targets, SINGLE) else targets
    return tuple(_excluded(target) for target in many)


def _excluded(target: Target) -> Span:
    match parse_target(target):
        case Span() as span:
            return span
        case Name(text=text):
            raise ValueError(f"exclude takes addresses, networks and ranges, not a name: {text!r}")
        case BadTarget(text=text, reason=reason):
            raise ValueError(f"exclude: {text}: {reason}")


def _size(found: Found) -> int:
    return found.count if isinstance(found, Span) else 1


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


class TargetReader:
    """The targets with their numbers, in the order to probe them.

    Iterating yields (part, number of its first target) pairs; a part is a span, a name or a mistake.

    Attributes:
        numbered: targets handed out so far; with `shuffle` or `shard`, this shard's targets in all.
    """

    def __init__(
        self, targets: object, exclude: Iterable[Span], shuffle: int | None, shard: tuple[int, int]
    ) -> None:
        """Raises ValueError or TypeError for mistakes that show before anything is sent."""
        self.numbered = 0
        self._targets = _check(targets)
        self._exclude = tuple(exclude)
        self._shuffle = shuffle
        self._shard = shard

    def __aiter__(self) -> AsyncGenerator[tuple[Found, int]]:
        in_turn = self._shuffle is None and self._shard == (0, 1)
        return self._in_turn() if in_turn else self._permuted()

    async def _in_turn(self) -> AsyncGenerator[tuple[Found, int]]:
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                number = self.numbered
                if number >= COUNTABLE:
                    raise ValueError("no target can stand behind more than 2^56 others: large networks last")
                self.numbered += _size(part)
                yield part, number

    async def _permuted(self) -> AsyncGenerator[tuple[Found, int]]:
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
        for position in positions:
            number = order[position]
            at = bisect_right(starts, number) - 1
            part = parts[at]
            if isinstance(part, Span):
                part = attrs.evolve(part, first=part.first + number - starts[at], count=1)
            yield part, number

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
