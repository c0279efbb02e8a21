"""The picture of all ways to a host: a layer a hop, from this host downwards.

Draws what `PathGraph` says. Edges are as wide as many flows were seen on them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs

from anyicmp.plot.canvas import Canvas
from anyicmp.words import count, named, percent, rtt, shorten

__all__ = ["path_graph"]

WIDE, TALL, GAP = 128.0, 34.0, 16.0
Key = tuple[int, str | None]
HOST: Key = (0, None)


@attrs.define
class _Place:
    """A node and where it stands: `x` is the middle of its box."""

    key: Key
    node: Any
    x: float = 0.0
    y: float = 0.0


def path_graph(graph: Any, *, width: float) -> Canvas:
    """The graph; as wide as its widest layer needs, at least `width`."""
    layers: dict[int, list[_Place]] = {0: [_Place(HOST, None)]}
    for node in graph.nodes:
        layers.setdefault(node.ttl, []).append(_Place(_key(node.ttl, node.address), node))
    links = [(_key(e.ttl, e.source), _key(e.ttl + 1, e.target), e.flows) for e in graph.edges]
    nearest = min((node.ttl for node in graph.nodes), default=1)
    links += [(HOST, place.key, 0) for place in layers.get(nearest, [])]
    box = max([WIDE, *(7.4 * len(_name(place)) + 16 for layer in layers.values() for place in layer)])
    _order(layers, links)
    widest = max(len(layer) for layer in layers.values()) * (box + GAP)
    whole = max(width, 40 + widest)
    canvas = Canvas(
        whole,
        34 + (TALL + 38) * len(layers),
        f"{count(len(graph.nodes), 'node')} on the ways to {named(graph.host, graph.target)}",
    )
    places: dict[Key, _Place] = {}
    for row, (_, layer) in enumerate(sorted(layers.items())):
        for i, place in enumerate(layer):
            place.x = 20 + (whole - 20) / 2 + (i - (len(layer) - 1) / 2) * (box + GAP)
            place.y = 8 + row * (TALL + 38)
            places[place.key] = place
    shares = _shares(links)
    for (source, target, flows), share in zip(links, shares, strict=True):
        if source in places and target in places:
            _edge(canvas, places[source], places[target], flows, share)
    for place in places.values():
        _box(canvas, place, box)
    for ttl, layer in layers.items():
        if ttl:
            canvas.text(14, layer[0].y + 22, ttl, "small end")
    foot = canvas.height - 12
    cut = "" if graph.complete else ", stopped before its end"
    canvas.text(20, foot, f"confidence {graph.confidence:.3g}, {count(graph.probes, 'probe')}{cut}; "
                f"lines are as wide as the share of flows", "small")  # fmt: skip
    return canvas


def _key(ttl: int, address: Any) -> Key:
    return ttl, None if address is None else str(address)


def _name(place: _Place) -> str:
    if place.node is None:
        return "this host"
    return "*" if place.node.address is None else str(place.node.address)


def _order(layers: dict[int, list[_Place]], links: list[tuple[Key, Key, int]]) -> None:
    """Put each node below the middle of those before it, so that few lines cross (Sugiyama, 1981)."""
    nearer: dict[Key, list[Key]] = {}
    farther: dict[Key, list[Key]] = {}
    for source, target, _ in links:
        nearer.setdefault(target, []).append(source)
        farther.setdefault(source, []).append(target)
    at: dict[Key, float] = {}

    def middle(place: _Place, beside: dict[Key, list[Key]]) -> float:
        known = [at[key] for key in beside.get(place.key, ()) if key in at]
        return sum(known) / len(known) if known else 0.0

    hops = sorted(layers)
    for beside, ttls in ((nearer, hops), (farther, hops[::-1]), (nearer, hops)):
        for ttl in ttls:
            layer = layers[ttl]
            layer.sort(key=partial(middle, beside=beside))
            at.update({place.key: i - (len(layer) - 1) / 2 for i, place in enumerate(layer)})


def _shares(links: list[tuple[Key, Key, int]]) -> list[float]:
    """Which share of all flows takes each link: a search sends as many through a node as it needs, not more
    through one that most ways lead through, so what leaves each node is divided.
    """
    leaving: dict[Key, int] = {}
    for source, _, flows in links:
        leaving[source] = leaving.get(source, 0) + (flows or 1)
    arriving: dict[Key, float] = {HOST: 1.0}
    shares = dict.fromkeys(range(len(links)), 0.0)
    for i in sorted(shares, key=lambda i: links[i][0][0]):
        source, target, flows = links[i]
        shares[i] = arriving.get(source, 0.0) * (flows or 1) / leaving[source]
        arriving[target] = arriving.get(target, 0.0) + shares[i]
    return list(shares.values())


def _edge(canvas: Canvas, source: _Place, target: _Place, flows: int, share: float) -> None:
    top, bottom = source.y + TALL, target.y
    middle = (top + bottom) / 2
    silent = " dash" if _name(source) == "*" or _name(target) == "*" else ""
    canvas.curve(
        f"M{source.x:.1f} {top:.1f}C{source.x:.1f} {middle:.1f} {target.x:.1f} {middle:.1f} "
        f"{target.x:.1f} {bottom:.1f}",
        "way" + silent,
        width=1.2 + 7 * share,
        title=f"{count(flows, 'flow')} seen, {percent(round(share, 3))} of all",
    )


def _box(canvas: Canvas, place: _Place, wide: float) -> None:
    node = place.node
    kind = "box"
    if node is not None:
        kind += " dash" if node.address is None else ""
        kind += " thick" if node.final else ""
    canvas.box(place.x - wide / 2, place.y, wide, TALL, kind)
    second = _marks(node)
    canvas.text(place.x, place.y + (14 if second else 21), _name(place), "small mono mid")
    if second:
        canvas.text(place.x, place.y + 27, shorten(second, int(wide / 5.4)), "small mid")


def _marks(node: Any) -> str:
    """What is known of a node beside its address."""
    if node is None:
        return ""
    marks = [f"MPLS {'/'.join(str(label.label) for label in node.mpls)}"] if node.mpls else []
    marks += ["NAT"] if node.nat else []
    if node.balances:
        marks.append("splits flows" if node.balances == "flow" else "splits packets")
    if node.rtt is not None:
        marks.append(rtt(node.rtt))
    return ", ".join(marks)
