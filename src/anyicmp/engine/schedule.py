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


class _Entry:
    """A plan, what limits its rate, and where it waits.

    Attributes:
        served: its place in the order in which plans were served last.
        ready: whether it is among those that are ready.
        due: when it will be, in nanoseconds, None if nobody knows.
        gone: it was removed, wherever it still waits.
    """

    __slots__ = ("due", "gone", "pacer", "plan", "ready", "served")

    def __init__(self, plan: Plan, pacer: Pacer | None, served: int) -> None:
        self.plan = plan
        self.pacer = pacer
        self.served = served
        self.ready = self.gone = False
        self.due: int | None = None


class Schedule:
    """Plans that are ready now, in turn, and plans that will be."""

    def __init__(self) -> None:
        self._entries: dict[Plan, _Entry] = {}
        self._ready: deque[_Entry] = deque()
        self._timed: list[tuple[int, int, int, _Entry]] = []
        self._order = count()

    def __contains__(self, plan: object) -> bool:
        return plan in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, plan: Plan, pacer: Pacer | None) -> None:
        """Take a plan in; `ask` it next. Plans may share a pacer."""
        self._entries[plan] = _Entry(plan, pacer, next(self._order))

    def remove(self, plan: Plan) -> None:
        """Forget a plan, wherever it waits."""
        entry = self._entries.pop(plan, None)
        if entry is not None:
            entry.gone, entry.due = True, None
        if not self._entries:
            self._timed.clear()
            self._ready.clear()

    def pacer(self, plan: Plan) -> Pacer | None:
        """What limits the plan's rate."""
        return self._entries[plan].pacer

    def ask(self, plan: Plan, now: int) -> None:
        """Ask a plan anew when its next row is due, unless it is ready anyway."""
        entry = self._entries.get(plan)
        if entry is not None and not entry.ready:
            self._ask(entry, now)

    def _ask(self, entry: _Entry, now: int) -> None:
        due, pacer = entry.plan.wake_at(now), entry.pacer
        if due is not None and pacer is not None:
            due = max(due, pacer.due(now))
        if due is None:
            entry.due = None
        elif due <= now:
            entry.due, entry.ready = None, True
            self._ready.append(entry)
        elif entry.due != due:
            entry.due = due
            # Of plans that share a pacer, and so are due together, the one served longest ago comes first.
            heappush(self._timed, (due, entry.served, next(self._order), entry))

    def advance(self, now: int) -> int:
        """Make the plans ready whose time has come; returns how many are ready."""
        timed = self._timed
        while timed and timed[0][0] <= now:
            due, _, _, entry = heappop(timed)
            if entry.due == due:
                entry.due, entry.ready = None, True
                self._ready.append(entry)
        return len(self._ready)

    def is_due(self, now: int) -> bool:
        """Whether a plan is ready, or its time has come."""
        return bool(self._ready or (self._timed and self._timed[0][0] <= now))

    def first(self) -> Plan | None:
        """The plan whose turn it is, None if none is ready."""
        while self._ready:
            if not self._ready[0].gone:
                return self._ready[0].plan
            self._ready.popleft()
        return None

    def next(self, now: int, *, served: bool) -> None:
        """The first plan had its turn, and rows if it was `served`: put it where its next row is due."""
        entry = self._ready.popleft()
        if served:
            entry.served = next(self._order)
        entry.ready = False
        self._ask(entry, now)

    def pass_by(self) -> None:
        """The first plan cannot go now: the others have their turn before it."""
        self._ready.rotate(-1)

    def next_due(self) -> int | None:
        """When the next plan that is not ready yet will be, None if none will."""
        timed = self._timed
        while timed and timed[0][3].due != timed[0][0]:
            heappop(timed)
        return timed[0][0] if timed else None
