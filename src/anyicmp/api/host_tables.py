"""SystemTables: the tables of the host that this process runs on, read without holding up the event loop.

Waits and pauses here; sockets and octets are `host/`'s.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import ENETUNREACH, EOPNOTSUPP
from functools import partial
from typing import TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import attrs

from anyicmp.api.environment import RouteQuery
from anyicmp.host.links import address, ask_addresses, ask_links, link, with_addresses
from anyicmp.host.netlink import Inquiry
from anyicmp.host.netlink_socket import NetlinkSocket
from anyicmp.host.policy import REFUSALS, ask_rules, refusing_route, rule
from anyicmp.host.rtnetlink import RouteReader, ask_neighbors, ask_route, ask_routes, neighbor
from anyicmp.host.uncollected import uncollected
from anyicmp.results import IPAddress
from anyicmp.tables import Interface, Neighbor, Route

__all__ = ["SystemTables"]

Row = TypeVar("Row")
Read = Callable[[int, bytes, int, int], Row | None]
"""(type, octets, start, end) of a message's body to a row, None for what is none."""

ENTRIES = 128
"""Messages that are read before others have their turn: about a millisecond's work."""

SMALL = 4
"""Datagrams of a small table. The kernel may think for several milliseconds about one of a large table's:
while it keeps the tables main and local as one, it looks through all of main for the few that are local. So
a thread waits for these."""

READINGS = 3
"""How often a table is read that changes meanwhile. The last reading counts, whatever it missed."""


class SystemTables:
    """See `api.environment.HostTables`."""

    async def routes(self, family: int | None, local: bool) -> tuple[Route, ...]:
        """See `Prober.routes`."""
        read = RouteReader(await self._names(), local=local)
        return await _lasting(await _tables(ask_routes, family, read))

    async def neighbors(self, family: int | None) -> tuple[Neighbor, ...]:
        """See `Prober.neighbors`."""
        read = partial(neighbor, await self._names())
        return await _lasting(await _tables(ask_neighbors, family, read))

    async def interfaces(self) -> tuple[Interface, ...]:
        """See `Prober.interfaces`."""
        links = await _table(ask_links, link)
        return with_addresses(links, await _tables(ask_addresses, None, address))

    async def route_to(self, query: RouteQuery) -> Route | None:
        """See `Prober.route_to`."""
        read = RouteReader(await self._names()).answer
        ask = partial(
            ask_route, query.address, source=query.source, interface=query.interface, mark=query.mark
        )
        entry, errno = await _answer(ask(matched=True), read)
        if entry is None:
            return await self._refusal(errno, query)
        used, _ = await _answer(ask(matched=False), read)
        return entry if used is None else _as_used(entry, used)

    async def _refusal(self, errno: int, query: RouteQuery) -> Route | None:
        if errno not in REFUSALS:
            raise OSError(errno, os.strerror(errno))
        version = query.address.version
        if query.source is not None and not await self._owns(query.source):
            raise ValueError(f"source {query.source} is no address of this host")
        rules = await _table(partial(ask_rules, version), rule)
        # Where no entry fits, only a rule can be what refused.
        routes = () if errno == ENETUNREACH else await self.routes(version, True)
        return refusing_route(
            errno, rules, routes, address=query.address, source=query.source, mark=query.mark
        )

    async def _owns(self, own: IPAddress) -> bool:
        found = await _table(partial(ask_addresses, own.version), address)
        return any(one.ip == own for _, one in found)

    async def _names(self) -> dict[int, str]:
        return {one.index: one.name for one in await _table(ask_links, link)}


async def _tables(ask: Callable[[int], Inquiry], family: int | None, read: Read[Row]) -> list[Row]:
    """All rows of a table that each IP version has one of; family None: of both."""
    if family is not None:
        return await _table(partial(ask, family), read)
    return await _table(partial(ask, 4), read) + await _table(partial(ask, 6), read)


async def _table(ask: Callable[[], Inquiry], read: Read[Row]) -> list[Row]:
    """All rows of a table; read again where it changed meanwhile."""
    rows: list[Row] = []
    for _ in range(READINGS):
        inquiry = ask()
        rows = await _rows(inquiry, read)
        if inquiry.errno not in (0, EOPNOTSUPP):  # the kernel was built without this IP version
            raise OSError(inquiry.errno, os.strerror(inquiry.errno))
        if not inquiry.interrupted:
            break
    return rows


async def _answer(inquiry: Inquiry, read: Read[Row]) -> tuple[Row | None, int]:
    """The row that answers a question, or None and the error number."""
    rows = await _rows(inquiry, read)
    return next(iter(rows), None), inquiry.errno


async def _rows(inquiry: Inquiry, read: Read[Row]) -> list[Row]:
    rows: list[Row] = uncollected([])
    datagrams = 0
    limiter = anyio.CapacityLimiter(1)  # never waits for what else the application does in threads
    with NetlinkSocket() as kernel:
        kernel.send(inquiry.request)
        while not inquiry.done:
            if datagrams < SMALL:
                octets = kernel.receive()
            else:
                octets = await anyio.to_thread.run_sync(kernel.receive, limiter=limiter)
            if octets is None:
                await anyio.wait_readable(kernel)
                continue
            datagrams += 1
            for number, (kind, start, end) in enumerate(inquiry.feed(octets), 1):
                row = read(kind, octets, start, end)
                if row is not None:
                    rows.append(row)
                if number % ENTRIES == 0:
                    await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
    return rows


async def _lasting(rows: list[Row]) -> tuple[Row, ...]:
    """The rows as a tuple. To copy a long list and to free it takes milliseconds: in two turns."""
    table = uncollected(tuple(rows))
    await anyio.lowlevel.checkpoint()
    return table


def _as_used(entry: Route, used: Route) -> Route:
    """An entry of the table with what becomes of it for one address: the answer to `route_to`."""
    gateways = {entry.gateway, *(hop.gateway for hop in entry.next_hops)}
    flags = entry.flags.replace("G", "")
    if used.gateway is not None:
        flags = flags[:1] + "G" + flags[1:]
        if used.gateway not in gateways:
            flags += "D"
    if used.mtu is not None and used.mtu != entry.mtu:
        flags += "M"
    return attrs.evolve(
        entry,
        gateway=used.gateway,
        interface=used.interface,
        source=used.source,
        flags=flags,
        mtu=used.mtu,
    )
