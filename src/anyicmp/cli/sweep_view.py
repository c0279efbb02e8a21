"""What is drawn below the hosts that a sweep finds: how far it is, how fast, and a grid of its targets.

Lines of text alone, counted from columns: a sweep may have millions. The terminal is the footer's.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from itertools import compress, groupby
from typing import TextIO

from anyicmp import KINDS, OutcomeBatch, SweepProgress
from anyicmp.cli.live import Live
from anyicmp.cli.screen import Footer, fit
from anyicmp.cli.sweep_summary import SweepSummary
from anyicmp.cli.text import count, paint, write_lines

__all__ = ["SweepView", "draw"]

BAR = 40
CELLS = 256
ACROSS = 64
"""Cells in a row, where the terminal is wide enough."""

UNKNOWN = 65_536
"""Targets that are counted while nobody knows how many there are."""

NOT_YET, NONE_ALIVE = " ", "·"
SHADES = "░▒▓█"
COLOURS = {NONE_ALIVE: "bright_black"}

_IS_REPLY = bytes(kind == KINDS.index("reply") for kind in range(256))


class SweepView:
    """Takes outcome batches, gives the lines to draw."""

    def __init__(self, summary: SweepSummary, progress: Callable[[], SweepProgress]) -> None:
        """`summary` is told the batches too; `progress`: how far the sweep is."""
        self._summary = summary
        self._progress = progress
        self._total: int | None = None
        # So many targets have one cell; 0: there is no grid.
        self._share = 1
        self._done: defaultdict[int, int] = defaultdict(int)
        self._alive: defaultdict[int, int] = defaultdict(int)
        self._first = self._latest = 0.0

    def add(self, batch: OutcomeBatch) -> None:
        """Count a batch."""
        if self._total is None:
            self._learn(self._progress().total)
        if self._share:
            share, done, alive = self._share, self._done, self._alive
            for number in batch.sequences:
                done[number // share] += 1
            for number in compress(batch.sequences, batch.kinds.translate(_IS_REPLY)):
                alive[number // share] += 1
        for moment in batch.sent_at[:1] + batch.sent_at[-1:]:
            if moment > 0:
                self._first = min(moment, self._first or moment)
                self._latest = max(moment, self._latest)

    def _learn(self, total: int | None) -> None:
        """How many targets there are is known when all have been read; the first may have ended before."""
        if total is not None:
            self._total, self._share = total, self._share and -(-total // CELLS)
            for tally in (self._done, self._alive):
                early = dict(tally)
                tally.clear()
                for number, times in early.items():
                    tally[number // self._share] += times
        elif len(self._done) > UNKNOWN:
            self._share = 0
            self._done.clear()
            self._alive.clear()

    def lines(self, width: int) -> list[str]:
        """The view, no wider than so many columns."""
        progress = self._progress()
        took = self._latest - self._first
        speed = f"; {(self._summary.done - 1) / took:,.0f} targets/s" if took > 0 else ""
        lines = [self._bar(progress, took, width), fit(f"{self._summary.counts}{speed}", width)]
        if self._share and self._total and max(self._done, default=0) < CELLS:
            lines += self._grid(self._total, width)
        return lines

    def _bar(self, progress: SweepProgress, took: float, width: int) -> str:
        done, total = progress.done, progress.total
        if not total:
            return fit(f"{count(done, 'target')} done", width)
        share = min(1.0, done / total)
        words = f" {done:,}/{total:,}  {share:.0%}" if share < 1 else f" {done:,}/{total:,}"
        if done and took > 0 and share < 1:
            words += f"  {took / share - took:,.0f} s left"
        length = max(0, min(BAR, width - len(words)))
        filled = int(share * length)
        bar = paint("━" * filled, "green") + paint("━" * (length - filled), "bright_black")
        return bar + fit(words, width - length)

    def _grid(self, total: int, width: int) -> list[str]:
        across = min(ACROSS, max(1, width))
        cells = -(-total // self._share)
        marks = "".join(map(self._mark, range(cells)))
        lines = [_painted(marks[begin : begin + across]) for begin in range(0, cells, across)]
        if self._share > 1:
            key = f"a cell is {self._share:,} targets: {NONE_ALIVE} none answers, {SHADES} some to all"
            lines.append(paint(fit(key, width), "bright_black"))
        return lines

    def _mark(self, cell: int) -> str:
        done, alive = self._done[cell], self._alive[cell]
        if not done:
            return NOT_YET
        return SHADES[-(-min(alive, done) * len(SHADES) // done) - 1] if alive else NONE_ALIVE


def _painted(marks: str) -> str:
    text = ""
    for colour, run in groupby(marks, lambda mark: COLOURS.get(mark, "green")):
        text += paint("".join(run), colour)
    return text


async def draw(
    view: SweepView,
    surface: TextIO,
    follow: Callable[[Callable[[OutcomeBatch, list[str]], None]], Awaitable[None]],
) -> bool:
    """Draw while `follow` hands over batches, each with its lines to print; True if the key `q` ended it."""
    with Footer(surface) as footer:
        drawing = Live(footer, view.lines)
        show = footer.print if surface is sys.stdout else write_lines

        def took(batch: OutcomeBatch, lines: list[str]) -> None:
            view.add(batch)
            show(lines)
            drawing.changed()

        return await drawing.run(lambda: follow(took))
