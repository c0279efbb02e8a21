"""Many batches of outcomes as one result: lazy sequences over their columns, nothing copied.

Matching and counting happened before; here they are only looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self, overload

import attrs

from anyicmp.engine.gathering import Gathering
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.position import SweepPosition
from anyicmp.engine.statistics import Tally
from anyicmp.results import KINDS, Outcome, RateLoss, Statistics
from anyicmp.shown import as_bundle, as_html, as_rich, plot

__all__ = ["Rows", "SweepResult"]


class Rows(Sequence[Outcome]):
    """The outcomes of several batches as one sequence; rows are made when looked at.

    `kind` None takes all outcomes, else those of that kind alone.
    """

    __slots__ = ("_batches", "_kind", "_lengths")

    def __init__(self, batches: Sequence[OutcomeBatch], kind: str | None = None) -> None:
        self._batches = tuple(batches)
        self._kind = None if kind is None else KINDS.index(kind)
        self._lengths = [self._count(batch) for batch in self._batches]

    def _count(self, batch: OutcomeBatch) -> int:
        return len(batch) if self._kind is None else batch.kinds.count(self._kind)

    def __len__(self) -> int:
        return sum(self._lengths)

    def __iter__(self) -> Iterator[Outcome]:
        for batch in self._batches:
            if self._kind is None:
                yield from batch
            else:
                yield from (batch[i] for i, kind in enumerate(batch.kinds) if kind == self._kind)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Outcome]: ...
    def __getitem__(self, index: int | slice) -> Outcome | Sequence[Outcome]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if at >= 0:
            for batch, length in zip(self._batches, self._lengths, strict=True):
                if at < length:
                    return batch[at] if self._kind is None else batch[self._position(batch, at)]
                at -= length
        raise IndexError("no such outcome")

    def _position(self, batch: OutcomeBatch, nth: int) -> int:
        at = -1
        for _ in range(nth + 1):
            at = batch.kinds.index(self._kind, at + 1)  # type: ignore[arg-type]
        return at

    def __repr__(self) -> str:
        return f"<{len(self)} outcomes>"


@attrs.frozen(kw_only=True, order=False, eq=False)
class SweepResult:
    """What came of a sweep: one outcome for each target, in the order in which they ended.

    Attributes:
        columns: the outcomes as batches of columns.
        statistics: of the whole sweep.
        rate_loss: whether the rate of the sweep lost answers; None where that was not looked into
            (`recheck`), or nothing was silent.
        position: which targets have an outcome here; a sweep can be resumed with it.
    """

    _repr_html_ = as_html
    __rich__ = as_rich
    _repr_mimebundle_ = as_bundle
    plot = plot

    columns: tuple[OutcomeBatch, ...] = attrs.field(repr=False)
    statistics: Statistics
    rate_loss: RateLoss | None = None
    position: SweepPosition = attrs.field(factory=SweepPosition)

    @classmethod
    def of(cls, batches: Iterable[OutcomeBatch], **fields: Any) -> Self:
        """One result of batches that came from anywhere: from several shards, or from other machines.

        `fields` are further attributes of the result.
        """
        tally, found = Tally(one_host=False), Gathering()
        for batch in batches:
            tally.add(batch)
            found.add(batch)
        return cls(columns=found.batches(), statistics=tally.statistics(), **fields)

    @property
    def outcomes(self) -> Rows:
        """All outcomes."""
        return Rows(self.columns)

    @property
    def alive(self) -> Rows:
        """The replies."""
        return Rows(self.columns, "reply")

    @property
    def errors(self) -> Rows:
        """The ICMP errors."""
        return Rows(self.columns, "error")

    @property
    def unanswered(self) -> Rows:
        """The targets that stayed silent."""
        return Rows(self.columns, "timeout")

    @property
    def failed(self) -> Rows:
        """The targets that could not be probed."""
        return Rows(self.columns, "failed")

    def batches(self) -> Iterator[OutcomeBatch]:
        """The outcomes as columns: one `OutcomeBatch` after the other."""
        return iter(self.columns)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)
