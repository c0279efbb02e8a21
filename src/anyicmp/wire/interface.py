"""Extension objects about interfaces and headers: RFC 5837, RFC 8335, RFC 8883.

The objects' payloads; the structure that holds them is in `extension.py`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import ClassVar, Literal, Self

import attrs

from anyicmp.errors import DecodeError
from anyicmp.wire.extension import ExtensionObject
from anyicmp.wire.ip import IPAddress

__all__ = ["ExtendedInformation", "InterfaceIdentification", "InterfaceInformation", "Role"]

Role = Literal["incoming", "sub-ip", "outgoing", "next-hop"]

# RFC 5837 section 4.1, in the order of the two bits.
_ROLES: tuple[Role, ...] = ("incoming", "sub-ip", "outgoing", "next-hop")
_INDEX, _ADDRESS, _NAME, _MTU = 8, 4, 2, 1

# IANA registry "Address Family Numbers"
_IPV4, _IPV6, _MAC48, _MAC64 = 1, 2, 16389, 16390
_WIDTHS = {_IPV4: 4, _IPV6: 16, _MAC48: 6, _MAC64: 8}
_FAMILIES = {4: _IPV4, 16: _IPV6, 6: _MAC48, 8: _MAC64}

_WORD = Struct("!I")
_IDENTIFIED = Struct("!HBB")


def _text(octets: bytes) -> str:
    try:
        return octets.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("a name that is not UTF-8") from None


@attrs.frozen(kw_only=True)
class InterfaceInformation(ExtensionObject):
    """What the reporting router tells about one of its interfaces (RFC 5837).

    Attributes:
        role: the interface that the packet came in on, the sub-IP component of it, the one it would have
            gone out on, or the next hop it would have gone to.
        index: ifIndex (RFC 2863), or None.
        address: an address of the interface, or None.
        name: the router's name of the interface, up to 63 octets of UTF-8, or None.
        mtu: octets, or None.
    """

    CLASS: ClassVar[int] = 2

    role: Role = "incoming"
    index: int | None = None
    address: IPAddress | None = None
    name: str | None = None
    mtu: int | None = None

    @property
    def sub_type(self) -> int:
        """The role and what is present, as bits (RFC 5837 section 4.1)."""
        present = (self.index, _INDEX), (self.address, _ADDRESS), (self.name, _NAME), (self.mtu, _MTU)
        return _ROLES.index(self.role) << 6 | sum(bit for value, bit in present if value is not None)

    @classmethod
    def parse(cls, sub_type: int, payload: bytes) -> Self:
        index = address = name = mtu = None
        offset = 0
        if sub_type & _INDEX:
            index, offset = _number(payload, offset)
        if sub_type & _ADDRESS:
            family = int.from_bytes(payload[offset : offset + 2], "big")
            width = {_IPV4: 4, _IPV6: 16}.get(family, 0)
            packed = payload[offset + 4 : offset + 4 + width]
            if not width or len(packed) != width:
                raise DecodeError("no address of a known family")
            address = IPv4Address(packed) if width == 4 else IPv6Address(packed)
            offset += 4 + width
        if sub_type & _NAME:
            size = payload[offset] if offset < len(payload) else 0
            if not size or size % 4 or size > 64 or offset + size > len(payload):
                raise DecodeError("no name of 4 to 64 octets")
            name, offset = _text(payload[offset + 1 : offset + size]), offset + size
        if sub_type & _MTU:
            mtu, offset = _number(payload, offset)
        if offset != len(payload):
            raise DecodeError("octets behind the interface information")
        return cls(role=_ROLES[sub_type >> 6], index=index, address=address, name=name, mtu=mtu)

    def pack(self) -> bytes:
        parts = []
        if self.index is not None:
            parts.append(_WORD.pack(self.index))
        if self.address is not None:
            parts.append(bytes((0, _FAMILIES[len(self.address.packed)], 0, 0)) + self.address.packed)
        if self.name is not None:
            octets = self.name.encode("utf-8")
            if len(octets) > 63 or octets.endswith(b"\0"):
                raise ValueError("an interface name has up to 63 octets and no zero at its end")
            size = (len(octets) + 4) // 4 * 4
            parts.append(bytes((size,)) + octets.ljust(size - 1, b"\0"))
        if self.mtu is not None:
            parts.append(_WORD.pack(self.mtu))
        return b"".join(parts)

    def explain(self) -> str:
        told = ("name", self.name), ("address", self.address), ("index", self.index), ("MTU", self.mtu)
        what = ", ".join(f"{label} {value}" for label, value in told if value is not None)
        roles = {
            "incoming": "The packet came in on the interface with",
            "sub-ip": "The packet came in on a part of the interface with",
            "outgoing": "The packet would have gone out on the interface with",
            "next-hop": "The packet would have gone to the next hop with",
        }
        return f"{roles[self.role]} {what or 'no further details'} (RFC 5837)."


def _number(payload: bytes, offset: int) -> tuple[int, int]:
    if offset + 4 > len(payload):
        raise DecodeError("a number is cut off")
    number: int = _WORD.unpack_from(payload, offset)[0]
    return number, offset + 4


@attrs.frozen(kw_only=True)
class InterfaceIdentification(ExtensionObject):
    """Which interface an extended echo request asks about: by name, index or address (RFC 8335).

    Exactly one of the three is set.

    Attributes:
        name: the interface's name.
        index: ifIndex (RFC 2863).
        address: an IP address, or a link-layer address as 6 or 8 bytes.
    """

    CLASS: ClassVar[int] = 3

    name: str | None = None
    index: int | None = None
    address: IPAddress | bytes | None = None

    @property
    def sub_type(self) -> int:
        """1 by name, 2 by index, 3 by address (RFC 8335 section 2.1)."""
        return 1 if self.name is not None else 2 if self.index is not None else 3

    @classmethod
    def parse(cls, sub_type: int, payload: bytes) -> Self:
        if sub_type == 1 and payload.rstrip(b"\0"):
            return cls(name=_text(payload))
        if sub_type == 2 and len(payload) == 4:
            return cls(index=_WORD.unpack(payload)[0])
        if sub_type != 3 or len(payload) < 4:
            raise DecodeError("no interface identification")
        family, width, _ = _IDENTIFIED.unpack_from(payload)
        packed = payload[4 : 4 + width]
        if _WIDTHS.get(family) != width or len(packed) != width or len(payload) != 4 + width + -width % 4:
            raise DecodeError("no address of a known family")
        if family == _IPV4:
            return cls(address=IPv4Address(packed))
        return cls(address=IPv6Address(packed) if family == _IPV6 else packed)

    def pack(self) -> bytes:
        if [self.name, self.index, self.address].count(None) != 2:
            raise ValueError("an interface is identified by exactly one of name, index and address")
        if self.name is not None:
            octets = self.name.encode("utf-8")
            if not octets or octets.endswith(b"\0"):
                raise ValueError("an interface name is not empty and has no zero at its end")
            return octets + bytes(-len(octets) % 4)
        if self.index is not None:
            return _WORD.pack(self.index)
        packed = (
            self.address if isinstance(self.address, bytes) else self.address.packed if self.address else b""
        )
        if len(packed) not in _FAMILIES or (isinstance(self.address, bytes) and len(packed) not in (6, 8)):
            raise ValueError("a link-layer address has 6 or 8 octets")
        return _IDENTIFIED.pack(_FAMILIES[len(packed)], len(packed), 0) + packed + bytes(-len(packed) % 4)

    def explain(self) -> str:
        address = self.address.hex(":") if isinstance(self.address, bytes) else self.address
        told = ("name", self.name), ("index", self.index), ("address", address)
        what = ", ".join(f"{label} {value}" for label, value in told if value is not None)
        return f"The question is about the interface with {what} (RFC 8335 section 2.1)."


@attrs.frozen(kw_only=True)
class ExtendedInformation(ExtensionObject):
    """Where in the packet a router stopped reading the headers (RFC 8883 section 4.2).

    Attributes:
        pointer: offset in octets; it may lie beyond the quote.
    """

    CLASS: ClassVar[int] = 4
    SUB_TYPE: ClassVar[int] = 1

    pointer: int = 0

    @classmethod
    def parse(cls, sub_type: int, payload: bytes) -> Self:
        if sub_type != 1 or len(payload) != 4:
            raise DecodeError("not a pointer")
        return cls(pointer=_WORD.unpack(payload)[0])

    def pack(self) -> bytes:
        return _WORD.pack(self.pointer)

    def explain(self) -> str:
        return f"The router stopped reading the packet's headers at octet {self.pointer} (RFC 8883)."
