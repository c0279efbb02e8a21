"""Where outcomes go: what a driver asks of whoever began a plan.

Contracts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from anyicmp.engine.outcome import OutcomeBatch
    from anyicmp.engine.ping import Series
    from anyicmp.engine.rows import Answered

__all__ = ["PingSink", "Sink"]


class Sink(Protocol):
    """Where a plan's outcomes go. Called within a driver's turn: it must not block."""

    def outcomes(self, batch: OutcomeBatch) -> None: ...

    def ended(self, error: BaseException | None) -> None:
        """Nothing more will come: the plan is done (None), or the driver closed or failed."""
        ...


class PingSink(Sink, Protocol):
    """One that takes single replies too."""

    def answered(self, series: Series, answered: Answered) -> None:
        """The reply to a series, which is told of nothing else."""
        ...
