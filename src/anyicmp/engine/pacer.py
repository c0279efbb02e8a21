"""When the next packets may leave: a token bucket in integer nanoseconds.

It spreads packets evenly and never makes up for time that was lost in a stall.
"""

from __future__ import annotations

__all__ = ["Pacer"]

SECOND = 1_000_000_000


class Pacer:
    """At most `rate` packets a second, in bursts of at most `burst`.

    Raises ValueError for a rate that is not above 0.
    """

    def __init__(self, rate: float, *, burst: int | None = None) -> None:
        if not 0 < rate < float("inf"):
            raise ValueError(f"rate must be above 0 packets a second, not {rate}")
        self._rate = rate
        # A millisecond's worth keeps the timer of an event loop from being the limit.
        self._burst = burst or max(1, round(rate / 1000))
        self._next = 0  # time at which the next packet is due
        self._fraction = 0.0
        self._started = False

    def allowance(self, now: int) -> int:
        """Packets that may leave at `now` (nanoseconds)."""
        if not self._started:
            self._started = True
            self._next = now
        self._next = max(self._next, now - self._span(self._burst - 1))
        if now < self._next:
            return 0
        return min(self._burst, 1 + int((now - self._next) * self._rate // SECOND))

    def spend(self, n: int) -> None:
        """n packets of the allowance were taken."""
        # The fraction is carried over: rounding each time would be a rate of its own.
        span = n * SECOND / self._rate + self._fraction
        self._next += int(span)
        self._fraction = span % 1

    def due(self, now: int) -> int:
        """The earliest time, not before `now`, at which a packet may leave."""
        return now if not self._started else max(self._next, now)

    def _span(self, n: int) -> int:
        return round(n * SECOND / self._rate)
