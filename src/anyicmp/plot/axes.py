"""The pictures on matplotlib's axes (extra `plot`), by the convention of the scientific stack.

matplotlib loads when the first picture is drawn. Percentiles are reckoned in `series.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anyicmp.plot.picture import kind_of
from anyicmp.plot.series import SweepColumns, histogram, smoke
from anyicmp.words import named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot"]

ANSWER, LOSS = "#0072B2", "#D55E00"
"""Blue and vermilion, told apart whatever colours one sees (Okabe and Ito, 2008)."""


def plot(result: Any, ax: Axes | None = None) -> Axes:
    """Draw a result with matplotlib.

    Args:
        result: a `PingResult` (round trips over time: median, 25th to 75th and 5th to 95th percentile; what
            was lost as marks at the bottom), a `SweepResult` (how many round trips have which size) or a
            `Trace` (hop by hop: shortest to longest round trip, and the median).
        ax: axes to draw on; None: new ones.

    Returns the axes. Units are milliseconds; time is in seconds since the first probe.

    Raises:
        TypeError: there is no such picture of this.
        ImportError: matplotlib is not installed (extra `plot`).
    """
    draw = {"ping": _ping, "sweep": _sweep, "trace": _trace}.get(kind_of(result) or "")
    if draw is None:
        raise TypeError(f"there is no plot of {type(result).__name__}")
    if ax is None:
        _, ax = import_module("matplotlib.pyplot").subplots()
    draw(result, ax)
    assert ax is not None
    return ax


def _ping(result: Any, ax: Any) -> None:
    bins = smoke(result.outcomes)
    start = bins[0].start if bins else 0.0
    heard = [b for b in bins if b.rtts]
    at = [(b.start + b.end) / 2 - start for b in heard]
    percentiles = [[b.rtts[k] * 1e3 for b in heard] for k in range(5)]
    if any(b.sent > 1 for b in heard):
        ax.fill_between(at, percentiles[0], percentiles[4], color=ANSWER, alpha=0.18, lw=0, label="5 to 95 %")
        ax.fill_between(at, percentiles[1], percentiles[3], color=ANSWER, alpha=0.3, lw=0, label="25 to 75 %")
    ax.plot(at, percentiles[2], color=ANSWER, marker="o" if len(bins) <= 40 else "", ms=4, label="median")
    lossy = [b for b in bins if b.lost]
    if lossy:
        # A height of the axes, not of the data: loss has no round trip.
        ax.vlines(
            [(b.start + b.end) / 2 - start for b in lossy],
            0,
            [0.2 * b.lost / b.sent for b in lossy],
            transform=ax.get_xaxis_transform(),
            color=LOSS,
            lw=2,
            label="loss (a fifth of the height: all)",
        )
    ax.set(xlabel="seconds", ylabel="round trip, ms", title=named(result.host, result.target))
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)


def _sweep(result: Any, ax: Any) -> None:
    columns = SweepColumns.of(result)
    bars = histogram(columns.round_trips())
    ax.bar(
        [low * 1e3 for low, _, _ in bars],
        [number for _, _, number in bars],
        width=[(high - low) * 1e3 for low, high, _ in bars],
        align="edge",
        color=ANSWER,
        edgecolor="white",
        lw=0.5,
    )
    if bars and bars[-1][1] > 10 * bars[0][0]:
        ax.set_xscale("log")
    ax.set(
        xlabel="round trip, ms",
        ylabel="hosts",
        title=f"{len(result.alive):,} of {len(result.outcomes):,} alive",
    )


def _trace(result: Any, ax: Any) -> None:
    heard = [hop for hop in result.hops if hop.statistics.median is not None]
    ttls = [hop.ttl for hop in heard]
    low, median, high = (
        [getattr(hop.statistics, name) * 1e3 for hop in heard] for name in ("minimum", "median", "maximum")
    )
    ax.vlines(ttls, low, high, color=ANSWER, alpha=0.35, lw=6, label="best to worst")
    ax.plot(ttls, median, color=ANSWER, marker="o", ls="--", lw=1, label="median")
    silent = [hop.ttl for hop in result.hops if hop.statistics.median is None]
    if silent:
        ax.plot(
            silent, [0.03] * len(silent), "x", color=LOSS, transform=ax.get_xaxis_transform(), label="silent"
        )
    ax.set(xlabel="hop", ylabel="round trip, ms", title=f"to {named(result.host, result.target)}")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
