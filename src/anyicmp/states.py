"""What a monitor is told and tells: targets to watch, how they are, and what has changed.

Frozen values and nothing else: no I/O, no clock, no rule by which a state changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from anyicmp.results import IPAddress, Statistics
from anyicmp.shown import as_html, as_rich

__all__ = ["BUCKETS", "Lateness", "MonitorTarget", "State", "StateChange", "TargetCounters", "TargetStatus"]

State = Literal["unknown", "up", "degraded", "down", "unreachable"]
"""How a target is: "unknown" before enough is known, "degraded" answers badly, "down" is silent,
"unreachable" too, and something tells why: an ICMP error, this host's own refusal, a name without address."""

BUCKETS: tuple[float, ...] = tuple(0.00005 * 2**k for k in range(20))
"""Upper bounds, in seconds, of the buckets of round trips that are counted since the start."""


@attrs.frozen(kw_only=True, order=False)
class MonitorTarget:
    """A host to watch, and what differs for it from the monitor's own options (None: nothing).

    Attributes:
        host: name or address.
        key: what it is called in `StateChange.key` and `Monitor.snapshot`; None: the text of `host`.
        interval, window, timeout: seconds; see `Prober.open_monitor` for these and for the thresholds.
        down_after, up_after, degraded_loss, degraded_rtt: thresholds.
        size, payload, ttl, dscp, dont_fragment, source, interface, mark: as in `Prober.ping`.
        family: 4 or 6, to look its name up in that family alone.
        labels: what exporters put beside its figures.
    """

    host: str | IPAddress = attrs.field(kw_only=False)
    key: str | None = None
    interval: float | None = None
    window: float | None = None
    timeout: float | None = None
    down_after: int | None = None
    up_after: int | None = None
    degraded_loss: float | None = None
    degraded_rtt: float | None = None
    size: int | None = None
    payload: bytes | None = None
    ttl: int | None = None
    dscp: int | None = None
    dont_fragment: bool | None = None
    source: str | IPAddress | None = None
    interface: str | None = None
    mark: int | None = None
    family: int | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    @property
    def name(self) -> str:
        """Its key, or the text of its host without one."""
        return str(self.host) if self.key is None else self.key


@attrs.frozen(kw_only=True, order=False)
class StateChange:
    """The state of a target has changed, or the path to it.

    Attributes:
        key: of the target (`MonitorTarget.name`).
        target: the address that is probed, None for a name that leads to none.
        state, previous: equal where only the path has changed.
        reason: why, for people.
        at: Unix time, in seconds, at which that was decided.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    key: str
    target: IPAddress | None
    state: State
    previous: State
    reason: str
    at: float


@attrs.frozen(kw_only=True, order=False)
class TargetStatus:
    """How a target is, at the moment of a snapshot.

    Attributes:
        key: of the target.
        host: the name as asked, None where an address was given.
        state: how it is.
        since: Unix time, in seconds, since when.
        reason: why it is in that state.
        target: the address that is probed, None for a name that leads to none.
        lookup_error: why the last lookup of its name failed, None if it did not.
        statistics: of the probes that were due within the window and have ended, at least of the last one.
        totals: since the target was added. Median, p95 and p99 are right to 4.5 %.
        labels: those of the target.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    key: str
    host: str | None = None
    state: State
    since: float
    reason: str
    target: IPAddress | None
    lookup_error: str | None = None
    statistics: Statistics
    totals: Statistics
    labels: Mapping[str, str] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, order=False)
class TargetCounters:
    """What exporters read of a target, since it was added: numbers that are cheap to collect.

    Attributes:
        number: of the target, unlike that of any other of its monitor.
        changes: grows with every outcome: what was made of equal ones is still right.
        key, host, target, state, since, lookup_error, labels: as in `TargetStatus`.
        source: the address to send from that was asked for.
        tos: the traffic class octet, 0 where none was asked for.
        probes: probes that have ended, those that could not be sent left out.
        received, duplicates, late: as in `Statistics`.
        total_rtt: the sum of all round trips, in seconds.
        buckets: round trips up to each bound of `BUCKETS`, cumulated.
        ttl: hop limit of the last answer, None before.
        errors: how often each ICMP error came, by type and code.
        failures: how often sending failed, by errno (0 where no system call failed).
    """

    number: int
    changes: int
    key: str
    host: str | None
    target: IPAddress | None
    state: State
    since: float
    lookup_error: str | None
    labels: Mapping[str, str] = attrs.field(hash=False)
    source: IPAddress | None
    tos: int
    probes: int
    received: int
    duplicates: int
    late: int
    total_rtt: float
    buckets: tuple[int, ...]
    ttl: int | None
    errors: Mapping[tuple[int, int], int] = attrs.field(hash=False)
    failures: Mapping[int, int] = attrs.field(hash=False)


@attrs.frozen(kw_only=True, order=False)
class Lateness:
    """How far from when they were due the probes of a monitor were handed over, in seconds.

    Early or late: the first of many leave up to 2 ms early, lest the last be late. They are due at multiples
    of 10 or 20 ms, see `Monitor.lateness`.

    Attributes:
        probes: how many.
        median, p99: right to 4.5 %, None without probes.
        maximum: the largest, None without probes.
    """

    probes: int
    median: float | None
    p99: float | None
    maximum: float | None
