"""Packed columns of addresses as the standard library's addresses.

What an address stands for is not known here.
"""

from __future__ import annotations

from array import array
from ipaddress import IPv4Address, IPv6Address
from sys import byteorder

from anyicmp.results import IPAddress
from anyicmp.wire.batch import Version

__all__ = ["address", "addresses"]

LINK_MULTICAST = frozenset(range(0xFF02, 0x10000, 0x10))
"""First 16 bits of multicast addresses of one link (RFC 4291 section 2.7): the scope is the last digit."""


def address(column: bytes | bytearray, i: int, version: Version, scope: int | str = 0) -> IPAddress:
    """The i-th address of a packed column; an address of one link keeps its scope."""
    if version == 4:
        return IPv4Address(int.from_bytes(column[4 * i : 4 * i + 4], "big"))
    value = int.from_bytes(column[16 * i : 16 * i + 16], "big")
    if scope and (value >> 118 == 0x3FA or value >> 112 in LINK_MULTICAST):
        return IPv6Address(f"{IPv6Address(value)}%{scope}")
    return IPv6Address(value)


def addresses(column: bytearray, version: Version) -> list[IPAddress]:
    """All addresses of a packed column; none is one of a link."""
    if version == 4:
        numbers = array("I", column)
        if byteorder == "little":
            numbers.byteswap()
        return list(map(IPv4Address, numbers))
    return [IPv6Address(int.from_bytes(column[at : at + 16], "big")) for at in range(0, len(column), 16)]
