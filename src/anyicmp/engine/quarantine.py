"""Quarantine: slots whose last probe carried no token, for as long as an answer to it may still come.

Without generation and nonce an answer to the earlier probe would pass for one to the next probe in the same
slot. It counts slots and time; which probes they are is the table's.
"""

from __future__ import annotations

from collections import deque
from functools import cached_property

__all__ = ["QUARANTINE", "Quarantine"]

QUARANTINE = 120_000_000_000
"""Nanoseconds from sending: the longest that a packet is taken to live (MSL, RFC 9293 section 3.4.1)."""


class Quarantine:
    """Slots that no further probe without a token may take.

    Attributes:
        held: 1 where a slot is in quarantine.
        in_lane: how many slots of each lane are.
    """

    def __init__(self, lanes: int, slots: int) -> None:
        self.in_lane = [0] * lanes
        self._slots = slots
        self._runs: deque[tuple[int, int, int]] = deque()

    @cached_property
    def held(self) -> bytearray:
        # Most exchanges have no probe without a token.
        return bytearray(len(self.in_lane) * self._slots)

    @property
    def count(self) -> int:
        """Slots in quarantine."""
        return sum(self.in_lane)

    def hold(self, first: int, count: int, now: int) -> None:
        """Neighbouring slots of one lane, none of them held, whose probes have left."""
        self.held[first : first + count] = b"\1" * count
        self.in_lane[first // self._slots] += count
        self._runs.append((now + QUARANTINE, first, count))

    def release(self, now: int) -> None:
        """End the quarantine of all whose time has come."""
        while self._runs and self._runs[0][0] <= now:
            _, first, count = self._runs.popleft()
            self.held[first : first + count] = bytes(count)
            self.in_lane[first // self._slots] -= count

    def next_release(self) -> int | None:
        """When the next slots are free again, in nanoseconds; None without any."""
        return self._runs[0][0] if self._runs else None
