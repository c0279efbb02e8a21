"""`anyicmp listen`: the ICMP messages that reach this host, one line each, or as JSON Lines.

Prints what comes. What a message means is decided by the codec.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import click

from anyicmp import Prober, Received
from anyicmp.cli.loop import run
from anyicmp.cli.options import Setting, command_options
from anyicmp.cli.status import ANSWERED, NOT_ANSWERED
from anyicmp.cli.text import count as counted
from anyicmp.cli.text import write_lines
from anyicmp.export import to_json
from anyicmp.wire import QuotedDatagram

__all__ = ["about", "listen", "received_line"]

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 58: "icmpv6", 132: "sctp", 136: "udplite"}


@click.command(short_help="Print the ICMP messages that reach this host.")
@command_options(
    click.option(
        "-T", "--type", "types", multiple=True, metavar="NAME|N",
        help='Kind of message, by name ("redirect", "time-exceeded") or type; may be repeated.',
    ),
    click.option("-c", "--count", type=int, metavar="N", help="Stop after so many messages."),
)  # fmt: skip
def listen(setting: Setting, *, types: tuple[str, ...], count: int | None = None) -> int:
    """Print every ICMP message that reaches this host, and which connection it is about.

    It needs raw sockets. Exit status: 0 something was heard, 1 nothing.
    """
    if count is not None and count < 1:
        raise click.BadParameter("must be 1 or more", param_hint="--count")
    if "network" in setting.prober:
        raise click.UsageError("nobody sends anything in a simulated internet: there is nothing to hear")
    return run(partial(_listen, setting, types, count), setting.backend)


async def _listen(setting: Setting, types: tuple[str, ...], most: int | None, stop: anyio.CancelScope) -> int:
    options: dict[str, Any] = {"types": types} if types else {}
    heard = 0
    prober = Prober(**setting.prober)
    listening = prober.open_listener(**options)  # what it refuses is told before a socket is asked for
    async with prober, listening as messages:
        with stop:
            async for received in messages:
                write_lines([to_json(received) if setting.as_json else received_line(received)])
                heard += 1
                if heard == most:
                    break
        if messages.dropped:
            click.echo(f"anyicmp: {counted(messages.dropped, 'message')} lost for want of room", err=True)
    return ANSWERED if heard else NOT_ANSWERED


def received_line(received: Received) -> str:
    """What is printed of a message."""
    message = received.message
    when = datetime.fromtimestamp(received.received_at, UTC)
    ttl = "" if received.ttl is None else f" ttl={received.ttl}"
    head = f"{when:%H:%M:%S.%f} {received.interface or '?'} {received.source} > {received.destination}{ttl}"
    quoted = getattr(message, "quoted", None)
    if quoted is None:
        options = getattr(message, "options", ())
        quoted = next((option.quoted for option in options if hasattr(option, "quoted")), None)
    said = f"type={int(message.type)} code={message.code}: {message.explain()}"
    return f"{head} {said}{'' if quoted is None else f' [{about(quoted)}]'}"


def about(quoted: QuotedDatagram) -> str:
    """Which connection a quoted datagram belongs to: `tcp 192.0.2.1:40000 > 198.51.100.7:443`."""
    protocol = PROTOCOLS.get(quoted.protocol or 0, f"protocol {quoted.protocol}")
    ends = f"{_end(quoted.source, quoted.source_port)} > {_end(quoted.destination, quoted.destination_port)}"
    if quoted.identifier is not None:
        ends += f" id={quoted.identifier} seq={quoted.sequence}"
    return f"{protocol} {ends}"


def _end(address: Any, port: int | None) -> str:
    if address is None:
        return "?"
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
