"""SimulatedTables: the routes, neighbours and interfaces of the host that probes a simulated network.

Made of the topology once, as a real host with one interface would have them; tests may change the lists.
Nothing is read from the system here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from ipaddress import ip_interface, ip_network

import attrs

from anyicmp.api.environment import RouteQuery
from anyicmp.results import IPAddress
from anyicmp.tables import Interface, Neighbor, NextHop, Route
from anyicmp.testing.internet import Internet
from anyicmp.testing.internet.nodes import Host, Router
from anyicmp.testing.internet.topology import CLIENT
from anyicmp.testing.rows import INTERFACE

__all__ = ["SIMULATED_INTERFACE", "SimulatedTables"]

SIMULATED_INTERFACE = "sim0"
LOCAL = 255
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


class SimulatedTables:
    """See `api.environment.HostTables`.

    Attributes:
        route_table: the routes. `route_to` takes the one with the longest prefix, then the lowest metric.
        neighbor_table: what is known of the link.
        interface_table: the interfaces.

    Each address of a node that is linked with the host is on the link; all others lie behind the linked
    routers, of which `route_to` names the one that the internet sends packets to. Without an internet, all
    addresses are on the link.
    """

    def __init__(self, own: Mapping[int, IPAddress], internet: Internet | None, mtu: int) -> None:
        self._own = dict(sorted(own.items()))
        self._internet = internet
        self._mtu = mtu

    # Most tests look at none of them.

    @cached_property
    def route_table(self) -> list[Route]:
        """See the class."""
        return [route for version, own in self._own.items() for route in self._routes(version, own)]

    @cached_property
    def neighbor_table(self) -> list[Neighbor]:
        """See the class."""
        linked = [each for version in self._own for each in self._linked(version)]
        return [
            _neighbor(address, number, there=not (isinstance(node, Host) and node.absent))
            for number, (_, node, address) in enumerate(linked, 1)
        ]

    @cached_property
    def interface_table(self) -> list[Interface]:
        """See the class."""
        return [
            Interface(
                name=SIMULATED_INTERFACE,
                index=INTERFACE,
                addresses=tuple(map(ip_interface, self._own.values())),
                mtu=self._mtu,
                flags=("UP", "LOWER_UP"),
                state="up",
            )
        ]

    @cached_property
    def _gateways(self) -> dict[tuple[str, int], IPAddress]:
        """The first address of each linked router, by its name and IP version."""
        found: dict[tuple[str, int], IPAddress] = {}
        for version in self._own:
            for name, node, address in self._linked(version):
                if isinstance(node, Router):
                    found.setdefault((name, version), address)
        return found

    def _routes(self, version: int, own: IPAddress) -> Iterable[Route]:
        yield Route(
            destination=ip_network(own), interface="lo", flags="UH", source=own, table=LOCAL, type="local"
        )
        for _, _, address in self._linked(version):
            yield _on_link(address)
        routers = [address for (_, of), address in self._gateways.items() if of == version]
        everywhere = ip_network(DEFAULT[version])
        if len(routers) == 1:
            yield Route(destination=everywhere, gateway=routers[0], interface=SIMULATED_INTERFACE, flags="UG")
        elif routers:
            hops = tuple(NextHop(gateway=router, interface=SIMULATED_INTERFACE) for router in routers)
            yield Route(destination=everywhere, flags="UG", next_hops=hops)
        elif self._internet is None:
            yield Route(destination=everywhere, interface=SIMULATED_INTERFACE)

    def _linked(self, version: int) -> Iterable[tuple[str, Router | Host, IPAddress]]:
        """The nodes that are linked with the host, with each address of theirs."""
        if self._internet is None:
            return
        topology = self._internet.topology
        for link in topology.links:
            if CLIENT in (link.source, link.target):
                name = link.target if link.source == CLIENT else link.source
                node = topology.nodes[name]
                for network in node.address:
                    if network.version == version and network.prefixlen == network.max_prefixlen:
                        yield name, node, network.network_address

    async def routes(self, family: int | None, local: bool) -> tuple[Route, ...]:
        """The table, in its order."""
        return tuple(
            route
            for route in self.route_table
            if family in (None, route.destination.version) and (local or route.table != LOCAL)
        )

    async def route_to(self, query: RouteQuery) -> Route | None:
        """The route to an address; source, interface and mark make no difference."""
        fitting = [route for route in self.route_table if query.address in route.destination]
        if not fitting:
            return None
        found = max(fitting, key=lambda route: (route.destination.prefixlen, -route.metric))
        if found.next_hops:
            hop = next((hop for hop in found.next_hops if hop.gateway == self._gateway(query.address)), None)
            hop = hop or found.next_hops[0]
            found = attrs.evolve(found, gateway=hop.gateway, interface=hop.interface)
        return attrs.evolve(found, source=found.source or self._own[query.address.version])

    def _gateway(self, address: IPAddress) -> IPAddress | None:
        name = None if self._internet is None else self._internet.next_hop(address)
        return None if name is None else self._gateways.get((name, address.version))

    async def neighbors(self, family: int | None) -> tuple[Neighbor, ...]:
        """The table, in its order."""
        return tuple(
            neighbor for neighbor in self.neighbor_table if family in (None, neighbor.address.version)
        )

    async def interfaces(self) -> tuple[Interface, ...]:
        """The table, in its order."""
        return tuple(self.interface_table)


def _on_link(address: IPAddress) -> Route:
    return Route(destination=ip_network(address), interface=SIMULATED_INTERFACE, flags="UH")


def _neighbor(address: IPAddress, number: int, *, there: bool) -> Neighbor:
    return Neighbor(
        address=address,
        # Administered locally (IEEE 802): nobody's real one.
        link_address=f"02:00:00:00:{number >> 8 & 255:02x}:{number & 255:02x}" if there else None,
        interface=SIMULATED_INTERFACE,
        state="reachable" if there else "failed",
    )
