"""The plan of a monitor: echo requests to many targets, each at its own interval, spread over time.

A calendar, not a heap of targets: what is always due together is one entry, and costs about as much as one
target. What came of the probes it passes on; what that says of a target is not known here.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

import attrs

from anyicmp.engine.cohort import NAME, Cohort, Entry, slots_in
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["MonitorPlan"]

GRID, COARSE = 10_000_000, 20_000_000
"""Nanoseconds: probes leave at multiples of it, so that those of thousands of targets leave in batches. Of
the larger one, which costs less, where the interval is a multiple of that and either the last of a batch are
not much later for it, or there is no time for more."""

SHORT, LONG = 0.05, 0.10
"""Shares of the time that handing probes over takes. Below, what is due together leaves within a millisecond
even with the larger grid; above, there is no time for the smaller one."""

GLANCE = 10_000_000_000
"""Nanoseconds over which that share is taken."""

SLACK = 1.5
"""How many times as far that share must go for the way back to the larger grid, lest targets move to and fro:
the smaller one itself takes more time."""

LEAD = 2_000_000
"""Nanoseconds by which the first of many leave early at most, so that the last are less late: loops wake up
to 1 ms late, and then those behind wait for those in front."""

FEW = 64
"""Up to so many targets are probed exactly when they are due, whatever their intervals."""

COMPANY = 16
"""Targets that are due together even where there are few: a turn costs more than a probe. Where more leave
in one call, they are timed as a sweep is: transmit stamps are for a few."""

SPREAD = 10_000_000_000
"""Nanoseconds within which all targets are probed for the first time, whatever their interval."""

GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, lie evenly however many there are."""

STALE = 64
"""Places in the calendar whose targets were dropped may stay there, up to so many or as many as others."""


