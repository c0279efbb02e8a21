"""The system's clocks, and how two clocks are read as one.

When they are read is the driver's to say, and what the times mean the engine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from anyicmp.api.environment import Clocks

__all__ = ["SystemClocks", "both_of"]

TRIES = range(4)
TOGETHER = 5_000
"""Nanoseconds: less than by what the engine sees that the wall clock was set."""


class SystemClocks:
    """The system's monotonic clock and wall clock."""

    monotonic = staticmethod(time.monotonic_ns)
    real = staticmethod(time.time_ns)


def both_of(clocks: Clocks) -> Callable[[], tuple[int, int]]:
    """What reads monotonic and wall clock at one moment: again if the process was stopped in between.

    Clocks that have a `both` of their own read it so.
    """
    own: Callable[[], tuple[int, int]] | None = getattr(clocks, "both", None)
    if own is not None:
        return own
    monotonic, wall = clocks.monotonic, clocks.real

    def read() -> tuple[int, int]:
        for _ in TRIES:
            now, real = monotonic(), wall()
            if monotonic() - now <= TOGETHER:
                return now, real
        return monotonic(), wall()

    return read
