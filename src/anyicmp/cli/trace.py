"""`anyicmp trace`: a line for each hop as traceroute prints it, or one JSON object.

Prints a finished trace; rounds are in `rounds.py`. What ends a trace is decided in the library.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import anyio
import click

from anyicmp import ErrorReply, Hop, Outcome, PrefixTable, Prober, Reply, SendFailure, Trace
from anyicmp.cli.cluster import trace_cluster
from anyicmp.cli.hop_text import mark, remarks, who
from anyicmp.cli.loop import run
from anyicmp.cli.options import CLUSTER, DONT_FRAGMENT, DSCP, SIZE, TIMEOUT, Setting, command_options, one_of
from anyicmp.cli.progress import spinner
from anyicmp.cli.rounds import follow
from anyicmp.cli.status import exit_status
from anyicmp.cli.text import count, milliseconds, named, paint, write_lines
from anyicmp.export import to_json

__all__ = ["trace", "trace_lines"]

_NOT_SENT = "!"


@click.command(short_help="Find the routers on the way to a host.")
@click.argument("host")
@command_options(
    click.option(
        "--method",
        default="icmp",
        show_default=True,
        metavar="NAME",
        shell_complete=one_of("icmp", "udp", "tcp"),
        help="How to probe: icmp, udp or tcp.",
    ),
    click.option(
        "-m", "--max-hops", type=int, default=30, show_default=True, metavar="N", help="Largest hop limit."
    ),
    click.option(
        "-f", "--first-hop", type=int, default=1, show_default=True, metavar="N", help="Smallest hop limit."
    ),
    click.option(
        "-q",
        "--probes",
        type=int,
        metavar="N",
        help="Probes to each hop, and in each round.  [default: 3; with --rounds 1]",
    ),
    click.option(
        "--rounds", type=int, metavar="N", help="Trace again and again, so many rounds; 0: until Ctrl-C."
    ),
    click.option(
        "-i", "--interval", type=float, metavar="SECONDS", help="Time between rounds.  [default: 1.0]"
    ),
    TIMEOUT,
    click.option(
        "--port", type=int, metavar="N", help="The target's port.  [default: 33434 of UDP, 80 of TCP]"
    ),
    click.option(
        "--flow",
        type=int,
        metavar="N",
        help="What balancers hash: of icmp the checksum, else this host's port less 1024.",
    ),
    click.option("--names", is_flag=True, default=None, help="Look up the names of all who answer."),
    click.option(
        "--asn",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Numbers of autonomous systems: a table of lines 'prefix<TAB>number'.",
    ),
    SIZE,
    DSCP,
    DONT_FRAGMENT,
    CLUSTER,
    click.option(
        "--vantage",
        multiple=True,
        metavar="NAME|all",
        help="With --cluster: the worker to trace from, several times or all.  [default: all]",
    ),
)
def trace(
    setting: Setting,
    *,
    host: str,
    rounds: int | None = None,
    cluster: str | None = None,
    vantage: tuple[str, ...] = (),
    **options: Any,
) -> int:
    """Find the routers on the way to HOST, with one flow kept constant (Paris traceroute)."""
    if options.get("asn") is not None:
        options["asn"] = PrefixTable.read(options["asn"])
    if cluster is not None:
        if rounds is not None or "interval" in options:
            raise click.UsageError("--cluster traces once: it has no --rounds and no --interval.")
        work = partial(trace_cluster, setting, cluster, host, vantage or ("all",), options)
        return run(work, setting.backend)
    if vantage:
        raise click.UsageError("--vantage names workers of a cluster: it needs --cluster.")
    if rounds is not None:
        return run(partial(follow, setting, host, options, rounds or None), setting.backend)
    if "interval" in options:
        raise click.UsageError("--interval is the time between rounds: it needs --rounds.")
    options.setdefault("probes", 3)
    return run(partial(_trace, setting, host, options), setting.backend)


async def _trace(setting: Setting, host: str, options: dict[str, Any], stop: anyio.CancelScope) -> int:
    result: Trace | None = None
    async with Prober(**setting.prober) as prober:
        with stop, spinner(f"tracing the path to {host}", live=setting.live):
            async with prober.open_traceroute(host, rounds=1, **options) as stream:
                try:
                    await anext(stream)
                finally:
                    # Also when Ctrl-C ends it: the path as far as it is known.
                    result = stream.trace
    if result is None:
        click.echo(f"anyicmp: {host} did not answer: the trace was stopped before it began", err=True)
        return exit_status(answered=0, sent=0, failed=0)
    if setting.as_json:
        write_lines([to_json(result)])
    else:
        write_lines(trace_lines(result, options["max_hops"], options["probes"]))
    outcomes = [outcome for hop in result.hops for outcome in hop.outcomes]
    failed = sum(outcome.kind == "failed" for outcome in outcomes)
    return exit_status(answered=int(result.reached), sent=len(outcomes) - failed, failed=failed)


def trace_lines(result: Trace, max_hops: int, probes: int) -> Iterator[str]:
    """What is printed of a trace that was asked for with these options."""
    port = "" if result.port is None else f" port {result.port}"
    yield (
        f"trace to {named(result.host, result.target)}, {result.method}{port}, "
        f"{count(max_hops, 'hop')} at most, {count(probes, 'probe')} to each"
    )
    reasons: dict[str, str] = {}
    for hop in result.hops:
        for translation in result.translations:
            if translation.before == hop.ttl:
                yield paint(f"    rewritten on the way here: {', '.join(translation.fields)}", "yellow")
        yield f"{hop.ttl:>2}  {_hop(hop, reasons)}"
        for remark in remarks(hop):
            yield f"      {remark}"
    if result.loop:
        yield paint(f"the path goes round: {' '.join(map(str, result.loop))}", "red")
    for found, reason in reasons.items():
        yield f"{paint(found, 'red')}: {reason}"
    if not result.reached and _NOT_SENT not in reasons:
        yield paint(f"{result.target} did not answer", "yellow")


def _hop(hop: Hop, reasons: dict[str, str]) -> str:
    """The probes of a hop: an address where it changes, round trips, `*` for silence, marks for errors."""
    if all(outcome.kind == "timeout" for outcome in hop.outcomes):
        return " ".join(paint("*", "yellow") for _ in hop.outcomes)
    parts: list[str] = []
    shown = None
    for outcome in hop.outcomes:
        if not isinstance(outcome, Reply | ErrorReply):
            parts.append(_unanswered(outcome, reasons))
            continue
        if outcome.source != shown:
            parts.append(who(hop, outcome.source))
            shown = outcome.source
        parts.append(f"{milliseconds(outcome.rtt)} ms{_mark(outcome, reasons)}")
    return "  ".join(parts)


def _unanswered(outcome: Outcome, reasons: dict[str, str]) -> str:
    if isinstance(outcome, SendFailure):
        reasons[_NOT_SENT] = f"not sent: {outcome.reason}"
        return paint(_NOT_SENT, "red")
    return paint("*", "yellow")


def _mark(outcome: Reply | ErrorReply, reasons: dict[str, str]) -> str:
    found = mark(outcome, reasons)
    return " " + paint(found, "red") if found else ""
