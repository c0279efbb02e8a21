"""Neighbour discovery of IPv6: routers, neighbours and redirects (RFC 4861).

The messages; their options are in `option.py`. What follows from them for this host is decided elsewhere.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.wire.batch import Version
from anyicmp.wire.message import Message, require
from anyicmp.wire.option import NeighborOption, pack_options, parse_options
from anyicmp.wire.registry import Type6

__all__ = [
    "NeighborAdvertisement",
    "NeighborSolicitation",
    "Redirect6",
    "RouterAdvertisement6",
    "RouterSolicitation6",
]

_ADVERTISEMENT = Struct("!BBHII")
_TARGET = Struct("!I16s")
_UNSPECIFIED = IPv6Address(0)


@attrs.frozen(kw_only=True)
class _Discovery(Message):
    version: Version = attrs.field(default=6, init=False)
    options: tuple[NeighborOption, ...] = ()


@attrs.frozen(kw_only=True)
class RouterSolicitation6(_Discovery):
    """Router solicitation: ICMPv6 type 133 (RFC 4861 section 4.1).

    Attributes:
        options: tuple of `NeighborOption`.
    """

    TYPES: ClassVar = {6: Type6.ROUTER_SOLICITATION}

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 8, "a router solicitation")
        return cls(code=data[1], options=parse_options(data, 8))

    def pack(self) -> bytes:
        return bytes(4) + pack_options(self.options)

    def explain(self) -> str:
        return (
            "Router solicitation: a host asks the routers of its link to advertise themselves "
            "(RFC 4861 section 4.1)."
        )


@attrs.frozen(kw_only=True)
class RouterAdvertisement6(_Discovery):
    """Router advertisement: ICMPv6 type 134 (RFC 4861 section 4.2).

    Attributes:
        hop_limit: what hosts should put into their packets, 0 for no say.
        managed: whether addresses come by DHCPv6.
        other: whether other configuration comes by DHCPv6.
        home_agent: whether the router is a Mobile IPv6 home agent (RFC 6275 section 7.1).
        preference: as default router: 0 medium, 1 high, 3 low, 2 reserved (RFC 4191 section 2.2).
        proxy: whether the message was proxied (RFC 4389).
        flags: the two lowest flag bits, of later standards or of none.
        lifetime: seconds as default router, 0 for none.
        reachable_time, retransmit_timer: milliseconds, 0 for no say.
        options: tuple of `NeighborOption`.
    """

    TYPES: ClassVar = {6: Type6.ROUTER_ADVERTISEMENT}

    hop_limit: int = 0
    managed: bool = False
    other: bool = False
    home_agent: bool = False
    preference: int = 0
    proxy: bool = False
    flags: int = 0
    lifetime: int = 0
    reachable_time: int = 0
    retransmit_timer: int = 0

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 16, "a router advertisement")
        hop_limit, bits, lifetime, reachable, retransmit = _ADVERTISEMENT.unpack_from(data, 4)
        return cls(
            code=data[1],
            hop_limit=hop_limit,
            managed=bool(bits & 0x80),
            other=bool(bits & 0x40),
            home_agent=bool(bits & 0x20),
            preference=bits >> 3 & 3,
            proxy=bool(bits & 4),
            flags=bits & 3,
            lifetime=lifetime,
            reachable_time=reachable,
            retransmit_timer=retransmit,
            options=parse_options(data, 16),
        )

    def pack(self) -> bytes:
        if not (0 <= self.preference < 4 and 0 <= self.flags < 4):
            raise ValueError("preference and flags have 2 bits each")
        bits = self.managed << 7 | self.other << 6 | self.home_agent << 5
        bits |= self.preference << 3 | self.proxy << 2 | self.flags
        times = self.lifetime, self.reachable_time, self.retransmit_timer
        return _ADVERTISEMENT.pack(self.hop_limit, bits, *times) + pack_options(self.options)

    def explain(self) -> str:
        role = f"default router for {self.lifetime} s" if self.lifetime else "router, but not as default"
        return f"Router advertisement: hosts may use the sender as {role} (RFC 4861 section 4.2)."


@attrs.frozen(kw_only=True)
class NeighborSolicitation(_Discovery):
    """Neighbour solicitation: ICMPv6 type 135 (RFC 4861 section 4.3).

    Attributes:
        target: the address whose owner is asked for.
        options: tuple of `NeighborOption`.
    """

    TYPES: ClassVar = {6: Type6.NEIGHBOR_SOLICITATION}

    target: IPv6Address = _UNSPECIFIED

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 24, "a neighbour solicitation")
        return cls(code=data[1], target=IPv6Address(data[8:24]), options=parse_options(data, 24))

    def pack(self) -> bytes:
        return bytes(4) + self.target.packed + pack_options(self.options)

    def explain(self) -> str:
        return (
            f"Neighbour solicitation: someone on this link asks who has {self.target} (RFC 4861 section 4.3)."
        )


@attrs.frozen(kw_only=True)
class NeighborAdvertisement(_Discovery):
    """Neighbour advertisement: ICMPv6 type 136 (RFC 4861 section 4.4).

    Attributes:
        target: the address whose owner speaks.
        router: whether the sender is a router.
        solicited: whether it answers a solicitation.
        override: whether it replaces a link-layer address that is known already.
        options: tuple of `NeighborOption`.
    """

    TYPES: ClassVar = {6: Type6.NEIGHBOR_ADVERTISEMENT}

    target: IPv6Address = _UNSPECIFIED
    router: bool = False
    solicited: bool = False
    override: bool = False

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 24, "a neighbour advertisement")
        bits = data[4]
        return cls(
            code=data[1],
            target=IPv6Address(data[8:24]),
            router=bool(bits & 0x80),
            solicited=bool(bits & 0x40),
            override=bool(bits & 0x20),
            options=parse_options(data, 24),
        )

    def pack(self) -> bytes:
        bits = self.router << 31 | self.solicited << 30 | self.override << 29
        return _TARGET.pack(bits, self.target.packed) + pack_options(self.options)

    def explain(self) -> str:
        kind = "router" if self.router else "host"
        return f"Neighbour advertisement: a {kind} on this link has {self.target} (RFC 4861 section 4.4)."


@attrs.frozen(kw_only=True)
class Redirect6(_Discovery):
    """Redirect: ICMPv6 type 137 (RFC 4861 section 4.5).

    Attributes:
        target: the better first hop, a router's link-local address, or `destination` itself.
        destination: the address whose packets are redirected.
        options: tuple of `NeighborOption`; a `RedirectedHeader` quotes the packet that caused it.
    """

    TYPES: ClassVar = {6: Type6.REDIRECT}

    target: IPv6Address = _UNSPECIFIED
    destination: IPv6Address = _UNSPECIFIED

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 40, "a redirect")
        return cls(
            code=data[1],
            target=IPv6Address(data[8:24]),
            destination=IPv6Address(data[24:40]),
            options=parse_options(data, 40),
        )

    def pack(self) -> bytes:
        return bytes(4) + self.target.packed + self.destination.packed + pack_options(self.options)

    def explain(self) -> str:
        way = (
            "straight over this link, where it is a neighbour"
            if self.target == self.destination
            else f"through the router {self.target}"
        )
        return f"Redirect for the host: send packets for {self.destination} {way} (RFC 4861 section 4.5)."
