"""What a report is made of: lines of JSON, as the command prints them, as results again.

Reads text and keeps what it tells; nothing is drawn. A line that is none, or cut short, is counted, and costs
the others nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, get_args, get_origin, get_type_hints

import attrs

from anyicmp import (
    KINDS,
    Diagnosis,
    ErrorReply,
    MplsLabel,
    NoReply,
    Outcome,
    PathGraph,
    PathMtu,
    PingResult,
    Reply,
    SendFailure,
    StateChange,
    Trace,
)
from anyicmp.plot.series import SweepColumns, spread

__all__ = ["Gathered", "Sweep", "gather"]

Measurement = PingResult | Trace | PathGraph | PathMtu | Diagnosis

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
    answered: list[Outcome] = attrs.field(factory=list)
    faults: list[Outcome] = attrs.field(factory=list)
    answered_left: int = 0
    faults_left: int = 0
    start: float | None = None
    end: float | None = None

    def add(self, outcome: Outcome) -> None:
        """Take an outcome in."""
        self.columns.add(outcome)
        if isinstance(outcome, Reply):
            self.answered_left += _keep(self.answered, outcome)
        elif not isinstance(outcome, NoReply):
            self.faults_left += _keep(self.faults, outcome)
        self.start = outcome.sent_at if self.start is None else min(self.start, outcome.sent_at)
        self.end = outcome.sent_at if self.end is None else max(self.end, outcome.sent_at)

    def quantiles(self) -> tuple[float, ...]:
        """The 5th, 25th, 50th, 75th and 95th percentile of the round trips, in seconds."""
        return spread(self.columns.round_trips())


def _keep(kept: list[Outcome], outcome: Outcome) -> int:
    if len(kept) == KEPT:
        return 1
    kept.append(outcome)
    return 0


@attrs.define
class Gathered:
    """The measurements of a file.

    Attributes:
        name: of the file.
        results: of `ping`, `trace`, `paths`, `mtu` and `diagnose`, in their order; of a trace in rounds the
            last round.
        sweep: the outcomes of a sweep.
        changes: of a monitor's states.
        foreign: numbers of the lines that tell of no measurement, from 1, the first ten.
        foreign_count: how many these are.
    """

    name: str
    results: list[Measurement] = attrs.field(factory=list)
    sweep: Sweep = attrs.field(factory=Sweep)
    changes: list[StateChange] = attrs.field(factory=list)
    foreign: list[int] = attrs.field(factory=list)
    foreign_count: int = 0


def gather(name: str, lines: Iterable[str]) -> Gathered:
    """Read the lines of one file."""
    gathered = Gathered(name)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            _take(gathered, json.loads(line))
        except (ValueError, RecursionError):
            gathered.foreign_count += 1
            if len(gathered.foreign) < 10:
                gathered.foreign.append(number)
    return gathered


_OUTCOMES = dict(zip(KINDS, (Reply, ErrorReply, NoReply, SendFailure), strict=True))
_TELLING = {
    "hops": Trace,
    "nodes": PathGraph,
    "mtu": PathMtu,
    "outcomes": PingResult,
    "previous": StateChange,
    "verdict": Diagnosis,
}
"""An attribute that no other result has, and whose it is."""


def _take(gathered: Gathered, read: Any) -> None:
    if not isinstance(read, dict):
        raise ValueError("no result")
    if "kind" in read:
        gathered.sweep.add(_fit(read, Outcome))
        return
    result = _fit(read, next((cls for name, cls in _TELLING.items() if name in read), None))
    if isinstance(result, StateChange):
        gathered.changes.append(result)
        return
    last = gathered.results[-1] if gathered.results else None
    if isinstance(result, Trace) and isinstance(last, Trace) and last.target == result.target:
        gathered.results.pop()  # a later round of the same trace: its figures are of all rounds
    gathered.results.append(result)


@cache
def _fields(cls: type) -> tuple[tuple[str, Any, bool], ...]:
    """Name, type and whether it must be there, of each attribute of a class."""
    # What is imported for annotations alone: a message is kept as it was read, for nobody looks into it.
    hints = get_type_hints(
        cls, localns={"MplsLabel": MplsLabel, "Message": object, "InterfaceInformation": object}
    )
    return tuple(
        (field.name, hints[field.name], field.default is attrs.NOTHING) for field in attrs.fields(cls)
    )


def _fit(value: Any, hint: Any) -> Any:
    """What was read as what the annotation says. Raises ValueError where it is none."""
    if hint is object or (get_origin(hint) is Mapping and isinstance(value, dict)):
        return value
    if hint in (bool, int, str, type(None)):
        if type(value) is hint and not (hint is int and abs(value) >= 2**63):
            return value
    elif hint is float:
        if type(value) in (int, float) and abs(value) <= 1e15:
            return float(value)
    elif hint in (IPv4Address, IPv6Address):
        if isinstance(value, str) and isinstance(address := ip_address(value), hint):
            return address
    elif attrs.has(hint):
        if isinstance(value, dict):
            return hint(
                **{
                    name: _fit(value.get(name), kind)
                    for name, kind, needed in _fields(hint)
                    if needed or name in value
                }
            )
    elif get_origin(hint) is Literal:
        if isinstance(value, str) and value in get_args(hint):
            return value
    elif get_origin(hint) is tuple:
        if isinstance(value, list):
            return tuple(_fit(item, get_args(hint)[0]) for item in value)
    elif hint is not None:
        return _fit_one(value, get_args(hint))
    raise ValueError("not of the type that is wanted")


def _fit_one(value: Any, hints: tuple[Any, ...]) -> Any:
    if isinstance(value, Mapping) and value.get("kind") in KINDS and Reply in hints:
        return _fit(value, _OUTCOMES[value["kind"]])
    for hint in hints:
        try:
            return _fit(value, hint)
        except ValueError:
            continue
    raise ValueError("not of any of the types that are wanted")
