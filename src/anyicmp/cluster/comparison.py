"""The same measurement from several vantage points: the results side by side, and what differs.

Results are compared here, never measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any, Generic, TypeVar

import attrs

__all__ = ["Comparison", "Difference"]

T = TypeVar("T")

Path = tuple[tuple[str, ...], ...]
"""The addresses at each hop limit from 1 on; none: silence."""


@attrs.frozen(kw_only=True, order=False)
class Difference:
    """Something that is not the same from everywhere.

    Attributes:
        what: "reachable", "address", "path", "mtu", "limited_by", "black_hole" or "verdict".
        values: by the name of the vantage point. Of "path" a tuple for each hop, of addresses as text.
    """

    what: str
    values: dict[str, Any] = attrs.field(hash=False)

    def __str__(self) -> str:
        return "; ".join(f"from {name} {_SAYINGS[self.what](value)}" for name, value in self.values.items())


@attrs.frozen(kw_only=True, order=False)
class Comparison(Generic[T]):
    """What one measurement says from each of several places.

    Attributes:
        host: as asked.
        measurement: "ping", "traceroute", "multipath", "path_mtu" or "diagnose".
        results: by the name of the vantage point.
        failures: why there is none, by the name of the vantage point.
    """

    host: str
    measurement: str
    results: dict[str, T] = attrs.field(hash=False)
    failures: dict[str, str] = attrs.field(factory=dict, hash=False)

    def differences(self) -> tuple[Difference, ...]:
        """What differs between the vantage points that have a result; empty where all agree.

        Two paths are the same if no hop that answered both times is another one.
        """
        return tuple(self._differences())

    def _differences(self) -> Iterator[Difference]:
        for what, read in _FACTS[self.measurement].items():
            values = {name: read(result) for name, result in self.results.items()}
            alike = _paths_alike if what == "path" else _equal
            if any(not alike(a, b) for a, b in combinations(values.values(), 2)):
                yield Difference(what=what, values=values)


def _equal(a: object, b: object) -> bool:
    return a == b


def _paths_alike(a: Path, b: Path) -> bool:
    return all(not x or not y or x == y for x, y in zip(a, b, strict=False))


def _hops(trace: Any) -> Path:
    """Up to the last hop that answered; the target is none, its distance is part of the path."""
    hops = [tuple(map(str, hop.addresses)) for hop in trace.hops]
    return ((),) * (trace.hops[0].ttl - 1 if hops else 0) + tuple(hops)


def _nodes(graph: Any) -> Path:
    last = max((node.ttl for node in graph.nodes), default=0)
    hops: list[set[str]] = [set() for _ in range(last)]
    for node in graph.nodes:
        if node.address is not None:
            hops[node.ttl - 1].add(str(node.address))
    return tuple(tuple(sorted(hop)) for hop in hops)


def _target(result: Any) -> str:
    return str(result.target)


_FACTS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "ping": {"reachable": lambda result: result.is_alive, "address": _target},
    "traceroute": {"reachable": lambda trace: trace.reached, "address": _target, "path": _hops},
    "multipath": {"reachable": lambda graph: graph.reached, "address": _target, "path": _nodes},
    "path_mtu": {
        "address": _target,
        "mtu": lambda found: found.mtu,
        "limited_by": lambda found: None if found.limited_by is None else str(found.limited_by),
        "black_hole": lambda found: found.black_hole,
    },
    "diagnose": {"reachable": lambda found: found.ok, "verdict": lambda found: found.verdict},
}
"""What is compared of each measurement."""

_SAYINGS: Mapping[str, Callable[[Any], str]] = {
    "reachable": lambda value: "it is reachable" if value else "it is not reachable",
    "address": lambda value: f"it is {value}",
    "path": lambda path: "by " + (" ".join(",".join(hop) or "*" for hop in path) or "nobody who answered"),
    "mtu": lambda value: f"packets of up to {value} octets pass" if value else "no size is known to pass",
    "limited_by": lambda value: f"{value} limits the size" if value else "nobody is known to limit the size",
    "black_hole": lambda value: "larger ones vanish" if value else "larger ones do not vanish silently",
    "verdict": str,
}
