"""The rows of this host's own tables: routes, next hops, neighbours, interfaces.

Frozen values and nothing else. Where they are read from is `host/`'s to know; here is no I/O.
"""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from typing import Any

import attrs

from anyicmp.results import IPAddress
from anyicmp.shown import as_html, as_rich

__all__ = ["IPInterface", "IPNetwork", "Interface", "Neighbor", "NextHop", "Route"]

IPNetwork = IPv4Network | IPv6Network
IPInterface = IPv4Interface | IPv6Interface


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class NextHop:
    """One of the ways that a route with several leads.

    Attributes:
        gateway: the router, None where the destination is on the link itself. An IPv4 route may have an
            IPv6 gateway (RFC 5549).
        interface: name of the interface, or None.
        weight: its share of the flows, 1 to 65,536, beside the others' weights.
        up: whether its link carries; the kernel passes over those that do not.
    """

    gateway: IPAddress | None = None
    interface: str | None = None
    weight: int = 1
    up: bool = True


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class Route:
    """A route of this host (rtnetlink(7)).

    Attributes:
        destination: the network that it leads to; all addresses for a default route.
        gateway: the router that packets go to, of either IP version (RFC 5549). None: the destination is on
            the link itself, or there are `next_hops`.
        interface: name of the interface that packets leave through, None where there is none or several.
        flags: as netstat(8) shows them: U it is in use, or `!` it refuses its packets; G through a gateway;
            H to a single host; D the gateway is another than the table's, by an ICMP redirect; M the kernel
            has learned a smaller MTU. D and M are known of what `route_to` finds.
        metric: of several routes to one destination the one with the lowest counts.
        source: the address that this host sends from, where the route says so.
        table: number of the routing table: 254 is main, 255 local, 253 default.
        type: "unicast"; "local", "broadcast", "anycast", "multicast"; "unreachable", "prohibit",
            "blackhole" (packets vanish), "throw" (look in the next table); "nat", or a number.
        next_hops: where it leads several ways at once, all of them; else ().
        mtu: octets of an IP packet, where the route sets a limit or the kernel has learned one; else None.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    destination: IPNetwork
    gateway: IPAddress | None = None
    interface: str | None = None
    flags: str = "U"
    metric: int = 0
    source: IPAddress | None = None
    table: int = 254
    type: str = "unicast"
    next_hops: tuple[NextHop, ...] = ()
    mtu: int | None = None


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class Neighbor:
    """What this host knows of an address on one of its links (ARP, neighbour discovery).

    Attributes:
        address: of the neighbour; one that is link-local is meant on `interface`.
        link_address: such as "02:00:5e:10:00:01"; None while, or because, it does not answer.
        interface: name of the interface.
        state: "reachable", "stale", "delay", "probe" and "permanent" have a link address; "incomplete" is
            being asked for, "failed" did not answer (RFC 4861 section 7.3.2, arp(7)).
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    address: IPAddress
    link_address: str | None = None
    interface: str
    state: str


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class Interface:
    """An interface of this host.

    Attributes:
        name, index: as the system has them.
        addresses: its own, each with the prefix length of its network.
        mtu: octets of the largest IP packet.
        flags: as ip-link(8) shows them, such as "UP" (switched on) and "LOWER_UP" (its link carries).
        state: "up", "down", "lowerlayerdown", "dormant", "testing", "notpresent", or "unknown" where the
            driver does not tell, as of loopback (RFC 2863).
        link_address: such as "02:00:5e:10:00:01", None without one.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    name: str
    index: int
    addresses: tuple[IPInterface, ...] = ()
    mtu: int
    flags: tuple[str, ...] = ()
    state: str = "unknown"
    link_address: str | None = None


_slot = Route.__dict__["destination"]


def _network(route: Route) -> IPNetwork:
    """The network that it leads to; all addresses for a default route."""
    value = _slot.__get__(route)
    if type(value) is not bytes:
        return value  # type: ignore[no-any-return] # what the constructor was given
    # A network takes three times the room of the rest of its route, and longer to make: a table of a
    # hundred thousand has octets in their place, and makes those that someone looks at.
    return (IPv4Network if len(value) == 5 else IPv6Network)((value[1:], value[0]), strict=False)


def _keep(route: Route, value: Any) -> None:
    _slot.__set__(route, value)


# `Route.destination` is a field as the others are; only its slot may hold the prefix length and the address
# in octets instead.
setattr(Route, "destination", property(_network, _keep))  # noqa: B010 - a class that attrs made is not typed so
