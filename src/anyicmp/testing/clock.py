"""VirtualClock: a monotonic clock and a wall clock that move only when told, and what is due on them.

And Timeline, on which several of them move together. Nothing here knows what the events are, and no real
clock is read.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

__all__ = ["Event", "Timeline", "VirtualClock"]

SECOND = 1_000_000_000
BOOTED = 1_000 * SECOND
BEGAN = 1_700_000_000 * SECOND


class Event(list[Any]):
    """A call that is due at a time: a list, so that events compare, as quickly as can be, by time and order.

    It holds monotonic nanoseconds, what number it is among those of its clock, and what to do then: None
    once that was done or cancelled.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """It will not be called."""
        self[2] = None


class Timeline:
    """Time that clocks have in common, and perhaps an event loop. The events of all come in one order.

    Attributes:
        elapsed: nanoseconds since it began.
        clocks: those that move on it.
        on_event: called whenever an event was added to one of them, so that whoever moves time may begin.
        stepping: `step` calls events; whoever gets work by them puts its turn into `turns`.
        turns: what `step` calls once all that was due has been called.
        foreign: others move it too, without a word: see `look`.
    """

    foreign = False

    def __init__(self, on_event: Callable[[], None] | None = None) -> None:
        self.elapsed = 0
        self.clocks: list[VirtualClock] = []
        self.on_event = on_event
        self.stepping = False
        self.turns: list[Callable[[], None]] = []

    def look(self) -> None:
        """See how far others have moved it."""

    def reach(self, when: int, mover: VirtualClock | None = None) -> None:
        """Go to a time, unless that has passed. What is due on the way is not called.

        `mover` is a clock that is there already.
        """
        if when > self.elapsed:
            self.elapsed = when
            for clock in self.clocks:
                if clock is not mover:
                    clock.catch_up()

    def wait(self, seconds: float) -> None:
        """Let so much time pass, at least a nanosecond. What is due on the way is not called."""
        self.reach(self.elapsed + max(1, round(seconds * SECOND)))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is due on any clock, now or later."""
        return all(clock.due() is None for clock in self.clocks)

    def step(self, timer: float | None) -> bool:
        """Go to what comes first: the next event, or a timer of the loop's in so many seconds.

        Of an event and a timer of the same time the event comes first, as what was heard does before what
        has timed out. Turns follow at once: where time passes, nobody else is ready. Returns False where
        there is neither event nor timer.
        """
        if self.foreign:
            self.look()
        first, mover = 0, None
        for clock in self.clocks:
            events = clock.events
            while events and events[0][2] is None:
                heappop(events)
            if events and (mover is None or events[0][0] - clock.ahead < first):
                first, mover = events[0][0] - clock.ahead, clock
        if mover is None or (timer is not None and first - self.elapsed > round(timer * SECOND)):
            if timer is not None:
                self.wait(timer)
            return timer is not None
        self.stepping = True
        try:
            mover.go(first + mover.ahead)
        finally:
            self.stepping = False
        if self.turns:
            turns, self.turns = self.turns, []
            for turn in turns:
                turn()
        return True


class VirtualClock:
    """Time in nanoseconds. It stands still between `advance` and `jump`, or moves with a `Timeline`.

    Attributes:
        ahead: nanoseconds that it is ahead of its timeline.
        events: a heap of what is due; the first may have been cancelled.
    """

    def __init__(self) -> None:
        self.ahead = 0
        self._timeline: Timeline | None = None
        self._foreign = False
        self._on_event: Callable[[], None] | None = None
        self._held = False  # while events are called, it is their time
        self._monotonic = BOOTED
        self._offset = BEGAN - BOOTED
        self.events: list[Event] = []
        self._order = count()

    def join(self, timeline: Timeline) -> None:
        """Move with a timeline from now on."""
        if self._timeline is not timeline:
            self.leave()
            timeline.look()
            self._timeline, self._foreign, self._on_event = timeline, timeline.foreign, timeline.on_event
            self.ahead = self._monotonic - timeline.elapsed
            timeline.clocks.append(self)
            if self.events and self._on_event is not None:
                self._on_event()

    def leave(self) -> None:
        """Move by hand alone from now on."""
        if self._timeline is not None:
            self._look()
            self._timeline.clocks.remove(self)
            self._timeline, self._foreign, self._on_event = None, False, None

    def _look(self) -> None:
        if self._timeline is not None:
            self._timeline.look()
            self.catch_up()

    def catch_up(self) -> None:
        """Move as far as the timeline has, but not past an event: what is due comes first, at its time."""
        timeline = self._timeline
        if self._held or timeline is None:
            return
        now = timeline.elapsed + self.ahead
        if now > self._monotonic:
            due = self.due()
            self._monotonic = now if due is None else min(now, due)

    def monotonic(self) -> int:
        """Nanoseconds that never go back."""
        if self._foreign:
            self._look()
        return self._monotonic

    def real(self) -> int:
        """Unix time in nanoseconds; `step` makes it jump."""
        if self._foreign:
            self._look()
        return self._monotonic + self._offset

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or (below 0) back, as an administrator or NTP would."""
        self._offset += round(seconds * SECOND)

    def at(self, when: int, call: Callable[[], object]) -> Event:
        """Have something called at a monotonic time; what is due already is called at the next move."""
        if self._foreign:
            self._look()
        when = max(when, self._monotonic)
        event = Event((when, next(self._order), call))
        heappush(self.events, event)
        if self._on_event is not None:
            self._on_event()
        return event

    def after(self, seconds: float, call: Callable[[], object]) -> Event:
        """Have something called in so many seconds."""
        return self.at(self.monotonic() + round(seconds * SECOND), call)

    def due(self) -> int | None:
        """When the next event is, None without events."""
        events = self.events
        while events and events[0][2] is None:
            heappop(events)
        return events[0][0] if events else None

    def jump(self) -> bool:
        """Go to the next event and call all that is due then. Returns False where there is none."""
        due = self.due()
        if due is not None:
            self.go(due)
        return due is not None

    def advance(self, seconds: float) -> None:
        """Let so much time pass, calling all that becomes due on the way at its time.

        Within a task, or within an event, nobody has a turn meanwhile: the loop is busy for so long, and
        packets wait in the queues of the sockets.
        """
        end = self.monotonic() + round(seconds * SECOND)
        while (due := self.due()) is not None and due <= end:
            self.go(due)
        self.go(end)

    def go(self, when: int) -> None:
        """Go to a time, unless that has passed, and call all that is due by then in order of time.

        That the clock shows the time of each event is for the caller: nothing must be due before.
        """
        events, timeline = self.events, self._timeline
        held, self._held = self._held, True
        try:
            # An event on the way may have let more time pass.
            self._monotonic = max(self._monotonic, when)
            if timeline is not None:
                timeline.reach(self._monotonic - self.ahead, self)
            while events and events[0][0] <= when:
                event = heappop(events)
                call = event[2]
                if call is not None:
                    event[2] = None
                    call()
        finally:
            self._held = held
        if timeline is not None and timeline.elapsed + self.ahead > self._monotonic:
            self.catch_up()
