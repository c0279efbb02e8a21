"""`--cluster`: a sweep over the workers of a Dask cluster, and a trace from each of them, side by side.

Only output. The package of the extra `dask` loads when a cluster is named.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import anyio
import click

from anyicmp import Hop, Outcome, OutcomeBatch, Trace, UnsupportedError
from anyicmp.cli.options import Setting
from anyicmp.cli.progress import spinner
from anyicmp.cli.screen import has_footer
from anyicmp.cli.status import exit_status
from anyicmp.cli.sweep_summary import SweepSummary
from anyicmp.cli.sweep_view import SweepView, draw
from anyicmp.cli.text import count, milliseconds, named, paint, write_lines
from anyicmp.export import to_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyicmp.cluster import Cluster, ClusterSweep, Comparison

__all__ = ["side_by_side", "sweep_cluster", "trace_cluster"]


def _opened(setting: Setting, address: str) -> Cluster:
    """The cluster, to be entered. Raises UnsupportedError without the extra, and for a simulated network."""
    if "network" in setting.prober:
        raise click.UsageError("--simulate is for this process alone: it cannot go with --cluster.")
    try:
        from anyicmp.cluster import open_cluster
    except ImportError as error:
        raise UnsupportedError(str(error)) from None
    return open_cluster(address, **setting.prober)


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


async def sweep_cluster(
    setting: Setting,
    address: str,
    targets: list[str],
    options: dict[str, Any],
    line: Callable[[Outcome], str],
    everything: bool,
    stop: anyio.CancelScope,
) -> int:
    """Sweep and print as `anyicmp sweep` does; `line` is what is printed of an outcome."""
    summary = SweepSummary()
    stream: ClusterSweep | None = None
    places: dict[str, int] = {}
    stopped = False

    def take(vantage: str, batch: OutcomeBatch) -> list[str]:
        summary.add(batch)
        places[vantage] = places.get(vantage, 0) + len(batch)
        if setting.as_json:
            return [_json({**to_dict(outcome), "vantage": vantage}) for outcome in batch]
        return [line(outcome) for outcome in batch if everything or outcome.kind == "reply"]

    surface = sys.stdout if sys.stdout.isatty() else sys.stderr
    with stop:
        async with _opened(setting, address) as cluster, cluster.open_sweep(targets, **options) as stream:
            if setting.live and has_footer(surface) and not (setting.as_json and surface is sys.stdout):
                opened = stream

                async def follow(took: Callable[[OutcomeBatch, list[str]], None]) -> None:
                    async for vantage, batch in opened.batches():
                        took(batch, take(vantage, batch))

                stopped = await draw(SweepView(summary, lambda: opened.progress), surface, follow)
            else:
                async for vantage, batch in stream.batches():
                    write_lines(take(vantage, batch))
    stopped |= stop.cancel_called
    if stream is None:
        return exit_status(answered=0, sent=0, failed=0)
    for complaint in (*summary.complaints, *(f"given up: {part}" for part in stream.given_up)):
        click.echo(f"anyicmp: {complaint}", err=True)
    if not setting.as_json:
        write_lines(summary.lines(stream.progress))
        write_lines([f"from {name}: {count(n, 'target')}" for name, n in sorted(places.items())])
        if stream.sent_again:
            write_lines([f"sent again, because workers ended: at least {count(stream.sent_again, 'packet')}"])
        if stopped:
            write_lines([f"--resume {stream.position.start} goes on from here"])
    return exit_status(answered=summary.alive, sent=summary.done - summary.failed, failed=summary.failed)


async def trace_cluster(
    setting: Setting,
    address: str,
    host: str,
    vantage: Sequence[str],
    options: dict[str, Any],
    stop: anyio.CancelScope,
) -> int:
    """Trace from several places and print the paths beside one another, or one JSON object."""
    compared: Comparison[Trace] | None = None
    with stop, spinner(f"tracing the paths to {host}", live=setting.live):
        async with _opened(setting, address) as cluster:
            wanted = "all" if "all" in vantage else vantage
            compared = await cluster.traceroute(host, vantage=wanted, **options)
    if compared is None:
        click.echo(f"anyicmp: {host}: the trace was stopped before it ended", err=True)
        return exit_status(answered=0, sent=0, failed=0)
    if setting.as_json:
        differences = [to_dict(difference) for difference in compared.differences()]
        write_lines([_json({**to_dict(compared), "differences": differences})])
    else:
        write_lines(side_by_side(compared))
    reached = sum(trace.reached for trace in compared.results.values())
    return exit_status(answered=reached, sent=len(compared.results), failed=len(compared.failures))


def side_by_side(compared: Comparison[Trace]) -> Iterator[str]:
    """A column for each vantage point, a line for each hop limit, and then what differs."""
    traces = compared.results
    columns = [[name, *map(_hop, _hops(trace))] for name, trace in traces.items()]
    widths = [max(map(len, column)) for column in columns]
    if traces:
        first = next(iter(traces.values()))
        places = count(len(traces), "place")
        yield f"traces to {named(first.host, first.target)}, {first.method}, from {places}"
    for ttl, cells in enumerate(zip_longest(*columns, fillvalue="")):
        row = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        yield f"{ttl or '':>2}  {row}".rstrip()
    for difference in compared.differences():
        yield paint(f"{difference.what} differs: {difference}", "yellow")
    for name, why in compared.failures.items():
        yield paint(f"{name}: {why}", "red")


def _hops(trace: Trace) -> list[Hop]:
    first = trace.hops[0].ttl if trace.hops else 1
    return [*(Hop(ttl=ttl) for ttl in range(1, first)), *trace.hops]


def _hop(hop: Hop) -> str:
    if not hop.addresses:
        return "*"
    best = hop.statistics.minimum
    return ",".join(map(str, hop.addresses)) + ("" if best is None else f" {milliseconds(best)} ms")
