"""`anyicmp routes` and `anyicmp neighbors`: this host's own tables, in columns or as JSON Lines.

Prints what the library has read. Nothing is sent and nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import anyio
import click

from anyicmp import Neighbor, NextHop, Prober, Route
from anyicmp.cli.loop import run
from anyicmp.cli.options import Setting, command_options
from anyicmp.cli.status import ANSWERED, NOT_ANSWERED
from anyicmp.cli.text import paint, write_lines
from anyicmp.export import to_json

__all__ = ["neighbor_lines", "neighbors", "route_lines", "routes"]

MAIN = 254
TABLES = {253: "default", 255: "local"}
COLOURS = {"failed": "red", "incomplete": "yellow"}


@click.command(short_help="Show the routes of this host, or the one to a host.")
@click.argument("host", required=False)
@command_options(
    click.option("--local", is_flag=True, help="Also the kernel's own routes to this host's addresses."),
)
def routes(setting: Setting, *, host: str | None = None, local: bool) -> int:
    """Show the routes of this host, of all tables; or the one that packets to HOST take.

    Without HOST, -I shows those of one interface. Exit status: 0, or 1 if no route leads to HOST or the one
    that does refuses its packets.
    """
    return run(partial(_routes, setting, host, local=local), setting.backend)


async def _routes(setting: Setting, host: str | None, stop: anyio.CancelScope, *, local: bool) -> int:
    prober = Prober(**setting.prober)
    rows: Sequence[Route] = ()
    refused = False
    with stop:
        if host is None:
            through = setting.prober.get("interface")
            rows = [
                route
                for route in await prober.routes(local=local)
                if through in (None, route.interface, *(hop.interface for hop in route.next_hops))
            ]
        elif (route := await prober.route_to(host)) is None:
            refused = True
            click.echo(f"anyicmp: no route leads to {host}", err=True)
        else:
            rows = [route]
            refused = route.flags.startswith("!")
    write_lines(map(to_json, rows) if setting.as_json else route_lines(rows) if rows or host is None else ())
    return NOT_ANSWERED if refused else ANSWERED


@click.command(short_help="Show what this host knows of the hosts on its links.")
@command_options()
def neighbors(setting: Setting) -> int:
    """Show the neighbours of this host: ARP's table and that of IPv6 neighbour discovery.

    -I shows those of one interface.
    """
    return run(partial(_neighbors, setting), setting.backend)


async def _neighbors(setting: Setting, stop: anyio.CancelScope) -> int:
    rows: Sequence[Neighbor] = ()
    with stop:
        through = setting.prober.get("interface")
        found = await Prober(**setting.prober).neighbors()
        rows = [neighbor for neighbor in found if through in (None, neighbor.interface)]
    write_lines(map(to_json, rows) if setting.as_json else neighbor_lines(rows))
    return ANSWERED


def route_lines(rows: Iterable[Route]) -> Iterator[str]:
    """What is printed of routes: the columns of netstat(8), then what ip-route(8) would add."""
    cells = [("Destination", "Gateway", "Flags", "Metric", "Interface", "")]
    colours = [""]
    for route in rows:
        several = bool(route.next_hops) and route.gateway is None
        cells.append(
            (
                str(route.destination),
                "" if several else str(route.gateway or "*"),
                route.flags,
                str(route.metric),
                "" if several else route.interface or "*",
                " ".join(_remarks(route)),
            )
        )
        ways = [("", *_way(hop)) for hop in route.next_hops] if several else []
        cells += ways
        colours += ["red" if route.flags.startswith("!") else "", *("" for _ in ways)]
    yield from _columns(cells, colours, right=3)


def _remarks(route: Route) -> Iterator[str]:
    if route.type != "unicast":
        yield route.type
    if route.table != MAIN:
        yield f"table {TABLES.get(route.table, route.table)}" if route.table else "by a policy rule"
    if route.source is not None:
        yield f"src {route.source}"
    if route.mtu is not None:
        yield f"mtu {route.mtu}"


def _way(hop: NextHop) -> tuple[str, str, str, str, str]:
    remark = f"weight {hop.weight}" + ("" if hop.up else " down")
    return str(hop.gateway or "*"), "", "", hop.interface or "*", remark


def neighbor_lines(rows: Iterable[Neighbor]) -> Iterator[str]:
    """What is printed of neighbours."""
    cells = [("Address", "Link address", "Interface", "State")]
    cells += [(str(row.address), row.link_address or "*", row.interface, row.state) for row in rows]
    yield from _columns(cells, [COLOURS.get(row[-1], "") for row in cells])


def _columns(
    cells: Sequence[tuple[str, ...]], colours: Sequence[str], *, right: int | None = None
) -> Iterator[str]:
    """Lines of which each column is as wide as its widest cell; one column stands at its right edge."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row, colour in zip(cells, colours, strict=True):
        line = "  ".join(
            cell.rjust(width) if column == right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        yield paint(line, colour) if colour else line
