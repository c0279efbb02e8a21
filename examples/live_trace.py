"""Watch the way to a host as mtr does: python examples/live_trace.py HOST [ROUNDS]."""

from __future__ import annotations

import sys

import anyio
from rich.live import Live
from rich.table import Table

import anyicmp


def table(trace: anyicmp.Trace) -> Table:
    """A line for each hop."""
    shown = Table("hop", "address", "loss", "last", "average", "worst", title=str(trace.target))
    for hop in trace.hops:
        figures = hop.statistics
        times = (figures.last, figures.average, figures.maximum)
        shown.add_row(
            str(hop.ttl),
            ", ".join(map(str, hop.addresses)) or "*",
            "" if figures.loss is None else f"{figures.loss:.0%}",
            *("" if time is None else f"{time * 1000:.1f} ms" for time in times),
        )
    return shown


async def main(host: str, rounds: int | None) -> None:
    """Draw the table anew after each round."""
    async with anyicmp.open_traceroute(host, rounds=rounds) as traces:
        with Live(auto_refresh=False) as live:
            async for trace in traces:
                live.update(table(trace), refresh=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
