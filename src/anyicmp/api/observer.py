"""Observer: what an application is told of all that a prober does, beside the results of its calls.

It is called; it decides nothing. A prober without one does no work for it.
"""

from __future__ import annotations

import logging

from anyicmp.engine.addresses import address
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.results import IPAddress, Outcome
from anyicmp.states import StateChange
from anyicmp.wire.batch import PacketBatch

__all__ = ["Observer", "tell_outcomes", "tell_sent", "tell_state"]

logger = logging.getLogger("anyicmp")

SECOND = 1_000_000_000


class Observer:
    """Subclass it and override what you want to hear of: `Prober(observer=...)`.

    The methods are called within the prober's own turn of the event loop: they must be quick and must not
    wait. What they raise is logged and goes no further.
    """

    def on_sent(self, target: IPAddress, sent_at: float) -> None:
        """A probe has left for `target` at `sent_at` (Unix time in seconds)."""

    def on_outcome(self, outcome: Outcome) -> None:
        """A probe has ended; in an awaited ping its `host` is not set yet."""

    def on_state(self, change: StateChange) -> None:
        """The state of a monitor's target has changed."""


def tell_sent(observer: Observer, tx: PacketBatch, start: int, stop: int) -> None:
    """Rows [start, stop) have left."""
    try:
        for i in range(start, stop):
            observer.on_sent(address(tx.peer, i, tx.version, tx.scope[i]), tx.real / SECOND)
    except Exception:
        logger.exception("the observer's on_sent raised")


def tell_outcomes(observer: Observer, batch: OutcomeBatch) -> None:
    """Probes have ended."""
    try:
        for outcome in batch:
            observer.on_outcome(outcome)
    except Exception:
        logger.exception("the observer's on_outcome raised")


def tell_state(observer: Observer, change: StateChange) -> None:
    """A state has changed."""
    try:
        observer.on_state(change)
    except Exception:
        logger.exception("the observer's on_state raised")
