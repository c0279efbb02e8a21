"""Many small batches of outcomes as few large ones that take little memory.

For whoever keeps a whole sweep. What the rows say is the same before and after.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import compress
from operator import ne
from typing import overload

from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.results import KINDS

__all__ = ["Gathering"]

ROWS = 65_536
"""Rows of a large batch."""

EXCEPTIONS = 64
"""A column is kept by kind if at most one row in so many says something else."""

BY_KIND = ("scopes", "sizes", "duplicates", "kernel")
OF_ROWS = (*BY_KIND, "packed", "sequences", "rtts", "kinds", "sources", "ttls", "sent_at")
BY_INDEX = ("errors", "failures")


class ByKind(Sequence[int]):
    """A column whose rows mostly say the same as others of their kind."""

    __slots__ = ("_exceptions", "_kinds", "_usual")

    def __init__(self, kinds: bytearray, usual: tuple[int, ...], exceptions: dict[int, int]) -> None:
        self._kinds, self._usual, self._exceptions = kinds, usual, exceptions

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        found = self._exceptions.get(i)
        return self._usual[self._kinds[i]] if found is None else found

    def __iter__(self) -> Iterator[int]:
        usual = map(self._usual.__getitem__, self._kinds)
        return map(self._exceptions.get, range(len(self)), usual) if self._exceptions else usual


class Gathering:
    """Takes batches in the order in which they came and gives them back as few."""

    def __init__(self) -> None:
        self._done: list[OutcomeBatch] = []
        self._open: OutcomeBatch | None = None

    def add(self, batch: OutcomeBatch) -> None:
        """One more, whose columns nobody changes any more."""
        whole = self._open
        if whole is None or len(whole) + len(batch) > ROWS or _kind(whole) != _kind(batch):
            self._close()
            whole = self._open = OutcomeBatch(batch.version)
            whole.timeout, whole.nowhere, whole.host = batch.timeout, batch.nowhere, batch.host
            whole.hosts, whole.zones = batch.hosts, batch.zones
        at = len(whole)
        for name in OF_ROWS:
            getattr(whole, name).extend(getattr(batch, name))
        for name in BY_INDEX:
            getattr(whole, name).update((at + i, what) for i, what in getattr(batch, name).items())
        whole.local.update(at + i for i in batch.local)

    def batches(self) -> tuple[OutcomeBatch, ...]:
        """All of them."""
        self._close()
        return tuple(self._done)

    def _close(self) -> None:
        if self._open is not None:
            _compact(self._open)
            self._done.append(self._open)
            self._open = None


def _kind(batch: OutcomeBatch) -> tuple[object, ...]:
    """What rows of one batch have in common."""
    names = [id(names) if names else 0 for names in (batch.hosts, batch.zones)]
    return batch.version, batch.timeout, batch.nowhere, batch.host, *names


def _compact(batch: OutcomeBatch) -> None:
    """Give back what the columns do not need, and keep those by kind that can be."""
    batch.packed, batch.kinds = bytearray(batch.packed), bytearray(batch.kinds)
    batch.sources = batch.packed if batch.sources == batch.packed else bytearray(batch.sources)
    batch.sequences, batch.ttls = array("Q", batch.sequences), array("h", batch.ttls)
    batch.rtts, batch.sent_at = array("d", batch.rtts), array("d", batch.sent_at)
    batch.tags = array("Q")  # the plan has read them
    firsts = [batch.kinds.find(kind) for kind in range(len(KINDS))]
    for name in BY_KIND:
        column = getattr(batch, name)
        usual = tuple(column[first] if first >= 0 else 0 for first in firsts)
        exceptions = {}
        if column.count(column[0]) < len(column):
            unusual = map(ne, column, map(usual.__getitem__, batch.kinds))
            exceptions = {i: column[i] for i in compress(range(len(batch)), unusual)}
        if len(exceptions) * EXCEPTIONS <= len(batch):
            setattr(batch, name, ByKind(batch.kinds, usual, exceptions))
