"""When the next packets may leave: a token bucket in integer nanoseconds.

It spreads packets evenly and never makes up for time that was lost in a stall.
"""

from __future__ import annotations

__all__ = ["Pacer"]

SECOND = 1_000_000_000


LAG = 20_000_000
"""Nanoseconds that a turn may come late and still be made up for. Timers and busy loops are late by less;
what is lost in a longer stall stays lost, so that no burst follows it."""


class Pacer:
    """`rate` packets a second, evenly. Raises ValueError for a rate that is not above 0 and finite."""

    def __init__(self, rate: float) -> None:
        if not 0 < rate < float("inf"):
            raise ValueError(f"rate must be above 0 packets a second, not {rate}")
        self._rate = rate
        self._next = 0  # time at which the next packet is due
        self._fraction = 0.0
        self._started = False

    def allowance(self, now: int) -> int:
        """Packets that may leave at `now` (nanoseconds)."""
        if not self._started:
            self._started = True
            self._next = now
        self._next = max(self._next, now - LAG)
        return 0 if now < self._next else 1 + int((now - self._next) * self._rate // SECOND)

    def spend(self, n: int) -> None:
        """n packets of the allowance were taken."""
        # The fraction is carried over: rounding each time would be a rate of its own.
        span = n * SECOND / self._rate + self._fraction
        self._next += int(span)
        self._fraction = span % 1

    def due(self, now: int) -> int:
        """The earliest time, not before `now`, at which a packet may leave."""
        return now if not self._started else max(self._next, now)
