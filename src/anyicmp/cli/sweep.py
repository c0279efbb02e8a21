"""`anyicmp sweep`: the hosts that answer and a summary, or a JSON line for each target.

Reads the stream batch by batch and prints; what a terminal shows meanwhile is in `sweep_view.py`. Pacing,
retries and timeouts are the library's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import click

from anyicmp import ErrorReply, NoReply, Outcome, OutcomeBatch, Prober, Reply, SendFailure, SweepStream
from anyicmp.cli.cluster import sweep_cluster
from anyicmp.cli.loop import run
from anyicmp.cli.options import CLUSTER, DONT_FRAGMENT, DSCP, SIZE, TIMEOUT, TTL, Setting, command_options
from anyicmp.cli.screen import has_footer
from anyicmp.cli.status import exit_status
from anyicmp.cli.sweep_summary import SweepSummary, rate_line
from anyicmp.cli.sweep_view import SweepView, draw
from anyicmp.cli.targets import default_rate, read_targets
from anyicmp.cli.text import milliseconds, named, paint, write_lines
from anyicmp.export import to_json

__all__ = ["outcome_line", "sweep"]


@click.command(short_help="Send one echo request to each of many hosts.")
@click.argument("targets", nargs=-1, metavar="TARGET...")
@command_options(
    click.option(
        "--from", "files", multiple=True, metavar="FILE",
        help="Read further targets from a file (-: standard input).",
    ),
    TIMEOUT,
    click.option(
        "--retries", type=int, default=0, show_default=True, metavar="N",
        help="How often a silent target is probed again.",
    ),
    click.option(
        "--backoff", type=float, metavar="FACTOR",
        help="How many times as long each further probe to a target waits.  [default: 1.5]",
    ),
    click.option(
        "--rate", type=float, metavar="N",
        help="Packets a second; 0: as fast as buffers allow.  [default: 10000; on loopback 0]",
    ),
    click.option(
        "--per-network-rate", type=float, metavar="N",
        help="Packets a second into any one network.  [default: no such limit]",
    ),
    click.option(
        "--network-prefixes", type=int, nargs=2, metavar="BITS4 BITS6",
        help="First bits of an IPv4 and of an IPv6 address that tell such a network.  [default: 24 64]",
    ),
    click.option(
        "--in-flight", type=int, metavar="N",
        help="Unanswered probes at once.  [default: all that buffers allow]",
    ),
    click.option(
        "--exclude", multiple=True, metavar="TARGET",
        help="Addresses or network to leave out. reserved: all that are no host's on the internet.",
    ),
    click.option(
        "--shuffle", type=int, metavar="SEED",
        help="Probe in an order that the seed decides.",
    ),
    click.option(
        "--shard", type=int, nargs=2, metavar="INDEX OF",
        help="Probe one share of the targets, the one of this index (from 0) of so many.",
    ),
    click.option(
        "--resume", metavar="POSITION",
        help="Go on where a sweep of the same targets was when it stopped.",
    ),
    click.option(
        "--exact", is_flag=True,
        help="Time each probe by the kernel's stamp of its leaving: slower, and right to the microsecond.",
    ),
    click.option(
        "--recheck", type=int, metavar="N",
        help="Probe N silent and N answering targets again, slowly: was the sweep too fast?",
    ),
    SIZE,
    TTL,
    DSCP,
    DONT_FRAGMENT,
    click.option("--all", "everything", is_flag=True, help="List every target, not only those that answer."),
    CLUSTER,
)  # fmt: skip
def sweep(
    setting: Setting,
    *,
    targets: tuple[str, ...],
    files: tuple[str, ...],
    everything: bool,
    rate: float | None = None,
    cluster: str | None = None,
    **options: Any,
) -> int:
    """Send one echo request to each TARGET.

    A TARGET is a name, an address, a network (10.0.0.0/24) or a range (10.0.0.1-10.0.0.99); - reads
    targets from standard input, separated by blanks or line feeds, with comments after #.
    """
    every = read_targets(targets, files)
    rate = default_rate(every) if rate is None else rate
    options["rate"] = rate or None
    if cluster is not None:
        work = partial(sweep_cluster, setting, cluster, every, options, outcome_line, everything)
        return run(work, setting.backend)
    return run(partial(_sweep, setting, every, options, everything), setting.backend)


async def _sweep(
    setting: Setting, targets: list[str], options: dict[str, Any], everything: bool, stop: anyio.CancelScope
) -> int:
    summary = SweepSummary()
    stream: SweepStream | None = None
    stopped = False

    def lines(batch: OutcomeBatch) -> list[str]:
        if setting.as_json:
            return [to_json(outcome) for outcome in batch]
        return [outcome_line(outcome) for outcome in batch if everything or outcome.kind == "reply"]

    # Results that go elsewhere leave standard error to the view.
    surface = sys.stdout if sys.stdout.isatty() else sys.stderr
    with stop:
        async with Prober(**setting.prober) as prober, prober.open_sweep(targets, **options) as stream:
            if setting.live and has_footer(surface) and not (setting.as_json and surface is sys.stdout):
                opened = stream

                async def follow(took: Callable[[OutcomeBatch, list[str]], None]) -> None:
                    while (batch := await opened.next_batch()) is not None:
                        summary.add(batch)
                        took(batch, lines(batch))

                stopped = await draw(SweepView(summary, lambda: opened.progress), surface, follow)
            else:
                while (batch := await stream.next_batch()) is not None:
                    summary.add(batch)
                    write_lines(lines(batch))
    stopped |= stop.cancel_called
    if stream is None:  # stopped before there was a socket
        return exit_status(answered=0, sent=0, failed=0)
    if not summary.done and not stopped:
        raise ValueError("there is nothing to probe: all targets are excluded")
    summary.rate_loss = stream.rate_loss
    if setting.as_json and summary.rate_loss is not None:
        click.echo(f"anyicmp: {rate_line(summary.rate_loss)}", err=True)
    for line in summary.complaints:
        click.echo(f"anyicmp: {line}", err=True)
    if not setting.as_json and (summary.done > len(summary.complaints) or stopped):
        write_lines(summary.lines(stream.progress))
        if stopped:
            write_lines([f"--resume {stream.position.start} goes on from here"])
    return exit_status(answered=summary.alive, sent=summary.done - summary.failed, failed=summary.failed)


def outcome_line(outcome: Outcome) -> str:
    """What is printed of one target."""
    who = named(outcome.host, outcome.target)
    match outcome:
        case Reply():
            source = f"  from {outcome.source}" if outcome.source != outcome.target else ""
            return f"{who:<15}  {paint(milliseconds(outcome.rtt), 'green')} ms{source}"
        case ErrorReply():
            return f"{who:<15}  {paint(f'error from {outcome.source}: {outcome.reason}', 'red')}"
        case NoReply():
            return f"{who:<15}  {paint(f'no answer within {outcome.timeout:g} s', 'yellow')}"
        case SendFailure():
            return f"{who:<15}  {paint(f'not sent: {outcome.reason}', 'red')}"
