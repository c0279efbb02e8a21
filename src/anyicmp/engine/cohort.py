"""Targets of a monitor that are due together, and what is the same for all of them: the slot and the time.

What costs a line of Python here costs it once for all; their probes are columns that are made once. When
they are due first, and what comes of it, is not known here.
"""

from __future__ import annotations

from array import array
from sys import byteorder
from typing import Any

from anyicmp.wire.wide import ones, wide

__all__ = ["NAME", "SLOT", "Cohort", "Entry", "names_in", "slots_in"]

NAME = 36
"""From this bit on a tag names the target. The bits below are the slot: enough for 21 years at the shortest
interval, and for 268 million targets that come and go."""

SLOT = (1 << NAME) - 1
NAMES = (1 << 64 - NAME) - 1


def names_in(tags: array[int]) -> array[int]:
    """The target of each tag."""
    n = len(tags)
    return array("Q", (wide(tags) >> NAME & NAMES * ones(n)).to_bytes(8 * n, byteorder))


def slots_in(tags: array[int]) -> array[int]:
    """The slot of each tag."""
    n = len(tags)
    return array("Q", (wide(tags) & SLOT * ones(n)).to_bytes(8 * n, byteorder))


class Entry:
    """A target in the calendar. It has a slot for each time that it is due; what a stall misses is not made
    up for, but has slots too.

    Attributes:
        name: in tags.
        peer: packed destination; scope: interface index of a link-local one, else 0.
        interval: nanoseconds from slot to slot.
        watched: whoever wants to know what comes of it; the plan never looks at it.
        cohort: those that it is due together with, None while no plan has it.
    """

    __slots__ = (
        "_due",
        "_following",
        "_slot",
        "_taken",
        "cohort",
        "interval",
        "name",
        "peer",
        "scope",
        "watched",
    )

    def __init__(
        self,
        name: int,
        peer: bytes,
        scope: int,
        *,
        interval: int,
        watched: Any = None,
        slot: int = 0,
        taken: int = 0,
    ) -> None:
        self.name = name
        self.peer = peer
        self.scope = scope
        self.interval = interval
        self.watched = watched
        self.cohort: Cohort | None = None
        self._slot, self._taken = slot, taken
        self._due = self._following = 0

    @property
    def slot(self) -> int:
        """The next one's number."""
        cohort = self.cohort
        return self._slot if cohort is None else cohort.slot + cohort.has_given(self)

    @property
    def taken(self) -> int:
        """Probes that were handed out."""
        cohort = self.cohort
        return self._taken + (0 if cohort is None else cohort.rounds + cohort.has_given(self))

    @property
    def due(self) -> int:
        """When its next slot is, in nanoseconds."""
        cohort = self.cohort
        if cohort is None:
            return self._due
        return cohort.following if cohort.has_given(self) else cohort.due

    @property
    def following(self) -> int:
        """When the slot after the next one is."""
        cohort = self.cohort
        if cohort is None:
            return self._following
        return cohort.following + self.interval * cohort.has_given(self)

    def part(self) -> Cohort | None:
        """Leave the cohort, which is returned. It keeps what was counted, and its phase."""
        cohort = self.cohort
        if cohort is not None:
            slot, taken, due, following = self.slot, self.taken, self.due, self.following
            self.cohort = None
            cohort.remove(self)
            self._slot, self._taken, self._due, self._following = slot, taken, due, following
        return cohort

    def change_to(self, cohort: Cohort) -> None:
        """Be due with others from now on, at the same time."""
        self._taken, self.cohort = self.taken - cohort.rounds, cohort

    def moved(self, peer: bytes, scope: int) -> Entry:
        """One that goes on at another address. This one's place in a calendar counts no longer."""
        entry = Entry(
            self.name,
            peer,
            scope,
            interval=self.interval,
            watched=self.watched,
            slot=self.slot,
            taken=self.taken,
        )
        entry._due, entry._following = self.due, self.following
        return entry


class Cohort:
    """Targets that are due together, always: they came together and have the same interval.

    Attributes:
        entries: in the order in which they are probed.
        slot: number of the next time that they are due.
        due: when that is, in nanoseconds, 0 before they have a phase; following: the time after.
        at: when a calendar has them.
        given: how many of them had their probe for that slot.
        rounds: how often all of them had one.
    """

    __slots__ = (
        "_names",
        "_peers",
        "_scopes",
        "at",
        "due",
        "entries",
        "following",
        "given",
        "interval",
        "rounds",
        "slot",
    )

    def __init__(self, interval: int, slot: int, due: int = 0, following: int = 0) -> None:
        self.interval = interval
        self.slot = slot
        self.due = due
        self.following = following
        self.entries: list[Entry] = []
        self.at = self.given = self.rounds = 0
        self._peers = b""
        self._names = 0
        self._scopes: array[int] = array("I")

    @property
    def begun(self) -> bool:
        """Whether one of them had a probe already."""
        return self.given + self.rounds > 0

    def add(self, entry: Entry) -> None:
        """One more, before the first probe."""
        self.entries.append(entry)
        entry.cohort = self
        self._peers = b""

    def remove(self, entry: Entry) -> None:
        """One less."""
        self.given -= self.has_given(entry)
        self.entries.remove(entry)
        self._peers = b""

    def merge(self, other: Cohort) -> bool:
        """Take in those of another if they are always due at the same time, too; returns whether they are."""
        if (
            self.given
            or other.given
            or (self.interval, self.slot, self.due, self.following)
            != (
                other.interval,
                other.slot,
                other.due,
                other.following,
            )
        ):
            return False
        for entry in other.entries:
            entry.change_to(self)
        self.entries += other.entries
        self._peers = b""
        return True

    def has_given(self, entry: Entry) -> bool:
        """Whether one of them had its probe for the next slot, while others still wait for theirs."""
        return self.given > 0 and self.entries.index(entry) < self.given

    def give(self, n: int) -> tuple[bytes, array[int], array[int]]:
        """The next n: their packed destinations, scopes and tags."""
        if not self._peers:
            self._peers = b"".join([entry.peer for entry in self.entries])
            self._scopes = array("I", [entry.scope for entry in self.entries])
            names = array("Q", [entry.name << NAME for entry in self.entries])
            self._names = int.from_bytes(names, byteorder)
        size, first = len(self.entries), self.given
        tags = array("Q", (self._names + (self.slot & SLOT) * ones(size)).to_bytes(8 * size, byteorder))
        self.given += n
        if n == size:
            return self._peers, self._scopes, tags
        width, stop = len(self._peers) // size, first + n
        return self._peers[first * width : stop * width], self._scopes[first:stop], tags[first:stop]

    def advance(self, now: int) -> None:
        """Be due for the next slot that is not over."""
        missed = 0 if self.following > now else (now - self.following) // self.interval + 1
        self.slot += 1 + missed
        self.due = self.following + missed * self.interval
        self.following = self.due + self.interval
        self.rounds += 1
        self.given = 0