class MonitorPlan:
    """Targets that share header fields, payload and timeout; see `plan.Plan`.

    Attributes:
        entries: by name.
        on_left: told, for probes handed over together, how many nanoseconds too late or early, and how many.
    """

    responsive = False
    patient = True
    many = False
    done = False

    def __init__(
        self, probe: Probe, template: Template, *, timeout: int, on_left: Callable[[int, int], None]
    ) -> None:
        """`probe` gives the header fields; peer and scope are those of the entries."""
        self.template = template
        self.timeout = timeout
        self.waiting = 0
        self.entries: dict[int, Entry] = {}
        self.on_left = on_left
        self._probe, self._unstamped = probe, attrs.evolve(probe, stamped=False)
        self._places = 0
        self._stale = 0
        self._new: list[tuple[float, Cohort]] = []
        self._open: dict[int, Cohort] = {}
        self._calendar: dict[int, list[Cohort]] = {}
        self._times: list[int] = []
        self._ready: deque[Cohort] = deque()
        self._coarse = True
        # When a glance began, when something left last, and how long handing over has taken since it began.
        self._since = self._mark = self._spent = 0
        self._due_at: array[int] = array("q")  # by row, of those that were written last

    def add(self, entry: Entry) -> None:
        """Its first probe is due within its interval, at most within SPREAD, from when the plan is asked next
        on; later ones keep their phase.
        """
        slot, interval = entry.slot, entry.interval
        cohort = self._open.get(interval)
        if cohort is None or cohort.begun or cohort.slot != slot or len(cohort.entries) >= COMPANY:
            cohort = self._open[interval] = Cohort(interval, slot)
            self._new.append((self._places // COMPANY * GOLDEN % 1.0, cohort))
        self._places += 1
        self._join(entry, cohort)

    def take_over(self, entry: Entry) -> None:
        """Go on where an entry of that name had come to, in another plan or for another address."""
        if not entry.due:  # it had no phase yet
            self.add(entry)
            return
        cohort = Cohort(entry.interval, entry.slot, entry.due, entry.following)
        self._join(entry, cohort)
        self._note(cohort)

    def _join(self, entry: Entry, cohort: Cohort) -> None:
        self.entries[entry.name] = entry
        cohort.add(entry)

    def _begin(self, now: int) -> None:
        """Give phases to those that are new: of thousands, adding the last takes a while after the first."""
        for share, cohort in self._new:
            start = -(-(now + self._lead) // GRID) * GRID
            cohort.due = start + round(share * min(cohort.interval, SPREAD) / GRID) * GRID
            cohort.following = start + round(share * cohort.interval / GRID) * GRID
            if cohort.following <= cohort.due:
                cohort.following += cohort.interval
            self._note(cohort)
        self._new.clear()

    def drop(self, entry: Entry) -> None:
        """It is not probed any longer."""
        if self.entries.get(entry.name) is entry:
            del self.entries[entry.name]
        if (cohort := entry.part()) is not None and not cohort.entries:
            self._stale += 1
            if self._stale > STALE and self._stale > len(self.entries):
                self._tidy()

    def _tidy(self) -> None:
        kept = [cohort for place in (*self._calendar.values(), self._ready) for cohort in place]
        self._calendar.clear()
        self._times.clear()
        self._ready.clear()
        self._open.clear()
        self._new = [new for new in self._new if new[1].entries]
        self._stale = 0
        for cohort in kept:
            if cohort.entries:
                self._note(cohort)

    def _note(self, cohort: Cohort) -> None:
        coarse = self._coarse and not cohort.interval % COARSE
        grid = (COARSE if coarse else GRID) if len(self.entries) > FEW else 1
        at = cohort.at = -(-cohort.due // grid) * grid
        place = self._calendar.get(at)
        if place is None:
            self._calendar[at] = [cohort]
            heappush(self._times, at)
        elif any(other.merge(cohort) for other in place):
            self._open.pop(cohort.interval, None)  # it may be the one
        else:
            place.append(cohort)

    def wants(self, tag: int) -> bool:
        """Whether the target of a probe is still watched."""
        return tag >> NAME in self.entries

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        self._advance(now)
        ready, peers, scopes, tags, due_at = self._ready, [], array("I"), array("Q"), array("q")
        row = start
        while ready and row < stop:
            cohort = ready[0]
            waiting = len(cohort.entries) - cohort.given
            n = min(waiting, stop - row)
            if n:
                packed, scope, tag = cohort.give(n)
                peers.append(packed)
                scopes += scope
                tags += tag
                due_at += array("q", [cohort.at]) * n
                row += n
            if n == waiting:
                ready.popleft()
                if cohort.entries:
                    cohort.advance(now)
                    self._note(cohort)
        if row > start:
            if len(self._due_at) < tx.capacity:
                self._due_at = array("q", bytes(8 * tx.capacity))
            self._due_at[start:row] = due_at
            self._write(tx, start, row, b"".join(peers), scopes, tags)
        return row - start

    def left(self, start: int, stop: int, now: int) -> None:
        self._spent, self._mark = self._spent + now - self._mark, now
        due_at = self._due_at[start:stop]
        while due_at:
            n = due_at.count(due_at[0])
            self.on_left(abs(now - due_at[0]), n)
            del due_at[:n]

    def _advance(self, now: int) -> None:
        self._begin(now)
        self._mark, passed = now, now - self._since
        if passed > GLANCE:
            slack = 1.0 if self._coarse else SLACK
            self._coarse = not SHORT / slack < self._spent / passed < LONG * slack
            self._spent, self._since = 0, now
        times, now = self._times, now + self._lead
        while times and times[0] <= now:
            self._ready.extend(self._calendar.pop(heappop(times)))

    def _write(
        self, tx: PacketBatch, start: int, stop: int, peers: bytes, scopes: array[int], tags: array[int]
    ) -> None:
        n, width = stop - start, tx.width
        (self._probe if n <= COMPANY else self._unstamped).write_header(tx, start, stop, keep=True)
        tx.peer[start * width : stop * width] = peers
        if width == 16:
            tx.scope[start:stop] = scopes
        tx.tag[start:stop] = tags

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        outcomes.sequences = slots_in(outcomes.tags)
        return outcomes

    def wake_at(self, now: int) -> int | None:
        self._begin(now)
        if self._ready:
            return now
        return max(self._times[0] - self._lead, now) if self._times else None

    @property
    def _lead(self) -> int:
        return LEAD if len(self.entries) > FEW else 0
