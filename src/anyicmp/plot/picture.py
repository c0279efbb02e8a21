"""From a result to its picture: which one shows what, by the attributes that it has.

Chooses; each picture is drawn in its own file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from anyicmp import KINDS, OutcomeBatch, PingResult
from anyicmp.plot.canvas import Canvas
from anyicmp.plot.charts import distribution_chart, hop_chart, smoke_chart, state_chart
from anyicmp.plot.path_graph import path_graph
from anyicmp.plot.series import REPLY, SweepColumns
from anyicmp.plot.sweep_map import sweep_map
from anyicmp.words import count, named

__all__ = ["draw", "kind_of", "svg"]

MOST = 24
"""So many pictures are put below each other at most."""


def svg(result: object, *, kind: str | None = None, width: float = 720, title: str | None = None) -> str:
    """A result as a picture, in one SVG document without scripts or links, for light and dark grounds.

    Args:
        result: a `PingResult` (smoke plot), `SweepResult` or any outcomes of a sweep (map), `Trace` (hop by
            hop), `PathGraph` (layers of nodes), `StateChange`s (states over time); or several of one of
            these but the last, which are drawn below each other.
        kind: "smoke", "map", "distribution", "hops", "graph" or "states", where the usual one is not meant:
            a `PingResult` and a sweep have a distribution too.
        width: in CSS pixels; the picture shrinks where it gets less. A graph may be wider.
        title: what is read to those who cannot see it; None: what the picture itself says.

    A map is a grid of up to 256 addresses, else a Hilbert curve of up to 65,536 pixels, below 60 kB. Only
    networks that are not mostly empty are drawn as one; the 12 with the most targets are.

    Raises:
        TypeError: there is no picture of this.
        ValueError: there is no such kind of picture of it, or the width is not at least 200.
    """
    if not width >= 200:
        raise ValueError(f"width must be at least 200, not {width}")
    canvas = draw(result, kind=kind, width=width)
    if title is not None:
        canvas.title = title
    return canvas.svg()


_USUAL = {
    "ping": ("smoke", "distribution"),
    "sweep": ("map", "distribution"),
    "trace": ("hops",),
    "paths": ("graph",),
    "change": ("states",),
}


def kind_of(result: Any) -> str | None:
    """What a result is, by its attributes: "ping", "sweep", "trace", "paths", "mtu", "diagnosis",
    "outcome", "change"; None for anything else.
    """
    if hasattr(result, "kind"):
        return "outcome" if result.kind in KINDS else None
    return next(
        (kind for kind, names in _KINDS.items() if all(hasattr(result, name) for name in names)), None
    )


_KINDS = {
    "sweep": ("batches", "statistics"),
    "trace": ("hops", "method"),
    "paths": ("nodes", "edges"),
    "mtu": ("mtu", "steps"),
    "diagnosis": ("steps", "verdict"),
    "ping": ("outcomes", "statistics", "target"),
    "change": ("key", "state", "previous"),
}


def draw(
    result: Any, *, kind: str | None = None, width: float, detail: int = 8, titles: bool = True
) -> Canvas:
    """The picture of a result. `detail`, `titles`: as in `sweep_map`. Raises as `svg` does."""
    what = "sweep" if isinstance(result, SweepColumns) else kind_of(result)
    if what is None and isinstance(result, Iterable) and not isinstance(result, str):
        return _draw_several(list(result), kind, width, detail, titles)
    if what not in _USUAL:
        raise TypeError(f"there is no picture of {type(result).__name__}")
    chosen = _USUAL[what][0] if kind is None else kind
    if chosen not in _USUAL[what]:
        raise ValueError(f"kind must be {' or '.join(map(repr, _USUAL[what]))}, not {kind!r}")
    match chosen:
        case "smoke":
            return smoke_chart(result, width=width)
        case "hops":
            return hop_chart(result, width=width)
        case "graph":
            return path_graph(result, width=width)
        case "states":
            return state_chart([result], width=width)
    if what == "ping":
        result = cast("PingResult", result)
        rtts = [outcome.rtt for outcome in result.outcomes if outcome.kind == "reply"]
        return distribution_chart(rtts, f"round trips to {named(result.host, result.target)}", width=width)
    columns = result if isinstance(result, SweepColumns) else SweepColumns.of(result)
    if chosen == "map":
        return sweep_map(columns, width=width, detail=detail, titles=titles)
    return distribution_chart(
        columns.round_trips(), f"{count(columns.counts[REPLY], 'host')} by round trip", width=width
    )


def _draw_several(results: list[Any], kind: str | None, width: float, detail: int, titles: bool) -> Canvas:
    if not results:
        raise ValueError("there is nothing to draw: no results")
    kinds = {kind_of(result) for result in results}
    if kinds == {"outcome"}:
        return draw(SweepColumns.of(results), kind=kind, width=width, detail=detail, titles=titles)
    if kinds == {"change"} and kind in (None, "states"):
        return state_chart(results, width=width)
    if all(isinstance(result, OutcomeBatch) for result in results):
        return draw(SweepColumns.of(results), kind=kind, width=width, detail=detail, titles=titles)
    if len(kinds) != 1 or None in kinds:
        raise TypeError("results of one type are wanted")
    canvases = [
        draw(result, kind=kind, width=width, detail=detail, titles=titles) for result in results[:MOST]
    ]
    whole = Canvas(
        max(canvas.width for canvas in canvases),
        sum(canvas.height + 16 for canvas in canvases),
        canvases[0].title,
    )
    y = 0.0
    for canvas in canvases:
        whole.put(canvas, 0, y)
        y += canvas.height + 16
    return whole
