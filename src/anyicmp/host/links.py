"""Interfaces and their addresses in octets: what is asked for, and the rows of what comes (rtnetlink(7)).

Pure, as `rtnetlink.py`, which reads routes and neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface
from struct import Struct

import attrs

from anyicmp.host.netlink import Inquiry, attribute, attributes
from anyicmp.host.rtnetlink import FAMILIES, WIDTHS, WORD, number, packed_address
from anyicmp.tables import Interface, IPInterface

__all__ = ["address", "ask_addresses", "ask_links", "link", "with_addresses"]

RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_GETADDR = 16, 18, 20, 22
LINK = Struct("=BBHiII")  # family, -, type, index, flags, change
ADDRESS = Struct("=BBBBI")  # family, prefix length, flags, scope, index
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_OPERSTATE, IFLA_EXT_MASK = 1, 3, 4, 16, 29
RTEXT_FILTER_SKIP_STATS = 8
IFA_ADDRESS, IFA_LOCAL = 1, 2

FLAGS = {
    0x8: "LOOPBACK", 0x2: "BROADCAST", 0x10: "POINTOPOINT", 0x1000: "MULTICAST", 0x80: "NOARP",
    0x200: "ALLMULTI", 0x100: "PROMISC", 0x400: "MASTER", 0x800: "SLAVE", 0x4: "DEBUG", 0x8000: "DYNAMIC",
    0x4000: "AUTOMEDIA", 0x2000: "PORTSEL", 0x20: "NOTRAILERS", 0x1: "UP", 0x10000: "LOWER_UP",
    0x20000: "DORMANT", 0x40000: "ECHO",
}  # fmt: skip
"""IFF_* in the order of ip-link(8)."""
IFF_UP, IFF_RUNNING = 0x1, 0x40
STATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")


def ask_links() -> Inquiry:
    """All interfaces, without their counters."""
    body = LINK.pack(0, 0, 0, 0, 0, 0) + attribute(IFLA_EXT_MASK, WORD.pack(RTEXT_FILTER_SKIP_STATS))
    return Inquiry(RTM_GETLINK, body, dump=True)


def ask_addresses(family: int) -> Inquiry:
    """All own addresses of an IP version."""
    return Inquiry(RTM_GETADDR, ADDRESS.pack(FAMILIES[family], 0, 0, 0, 0), dump=True)


def link(kind: int, octets: bytes, at: int, end: int) -> Interface | None:
    """The interface of one message, still without addresses; None for what is none."""
    if kind != RTM_NEWLINK or end - at < LINK.size:
        return None
    _, _, _, index, flags, _ = LINK.unpack_from(octets, at)
    found = attributes(octets, at + LINK.size, end)
    state = found.get(IFLA_OPERSTATE, b"\0")
    names = [name for bit, name in FLAGS.items() if flags & bit]
    if flags & IFF_UP and not flags & IFF_RUNNING:
        names.insert(0, "NO-CARRIER")
    return Interface(
        name=found.get(IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="surrogateescape") or str(index),
        index=index,
        mtu=number(found.get(IFLA_MTU), 0),
        flags=tuple(names),
        state=STATES[state[0]] if state and state[0] < len(STATES) else "unknown",
        link_address=found[IFLA_ADDRESS].hex(":") if found.get(IFLA_ADDRESS) else None,
    )


def address(kind: int, octets: bytes, at: int, end: int) -> tuple[int, IPInterface] | None:
    """Index of the interface and its address in one message; None for what is none."""
    if kind != RTM_NEWADDR or end - at < ADDRESS.size:
        return None
    family, length, _, _, index = ADDRESS.unpack_from(octets, at)
    found = attributes(octets, at + ADDRESS.size, end)
    # Over a point-to-point link IFA_ADDRESS is the other end's; IPv6 has only that one.
    own = packed_address(found.get(IFA_LOCAL) or found.get(IFA_ADDRESS, b""))
    if own is None or len(own.packed) != WIDTHS.get(family) or length > own.max_prefixlen:
        return None
    return index, ip_interface((own.packed, length))


def with_addresses(
    links: Iterable[Interface], addresses: Iterable[tuple[int, IPInterface]]
) -> tuple[Interface, ...]:
    """The interfaces with their addresses, in the order of their indices."""
    of: dict[int, list[IPInterface]] = {}
    for index, own in addresses:
        of.setdefault(index, []).append(own)
    return tuple(
        attrs.evolve(one, addresses=tuple(of.get(one.index, ())))
        for one in sorted(links, key=lambda one: one.index)
    )
