"""Figures as people read them: milliseconds, shares, counts, names, dates; what is unknown is a dash.

Only this file turns seconds into milliseconds. No markup and no layout.
"""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["clean", "count", "milliseconds", "moment", "named", "percent", "rtt", "shorten"]

UNKNOWN = "–"


def milliseconds(seconds: float) -> str:
    """Milliseconds with as many digits as mean something: 0.041, 1.23, 12.3, 123."""
    value = seconds * 1e3
    digits = 3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}"


def rtt(seconds: float | None) -> str:
    """`1.23 ms`, or a dash where there is none."""
    return UNKNOWN if seconds is None else f"{milliseconds(seconds)} ms"


def percent(share: float) -> str:
    """A share of 0 to 1 as `33.33%`."""
    return f"{share * 100:.4g}%"


def count(number: int, noun: str) -> str:
    """`1 target`, `65,534 targets`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def named(host: str | None, target: object) -> str:
    """`router.example (192.0.2.1)`, or what there is of it."""
    if host is None or target is None:
        return host or str(target)
    return f"{host} ({target})"


def moment(unix: float) -> str:
    """Unix time as `2026-11-26 01:23:30 UTC`."""
    try:
        return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):  # out of the years that the calendar has
        return f"{unix:g}"


def shorten(text: str, most: int) -> str:
    """The text, or its beginning and `…`, in at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def clean(text: object) -> str:
    """Text that is safe on any screen: what is not printable stands as U+FFFD."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(text))
