"""From the vertices of a multipath trace to the graph that people get.

Reads vertices; which probe is sent next is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from math import isnan

from anyicmp.engine.vertex import Vertex
from anyicmp.paths import Diamond, PathEdge, PathNode
from anyicmp.results import IPAddress
from anyicmp.wire import MplsLabel

__all__ = ["diamonds_of", "read_graph"]

Key = tuple[int, bytes | None]
Marks = tuple[tuple[MplsLabel, ...], bool | None]


def read_graph(
    hops: Sequence[Iterable[Vertex]], marks_of: Callable[[Vertex], Marks]
) -> tuple[tuple[PathNode, ...], tuple[PathEdge, ...]]:
    """Nodes and edges of the vertices by hop limit, the first of which is this host.

    `marks_of` reads the labels and the rewrites that a vertex told of.
    """
    # What ends a way, and was heard of a flow alone that was over before, is no place on any way.
    layers = [[vertex for vertex in hop if vertex.before or not vertex.final] for hop in hops]
    while len(layers) > 1 and all(vertex.address is None for vertex in layers[-1]):
        layers.pop()
    nodes: dict[Key, list[Vertex]] = {}
    links: dict[tuple[Key, Key], int] = {}
    loose: set[Vertex] = set()
    for layer, behind in zip(layers, [*layers[1:], []], strict=True):
        loose = _loosened(layer, loose)
        for vertex in layer:
            if vertex.ttl:
                nodes.setdefault(_key(vertex), []).append(vertex)
        # Flows behind a balancer of packets are no thread any more: only where all lead to one place.
        one = len({farther for vertex in loose for farther in vertex.next}) == 1
        for vertex in layer:
            for farther, flows in vertex.next.items():
                if vertex.ttl and farther in behind and (one or vertex not in loose):
                    link = _key(vertex), _key(farther)
                    links[link] = links.get(link, 0) + flows
    edges = [
        PathEdge(source[0], _address(source[1]), _address(target[1]), flows=links[source, target])
        for source, target in sorted(links, key=lambda link: (_order(link[0]), _order(link[1])))
    ]
    return tuple(_node(key, nodes[key], marks_of) for key in sorted(nodes, key=_order)), tuple(edges)


def _loosened(layer: Sequence[Vertex], loose: set[Vertex]) -> set[Vertex]:
    """Of a hop, the vertices of which nobody knows whether a flow comes by again."""
    if len(layer) < 2:
        return set()
    return {
        vertex for vertex in layer if any(nearer.per_packet or nearer in loose for nearer in vertex.before)
    }


def _key(vertex: Vertex) -> Key:
    return vertex.ttl, vertex.address


def _order(key: Key) -> tuple[int, bytes]:
    return key[0], key[1] or b""


def _address(packed: bytes | None) -> IPAddress | None:
    return None if packed is None else ip_address(packed)


def _node(key: Key, vertices: Sequence[Vertex], marks_of: Callable[[Vertex], Marks]) -> PathNode:
    rtts = [vertex.rtt for vertex in vertices if not isnan(vertex.rtt)]
    looked = [vertex.per_packet for vertex in vertices if vertex.per_packet is not None]
    marks = [marks_of(vertex) for vertex in vertices]
    told = [nat for _, nat in marks if nat is not None]
    return PathNode(
        key[0],
        _address(key[1]),
        balances=None if not looked else "packet" if any(looked) else "flow",
        rtt=min(rtts, default=None),
        final=any(vertex.final for vertex in vertices),
        mpls=next((labels for labels, _ in marks if labels), ()),
        nat=any(told) if told else None,
    )


def diamonds_of(nodes: Iterable[PathNode]) -> tuple[Diamond, ...]:
    """The runs of hops with several nodes each."""
    layers: dict[int, list[PathNode]] = {}
    for node in nodes:
        layers.setdefault(node.ttl, []).append(node)
    found, last = [], max(layers, default=0)
    ttl = 1
    while ttl <= last:
        first = ttl
        while len(layers.get(ttl, ())) > 1:
            ttl += 1
        if ttl > first:
            found.append(
                Diamond(
                    ttl=first - 1,
                    length=min(ttl, last) - first + 1,
                    width=max(len(layers[hop]) for hop in range(first, ttl)),
                    source=layers[first - 1][0].address if first > 1 else None,
                    target=layers[ttl][0].address if ttl <= last else None,
                )
            )
        ttl += 1
    return tuple(found)
