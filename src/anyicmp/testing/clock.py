"""VirtualClock: a monotonic clock and a wall clock that move only when told, and what is due on them.

And Timeline, on which several of them move together. Nothing here knows what the events are, and no real
clock is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
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
        only: the clock that moves on it where it is the only one and no others move it.
        turns: what `step` calls once all that was due has been called.
        foreign: others move it too, without a word: see `look`.
    """

    foreign = False

    def __init__(self, on_event: Callable[[], None] | None = None) -> None:
        self.elapsed = 0
        self.clocks: list[VirtualClock] = []
        self.only: VirtualClock | None = None
        self.on_event = on_event
        self.stepping = False
        self.turns: list[Callable[[], None]] = []

    def add(self, clock: VirtualClock) -> None:
        """A clock moves on it from now on."""
        self.clocks.append(clock)
        self.only = clock if len(self.clocks) == 1 and not self.foreign else None

    def remove(self, clock: VirtualClock) -> None:
        """A clock moves on it no more."""
        self.clocks.remove(clock)
        self.only = self.clocks[0] if len(self.clocks) == 1 and not self.foreign else None

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
        clocks = self.clocks
        mover = clocks[0] if len(clocks) == 1 else self._first()
        when = None if mover is None else mover.due()
        if mover is None or when is None:
            if timer is not None:
                self.wait(timer)
            return timer is not None
        if timer is not None and when - mover.ahead - self.elapsed > round(timer * SECOND):
            self.wait(timer)
            return True
        self.stepping = True
        try:
            mover.go(when)
        finally:
            self.stepping = False
        if self.turns:
            turns, self.turns = self.turns, []
            for turn in turns:
                turn()
        return True

    def leap(self, jumps: int, work: tuple[Sized, ...]) -> bool:
        """Let so many events of the only clock come one after the other, until there is work elsewhere.

        The same as `step` without a timer, again and again. Returns False where nothing is due, or where
        only `step` knows what comes first.
        """
        clock = self.only
        if clock is None or self.elapsed + clock.ahead != clock.moment:
            return False
        events, ahead = clock.events, clock.ahead
        while events:
            event = heappop(events)
            when, _, call = event
            if call is None:
                continue
            self.stepping = clock.held = True
            try:
                clock.moment, self.elapsed = when, when - ahead
                event[2] = None
                call()
                while events and events[0][0] <= when:
                    event = heappop(events)
                    if (call := event[2]) is not None:
                        event[2] = None
                        call()
            finally:
                self.stepping = clock.held = False
            if turns := self.turns:
                self.turns = []
                for turn in turns:
                    turn()
            jumps -= 1
            if self.elapsed + ahead != clock.moment:
                clock.catch_up()  # another clock was moved by hand meanwhile
                return True
            if not jumps or any(work) or self.only is not clock:
                return True
        return False

    def _first(self) -> VirtualClock | None:
        """The clock whose next event comes first; of those of one time the clock that joined first."""
        first, mover = 0, None
        for clock in self.clocks:
            due = clock.due()
            if due is not None and (mover is None or due - clock.ahead < first):
                first, mover = due - clock.ahead, clock
        return mover


class VirtualClock:
    """Time in nanoseconds. It stands still between `advance` and `jump`, or moves with a `Timeline`.

    Attributes:
        ahead: nanoseconds that it is ahead of its timeline.
        moment: what `monotonic` says, as far as it has moved.
        held: while events are called, it is their time.
        events: a heap of what is due; the first may have been cancelled.
    """

    def __init__(self) -> None:
        self.ahead = 0
        self._timeline: Timeline | None = None
        self._foreign = False
        self._on_event: Callable[[], None] | None = None
        self.held = False
        self.moment = BOOTED
        self._offset = BEGAN - BOOTED
        self.events: list[Event] = []
        self._order = count()

    def join(self, timeline: Timeline) -> None:
        """Move with a timeline from now on."""
        if self._timeline is not timeline:
            self.leave()
            timeline.look()
            self._timeline, self._foreign, self._on_event = timeline, timeline.foreign, timeline.on_event
            self.ahead = self.moment - timeline.elapsed
            timeline.add(self)
            if self.events and self._on_event is not None:
                self._on_event()

    def leave(self) -> None:
        """Move by hand alone from now on."""
        if self._timeline is not None:
            self._look()
            self._timeline.remove(self)
            self._timeline, self._foreign, self._on_event = None, False, None

    def _look(self) -> None:
        if self._timeline is not None:
            self._timeline.look()
            self.catch_up()

    def catch_up(self) -> None:
        """Move as far as the timeline has, but not past an event: what is due comes first, at its time."""
        timeline = self._timeline
        if self.held or timeline is None:
            return
        now = timeline.elapsed + self.ahead
        if now > self.moment:
            due = self.due()
            self.moment = now if due is None else min(now, due)

    def monotonic(self) -> int:
        """Nanoseconds that never go back."""
        if self._foreign:
            self._look()
        return self.moment

    def real(self) -> int:
        """Unix time in nanoseconds; `step` makes it jump."""
        if self._foreign:
            self._look()
        return self.moment + self._offset

    def both(self) -> tuple[int, int]:
        """What `monotonic` and `real` say at one moment."""
        if self._foreign:
            self._look()
        moment = self.moment
        return moment, moment + self._offset

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or (below 0) back, as an administrator or NTP would."""
        self._offset += round(seconds * SECOND)

    def at(self, when: int, call: Callable[[], object]) -> Event:
        """Have something called at a monotonic time; what is due already is called at the next move."""
        if self._foreign:
            self._look()
        event = Event((max(self.moment, when), next(self._order), call))
        heappush(self.events, event)
        if self._on_event is not None:
            self._on_event()
        return event

    def later(self, nanoseconds: int, call: Callable[[], object]) -> None:
        """Have something called so many nanoseconds from now; it cannot be cancelled."""
        if self._foreign:
            self._look()
        heappush(self.events, Event((self.moment + nanoseconds, next(self._order), call)))
        if self._on_event is not None:
            self._on_event()

    def put_off(self, event: Event, when: int) -> bool:
        """Have an event come later than it would; False where it takes another one instead.

        It stands behind all others that are due then, as if it were new.
        """
        # The last leaf of the heap may have any key that is not below its old one.
        events = self.events
        if not events or events[-1] is not event or event[2] is None or when < event[0]:
            return False
        event[0], event[1] = when, next(self._order)
        return True

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
        events, timeline, held = self.events, self._timeline, self.held
        self.held = True
        try:
            # An event on the way may have let more time pass.
            self.moment = max(self.moment, when)
            if timeline is not None:
                timeline.reach(self.moment - self.ahead, self)
            while events and events[0][0] <= when:
                event = heappop(events)
                if (call := event[2]) is not None:
                    event[2] = None
                    call()
        finally:
            self.held = held
        if timeline is not None and timeline.elapsed + self.ahead > self.moment:
            self.catch_up()
