"""What is drawn below the lines of a ping: the last round trips as a curve, and the statistics so far.

Lines of text alone. No terminal is touched and nothing is measured here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import groupby, islice

from anyicmp import NoReply, Outcome, Reply, Statistics
from anyicmp.cli.screen import fit
from anyicmp.cli.text import counts, milliseconds, paint

__all__ = ["PingView", "curve"]

BARS = "▁▂▃▄▅▆▇█"
SILENT, ERROR = "×", "!"
COLOURS = {SILENT: "yellow", ERROR: "red"}

WIDEST = 512
"""Probes that are kept for the curve."""

BOUNDS = 20
"""Columns for the smallest and the largest of these."""

FLAT = 0.1
"""A curve's top is at least so much above its bottom, as a share of it: noise shall not look like a storm."""


class PingView:
    """Takes outcomes, gives the lines to draw."""

    def __init__(self, statistics: Callable[[], Statistics]) -> None:
        """`statistics`: those so far."""
        self._statistics = statistics
        self._last: deque[float | str] = deque(maxlen=WIDEST)

    def add(self, outcome: Outcome) -> None:
        """Another probe has ended."""
        if isinstance(outcome, Reply):
            self._last.append(outcome.rtt)
        else:
            self._last.append(SILENT if isinstance(outcome, NoReply) else ERROR)

    def lines(self, width: int) -> list[str]:
        """The view, no wider than so many columns."""
        statistics = self._statistics()
        known = {
            "last": statistics.last,
            "min": statistics.minimum,
            "avg": statistics.average,
            "max": statistics.maximum,
            "jitter": statistics.jitter,
            "median": statistics.median,
            "p95": statistics.p95,
            "p99": statistics.p99,
        }
        figures = ""
        for name, seconds in known.items():
            figure = "" if seconds is None else f"{name} {milliseconds(seconds)}  "
            if len(figures) + len(figure) <= width:
                figures += figure
        lines = [curve(self._last, width), fit(counts(statistics), width), fit(figures.rstrip(), width)]
        return [line for line in lines if line]


def curve(last: deque[float | str], width: int) -> str:
    """The last round trips, a character each, and between what bounds they are; marks for the others."""
    room = width - BOUNDS if width >= 3 * BOUNDS else width
    shown = list(islice(reversed(last), room))[::-1]
    times = [entry for entry in shown if isinstance(entry, float)]
    bounds = ""
    if times and room < width:
        bounds = fit(f" {milliseconds(min(times))} to {milliseconds(max(times))} ms", BOUNDS)
    bottom = min(times, default=0.0)
    top = max([*times, (1 + FLAT) * bottom])
    step = (top - bottom) / len(BARS) or 1.0
    drawn = (
        entry if isinstance(entry, str) else BARS[min(len(BARS) - 1, int((entry - bottom) / step))]
        for entry in shown
    )
    text = ""
    for colour, marks in groupby(drawn, lambda mark: COLOURS.get(mark, "green")):
        text += paint("".join(marks), colour)
    return text + bounds
