"""Routes and neighbours in octets: what is asked for, and the rows of what comes (rtnetlink(7)).

Pure: octets in, rows out. Whatever the octets are, nothing here raises; what makes no sense is no row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from anyicmp.host.netlink import ALIGN, Inquiry, attribute, attributes
from anyicmp.host.uncollected import uncollected
from anyicmp.results import IPAddress
from anyicmp.tables import Neighbor, NextHop, Route
from anyicmp.wire.plain import maker

__all__ = [
    "FAMILIES",
    "WIDTHS",
    "WORD",
    "RouteReader",
    "ask_neighbors",
    "ask_route",
    "ask_routes",
    "neighbor",
    "number",
    "packed_address",
]

FAMILIES = {4: 2, 6: 10}  # AF_INET, AF_INET6, the same on all of Linux
WIDTHS = {2: 4, 10: 16}
RTM_GETROUTE, RTM_GETNEIGH = 26, 30
RTM_NEWROUTE, RTM_NEWNEIGH = 24, 28

ROUTE = Struct("=BBBBBBBBI")  # family, prefix lengths to and from, tos, table, protocol, scope, type, flags
NEXT_HOP = Struct("=HBBi")  # length, flags, weight - 1, interface
NEIGHBOR = Struct("=BBHiHBB")  # family, -, -, interface, state, flags, type
WORD = Struct("=I")

RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = 1, 2, 4, 5, 6, 7
RTA_METRICS, RTA_MULTIPATH, RTA_TABLE, RTA_MARK, RTA_VIA = 8, 9, 15, 16, 18
RTAX_MTU = 2
RTM_F_CLONED, RTM_F_LOOKUP_TABLE, RTM_F_FIB_MATCH = 0x200, 0x1000, 0x2000
RTNH_F_DEAD, RTNH_F_LINKDOWN = 1, 16
MAIN, LOCAL = 254, 255

TYPES = (
    "unspecified", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable",
    "prohibit", "throw", "nat",
)  # fmt: skip
REFUSING = frozenset({6, 7, 8, 9})
OF_LOCAL = frozenset({2, 3})

NDA_DST, NDA_LLADDR = 1, 2
STATES = {
    1: "incomplete", 2: "reachable", 4: "stale", 8: "delay", 16: "probe", 32: "failed", 128: "permanent",
}  # fmt: skip
"""NUD_*. NOARP (64) and none (0) are left out, as ip-neighbour(8) does."""


def ask_routes(family: int) -> Inquiry:
    """All routes of an IP version."""
    return Inquiry(RTM_GETROUTE, ROUTE.pack(FAMILIES[family], 0, 0, 0, 0, 0, 0, 0, 0), dump=True)


def ask_route(
    address: IPAddress, *, source: IPAddress | None, interface: int, mark: int, matched: bool
) -> Inquiry:
    """The way that a packet takes. `matched`: the entry of the table that says so, else what comes of it."""
    flags = RTM_F_LOOKUP_TABLE | (RTM_F_FIB_MATCH if matched else 0)
    lengths = address.max_prefixlen, source.max_prefixlen if source is not None else 0
    body = ROUTE.pack(FAMILIES[address.version], *lengths, 0, 0, 0, 0, 0, flags)
    body += attribute(RTA_DST, address.packed)
    if source is not None:
        body += attribute(RTA_SRC, source.packed)
    if interface:
        body += attribute(RTA_OIF, WORD.pack(interface))
    if mark:
        body += attribute(RTA_MARK, WORD.pack(mark))
    return Inquiry(RTM_GETROUTE, body)


def ask_neighbors(family: int) -> Inquiry:
    """All neighbours of an IP version."""
    return Inquiry(RTM_GETNEIGH, NEIGHBOR.pack(FAMILIES[family], 0, 0, 0, 0, 0, 0), dump=True)


def packed_address(octets: bytes) -> IPAddress | None:
    """The address that octets are; None for what is none."""
    if len(octets) == 4:
        return IPv4Address(octets)
    return IPv6Address(octets) if len(octets) == 16 else None


def number(octets: bytes | None, default: int) -> int:
    """The number of 32 bits that octets are."""
    if octets is None or len(octets) != 4:
        return default
    value: int = WORD.unpack(octets)[0]
    return value


class RouteReader:
    """Makes routes of messages. Addresses and next hops that many routes share exist once.

    Attributes:
        local: whether the table "local" is read too.
    """

    def __init__(self, names: Mapping[int, str], *, local: bool = True) -> None:
        """`names`: index to name of each interface; one that has no name there is called by its number."""
        self.local = local
        self._names = names
        self._made: dict[bytes, IPAddress | None] = {}
        self._ways: dict[bytes, tuple[NextHop, ...]] = {}
        self._make: Callable[..., Route] = maker(Route)

    def __call__(self, kind: int, octets: bytes, at: int, end: int) -> Route | None:
        """The route of one message; None for what is no entry of a table, or of none that is wanted."""
        if kind != RTM_NEWROUTE or end - at < ROUTE.size:
            return None
        family, length, _, _, table, _, _, code, flags = ROUTE.unpack_from(octets, at)
        if flags & RTM_F_CLONED:  # a cached exception of another entry
            return None
        return self._row(family, length, table, code, attributes(octets, at + ROUTE.size, end))

    def answer(self, kind: int, octets: bytes, at: int, end: int) -> Route | None:
        """The route of one message that answers a question: the entry that matched, or what comes of it."""
        if kind != RTM_NEWROUTE or end - at < ROUTE.size:
            return None
        family, length, _, _, table, _, _, code, _ = ROUTE.unpack_from(octets, at)
        found = attributes(octets, at + ROUTE.size, end)
        if code in OF_LOCAL and number(found.get(RTA_TABLE), table) == MAIN:
            # Until the first rule is added, the kernel keeps both tables as one and calls it main.
            found[RTA_TABLE] = WORD.pack(LOCAL)
        return self._row(family, length, table, code, found)

    def _row(
        self, family: int, length: int, table: int, code: int, found: Mapping[int, bytes]
    ) -> Route | None:
        width = WIDTHS.get(family, -1)
        table = number(found.get(RTA_TABLE), table)
        if (table == LOCAL and not self.local) or not 0 <= length <= width * 8:
            return None
        prefix = found.get(RTA_DST, b"")
        if len(prefix) != width:
            if prefix or length:
                return None
            prefix = bytes(width)
        several = found.get(RTA_MULTIPATH)
        ways = () if several is None else self._next_hops(several)
        gateway = self._gateway(found)
        flags = "!" if code in REFUSING else "U"
        if gateway is not None or (ways and any(way.gateway is not None for way in ways)):
            flags += "G"
        if length == width * 8:
            flags += "H"
        interface = found.get(RTA_OIF)
        source = found.get(RTA_PREFSRC)
        metrics = found.get(RTA_METRICS)
        return uncollected(
            self._make(
                bytes((length,)) + prefix,
                gateway,
                None if interface is None else self._name(number(interface, 0)),
                flags,
                number(found.get(RTA_PRIORITY), 0),
                None if source is None else self._address(source),
                table,
                TYPES[code] if code < len(TYPES) else str(code),
                ways,
                None if metrics is None else _mtu(metrics),
            )
        )

    def _address(self, octets: bytes) -> IPAddress | None:
        try:
            return self._made[octets]
        except KeyError:
            made = self._made[octets] = packed_address(octets)
            return made

    def _gateway(self, found: Mapping[int, bytes]) -> IPAddress | None:
        octets = found.get(RTA_GATEWAY)
        if octets is not None:
            return self._address(octets)
        via = found.get(RTA_VIA)  # two octets of family before the address
        return None if via is None else self._address(via[2:])

    def _name(self, index: int) -> str | None:
        return self._names.get(index, str(index)) if index else None

    def _next_hops(self, octets: bytes) -> tuple[NextHop, ...]:
        known = self._ways.get(octets)
        if known is None:
            known = self._ways[octets] = tuple(self._read_next_hops(octets))
        return known

    def _read_next_hops(self, octets: bytes) -> list[NextHop]:
        hops, at, end = [], 0, len(octets)
        while at + NEXT_HOP.size <= end:
            length, flags, weight, index = NEXT_HOP.unpack_from(octets, at)
            if length < NEXT_HOP.size or at + length > end:
                break
            found = attributes(octets, at + NEXT_HOP.size, at + length)
            hops.append(
                NextHop(
                    gateway=self._gateway(found),
                    interface=self._name(index),
                    weight=weight + 1,
                    up=not flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN),
                )
            )
            at += length + ALIGN & ~ALIGN
        return hops


def _mtu(metrics: bytes) -> int | None:
    return number(attributes(metrics, 0, len(metrics)).get(RTAX_MTU), 0) or None


def neighbor(names: Mapping[int, str], kind: int, octets: bytes, at: int, end: int) -> Neighbor | None:
    """The neighbour of one message; None for one that needs no link address, and for what is none."""
    if kind != RTM_NEWNEIGH or end - at < NEIGHBOR.size:
        return None
    family, _, _, index, state, _, _ = NEIGHBOR.unpack_from(octets, at)
    found = attributes(octets, at + NEIGHBOR.size, end)
    address = packed_address(found.get(NDA_DST, b""))
    if address is None or len(address.packed) != WIDTHS.get(family) or state not in STATES:
        return None
    return uncollected(
        Neighbor(
            address=address,
            link_address=found[NDA_LLADDR].hex(":") if found.get(NDA_LLADDR) else None,
            interface=names.get(index, str(index)),
            state=STATES[state],
        )
    )
