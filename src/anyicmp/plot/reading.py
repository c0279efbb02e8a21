"""What a report is made of: lines of JSON, as the command prints them, sorted into measurements.

Reads text and keeps what it tells; nothing is drawn. A line that is none, or cut short, is counted, and costs
the others nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import ip_address
from math import isfinite
from typing import Any

import attrs

from anyicmp.plot.picture import kind_of
from anyicmp.plot.series import Record, SweepColumns, spread

__all__ = ["Gathered", "Sweep", "gather"]

KEPT = 2000
"""So many targets of a sweep are listed at most; the map and the counts are of all."""


@attrs.define
class Sweep:
    """The outcomes of a sweep: all as columns, those worth a line as records, at most `KEPT` of each kind.

    Attributes:
        columns: all of them.
        answered, faults: replies; errors and what could not be sent.
        answered_left, faults_left: how many more there were.
        start, end: Unix time of the first and the last probe, in seconds; None without one.
    """

    columns: SweepColumns = attrs.field(factory=SweepColumns)
    answered: list[Any] = attrs.field(factory=list)
    faults: list[Any] = attrs.field(factory=list)
    answered_left: int = 0
    faults_left: int = 0
    start: float | None = None
    end: float | None = None

    def add(self, outcome: Any) -> None:
        """Take an outcome in. Raises ValueError or TypeError for one that is none."""
        self.columns.add(outcome)
        if outcome.kind == "reply":
            self.answered_left += _keep(self.answered, outcome)
        elif outcome.kind != "timeout":
            self.faults_left += _keep(self.faults, outcome)
        if outcome.sent_at is not None:
            self.start = outcome.sent_at if self.start is None else min(self.start, outcome.sent_at)
            self.end = outcome.sent_at if self.end is None else max(self.end, outcome.sent_at)

    def quantiles(self) -> tuple[float, ...]:
        """The 5th, 25th, 50th, 75th and 95th percentile of the round trips, in seconds."""
        return spread(self.columns.round_trips())


def _keep(kept: list[Any], outcome: Any) -> int:
    if len(kept) == KEPT:
        return 1
    kept.append(outcome)
    return 0


@attrs.define
class Gathered:
    """The measurements of a file.

    Attributes:
        name: of the file.
        results: of `ping`, `trace`, `paths` and `mtu`, in their order; of a trace in rounds the last round.
        sweep: the outcomes of a sweep.
        changes: of a monitor's states.
        foreign: numbers of the lines that tell of no measurement, from 1, the first ten.
        foreign_count: how many these are.
    """

    name: str
    results: list[Any] = attrs.field(factory=list)
    sweep: Sweep = attrs.field(factory=Sweep)
    changes: list[Any] = attrs.field(factory=list)
    foreign: list[int] = attrs.field(factory=list)
    foreign_count: int = 0


def gather(name: str, lines: Iterable[str]) -> Gathered:
    """Read the lines of one file."""
    gathered = Gathered(name)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            _take(gathered, json.loads(line, object_hook=_record, parse_constant=_refuse))
        except (ValueError, TypeError, AttributeError, RecursionError):
            gathered.foreign_count += 1
            if len(gathered.foreign) < 10:
                gathered.foreign.append(number)
    return gathered


def _record(pairs: dict[str, Any]) -> Record:
    # Names that Python keeps to itself are no attributes of a result.
    return Record(**{name: value for name, value in pairs.items() if not name.startswith("_")})


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _take(gathered: Gathered, record: Any) -> None:
    what = kind_of(record) if isinstance(record, Record) else None
    match what:
        case "outcome":
            _check_outcome(record)
            gathered.sweep.add(record)
        case "change":
            _check_change(record)
            gathered.changes.append(record)
        case "ping" | "trace" | "paths" | "mtu":
            _CHECKS[what](record)
            last: Any = gathered.results[-1] if gathered.results else None
            if what == "trace" and kind_of(last) == "trace" and last.target == record.target:
                gathered.results.pop()  # a later round of the same trace: its figures are of all rounds
            gathered.results.append(record)
        case _:
            raise ValueError("no measurement")


def _number(value: Any, *, or_none: bool = False) -> None:
    if value is None and or_none:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("a number is wanted")


def _text(value: Any, *, or_none: bool = False) -> None:
    if not (isinstance(value, str) or (value is None and or_none)):
        raise ValueError("text is wanted")


def _check_outcome(outcome: Any) -> None:
    _number(outcome.sent_at)
    _number(outcome.sequence)
    _text(outcome.host, or_none=True)
    if outcome.target is not None:
        ip_address(outcome.target)
    elif outcome.kind != "failed":
        raise ValueError("an address is wanted")
    if outcome.kind in ("reply", "error"):
        _number(outcome.rtt)
    if outcome.kind == "timeout":
        _number(outcome.timeout)


def _check_change(change: Any) -> None:
    for value in (change.key, change.state, change.previous):
        _text(value)
    _number(change.at)


def _check_statistics(statistics: Any) -> None:
    for name in ("sent", "received"):
        _number(getattr(statistics, name))
    for name in ("errors", "failed", "duplicates", "late"):
        _number(getattr(statistics, name), or_none=True)
    for name in ("loss", "minimum", "average", "maximum", "median", "p95", "jitter"):
        _number(getattr(statistics, name), or_none=True)
    known = [statistics.minimum is None, statistics.median is None, statistics.maximum is None]
    if any(known) != all(known):
        raise ValueError("round trips are wanted together")


def _check_ping(result: Any) -> None:
    _check_statistics(result.statistics)
    for outcome in result.outcomes:
        _check_outcome(outcome)


def _check_trace(result: Any) -> None:
    for hop in result.hops:
        _number(hop.ttl)
        _check_statistics(hop.statistics)
        for label in hop.mpls or ():
            _number(label.label)


def _check_paths(result: Any) -> None:
    _number(result.confidence)
    _number(result.probes)
    for node in result.nodes:
        _number(node.ttl)
        _number(node.rtt, or_none=True)
    for edge in result.edges:
        _number(edge.ttl)
        _number(edge.flows, or_none=True)


def _check_mtu(result: Any) -> None:
    _number(result.mtu, or_none=True)
    for step in result.steps:
        _number(step.size)
        _check_outcome(step.outcome)


_CHECKS = {"ping": _check_ping, "trace": _check_trace, "paths": _check_paths, "mtu": _check_mtu}
