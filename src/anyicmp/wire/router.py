"""ICMP router discovery: router advertisement and solicitation of IPv4 (RFC 1256).

The IPv6 messages of the same names are neighbour discovery and stand in `neighbor.py`.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.errors import DecodeError
from anyicmp.wire.batch import Version
from anyicmp.wire.codes import RouterAdvertisementCode
from anyicmp.wire.message import Message, require
from anyicmp.wire.registry import Type4

__all__ = ["AdvertisedRouter", "RouterAdvertisement4", "RouterSolicitation4"]

_HEAD = Struct("!BBH")
_ENTRY = Struct("!4si")


@attrs.frozen
class AdvertisedRouter:
    """One router of an ICMP router advertisement.

    Attributes:
        address: the router's address on this link.
        preference: signed, 32 bits; higher is better, -2**31 is never to be the default router.
    """

    address: IPv4Address
    preference: int = 0


@attrs.frozen(kw_only=True)
class RouterAdvertisement4(Message):
    """Router advertisement: ICMP type 9 (RFC 1256 section 3).

    Attributes:
        code: a member of `RouterAdvertisementCode`.
        lifetime: seconds for which the addresses are valid, 16 bits.
        routers: tuple of `AdvertisedRouter`.
        trailer: the octets behind them: extensions of mobility agents (RFC 5944 section 2.1).
    """

    TYPES: ClassVar = {4: Type4.ROUTER_ADVERTISEMENT}

    version: Version = attrs.field(default=4, init=False)
    lifetime: int = 1800
    routers: tuple[AdvertisedRouter, ...] = ()
    trailer: bytes = b""

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 8, "a router advertisement")
        count, words, lifetime = _HEAD.unpack_from(data, 4)
        size = words * 4
        end = 8 + count * size
        if (count and words < 2) or end > len(data):
            raise DecodeError(f"a router advertisement with {count} entries of {size} octets in {len(data)}")
        routers = []
        for offset in range(8, end, size or 8):
            address, preference = _ENTRY.unpack_from(data, offset)
            routers.append(AdvertisedRouter(IPv4Address(address), preference))
        return cls(code=data[1], lifetime=lifetime, routers=tuple(routers), trailer=data[end:])

    def pack(self) -> bytes:
        entries = [_ENTRY.pack(entry.address.packed, entry.preference) for entry in self.routers]
        return _HEAD.pack(len(entries), 2, self.lifetime) + b"".join(entries) + self.trailer

    def explain(self) -> str:
        addresses = ", ".join(str(entry.address) for entry in self.routers) or "no router"
        restriction = (
            ", which does not route common traffic"
            if self.code == RouterAdvertisementCode.DOES_NOT_ROUTE_COMMON_TRAFFIC
            else ""
        )
        return (
            f"Router advertisement: hosts of this link may use {addresses} as default router for "
            f"{self.lifetime} s{restriction} (RFC 1256)."
        )


@attrs.frozen(kw_only=True)
class RouterSolicitation4(Message):
    """Router solicitation: ICMP type 10 (RFC 1256 section 3)."""

    TYPES: ClassVar = {4: Type4.ROUTER_SOLICITATION}

    version: Version = attrs.field(default=4, init=False)

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 8, "a router solicitation")
        return cls(code=data[1])

    def pack(self) -> bytes:
        return bytes(4)

    def explain(self) -> str:
        return "Router solicitation: a host asks the routers of its link to advertise themselves (RFC 1256)."
