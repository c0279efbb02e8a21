"""`anyicmp ping`: a line for each probe as it ends and ping's well-known summary, or one JSON object.

Reads the stream and prints; what a terminal shows below the lines is in `ping_view.py`. What a probe's end
means is decided in the library.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import anyio
import click

from anyicmp import (
    ErrorReply,
    NoReply,
    Outcome,
    PingResult,
    PingStream,
    Prober,
    Reply,
    SendFailure,
    Statistics,
)
from anyicmp.cli.live import Live
from anyicmp.cli.loop import run
from anyicmp.cli.options import DONT_FRAGMENT, DSCP, SIZE, TIMEOUT, TTL, Setting, command_options
from anyicmp.cli.ping_view import PingView
from anyicmp.cli.screen import Footer, has_footer
from anyicmp.cli.status import exit_status
from anyicmp.cli.text import counts, milliseconds, named, paint, round_trips, write_lines
from anyicmp.export import to_json

__all__ = ["outcome_line", "ping", "summary_lines"]

_HEADER = 8  # octets of ICMP header (RFC 792), which ping counts in "64 bytes from"


@click.command(short_help="Send echo requests to one host.")
@click.argument("host")
@command_options(
    click.option(
        "-c", "--count", type=int, default=4, show_default=True, metavar="N",
        help="Number of probes; 0: until Ctrl-C.",
    ),
    click.option(
        "-i", "--interval", type=float, default=1.0, show_default=True, metavar="SECONDS",
        help="Time between probes.",
    ),
    TIMEOUT,
    SIZE,
    TTL,
    DSCP,
    DONT_FRAGMENT,
)  # fmt: skip
def ping(setting: Setting, *, host: str, count: int, **options: Any) -> int:
    """Send echo requests to HOST, a name or an address."""
    options["count"] = count or None
    return run(partial(_ping, setting, host, options), setting.backend)


async def _ping(setting: Setting, host: str, options: dict[str, Any], stop: anyio.CancelScope) -> int:
    stream: PingStream | None = None
    outcomes: list[Outcome] = []
    with stop:
        async with Prober(**setting.prober) as prober, prober.open_ping(host, **options) as stream:
            if setting.as_json:
                async for outcome in stream:
                    outcomes.append(outcome)  # noqa: PERF401 - what came before Ctrl-C is kept
            else:
                octets = options.get("size", 56)
                write_lines([f"PING {named(stream.host, stream.target)}: {octets} data bytes"])
                await _print(stream, live=setting.live)
    if stream is None:  # stopped before there was an address
        return exit_status(answered=0, sent=0, failed=0)
    statistics = stream.statistics
    if setting.as_json:
        outcomes.sort(key=lambda outcome: outcome.sequence)
        write_lines(
            [
                to_json(
                    PingResult(
                        target=stream.target,
                        host=stream.host,
                        outcomes=tuple(outcomes),
                        statistics=statistics,
                    )
                )
            ]
        )
    else:
        write_lines(summary_lines(stream.host or str(stream.target), statistics))
    return exit_status(answered=statistics.received, sent=statistics.sent, failed=statistics.failed)


async def _print(stream: PingStream, *, live: bool) -> None:
    if not (live and has_footer(sys.stdout)):
        async for outcome in stream:
            write_lines([outcome_line(outcome)])
        return
    view = PingView(lambda: stream.statistics)
    with Footer(sys.stdout) as footer:
        drawing = Live(footer, view.lines)

        async def follow() -> None:
            async for outcome in stream:
                view.add(outcome)
                footer.print([outcome_line(outcome)])
                drawing.changed()

        await drawing.run(follow)


def outcome_line(outcome: Outcome) -> str:
    """What is printed of one probe."""
    match outcome:
        case Reply():
            ttl = f" ttl={outcome.ttl}" if outcome.ttl is not None else ""
            copies = paint(f" duplicates={outcome.duplicates}", "yellow") if outcome.duplicates else ""
            return (
                f"{outcome.size + _HEADER} bytes from {outcome.source}: seq={outcome.sequence}{ttl} "
                f"time={milliseconds(outcome.rtt)} ms{copies}"
            )
        case ErrorReply():
            who = f"{outcome.source} (this host)" if outcome.local else str(outcome.source)
            return paint(f"From {who}: seq={outcome.sequence} {outcome.reason}", "red")
        case NoReply():
            return paint(f"seq={outcome.sequence} no answer within {outcome.timeout:g} s", "yellow")
        case SendFailure():
            return paint(f"seq={outcome.sequence} not sent: {outcome.reason}", "red")


def summary_lines(host: str, statistics: Statistics) -> list[str]:
    """What is printed at the end, a blank line first."""
    figures = round_trips(
        min=statistics.minimum, avg=statistics.average, max=statistics.maximum, stddev=statistics.stddev
    )
    return ["", f"--- {host} ping statistics ---", counts(statistics), *([figures] if figures else [])]
