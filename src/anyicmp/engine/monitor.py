"""The plan of a monitor: echo requests to many targets, each at its own interval, spread over time.

A calendar, not a heap of targets: what is due together is one entry, and costs one turn. What came of the
probes it passes on; what that says of a target is not known here.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["Entry", "MonitorPlan"]

NUMBER = 0xFFFFFFFF
"""The low bits of a tag: the slot. The bits above name the target."""

GRID = 4_000_000
"""Nanoseconds: probes leave at multiples of it, so that those of thousands of targets leave in batches."""

COMPANY = 16
"""Targets that are due together even where there are few: a turn costs more than a probe. Where more leave
in one call, they are timed as a sweep is: transmit stamps are for a few."""

SPREAD = 10_000_000_000
"""Nanoseconds within which all targets are probed for the first time, whatever their interval."""

GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, lie evenly however many there are."""

STALE = 64
"""Places of targets that were dropped may stay in the calendar, up to so many or as many as there are."""


class Entry:
    """A target in the calendar. It has a slot for each time that it is due; what a stall misses is not made
    up for, but has slots too.

    Attributes:
        name: in tags.
        peer: packed destination; scope: interface index of a link-local one, else 0.
        interval: nanoseconds from slot to slot.
        watched: whoever wants to know what comes of it; the plan never looks at it.
        slot: the next one's number.
        taken: probes that were handed out.
        tick: where it stands in the calendar.
    """

    __slots__ = ("due", "following", "interval", "name", "peer", "scope", "slot", "taken", "tick", "watched")

    def __init__(self, name: int, peer: bytes, scope: int, *, interval: int, watched: Any = None) -> None:
        self.name = name
        self.peer = peer
        self.scope = scope
        self.interval = interval
        self.watched = watched
        self.slot = self.taken = 0
        self.due = self.following = self.tick = 0

    def moved(self, peer: bytes, scope: int) -> Entry:
        """One that goes on at another address. The old one's place in a calendar counts no longer."""
        entry = Entry(self.name, peer, scope, interval=self.interval, watched=self.watched)
        entry.slot, entry.taken = self.slot, self.taken
        entry.due, entry.following = self.due, self.following
        return entry

    def slot_of(self, tag: int) -> int:
        """The slot of a probe by its tag; it never wraps."""
        return self.slot - ((self.slot - tag) & NUMBER)


class MonitorPlan:
    """Targets that share header fields, payload and timeout; see `plan.Plan`.

    Attributes:
        entries: by name.
        on_taken: told, for probes handed out together, how many nanoseconds too late, and how many.
    """

    responsive = False
    many = False
    done = False

    def __init__(
        self, probe: Probe, template: Template, *, timeout: int, on_taken: Callable[[int, int], None]
    ) -> None:
        """`probe` gives the header fields; peer and scope are those of the entries."""
        self.template = template
        self.timeout = timeout
        self.waiting = 0
        self.entries: dict[int, Entry] = {}
        self.on_taken = on_taken
        self._probe = probe
        self._places = 0
        self._stale = 0
        self._calendar: dict[int, list[Entry]] = {}
        self._ticks: list[int] = []
        self._ready: deque[Entry] = deque()

    def add(self, entry: Entry, now: int) -> None:
        """Its first probe is due within its interval, at most within SPREAD; later ones keep their phase."""
        share = (self._places // COMPANY * GOLDEN) % 1.0
        self._places += 1
        start = -(-now // GRID) * GRID
        entry.due = start + _on_grid(share * min(entry.interval, SPREAD))
        entry.following = start + _on_grid(share * entry.interval)
        if entry.following <= entry.due:
            entry.following += entry.interval
        self.take_over(entry)

    def take_over(self, entry: Entry) -> None:
        """Go on where an entry of that name had come to, in another plan or for another address."""
        self.entries[entry.name] = entry
        self._note(entry)

    def drop(self, entry: Entry) -> None:
        """It is not probed any longer."""
        if self.entries.pop(entry.name, None) is not None:
            self._stale += 1
            if self._stale > STALE and self._stale > len(self.entries):
                self._tidy()

    def _tidy(self) -> None:
        kept = [entry for place in self._calendar.values() for entry in place if self._stands(entry)]
        kept += [entry for entry in self._ready if self._stands(entry)]
        self._calendar.clear()
        self._ticks.clear()
        self._ready.clear()
        self._stale = 0
        for entry in kept:
            self._note(entry)

    def _stands(self, entry: Entry) -> bool:
        return self.entries.get(entry.name) is entry

    def _note(self, entry: Entry) -> None:
        tick = entry.tick = -(-entry.due // GRID)
        place = self._calendar.get(tick)
        if place is None:
            self._calendar[tick] = [entry]
            heappush(self._ticks, tick)
        else:
            place.append(entry)

    def wants(self, tag: int) -> bool:
        """Whether the target of a probe is still watched."""
        return tag >> 32 in self.entries

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        self._advance(now)
        ready = self._ready
        taken: list[Entry] = []
        tags: list[int] = []
        room, tick, together = stop - start, 0, 0
        entries = self.entries
        while ready and len(taken) < room:
            entry = ready.popleft()
            name, slot, due = entry.name, entry.slot, entry.following
            if entries.get(name) is not entry:
                continue
            taken.append(entry)
            tags.append(name << 32 | (slot & NUMBER))
            if entry.tick != tick:
                if together:
                    self.on_taken(now - tick * GRID, together)
                tick, together = entry.tick, 0
            together += 1
            entry.taken += 1
            missed = 0 if due > now else (now - due) // entry.interval + 1
            entry.slot = slot + 1 + missed
            entry.due = due = due + missed * entry.interval
            entry.following = due + entry.interval
            self._note(entry)
        n, width = len(taken), tx.width
        if not n:
            return 0
        self.on_taken(now - tick * GRID, together)
        self._probe.write_header(tx, start, start + n)
        if n > COMPANY:
            tx.stamped[start : start + n] = bytes(n)
        tx.peer[start * width : (start + n) * width] = b"".join([entry.peer for entry in taken])
        if width == 16:
            tx.scope[start : start + n] = array("I", [entry.scope for entry in taken])
        tx.tag[start : start + n] = array("Q", tags)
        return n

    def _advance(self, now: int) -> None:
        ticks = self._ticks
        while ticks and ticks[0] * GRID <= now:
            self._ready.extend(self._calendar.pop(heappop(ticks)))

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        entries = self.entries
        outcomes.sequences = array(
            "Q",
            [
                entry.slot_of(tag) if (entry := entries.get(tag >> 32)) is not None else tag & NUMBER
                for tag in outcomes.tags
            ],
        )
        return outcomes

    def wake_at(self, now: int) -> int | None:
        if self._ready:
            return now
        return max(self._ticks[0] * GRID, now) if self._ticks else None


def _on_grid(duration: float) -> int:
    return round(duration / GRID) * GRID
