"""TableReader: the doors to this host's own tables, a part of the prober.

They check their options and ask the environment. Reading them needs no right and no open prober.
"""

from __future__ import annotations

from anyicmp.api.environment import HostTables, RouteQuery
from anyicmp.api.options import check_family, yes_no
from anyicmp.api.owner import SocketOwner
from anyicmp.results import IPAddress
from anyicmp.tables import Interface, Neighbor, Route

__all__ = ["TableReader"]


class TableReader(SocketOwner):
    """Reads the tables of the host that it probes from; see `Prober`."""

    async def routes(self, family: int | None = None, *, local: bool = False) -> tuple[Route, ...]:
        """The routes of this host, of all its routing tables, IPv4 before IPv6, each in the kernel's order.

        The prober need not be open, and no right is needed. The event loop is never held up for long,
        however many there are.

        Args:
            family: 4 or 6 for that one alone; None: the prober's.
            local: also those of the table "local", which the kernel makes for the host's own addresses.

        Raises:
            ValueError: no such family.
            UnsupportedError: on other systems than Linux.
            OSError: the kernel refused.
        """
        check_family(family)
        yes_no("local", local)
        return await self._tables().routes(self.family if family is None else family, local)

    async def route_to(
        self,
        host: str | IPAddress,
        *,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        family: int | None = None,
    ) -> Route | None:
        """The route that packets to a host take now, after the policy rules; None where none leads there.

        Gateway, interface and source are those that this very address gets: of several next hops the one
        chosen, and a gateway that an ICMP redirect has put in place of the table's. Destination, table,
        type and metric are those of the entry that matched. A route that refuses its packets has the type
        "unreachable", "prohibit" or "blackhole"; where a policy rule refuses them, without a route, its
        table is 0.

        Args:
            host: name or address; of a name's addresses the first.
            source, interface, mark: of the packets, as in `ping`.
            family: IP version to look a name up in.

        Raises as `routes`, and NameLookupError for a name without address.
        """
        options = self.route(family=family, source=source, interface=interface, mark=mark)
        (address, *_) = await self.resolve(host, family=options.family_of(host))
        if options.source is not None and options.source.version != address.version:
            raise ValueError(f"source {options.source} and target {address} are of different IP versions")
        query = RouteQuery(
            address=address,
            source=options.source,
            interface=self.scope(getattr(address, "scope_id", None) or options.interface),
            mark=options.mark or 0,
        )
        return await self._tables().route_to(query)

    async def neighbors(self, family: int | None = None) -> tuple[Neighbor, ...]:
        """What this host knows of the addresses on its links: ARP's table and that of neighbour discovery.

        As ip-neighbour(8) shows it: without those that need no link address. Options and exceptions as in
        `routes`.
        """
        check_family(family)
        return await self._tables().neighbors(self.family if family is None else family)

    async def interfaces(self) -> tuple[Interface, ...]:
        """The interfaces of this host with their addresses, in the order of their indices.

        Exceptions as in `routes`.
        """
        return await self._tables().interfaces()

    def _tables(self) -> HostTables:
        if self._environment.host_tables is not None:
            return self._environment.host_tables
        from anyicmp.api.host_tables import SystemTables

        return SystemTables()
