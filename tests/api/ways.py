"""Load-balanced ways on a simulated internet: diamonds in a row, their links, and those of a graph.

Nothing is probed and nothing asserted here.
"""

from __future__ import annotations

from typing import Any

from anyicmp import PathGraph
from anyicmp.testing import Topology

TARGET = {4: "10.0.0.1", 6: "2001:db8:f::1"}


def addresses(place: int, number: int) -> tuple[str, str]:
    return f"10.{place}.{number // 200}.{number % 200 + 1}", f"2001:db8:{place}::{number + 1:x}"


def diamonds(*ways: int, seed: int = 0, **balancer: Any) -> Topology:
    """Diamonds in a row, each of so many ways: a balancer, its ways, and where they meet."""
    topology, last = Topology(seed=seed), "client"
    balancer = {"balance": "flow", "flow": ["ports", "icmp"], **balancer}
    for i, width in enumerate(ways, 1):
        topology.router(f"d{i}", *addresses(i, 0), **balancer).router(f"c{i}", *addresses(i, 200))
        topology.link(last, f"d{i}", delay="1 ms")
        for k in range(width):
            topology.router(f"w{i}.{k}", *addresses(i, k + 1))
            topology.link(f"d{i}", f"w{i}.{k}", f"c{i}", delay="1 ms")
        last = f"c{i}"
    return topology.host("target", TARGET[4], TARGET[6]).link(last, "target", delay="1 ms")


def links(*ways: int, version: int = 4) -> set[tuple[str, str]]:
    """The links behind the first router of such a network."""
    which, found, last = version == 6, set(), ""
    for i, width in enumerate(ways, 1):
        first, meeting = addresses(i, 0)[which], addresses(i, 200)[which]
        found |= {(last, first)} if last else set()
        for k in range(width):
            way = addresses(i, k + 1)[which]
            found |= {(first, way), (way, meeting)}
        last = meeting
    return found | {(last, TARGET[version])}


def seen(graph: PathGraph) -> set[tuple[str, str]]:
    return {(str(edge.source or "*"), str(edge.target or "*")) for edge in graph.edges}
