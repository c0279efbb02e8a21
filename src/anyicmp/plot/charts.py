"""Charts of round trips: over time with loss (a smoke plot), by size, hop by hop; and states over time.

Draws; percentiles and counts are reckoned in `series.py`. Each chart has its axis in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from anyicmp.plot.canvas import Canvas, Logarithmic, Scale
from anyicmp.plot.series import Bin, histogram, smoke
from anyicmp.words import count, milliseconds, moment, named, percent, rtt, shorten

__all__ = ["distribution_chart", "hop_chart", "smoke_chart", "state_chart"]

LEFT = 56.0


def smoke_chart(result: Any, *, width: float, height: float = 220) -> Canvas:
    """Round trips over time: median, 25th to 75th and 5th to 95th percentile; below it the share lost."""
    bins, name = smoke(result.outcomes), named(result.host, result.target)
    canvas = Canvas(width, height, f"round trips to {name} over time, with loss")
    canvas.text(0, 12, shorten(f"{name}, ms", int(width / 8)), "bold")
    if not bins:
        canvas.text(LEFT, 60, "nothing was sent")
        return canvas
    start, end = bins[0].start, max(bins[-1].end, bins[0].start + 1e-3)
    across = Scale(start, end, LEFT, width - 10)
    top, bottom, floor = 24.0, height - 62, height - 22
    highest = max((b.rtts[4] for b in bins if b.rtts), default=0.001)
    lowest = min((b.rtts[0] for b in bins if b.rtts), default=0)
    # From 0, unless all that happens would be a thin line then.
    ground = 0 if lowest < highest * 0.6 else max(0, lowest - (highest - lowest) * 0.4 - lowest * 0.005)
    up = Scale(ground, highest + (highest - ground) * 0.08, bottom, top)
    for y, words in up.labels():
        canvas.line(LEFT, y, width - 10, y, "grid")
        canvas.text(LEFT - 6, y + 4, words, "small end")
    for run in _runs(bins):
        middle = [(across((b.start + b.end) / 2 if len(bins) > 1 else start), b) for b in run]
        if max(b.sent for b in run) > 1:
            for low, high in ((0, 4), (1, 3)):
                ceiling = [(x, up(b.rtts[high])) for x, b in middle]
                floor_line = [(x, up(b.rtts[low])) for x, b in reversed(middle)]
                canvas.polygon(ceiling + floor_line, "band")
        canvas.polygon([(x, up(b.rtts[2])) for x, b in middle], "line", closed=False)
        if len(bins) <= 40:
            for x, b in middle:
                canvas.dot(x, up(b.rtts[2]), 2.5, "mark", title=rtt(b.rtts[2]))
    canvas.line(LEFT, floor, width - 10, floor, "grid")
    canvas.text(LEFT - 6, floor, "loss 0%", "small end")
    canvas.text(LEFT - 6, floor - 24, "100%", "small end")
    wide = (width - 10 - LEFT) / len(bins)
    for b in bins:
        if b.lost:
            x = across((b.start + b.end) / 2 if len(bins) > 1 else start)
            tall = max(3.0, 30 * b.lost / b.sent)
            broad = max(1.5, min(wide * 0.8, 14))
            says = f"{b.lost} of {b.sent} lost"
            canvas.rect(x - broad / 2, floor - tall, broad, tall, "loss", title=says)
    canvas.text(LEFT, height - 6, moment(start), "small")
    canvas.text(width - 10, height - 6, f"{end - start:.3g} s", "small end")
    return canvas


def _runs(bins: Sequence[Bin]) -> list[list[Bin]]:
    """The bins with replies, parted where there were none: a line over silence would claim too much."""
    runs: list[list[Bin]] = [[]]
    for b in bins:
        if b.rtts:
            runs[-1].append(b)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def distribution_chart(rtts: Sequence[float], title: str, *, width: float, height: float = 160) -> Canvas:
    """How many round trips have which size, on a logarithmic axis."""
    canvas = Canvas(width, height, title)
    bars = histogram(rtts)
    canvas.text(0, 12, shorten(title, int(width / 8)), "bold")
    if not bars:
        canvas.text(LEFT, 60, "no replies")
        return canvas
    across = Logarithmic(bars[0][0], bars[-1][1], LEFT, width - 10)
    up = Scale(0, max(number for _, _, number in bars), height - 32, 24)
    canvas.line(LEFT, height - 32, width - 10, height - 32, "grid")
    for low, high, number in bars:
        if number:
            x, y = across(low), up(number)
            says = f"{milliseconds(low)} to {milliseconds(high)} ms: {number:,}"
            canvas.rect(x, y, max(1.0, min(across(high) - x - 1, 40)), height - 32 - y, "mark", title=says)
    canvas.text(LEFT - 6, 30, f"{max(number for _, _, number in bars):,}", "small end")
    for x, words in across.labels():
        canvas.line(x, height - 32, x, height - 28, "grid")
        canvas.text(x, height - 16, words, "small mid")
    canvas.text(width - 10, height - 2, "ms", "small end")
    return canvas


def hop_chart(trace: Any, *, width: float) -> Canvas:
    """The hops, one below the other: shortest to longest round trip, the median as a bar, loss in words."""
    hops = trace.hops
    left, right, row = min(190.0, width * 0.36), 64.0, 20
    canvas = Canvas(
        width, 44 + row * len(hops), f"round trips to each hop to {named(trace.host, trace.target)}"
    )
    highest = max((hop.statistics.maximum or 0 for hop in hops), default=0) or 0.001
    across = Scale(0, highest * 1.04, left, width - right)
    canvas.text(left, 12, "round trip, ms", "small")
    canvas.text(width, 12, "loss", "small end")
    for x, words in across.labels(4 if width > 420 else 2):
        canvas.line(x, 20, x, 24 + row * len(hops), "grid")
        canvas.text(x, 38 + row * len(hops), words, "small mid")
    for i, hop in enumerate(hops):
        y, figures = 34.0 + row * i, hop.statistics
        who = str(hop.addresses[0]) if hop.addresses else "*"
        name = hop.names[0] if hop.names else None
        more = f" +{len(hop.addresses) - 1}" if len(hop.addresses) > 1 else ""
        canvas.text(18, y + 4, hop.ttl, "small end")
        canvas.text(24, y + 4, shorten((name or who), int((left - 30) / 6.6)) + more, "small mono")
        if None not in (figures.minimum, figures.median, figures.maximum):
            low, high = across(figures.minimum), across(figures.maximum)
            canvas.rect(low - 1, y - 6, max(2.0, high - low + 2), 12, "band", title=_range(figures))
            canvas.rect(across(figures.median) - 1.5, y - 7, 3, 14, "mark")
        lost = figures.loss
        if lost:
            # What only limits its answers loses nothing on the way.
            canvas.rect(width - 58, y - 3, 18 * lost, 6, "quiet" if hop.rate_limited else "loss")
        canvas.text(width, y + 4, "–" if lost is None else percent(round(lost, 3)), "small end")
    return canvas


def _range(figures: Any) -> str:
    return f"{rtt(figures.minimum)}, median {rtt(figures.median)}, {rtt(figures.maximum)}"


_STATES = {"up": "up", "degraded": "slow", "down": "down", "unreachable": "error"}


def state_chart(changes: Sequence[Any], *, width: float, most: int = 40) -> Canvas:
    """States over time, a line for each target; each change with its words."""
    keys: dict[str, list[Any]] = {}
    for change in changes:
        keys.setdefault(change.key, []).append(change)
    shown = sorted(keys, key=lambda key: (-len(keys[key]), key))[:most]
    left, row = min(180.0, width * 0.3), 22
    start, end = min(c.at for c in changes), max(c.at for c in changes)
    across = Scale(start, end, left, width - 10)
    canvas = Canvas(width, 46 + row * len(shown), f"states of {count(len(keys), 'target')}")
    for i, key in enumerate(shown):
        y, own = 6.0 + row * i, sorted(keys[key], key=lambda change: change.at)
        canvas.text(0, y + 11, shorten(key, int(left / 7)), "small mono")
        stretches = [(start, own[0].previous)] + [(change.at, change.state) for change in own]
        for (at, state), (until, _) in pairwise([*stretches, (end, "")]):
            x, far = across(at), across(until)
            if far > x or at == end:
                kind = _STATES.get(state, "quiet")
                # Height too tells a state, for eyes and printers without colours.
                tall = {"up": 6, "slow": 10, "down": 16, "error": 13}.get(kind, 3)
                canvas.rect(x, y + 16 - tall, max(2.0, far - x), tall, kind, title=f"{state} {moment(at)}")
    x = 0.0
    for state, kind in [*_STATES.items(), ("unknown", "quiet")]:
        canvas.rect(x, 12 + row * len(shown), 11, 11, kind)
        canvas.text(x + 15, 22 + row * len(shown), state, "small")
        x += 6 * len(state) + 26
    canvas.text(left, 42 + row * len(shown), moment(start), "small")
    if width - left > 320:
        canvas.text(width - 10, 42 + row * len(shown), moment(end), "small end")
    return canvas
