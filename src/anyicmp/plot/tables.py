"""Results as tables of text: one line of facts, and rows under headings. For screens, notebooks and reports.

Words and figures without markup; how a table looks is decided where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import attrs

from anyicmp.plot.picture import kind_of
from anyicmp.words import UNKNOWN, count, milliseconds, moment, named, percent, rtt

__all__ = ["SWEEP_COLUMNS", "Table", "figures_of", "sweep_rows", "table_of"]


@attrs.frozen
class Table:
    """A table: what it is about, headings, rows of text. `left`: so many rows are not shown.

    `numbers`: indices of the columns that hold figures, which stand at the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: frozenset[int] = frozenset()
    facts: tuple[str, ...] = ()
    left: int = 0

    def trimmed(self) -> Table:
        """The table without the columns that are empty in all rows."""
        kept = [i for i in range(len(self.columns)) if not self.rows or any(row[i] for row in self.rows)]
        return attrs.evolve(
            self,
            columns=tuple(self.columns[i] for i in kept),
            rows=[tuple(row[i] for i in kept) for row in self.rows],
            numbers=frozenset(kept.index(i) for i in self.numbers if i in kept),
        )


def table_of(result: Any, most: int = 20) -> Table:
    """The table of any result, with at most so many rows. Raises TypeError for what is no result."""
    kind = kind_of(result)
    make = {
        "ping": _ping,
        "sweep": _sweep,
        "trace": _trace,
        "paths": _paths,
        "mtu": _mtu,
        "diagnosis": _diagnosis,
    }.get(kind or "", _fields)
    return make(result, most).trimmed()


def figures_of(statistics: Any) -> tuple[str, ...]:
    """The counts of a series, and the round trips that are known, one fact each."""
    facts = [f"{statistics.sent:,} sent", f"{statistics.received:,} answered"]
    facts += [
        f"{number:,} {name}"
        for name in ("errors", "failed", "duplicates", "late")
        if (number := getattr(statistics, name))
    ]
    if statistics.loss is not None:
        facts.append(f"loss {percent(statistics.loss)}")
    for name, label in _ROUND_TRIPS.items():
        if (value := getattr(statistics, name)) is not None:
            facts.append(f"{label} {rtt(value)}")
    return tuple(facts)


_ROUND_TRIPS = {
    "minimum": "best",
    "median": "median",
    "average": "average",
    "p95": "95th percentile",
    "maximum": "worst",
    "jitter": "jitter",
}


def _what(outcome: Any) -> str:
    """What became of a probe, in a few words."""
    match outcome.kind:
        case "reply":
            return f"reply, {count(outcome.duplicates, 'duplicate')}" if outcome.duplicates else "reply"
        case "error":
            return f"error from {outcome.source}: {outcome.reason}"
        case "timeout":
            return f"no answer within {outcome.timeout:g} s"
    return f"not sent: {outcome.reason}"


def _time(outcome: Any) -> str:
    return milliseconds(outcome.rtt) if outcome.kind in ("reply", "error") else UNKNOWN


def _ping(result: Any, most: int) -> Table:
    rows = [
        (str(o.sequence), _time(o), str(o.ttl) if o.kind == "reply" and o.ttl is not None else "", _what(o))
        for o in result.outcomes[:most]
    ]
    return Table(
        f"ping {named(result.host, result.target)}",
        ("probe", "ms", "TTL", "what became of it"),
        rows,
        frozenset((0, 1, 2)),
        figures_of(result.statistics),
        len(result.outcomes) - len(rows),
    )


def sweep_rows(outcomes: Iterable[Any]) -> list[tuple[str, ...]]:
    """A row for each target: address, name, milliseconds, what became of it."""
    return [
        (str(o.target) if o.target is not None else UNKNOWN, o.host or "", _time(o), _what(o))
        for o in outcomes
    ]


SWEEP_COLUMNS = ("address", "name", "ms", "what became of it")


def _sweep(result: Any, most: int) -> Table:
    alive = result.alive
    rows = sweep_rows(islice(alive, most))
    facts = tuple(
        f"{len(part):,} {name}"
        for part, name in (
            (result.outcomes, "probed"),
            (alive, "alive"),
            (result.unanswered, "silent"),
            (result.errors, "with an error"),
            (result.failed, "not sent"),
        )
        if len(part)
    )
    figures = result.statistics
    times = tuple(
        f"{label} {rtt(getattr(figures, name))}"
        for name, label in _ROUND_TRIPS.items()
        if getattr(figures, name) is not None
    )
    return Table("sweep", SWEEP_COLUMNS, rows, frozenset((2,)), facts + times, len(alive) - len(rows))


