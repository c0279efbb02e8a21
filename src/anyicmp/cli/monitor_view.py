"""What is drawn below the changes that a monitor tells: how many targets are how, and a table, worst first.

Lines of text alone, made of snapshots. What makes a state is decided in the library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from anyicmp import TargetStatus
from anyicmp.cli.rounds import DRAWN, LEAST, WIDTH
from anyicmp.cli.screen import fit
from anyicmp.cli.text import count, paint

__all__ = ["COLOURS", "MonitorView"]

COLOURS = {"up": "green", "degraded": "yellow", "down": "red", "unreachable": "red"}
ORDER = ("down", "unreachable", "degraded", "unknown", "up")

STATE = max(map(len, ORDER)) + 2
SINCE = len(" 2025-01-01 00:00:00")

SECOND = 1.0
EACH = 0.005
"""Seconds between two drawings at least, and for each target: a snapshot of one takes some 75 µs."""


class MonitorView:
    """Takes snapshots, gives the lines to draw."""

    def __init__(self, snapshot: Callable[[], Mapping[str, TargetStatus]]) -> None:
        self._snapshot = snapshot
        self._targets = 0

    def pause(self) -> float:
        """Seconds until it is worth while to draw again: the more targets, the more work."""
        return max(SECOND, EACH * self._targets)

    def lines(self, width: int) -> list[str]:
        """The view, no wider than so many columns."""
        found = self._snapshot()
        self._targets = len(found)
        states = Counter[str](status.state for status in found.values())
        how = ", ".join(f"{states[state]:,} {state}" for state in reversed(ORDER) if states[state])
        rows = sorted(found.values(), key=lambda status: ORDER.index(status.state))
        longest = max([len(self._who(status)) for status in rows], default=0)
        fitting = (width - STATE - longest - SINCE) // WIDTH
        shown = list(DRAWN)[: max(LEAST, fitting)]
        room = max(0, width - STATE - WIDTH * len(shown))
        dated = room >= longest + SINCE
        room = min(room - SINCE * dated, longest)
        header = (
            f"{'':{STATE + room}}" + "".join(f"{name:>{WIDTH}}" for name in shown) + " since (UTC)" * dated
        )
        lines = [fit(f"{count(len(rows), 'target')}: {how}; times in ms", width), fit(header, width)]
        for status in rows:
            state = paint(fit(f"{status.state:<{STATE}}", width), COLOURS.get(status.state, "white"))
            rest = f"{fit(self._who(status), room):<{room}}"
            rest += "".join(f"{DRAWN[name](status.statistics):>{WIDTH}}" for name in shown)
            if dated:
                rest += datetime.fromtimestamp(status.since, UTC).strftime(" %Y-%m-%d %H:%M:%S")
            lines.append(state + rest[: max(0, width - STATE)].rstrip())
        return lines

    @staticmethod
    def _who(status: TargetStatus) -> str:
        target = str(status.target)
        return status.key if status.target is None or target == status.key else f"{status.key} ({target})"
