"""One watched target with all that is kept of it, and what is told of it at any time.

What comes of its probes is noted here; who sends them, and who hears of a change, is not.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address

from anyicmp.api.monitor_options import Watching
from anyicmp.api.ping import name_of
from anyicmp.engine.cohort import Entry
from anyicmp.engine.outcome import ERROR, REPLY, TIMEOUT, OutcomeBatch
from anyicmp.engine.standing import Standing, Turn
from anyicmp.engine.window import JUDGED, Totals, Window
from anyicmp.results import IPAddress
from anyicmp.states import BUCKETS, TargetCounters, TargetStatus

__all__ = ["Watched"]


class Watched:
    """A target: what it is probed with, what came of it, how it stands.

    Attributes:
        key, number: unlike those of any other of the monitor.
        address: that is probed, None for a name that leads to none.
        name: the host as asked where it is a name, None where it is an address; known with the address.
        entry: its place in the calendar, None before the first.
        retry: seconds until its name is looked up again if that fails once more.
        removed: nobody wants to know any longer.
    """

    __slots__ = (
        "address",
        "entry",
        "key",
        "lookup_error",
        "name",
        "number",
        "removed",
        "retry",
        "standing",
        "totals",
        "watching",
        "window",
    )

    def __init__(self, key: str, number: int, watching: Watching, now: float) -> None:
        """`now`: Unix time in seconds."""
        self.key = key
        self.number = number
        self.watching = watching
        self.address: IPAddress | None = None
        self.name: str | None = None
        self.entry: Entry | None = None
        self.lookup_error: str | None = None
        self.retry = 0.0
        self.removed = False
        self.totals = Totals()
        self.window = Window(watching.slots, self.totals)
        self.standing = Standing(now, self.window)

    def change(self, watching: Watching) -> None:
        """Be probed otherwise from now on. All counters stay; a window of another length begins anew."""
        window = self.window
        window.settle()
        if watching.slots != window.size or watching.interval != self.watching.interval:
            head = -1 if self.entry is None else self.entry.slot - 1
            self.window = Window(watching.slots, self.totals, head=head, answered=window.answered)
            self.standing.window = self.window
        self.window.expected, self.window.smoothed = JUDGED, -1.0
        self.watching = watching

    def lead_to(self, address: IPAddress, entry: Entry) -> None:
        """It is probed at an address from now on; `entry` is its place in the calendar."""
        self.address, self.entry, self.lookup_error = address, entry, None
        self.name = name_of(self.watching.target.host, address)

    # What comes of its probes.

    def note(self, batch: OutcomeBatch, i: int, slot: int) -> Turn | None:
        """Row i of a batch is of the probe of a slot."""
        kind, rtt, totals, limits = batch.kinds[i], batch.rtts[i], self.totals, self.watching.limits
        self.window.note(slot, kind, rtt)
        sent_at = batch.sent_at[i]
        if kind == REPLY:
            ttl = batch.ttls[i]
            totals.note_reply(rtt)
            totals.hop_limit = ttl
            return self.standing.answered(slot, sent_at + rtt, rtt, ttl, limits)
        if kind == TIMEOUT:
            totals.kinds[TIMEOUT] += 1
            return self.standing.lost(slot, sent_at + self.watching.timeout / 1e9, None, limits)
        if kind == ERROR:
            data = batch.errors[i].data
            totals.note_error(data[0], data[1])
            return self.standing.lost(slot, sent_at + rtt, _cause(batch, i), limits)
        totals.note_failure(batch.failures[i][0] or 0)
        return self.standing.lost(slot, sent_at, f"nothing could be sent: {batch.why_failed(i)}", limits)

    def note_copy(self, slot: int) -> None:
        """Another copy of an answer came."""
        self.totals.duplicates += 1
        self.window.note_copy(slot)

    def note_late(self, slot: int) -> None:
        """An answer came after its probe's timeout."""
        self.totals.late += 1
        self.window.note_late(slot)

    # What is told.

    @property
    def host(self) -> str | None:
        """The name as asked, None where it was an address."""
        return str(self.watching.target.host) if self.address is None else self.name

    @property
    def status(self) -> TargetStatus:
        """How it is now."""
        self.window.settle()
        taken = 0 if self.entry is None else self.entry.taken
        failed = self.totals.kinds[-1]
        return TargetStatus(
            key=self.key,
            host=self.host,
            state=self.standing.state,
            since=self.standing.since,
            reason=self.standing.reason,
            target=self.address,
            lookup_error=self.lookup_error,
            statistics=self.window.statistics(),
            totals=self.totals.statistics(max(taken - failed, self.totals.ended)),
            labels=self.watching.target.labels,
        )

    @property
    def counters(self) -> TargetCounters:
        """What exporters read."""
        self.window.settle()
        totals, route, target = self.totals, self.watching.route, self.watching.target
        return TargetCounters(
            number=self.number,
            changes=sum(totals.kinds) + totals.duplicates + totals.late,
            key=self.key,
            host=self.host,
            target=self.address,
            state=self.standing.state,
            since=self.standing.since,
            lookup_error=self.lookup_error,
            labels=target.labels,
            source=route.source,
            tos=max(route.traffic_class, 0),
            probes=totals.ended,
            received=totals.kinds[REPLY],
            duplicates=totals.duplicates,
            late=totals.late,
            total_rtt=totals.total_rtt,
            buckets=totals.round_trips.up_to(len(BUCKETS)),
            ttl=None if totals.hop_limit < 0 else totals.hop_limit,
            errors=dict(totals.errors or {}),
            failures=dict(totals.failures or {}),
        )


KEPT = 1024
_causes: OrderedDict[tuple[int, int, int, bytes], str] = OrderedDict()
"""What errors mean in words: thousands of targets behind one router get the same."""


def _cause(batch: OutcomeBatch, i: int) -> str:
    width = 4 if batch.version == 4 else 16
    reporter = bytes(batch.sources[i * width : (i + 1) * width])
    data = batch.errors[i].data
    key = (batch.version, data[0], data[1], reporter)
    found = _causes.get(key)
    if found is None:
        if len(_causes) >= KEPT:
            _causes.popitem(last=False)
        who = "this host itself" if i in batch.local else str(ip_address(reporter))
        found = _causes[key] = f"{batch.message(i).explain()} Reported by {who}."
    return found
