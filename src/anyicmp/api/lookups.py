"""Lookups: names that are looked up now and again, a few at a time, by tasks that end when nothing is due.

It keeps the time and the tasks. What is looked up, and what comes of it, is for whoever hands items in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from anyicmp.api.wake import Background, Wake, in_background

__all__ = ["Lookups"]

Item = TypeVar("Item")

AT_ONCE = 16
"""Lookups under way at once: each may have a thread of its own."""

SECOND = 1_000_000_000


class Lookups(Generic[Item]):
    """Calls `look_up` for each item, and again after as many seconds as it said (None: never again).

    `look_up` must raise nothing.
    """

    def __init__(
        self,
        look_up: Callable[[Item], Awaitable[float | None]],
        open_timer: Callable[[Callable[[bool], None]], Wake],
        now: Callable[[], int],
    ) -> None:
        self._look_up = look_up
        self._now = now
        self._timer = open_timer(self._turn)
        self._later: list[tuple[int, int, Item]] = []
        self._order = count()
        self._due: deque[Item] = deque()
        self._when: dict[Item, int] = {}
        self._tasks: list[Background] = []
        self._running = self._asked = 0
        self._closed = False

    def add(self, item: Item) -> None:
        """It is due now, and not when it was to be."""
        self._when.pop(item, None)
        self._due.append(item)
        self._begin()

    def discard(self, item: Item) -> None:
        """It is due never again."""
        self._when.pop(item, None)

    def close(self) -> None:
        """Stop at once."""
        self._closed = True
        self._timer.close()
        self._due.clear()
        self._later.clear()
        self._when.clear()
        for task in self._tasks:
            task.cancel()

    def _begin(self) -> None:
        while len(self._due) > self._running < AT_ONCE:
            self._running += 1
            self._tasks.append(in_background(self._work))

    async def _work(self) -> None:
        try:
            while self._due:
                item = self._due.popleft()
                again = await self._look_up(item)
                if again is not None and not self._closed:
                    due = self._when[item] = self._now() + round(again * SECOND)
                    heappush(self._later, (due, next(self._order), item))
                    self._ask()
        finally:
            self._running -= 1
            if not self._running:
                self._tasks.clear()

    def _ask(self) -> None:
        due = self._asked = self._later[0][0]
        self._timer.after(max(0.0, (due - self._now()) / SECOND), due)

    def _turn(self, readable: bool) -> None:
        now = self._now()
        if readable and now < self._asked:  # on a simulated network, of whatever arrives
            return
        while self._later and self._later[0][0] <= now:
            due, _, item = heappop(self._later)
            if self._when.get(item) == due:
                del self._when[item]
                self._due.append(item)
        if self._later:
            self._ask()
        self._begin()
