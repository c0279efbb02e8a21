"""Figures as people read them: milliseconds, shares, counts; and lines on standard output.

Only this file turns seconds into milliseconds. No progress display and no subcommand's layout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click

from anyicmp import IPAddress, Statistics

__all__ = ["count", "counts", "milliseconds", "named", "paint", "percent", "round_trips", "write_lines"]


def milliseconds(seconds: float) -> str:
    """Milliseconds with as many digits as mean something: 0.041, 1.23, 12.3, 123."""
    value = seconds * 1e3
    digits = 3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}"


def round_trips(**figures: float | None) -> str:
    """`rtt min/max = 0.041/0.050 ms` for min=0.000041, max=0.00005; what is None is left out."""
    known = {name: figure for name, figure in figures.items() if figure is not None}
    values = "/".join(milliseconds(figure) for figure in known.values())
    return f"rtt {'/'.join(known)} = {values} ms" if known else ""


def percent(share: float) -> str:
    """A share of 0 to 1 as `33.33%`."""
    return f"{share * 100:.4g}%"


def count(number: int, noun: str) -> str:
    """`1 target`, `65,534 targets`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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


def named(host: str | None, target: IPAddress | None) -> str:
    """`router.example (192.0.2.1)`, or what there is of it."""
    if host is None or target is None:
        return host or str(target)
    return f"{host} ({target})"


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
