"""Where outcomes go: what a driver asks of whoever began a plan.

Contracts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from anyicmp.api.alone import Alone
    from anyicmp.engine.outcome import OutcomeBatch
    from anyicmp.engine.rows import Answered

__all__ = ["PingSink", "Sink"]


class Sink(Protocol):
    """Where a plan's outcomes go. Called within a driver's turn: it must not block."""

    def outcomes(self, batch: OutcomeBatch) -> None: ...

    def ended(self, error: BaseException | None) -> None:
        """Nothing more will come: the plan is done (None), or the driver closed or failed."""
        ...


class PingSink(Sink, Protocol):
    """One that takes single replies too.

    Attributes:
        alone: how a series of it goes on alone, None where none may.
    """

    alone: Alone | None

    def answered(self, series: Any, answered: Answered) -> None:
        """The reply to a series of its plan, which is told of nothing else."""
        ...
