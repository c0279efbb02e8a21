"""VirtualClock: a monotonic clock and a wall clock that move only when told, and what is due on them.

Nothing here knows what the events are, and no real clock is read.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

__all__ = ["Event", "VirtualClock"]

SECOND = 1_000_000_000
BOOTED = 1_000 * SECOND
BEGAN = 1_700_000_000 * SECOND


class Event:
    """A call that is due at a time.

    Attributes:
        when: monotonic nanoseconds.
        call: what to do then, None once it was done or cancelled.
    """

    __slots__ = ("call", "when")

    def __init__(self, when: int, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """It will not be called."""
        self.call = None


class VirtualClock:
    """Time in nanoseconds. It stands still between `advance` and `jump`.

    Attributes:
        on_event: called whenever an event was added, so that whoever moves the clock may begin.
    """

    def __init__(self) -> None:
        self.on_event: Callable[[], None] = lambda: None
        self._monotonic = BOOTED
        self._offset = BEGAN - BOOTED
        self._events: list[tuple[int, int, Event]] = []
        self._order = count()

    def monotonic(self) -> int:
        """Nanoseconds that never go back."""
        return self._monotonic

    def real(self) -> int:
        """Unix time in nanoseconds; `step` makes it jump."""
        return self._monotonic + self._offset

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or (below 0) back, as an administrator or NTP would."""
        self._offset += round(seconds * SECOND)

    def at(self, when: int, call: Callable[[], None]) -> Event:
        """Have something called at a monotonic time; what is due already is called at the next move."""
        event = Event(max(when, self._monotonic), call)
        heappush(self._events, (event.when, next(self._order), event))
        self.on_event()
        return event

    def after(self, seconds: float, call: Callable[[], None]) -> Event:
        """Have something called in so many seconds."""
        return self.at(self._monotonic + round(seconds * SECOND), call)

    def due(self) -> int | None:
        """When the next event is, None without events."""
        while self._events and self._events[0][2].call is None:
            heappop(self._events)
        return self._events[0][0] if self._events else None

    def jump(self) -> bool:
        """Go to the next event and call all that is due then, in the order in which it was added.

        Returns False where there is nothing to go to.
        """
        due = self.due()
        if due is None:
            return False
        self._monotonic = due
        while self._events and self._events[0][0] <= due:
            event = heappop(self._events)[2]
            call, event.call = event.call, None
            if call is not None:
                call()
        return True

    def advance(self, seconds: float) -> None:
        """Let so much time pass, calling all that becomes due on the way at its time.

        Within a task, or within an event, nobody has a turn meanwhile: the loop is busy for so long, and
        packets wait in the queues of the sockets.
        """
        end = self._monotonic + round(seconds * SECOND)
        while (due := self.due()) is not None and due <= end:
            self.jump()
        # An event on the way may have let more time pass.
        self._monotonic = max(self._monotonic, end)
