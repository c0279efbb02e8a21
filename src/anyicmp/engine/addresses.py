"""Packed columns of addresses as the standard library's addresses.

What an address stands for is not known here.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from sys import byteorder
from typing import Any

from anyicmp.results import IPAddress
from anyicmp.wire.batch import Version

__all__ = ["address", "addresses", "if_the_same"]

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
        return _four(numbers)
    return _six(int.from_bytes(column[at : at + 16], "big") for at in range(0, len(column), 16))


def _quick_four(numbers: Iterable[int]) -> list[Any]:
    """IPv4 addresses of numbers in range, without what the class does to see whether they are."""
    made = []
    for number in numbers:
        address = _new(IPv4Address)
        address._ip = number
        made.append(address)
    return made


def _quick_six(numbers: Iterable[int]) -> list[Any]:
    """The same for IPv6."""
    made = []
    for number in numbers:
        address = _new(IPv6Address)
        address._ip, address._scope_id = number, None
        made.append(address)
    return made


def if_the_same(quick: Callable[[Iterable[int]], list[Any]], cls: type[Any]) -> Callable[..., list[Any]]:
    """The quick function if what it makes is what the class makes of numbers: it knows what is in there."""
    try:
        ours, theirs = (
            [(made, hash(made), str(made), made.__reduce__(), made.is_private) for made in by(TRIALS)]
            for by in (quick, lambda numbers: map(cls, numbers))
        )
        same = ours == theirs
    except (AttributeError, TypeError, ValueError):
        same = False
    return quick if same else lambda numbers: list(map(cls, numbers))


_new: Any = object.__new__
TRIALS = (0x7F000001, 0xC0000201)
_four, _six = if_the_same(_quick_four, IPv4Address), if_the_same(_quick_six, IPv6Address)
