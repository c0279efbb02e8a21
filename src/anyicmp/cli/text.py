"""Figures as people read them: milliseconds, shares, counts; and lines on standard output.

The figures themselves are worded in `words.py`. No progress display and no subcommand's layout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click

from anyicmp import Statistics
from anyicmp.words import count, milliseconds, named, percent

__all__ = ["count", "counts", "milliseconds", "named", "paint", "percent", "round_trips", "write_lines"]


def round_trips(**figures: float | None) -> str:
    """`rtt min/max = 0.041/0.050 ms` for min=0.000041, max=0.00005; what is None is left out."""
    known = {name: figure for name, figure in figures.items() if figure is not None}
    values = "/".join(milliseconds(figure) for figure in known.values())
    return f"rtt {'/'.join(known)} = {values} ms" if known else ""


def counts(statistics: Statistics) -> str:
    """How many probes, answers and other ends, as ping says it."""
    parts = [f"{statistics.sent} packets transmitted", f"{statistics.received} received"]
    further = {
        "errors": statistics.errors,
        "duplicates": statistics.duplicates,
        "late": statistics.late,
        "not sent": statistics.failed,
    }
    parts += [f"+{number} {what}" for what, number in further.items() if number]
    if statistics.loss is not None:
        parts.append(f"{percent(statistics.loss)} packet loss")
    return ", ".join(parts)


def paint(text: str, colour: str) -> str:
    """The text in a colour if standard output is a terminal that shows it and NO_COLOR is not set."""
    plain = (
        not text or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    )
    return text if plain else click.style(text, fg=colour)


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to standard output in one go and let the reader have them at once."""
    text = "\n".join(lines)
    if text:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
