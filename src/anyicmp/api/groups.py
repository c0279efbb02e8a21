"""Groups: the targets of one monitor by how they are probed, each group one plan on one driver.

It joins watched targets with what the engine tells. Names, and who hears of a change, are not known here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from anyicmp.api.driver import Driver
from anyicmp.api.monitor_options import Watching
from anyicmp.api.owner import SocketOwner
from anyicmp.api.watched import Watched
from anyicmp.engine.cohort import NAME, SLOT, Entry, names_in
from anyicmp.engine.histogram import Histogram
from anyicmp.engine.monitor import MonitorPlan
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.standing import Turn
from anyicmp.engine.window import Window, note_expected
from anyicmp.results import IPAddress
from anyicmp.states import Lateness
from anyicmp.wire.batch import Version

__all__ = ["Groups"]

Kind = tuple[object, ...]


class Told(Protocol):
    """Who hears of changes. Called within a driver's turn: it must not block."""

    def tell(self, watched: Watched, turn: Turn) -> None: ...

    def ended(self, error: BaseException | None) -> None: ...


class _Group:
    """Targets that are probed alike. A `Sink`.

    Attributes:
        windows: of its targets, by name.
    """

    def __init__(
        self, told: Told, lock: AbstractContextManager[object], driver: Driver, plan: MonitorPlan
    ) -> None:
        self.told, self.lock, self.driver, self.plan = told, lock, driver, plan
        self.windows: dict[int, Window] = {}

    def outcomes(self, batch: OutcomeBatch) -> None:
        entries, turns = self.plan.entries, []
        with self.lock:
            names, slots = names_in(batch.tags), batch.sequences  # the plan has made these of the tags
            windows = map(self.windows.get, names)
            for i in note_expected(windows, slots, batch.kinds, batch.rtts, batch.ttls):
                watched = entries[names[i]].watched
                if (turn := watched.note(batch, i, slots[i])) is not None:
                    turns.append((watched, turn))
            for tag in batch.copies:
                if (entry := entries.get(tag >> NAME)) is not None:
                    entry.watched.note_copy(tag & SLOT)
            for tag in batch.late:
                if (entry := entries.get(tag >> NAME)) is not None:
                    entry.watched.note_late(tag & SLOT)
        for watched, turn in turns:
            self.told.tell(watched, turn)

    def ended(self, error: BaseException | None) -> None:
        self.told.ended(error)


class Groups:
    """All plans of a monitor. What of a target others may read meanwhile is written under the lock."""

    def __init__(
        self,
        prober: SocketOwner,
        told: Told,
        lock: AbstractContextManager[object],
    ) -> None:
        self._prober, self._told, self._lock = prober, told, lock
        self._groups: dict[Kind, _Group] = {}
        self._touched: set[_Group] = set()
        self._lateness = Histogram()
        self._latest = 0

    def has(self, watched: Watched) -> bool:
        """Whether the target is probed."""
        entry, address = watched.entry, watched.address
        if entry is None or address is None:
            return False
        group = self._groups.get(_kind(watched.watching, address))
        return group is not None and group.plan.entries.get(entry.name) is entry

    def point(self, watched: Watched, address: IPAddress) -> None:
        """Probe a target at an address from now on; `poke` it then.

        Raises ClosedError, SocketPermissionError, UnsupportedError; ValueError for an interface or source
        address that this host does not have.
        """
        group = self._group(watched.watching, address)
        scope = 0 if address.version == 4 else self._prober.scope(address.scope_id)
        before, interval = watched.entry, watched.watching.interval
        with self._lock:
            if before is not None and before.interval == interval:
                entry = before.moved(address.packed, scope)
                group.plan.take_over(entry)
            else:
                entry = Entry(
                    watched.number,
                    address.packed,
                    scope,
                    interval=interval,
                    watched=watched,
                    slot=0 if before is None else before.slot,
                    taken=0 if before is None else before.taken,
                )
                group.plan.add(entry)
            watched.lead_to(address, entry)
            group.windows[entry.name] = watched.window
        self._touched.add(group)

    def leave(self, watched: Watched) -> None:
        """Probe it no longer; what is in flight to it is forgotten."""
        entry, address = watched.entry, watched.address
        if entry is None or address is None:
            return
        kind = _kind(watched.watching, address)
        group = self._groups.get(kind)
        if group is not None and entry.name in group.plan.entries:
            group.plan.drop(entry)
            del group.windows[entry.name]
            if not group.plan.entries:
                del self._groups[kind]
                self._touched.discard(group)
                self._close(group)
            elif not group.driver.closed:
                group.driver.release(group.plan, group.plan.wants)

    def poke(self) -> None:
        """Ask the plans anew that have got targets."""
        touched, self._touched = self._touched, set()
        for group in touched:
            group.driver.poke(group.plan)

    def close(self) -> None:
        """Probe nothing any longer."""
        groups, self._groups = self._groups, {}
        for group in groups.values():
            self._close(group)

    def _close(self, group: _Group) -> None:
        group.driver.stop(group.plan)
        self._prober.leave(group.driver)

    def _group(self, watching: Watching, address: IPAddress) -> _Group:
        kind = _kind(watching, address)
        group = self._groups.get(kind)
        if group is None:
            prober, route = self._prober, watching.route
            version: Version = 4 if address.version == 4 else 6
            route.check(version)
            driver = prober.driver(version, route)
            plan = MonitorPlan(
                prober.probe(address, route, driver),
                driver.exchange.method.template(size=watching.size, payload=watching.payload),
                timeout=watching.timeout,
                on_left=self._note_lateness,
            )
            group = self._groups[kind] = _Group(self._told, self._lock, driver, plan)
            driver.start(plan, group)
        return group

    def _note_lateness(self, late: int, n: int) -> None:
        self._lateness.add(late / 1e9, n)
        self._latest = max(self._latest, late)

    @property
    def lateness(self) -> Lateness:
        """How far from when they were due the probes were handed over."""
        late, latest = self._lateness, self._latest / 1e9
        median, p99 = late.quantile(0.5), late.quantile(0.99)
        return Lateness(
            probes=late.total,
            median=None if median is None else min(median, latest),
            p99=None if p99 is None else min(p99, latest),
            maximum=latest if late.total else None,
        )


def _kind(watching: Watching, address: IPAddress) -> Kind:
    """What is the same for targets that are probed alike."""
    return address.version, watching.route, watching.size, watching.payload, watching.timeout
