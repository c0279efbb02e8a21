"""Whose turn it is: plans by the time of their next row, and pacers that may put it off.

It asks plans when they want to be asked again; what they probe and what is in flight it does not know.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count

from anyicmp.engine.pacer import Pacer
from anyicmp.engine.plan import Plan

__all__ = ["Schedule"]


class Schedule:
    """Plans that are ready now, in turn, and plans that will be."""

    def __init__(self) -> None:
        self._pacers: dict[Plan, Pacer | None] = {}
        self._ready: deque[Plan] = deque()
        self._queued: set[Plan] = set()
        self._timed: list[tuple[int, int, int, Plan]] = []
        self._served: dict[Plan, int] = {}
        self._due: dict[Plan, int] = {}
        self._order = count()

    def __contains__(self, plan: object) -> bool:
        return plan in self._pacers

    def __len__(self) -> int:
        return len(self._pacers)

    def add(self, plan: Plan, pacer: Pacer | None) -> None:
        """Take a plan in; `ask` it next. Plans may share a pacer."""
        self._pacers[plan] = pacer
        self._served[plan] = next(self._order)

    def remove(self, plan: Plan) -> None:
        """Forget a plan, wherever it waits."""
        self._pacers.pop(plan, None)
        self._due.pop(plan, None)
        self._served.pop(plan, None)
        if not self._pacers:
            self._timed.clear()

    def pacer(self, plan: Plan) -> Pacer | None:
        """What limits the plan's rate."""
        return self._pacers[plan]

    def ask(self, plan: Plan, now: int) -> None:
        """Ask a plan anew when its next row is due, unless it is ready anyway."""
        if plan not in self._pacers or plan in self._queued:
            return
        pacer, due = self._pacers[plan], plan.wake_at(now)
        if due is not None and pacer is not None:
            due = max(due, pacer.due(now))
        if due is None:
            self._due.pop(plan, None)
        elif due <= now:
            self._due.pop(plan, None)
            self._queue(plan)
        elif self._due.get(plan) != due:
            self._due[plan] = due
            # Of plans that share a pacer, and so are due together, the one served longest ago comes first.
            heappush(self._timed, (due, self._served[plan], next(self._order), plan))

    def _queue(self, plan: Plan) -> None:
        self._queued.add(plan)
        self._ready.append(plan)

    def advance(self, now: int) -> int:
        """Make the plans ready whose time has come; returns how many are ready."""
        while self._timed and self._timed[0][0] <= now:
            due, _, _, plan = heappop(self._timed)
            if self._due.get(plan) == due:
                del self._due[plan]
                self._queue(plan)
        return len(self._ready)

    def is_due(self, now: int) -> bool:
        """Whether a plan is ready, or its time has come."""
        return bool(self._ready) or bool(self._timed and self._timed[0][0] <= now)

    def first(self) -> Plan | None:
        """The plan whose turn it is, None if none is ready."""
        while self._ready:
            if self._ready[0] in self._pacers:
                return self._ready[0]
            self._queued.discard(self._ready.popleft())
        return None

    def next(self, now: int, *, served: bool) -> None:
        """The first plan had its turn, and rows if it was `served`: put it where its next row is due."""
        plan = self._ready.popleft()
        if served:
            self._served[plan] = next(self._order)
        self._queued.discard(plan)
        self.ask(plan, now)

    def pass_by(self) -> None:
        """The first plan cannot go now: the others have their turn before it."""
        self._ready.rotate(-1)

    def next_due(self) -> int | None:
        """When the next plan that is not ready yet will be, None if none will."""
        while self._timed and self._due.get(self._timed[0][3]) != self._timed[0][0]:
            heappop(self._timed)
        return self._timed[0][0] if self._timed else None
