"""Options of neighbour discovery messages (RFC 4861 section 4.6).

The options and how they follow one another; which messages carry them is in `neighbor.py`.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.errors import DecodeError
from anyicmp.wire.ip import QuotedDatagram, parse_quoted

__all__ = [
    "MtuOption",
    "NeighborOption",
    "PrefixInformation",
    "RawOption",
    "RecursiveDnsServers",
    "RedirectedHeader",
    "RouteInformation",
    "SourceLinkAddress",
    "TargetLinkAddress",
    "pack_options",
    "parse_options",
]

LARGEST = 9216
"""Octets of all options of one message: more are refused. These messages are never fragmented (RFC 6980),
so that a link's MTU bounds them; the limit, a jumbo frame, bounds the work that one packet can cause."""

_PREFIX = Struct("!BBIII16s")
_ROUTE = Struct("!BBI")
_SERVERS = Struct("!HI")
_MTU = Struct("!HI")


class NeighborOption:
    """An option of a neighbour discovery message: the base of all option classes."""

    __slots__ = ()

    NUMBER: ClassVar[int] = 0

    @property
    def number(self) -> int:
        """The option's type (IANA registry "IPv6 Neighbor Discovery Option Formats")."""
        return self.NUMBER

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read an option from the octets after its type and length; raises DecodeError."""
        raise NotImplementedError

    def pack(self) -> bytes:
        """The octets after type and length, without padding. Raises ValueError for what does not fit."""
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class RawOption(NeighborOption):
    """An option of another type, or one whose content its class cannot read; it keeps its bytes.

    Attributes:
        payload: the octets after type and length: 6, or 6 and a multiple of 8.
    """

    number: int  # pyright: ignore[reportIncompatibleMethodOverride] - a field in place of the property
    payload: bytes = bytes(6)

    def pack(self) -> bytes:
        if len(self.payload) % 8 != 6:
            raise ValueError(f"an option has 6 octets or 8 more, and so on, not {len(self.payload)}")
        return self.payload


@attrs.frozen(kw_only=True)
class _LinkAddress(NeighborOption):
    address: bytes = bytes(6)

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        return cls(address=payload)

    def pack(self) -> bytes:
        if len(self.address) % 8 != 6:
            raise ValueError(f"a link-layer address of {len(self.address)} octets: pad it to 6, 14, ...")
        return self.address


@attrs.frozen(kw_only=True)
class SourceLinkAddress(_LinkAddress):
    """Source link-layer address: option 1 (RFC 4861 section 4.6.1).

    Attributes:
        address: 6 octets on Ethernet; 14 and more are padded by the rules of the link (RFC 4944).
    """

    NUMBER: ClassVar[int] = 1


@attrs.frozen(kw_only=True)
class TargetLinkAddress(_LinkAddress):
    """Target link-layer address: option 2 (RFC 4861 section 4.6.1).

    Attributes:
        address: 6 octets on Ethernet; 14 and more are padded by the rules of the link (RFC 4944).
    """

    NUMBER: ClassVar[int] = 2


@attrs.frozen(kw_only=True)
class PrefixInformation(NeighborOption):
    """Prefix information: option 3 (RFC 4861 section 4.6.2, RFC 6275 section 7.2).

    Attributes:
        prefix: an `IPv6Address`; bits beyond `prefix_length` are kept as they came.
        prefix_length: bits, 0 to 128 where the sender is sane.
        on_link: whether addresses of the prefix are on this link.
        autonomous: whether hosts may form addresses from it (RFC 4862).
        router_address: whether `prefix` is the router's whole address.
        valid_lifetime, preferred_lifetime: seconds; 0xFFFFFFFF is for ever.
    """

    NUMBER: ClassVar[int] = 3

    prefix: IPv6Address
    prefix_length: int = 64
    on_link: bool = True
    autonomous: bool = True
    router_address: bool = False
    valid_lifetime: int = 2_592_000
    preferred_lifetime: int = 604_800

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        if len(payload) != 30:
            raise DecodeError("prefix information has 32 octets")
        length, flags, valid, preferred, _, prefix = _PREFIX.unpack(payload)
        return cls(
            prefix=IPv6Address(prefix),
            prefix_length=length,
            on_link=bool(flags & 0x80),
            autonomous=bool(flags & 0x40),
            router_address=bool(flags & 0x20),
            valid_lifetime=valid,
            preferred_lifetime=preferred,
        )

    def pack(self) -> bytes:
        flags = self.on_link << 7 | self.autonomous << 6 | self.router_address << 5
        return _PREFIX.pack(
            self.prefix_length, flags, self.valid_lifetime, self.preferred_lifetime, 0, self.prefix.packed
        )


@attrs.frozen(kw_only=True)
class RedirectedHeader(NeighborOption):
    """Redirected header: option 4, the packet that caused a redirect (RFC 4861 section 4.6.3).

    Attributes:
        quoted: the beginning of that packet, padding to 8 octets included.
    """

    NUMBER: ClassVar[int] = 4

    quoted: QuotedDatagram

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        return cls(quoted=parse_quoted(payload[6:], 6))

    def pack(self) -> bytes:
        packet = self.quoted.packet
        return bytes(6) + packet + bytes(-len(packet) % 8)


@attrs.frozen(kw_only=True)
class MtuOption(NeighborOption):
    """MTU: option 5 (RFC 4861 section 4.6.4).

    Attributes:
        mtu: what all hosts of the link should use, in octets.
    """

    NUMBER: ClassVar[int] = 5

    mtu: int = 1500

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        if len(payload) != 6:
            raise DecodeError("an MTU option has 8 octets")
        return cls(mtu=_MTU.unpack(payload)[1])

    def pack(self) -> bytes:
        return _MTU.pack(0, self.mtu)


@attrs.frozen(kw_only=True)
class RouteInformation(NeighborOption):
    """Route information: option 24 (RFC 4191 section 2.3).

    Attributes:
        prefix: an `IPv6Address`.
        prefix_length: bits.
        preference: 0 medium, 1 high, 3 low, 2 reserved.
        lifetime: seconds; 0xFFFFFFFF is for ever.
    """

    NUMBER: ClassVar[int] = 24

    prefix: IPv6Address
    prefix_length: int = 64
    preference: int = 0
    lifetime: int = 1800

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        if len(payload) not in (6, 14, 22):
            raise DecodeError("route information has 8, 16 or 24 octets")
        length, flags, lifetime = _ROUTE.unpack_from(payload)
        if length > 128 or -(-length // 64) * 8 > len(payload) - 6:
            raise DecodeError("route information with a prefix longer than itself")
        return cls(
            prefix=IPv6Address(payload[6:].ljust(16, b"\0")),
            prefix_length=length,
            preference=flags >> 3 & 3,
            lifetime=lifetime,
        )

    def pack(self) -> bytes:
        if not 0 <= self.preference < 4 or not 0 <= self.prefix_length <= 128:
            raise ValueError("a preference has 2 bits, a prefix length goes up to 128")
        packed = self.prefix.packed
        # The shortest form that holds the prefix length and every bit that is set.
        needed = max(-(-self.prefix_length // 64) * 8, -(-len(packed.rstrip(b"\0")) // 8) * 8)
        return _ROUTE.pack(self.prefix_length, self.preference << 3, self.lifetime) + packed[:needed]


@attrs.frozen(kw_only=True)
class RecursiveDnsServers(NeighborOption):
    """Recursive DNS servers: option 25 (RFC 8106 section 5.1).

    Attributes:
        servers: tuple of `IPv6Address`.
        lifetime: seconds; 0xFFFFFFFF is for ever.
    """

    NUMBER: ClassVar[int] = 25

    servers: tuple[IPv6Address, ...] = ()
    lifetime: int = 1800

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        if len(payload) % 16 != 6 or len(payload) < 22:
            raise DecodeError("recursive DNS servers have 8 octets and 16 for each server")
        return cls(
            servers=tuple(IPv6Address(payload[i : i + 16]) for i in range(6, len(payload), 16)),
            lifetime=_SERVERS.unpack_from(payload)[1],
        )

    def pack(self) -> bytes:
        if not self.servers:
            raise ValueError("at least one recursive DNS server")
        return _SERVERS.pack(0, self.lifetime) + b"".join(server.packed for server in self.servers)


OPTIONS: dict[int, type[NeighborOption]] = {
    option.NUMBER: option
    for option in (
        SourceLinkAddress,
        TargetLinkAddress,
        PrefixInformation,
        RedirectedHeader,
        MtuOption,
        RouteInformation,
        RecursiveDnsServers,
    )
}
"""Option type to the class that reads it; all others are read by `RawOption`."""


def parse_options(data: bytes, offset: int) -> tuple[NeighborOption, ...]:
    """The options from `offset` to the end of `data`.

    Raises DecodeError for an option of length zero, as RFC 4861 section 4.6 demands, for one that
    reaches beyond the end, and for more than 9216 octets in all.
    """
    options: list[NeighborOption] = []
    end = len(data)
    if end - offset > LARGEST:
        raise DecodeError(f"{end - offset} octets of options: at most {LARGEST}")
    while offset < end:
        if offset + 2 > end:
            raise DecodeError("an option is cut off")
        number, size = data[offset], data[offset + 1] * 8
        if not size or offset + size > end:
            raise DecodeError(f"an option of {size} octets with {end - offset} left")
        payload = data[offset + 2 : offset + size]
        reader = OPTIONS.get(number)
        try:
            options.append(reader.parse(payload) if reader else RawOption(number=number, payload=payload))
        except DecodeError:
            options.append(RawOption(number=number, payload=payload))
        offset += size
    return tuple(options)


def pack_options(options: tuple[NeighborOption, ...]) -> bytes:
    """The octets of these options. Raises ValueError for what does not fit its field."""
    parts = []
    for option in options:
        payload = option.pack()
        words = (len(payload) + 2) // 8
        if words > 0xFF:
            raise ValueError(f"an option of {len(payload)} octets: at most 2038")
        parts.append(bytes((option.number, words)) + payload)
    packed = b"".join(parts)
    if len(packed) > LARGEST:
        raise ValueError(f"{len(packed)} octets of options: at most {LARGEST}")
    return packed