def _trace(result: Any, most: int) -> Table:
    rows = [_hop(hop) for hop in result.hops[:most]]
    end = "reached" if result.reached else "not reached"
    facts = [end, count(len(result.hops), "hop"), f"method {result.method}"]
    facts += [
        f"rewritten between hops {t.after} and {t.before}: {', '.join(t.fields)}" for t in result.translations
    ]
    facts += [f"hop {c.ttl} was {c.before} and is {c.after}" for c in result.changes]
    if result.loop:
        facts.append(f"a loop over {', '.join(map(str, result.loop))}")
    return Table(
        f"trace to {named(result.host, result.target)}",
        ("hop", "address", "loss", "sent", "best", "median", "worst", "jitter", "notes"),
        rows,
        frozenset((0, 2, 3, 4, 5, 6, 7)),
        tuple(facts),
        len(result.hops) - len(rows),
    )


def _hop(hop: Any) -> tuple[str, ...]:
    names, figures = hop.names, hop.statistics
    who = [named(names[i] if i < len(names) else None, address) for i, address in enumerate(hop.addresses)]
    notes = [f"MPLS label {label.label}" for label in hop.mpls]
    notes += ["NAT"] if hop.nat else []
    notes += ["limits its answers"] if hop.rate_limited else []
    notes += [f"AS{hop.asn}"] if hop.asn is not None else []
    times = [figures.minimum, figures.median, figures.maximum, figures.jitter]
    return (
        str(hop.ttl),
        ", ".join(who) or "*",
        UNKNOWN if figures.loss is None else percent(round(figures.loss, 4)),
        str(figures.sent),
        *(UNKNOWN if time is None else milliseconds(time) for time in times),
        ", ".join(notes),
    )


def _paths(result: Any, most: int) -> Table:
    behind: dict[tuple[int, str], list[str]] = {}
    for edge in result.edges:
        behind.setdefault((edge.ttl, str(edge.source)), []).append(
            "*" if edge.target is None else str(edge.target)
        )
    rows = []
    for node in result.nodes[:most]:
        notes = [f"MPLS label {label.label}" for label in node.mpls] + (["NAT"] if node.nat else [])
        notes += [f"balances {node.balances}s"] if node.balances else []
        rows.append(
            (
                str(node.ttl),
                "*" if node.address is None else str(node.address),
                UNKNOWN if node.rtt is None else milliseconds(node.rtt),
                ", ".join(behind.get((node.ttl, str(node.address)), ())),
                ", ".join(notes),
            )
        )
    facts = (
        "reached" if result.reached else "not reached",
        count(len(result.nodes), "node"),
        count(len(result.edges), "link"),
        count(len(result.diamonds), "diamond"),
        f"confidence {result.confidence:.4g}",
        count(result.probes, "probe"),
        *(() if result.complete else ("stopped before its end",)),
    )
    return Table(
        f"all ways to {named(result.host, result.target)}",
        ("hop", "address", "best ms", "leads to", "notes"),
        rows,
        frozenset((0, 2)),
        facts,
        len(result.nodes) - len(rows),
    )


def _mtu(result: Any, most: int) -> Table:
    facts = ["unknown" if result.mtu is None else count(result.mtu, "octet")]
    facts += [] if result.confirmed or result.mtu is None else ["as reported, not confirmed"]
    facts += [f"limited by {result.limited_by}"] if result.limited_by is not None else []
    facts += ["black hole: larger packets vanish"] if result.black_hole else []
    rows = [
        (f"{s.size:,}", "" if s.ttl is None else str(s.ttl), _time(s.outcome), _what(s.outcome))
        for s in result.steps[:most]
    ]
    return Table(
        f"path MTU to {named(result.host, result.target)}",
        ("octets", "TTL", "ms", "what became of it"),
        rows,
        frozenset((0, 1, 2)),
        tuple(facts),
        len(result.steps) - len(rows),
    )


def _diagnosis(result: Any, most: int) -> Table:
    rows = [(step.name, step.status, step.detail) for step in result.steps[:most]]
    title = f"diagnosis of {named(result.host, result.target)}"
    return Table(title, ("step", "status", "what was found"), rows, facts=(result.verdict,))


_SECONDS = frozenset(
    {"rtt", "last", "minimum", "average", "maximum", "stddev", "median", "p95", "p99", "jitter"}
)
_SHARES = frozenset({"loss", "slow_loss", "confidence"})


def _fields(result: Any, most: int) -> Table:
    """Any other result: its attributes, those that have a value."""
    if not attrs.has(type(result)):
        raise TypeError(f"a result of anyicmp is wanted, not {type(result).__name__}")
    kind = getattr(result, "kind", None)
    names = [field.name for field in attrs.fields(type(result)) if not field.name.startswith("_")]
    rows = [(name, _field(name, value)) for name in names if (value := getattr(result, name)) is not None]
    title = type(result).__name__ if kind is None else f"{kind} of {named(result.host, result.target)}"
    return Table(title, ("attribute", "value"), rows[:most], left=max(0, len(rows) - most))


def _field(name: str, value: Any) -> str:
    if isinstance(value, float):
        if name in _SECONDS:
            return rtt(value)
        if name in ("sent_at", "at", "since"):
            return moment(value)
        return percent(value) if name in _SHARES else f"{value:g}"
    explain = getattr(value, "explain", None)
    if explain is not None:
        return str(explain())
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
