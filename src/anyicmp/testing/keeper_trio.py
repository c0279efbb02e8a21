"""The keeper of a trio run: two system tasks, and the timeline of trio's mock clock.

Imported where trio runs. It moves no packet, and reads no clock but trio's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, ulp

import trio
import trio.testing

from anyicmp.testing.clock import SECOND, Timeline, VirtualClock
from anyicmp.testing.keeper import JUMPS, Keeper

__all__ = ["TrioKeeper"]


class MockTimeline(Timeline):
    """A `trio.testing.MockClock`, which others may move too, in whole nanoseconds.

    Attributes:
        deadline: the application's next one, by that clock, as far as known.
    """

    foreign = True

    def __init__(self, clock: trio.testing.MockClock, on_event: Callable[[], None]) -> None:
        super().__init__(on_event)
        self._clock = clock
        self._seen = clock.current_time()
        self.deadline = inf

    def look(self) -> None:
        # The clock counts in float seconds: only what was added is converted, lest errors add up.
        seen = self._clock.current_time()
        if seen != self._seen:
            self.elapsed += round((seen - self._seen) * SECOND)
            self._seen = seen

    def reach(self, when: int, mover: VirtualClock | None = None) -> None:
        self.look()
        if when > self.elapsed:
            seconds = (when - self.elapsed) / SECOND
            if abs(self._seen + seconds - self.deadline) < 1 / SECOND:
                # What is heard at the time of the deadline comes before it.
                seconds = self.deadline - 2 * ulp(self.deadline) - self._seen
            self._clock.jump(max(0.0, seconds))
            self._seen = self._clock.current_time()
        super().reach(when, mover)

    def wait(self, seconds: float) -> None:
        self._clock.jump(seconds)


class _Others:
    """Tasks that may run, or will by a real clock."""

    def __len__(self) -> int:
        statistics = trio.lowlevel.current_statistics()
        return statistics.tasks_runnable + (statistics.seconds_to_next_deadline != inf)


class TrioKeeper(Keeper):
    """On trio, which says itself when all tasks wait."""

    def __init__(self) -> None:
        clock = trio.lowlevel.current_clock()
        self._mock = clock if isinstance(clock, trio.testing.MockClock) else None
        super().__init__(Timeline(self._arm) if self._mock is None else MockTimeline(self._mock, self._arm))
        self.lasting = self._mock is not None
        self._calls: list[Callable[[], None]] = []
        self._work = (_Others(),)
        self._called = trio.lowlevel.ParkingLot()
        self._armed = trio.lowlevel.ParkingLot()
        trio.lowlevel.spawn_system_task(self._give_turns, name="anyicmp turns in virtual time")
        trio.lowlevel.spawn_system_task(self._pass_time, name="anyicmp virtual time")

    def soon(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        self._called.unpark()

    async def _give_turns(self) -> None:
        while True:
            if self._calls:
                await trio.lowlevel.checkpoint()
            else:
                await self._called.park()
            calls, self._calls = self._calls, []
            for call in calls:
                call()

    def _arm(self) -> None:
        self._armed.unpark()

    async def _pass_time(self) -> None:
        while True:
            if self.timeline.is_idle:
                await self._armed.park()
            else:
                await trio.testing.wait_all_tasks_blocked(self._cushion())
                if not self.timeline.leap(JUMPS, self._work):
                    self.timeline.step(self._timer())

    def _cushion(self) -> float:
        """Seconds in which nothing must happen before time passes."""
        threshold = inf if self._mock is None else self._mock.autojump_threshold
        return 0.0 if threshold == inf else threshold

    def _timer(self) -> float | None:
        """Seconds to the application's next deadline, None where there is none on this timeline."""
        if not isinstance(self.timeline, MockTimeline):
            return None
        seconds = trio.lowlevel.current_statistics().seconds_to_next_deadline
        self.timeline.deadline = trio.current_time() + seconds
        return None if seconds == inf else max(0.0, seconds)
