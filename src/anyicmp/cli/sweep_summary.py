"""What is said of a sweep at its end, counted from the columns of its batches as they come.

Counts only, no outcome is kept: a sweep may have millions.
"""

from __future__ import annotations

from collections import Counter

from anyicmp import KINDS, ErrorReply, OutcomeBatch, RateLoss, SendFailure, SweepProgress
from anyicmp.cli.text import count, percent, round_trips

__all__ = ["SweepSummary", "rate_line"]

_REPLY, _ERROR, _TIMEOUT, _FAILED = (KINDS.index(kind) for kind in ("reply", "error", "timeout", "failed"))
_REASONS = 10  # the most common ones are listed


class SweepSummary:
    """Takes outcome batches, gives the lines of the summary.

    Attributes:
        complaints: names and texts that led to no address, each with the reason.
        rate_loss: what is known of the rate's part in the loss.
    """

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.rate_loss: RateLoss | None = None
        self._counts = [0] * len(KINDS)
        self._reasons: Counter[str] = Counter()
        self._minimum = float("inf")
        self._maximum = 0.0
        self._total = 0.0

    @property
    def done(self) -> int:
        """Outcomes so far."""
        return sum(self._counts)

    @property
    def alive(self) -> int:
        """Outcomes that are replies."""
        return self._counts[_REPLY]

    @property
    def failed(self) -> int:
        """Targets to which nothing could be sent."""
        return self._counts[_FAILED]

    @property
    def counts(self) -> str:
        """How many targets ended how."""
        parts = {
            "answered with an error": self._counts[_ERROR],
            "silent": self._counts[_TIMEOUT],
            "not sent": self._counts[_FAILED],
        }
        alive = f"{self.alive:,} alive"
        if self.done:
            alive += f" ({percent(self.alive / self.done)})"
        return ", ".join([alive, *(f"{number:,} {what}" for what, number in parts.items() if number)])

    def add(self, batch: OutcomeBatch) -> None:
        """Count a batch."""
        kinds = batch.kinds
        for kind in range(len(KINDS)):
            self._counts[kind] += kinds.count(kind)
        rtts = [rtt for rtt, kind in zip(batch.rtts, kinds, strict=True) if kind == _REPLY]
        if rtts:
            self._minimum = min(self._minimum, *rtts)
            self._maximum = max(self._maximum, *rtts)
            self._total += sum(rtts)
        for index, kind in enumerate(kinds):
            if kind in (_ERROR, _FAILED):
                outcome = batch[index]
                if isinstance(outcome, SendFailure) and outcome.target is None:
                    self.complaints.append(f"{outcome.host}: {outcome.reason}")
                elif isinstance(outcome, ErrorReply | SendFailure):
                    self._reasons[outcome.reason] += 1

    def lines(self, progress: SweepProgress) -> list[str]:
        """The summary for people."""
        targets = count(self.done, "target")
        if progress.total is not None and progress.total != self.done:
            targets = f"{self.done:,} of {count(progress.total, 'target')}"
        lines = ["", f"{targets}: {self.counts}"]
        lines += [f"  {number:,} × {reason}" for reason, number in self._reasons.most_common(_REASONS)]
        if self.alive:
            average = self._total / self.alive
            lines.append(round_trips(min=self._minimum, avg=average, max=self._maximum))
        if self.rate_loss is not None:
            lines.append(rate_line(self.rate_loss))
        return lines


def rate_line(loss: RateLoss) -> str:
    """What is said of the rate."""
    rate, slow_rate = f"{loss.rate:,.0f}", f"{loss.slow_rate:,.0f}"
    slow = "" if loss.slow_loss is None else f" {percent(loss.slow_loss)}"
    if loss.rises:
        most = f"about {percent(loss.loss)} of the hosts that answer seemed silent"
        return f"too fast: at {rate} targets a second {most}, at {slow_rate}{slow or ' they did not'}"
    return f"not too fast: at {slow_rate} targets a second loss is not lower beyond chance than at {rate}"
