"""Observer: what an application is told of all that a prober does, beside the results of its calls.

It is called; it decides nothing. A prober without one does no work for it.
"""

from __future__ import annotations

from anyicmp.results import IPAddress, Outcome

__all__ = ["Observer"]


class Observer:
    """Subclass it and override what you want to hear of: `Prober(observer=...)`.

    The methods are called within the prober's own turn of the event loop: they must be quick and must not
    wait. What they raise is logged and goes no further.
    """

    def on_sent(self, target: IPAddress, sent_at: float) -> None:
        """A probe has left for `target` at `sent_at` (Unix time in seconds)."""

    def on_outcome(self, outcome: Outcome) -> None:
        """A probe has ended; in an awaited ping its `host` is not set yet."""
