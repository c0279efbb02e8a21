"""ICMP extensions: the RFC 4884 structure, its objects, and where it stands in an error message.

The container, the MPLS label stack and the unknown object are here; further objects are named in
OBJECTS and load when first met. A structure is believed whole or not at all.
"""

from __future__ import annotations

from importlib import import_module
from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.errors import DecodeError
from anyicmp.wire.checksum import checksum
from anyicmp.wire.plain import maker

__all__ = [
    "MINIMUM_QUOTE",
    "OBJECTS",
    "ExtensionObject",
    "MplsLabel",
    "MplsStack",
    "RawObject",
    "join_quoted",
    "pack_extensions",
    "parse_extensions",
    "split_quoted",
]

MINIMUM_QUOTE = 128
"""Octets that the original datagram is padded to where a structure follows (RFC 4884 section 3)."""

LARGEST_STRUCTURE = 4096
"""Octets: more is not believed. A router's error has at most 576 (v4) or 1280 (v6) octets, and the
limit bounds the work that one packet can cause."""

_OBJECT = Struct("!HBB")
_LABEL = Struct("!I")


class ExtensionObject:
    """An extension object: the base of all object classes.

    Its numbers are those of the IANA registry "ICMP Extension Object Classes and Class Sub-types".
    """

    __slots__ = ()

    CLASS: ClassVar[int] = 0
    SUB_TYPE: ClassVar[int] = 0

    @property
    def class_number(self) -> int:
        """The object's class."""
        return self.CLASS

    @property
    def sub_type(self) -> int:
        """The object's type within its class."""
        return self.SUB_TYPE

    @classmethod
    def parse(cls, sub_type: int, payload: bytes) -> Self:
        """Read an object from the octets after its header; raises DecodeError."""
        raise NotImplementedError

    def pack(self) -> bytes:
        """The octets after the object's header. Raises ValueError for a value that does not fit."""
        raise NotImplementedError

    def explain(self) -> str:
        """One sentence for people: what the object says, and which RFC defines it."""
        raise NotImplementedError


@attrs.frozen(weakref_slot=False)  # see `maker`
class MplsLabel:
    """One entry of an MPLS label stack (RFC 4950, RFC 3032 section 2.1, RFC 5462).

    Attributes:
        label: 20 bits.
        traffic_class: 3 bits, once called experimental.
        bottom: whether it is the last of the stack.
        ttl: as received by the router that reports.
    """

    label: int
    traffic_class: int = 0
    bottom: bool = True
    ttl: int = 0


_make_label = maker(MplsLabel)


@attrs.frozen(kw_only=True, weakref_slot=False)
class MplsStack(ExtensionObject):
    """The MPLS label stack that the dropped packet arrived with (RFC 4950).

    Attributes:
        labels: tuple of `MplsLabel`, outermost first.
    """

    CLASS: ClassVar[int] = 1
    SUB_TYPE: ClassVar[int] = 1

    labels: tuple[MplsLabel, ...] = ()

    @classmethod
    def parse(cls, sub_type: int, payload: bytes) -> Self:
        if sub_type != 1 or not payload:
            raise DecodeError("not an incoming MPLS label stack")
        return maker(cls)(
            tuple(
                [
                    _make_label(word >> 12, word >> 9 & 7, bool(word >> 8 & 1), word & 0xFF)
                    for (word,) in _LABEL.iter_unpack(payload)
                ]
            )
        )

    def pack(self) -> bytes:
        if not self.labels:
            raise ValueError("an MPLS label stack has at least one label")
        words = []
        for entry in self.labels:
            if not (0 <= entry.label < 1 << 20 and 0 <= entry.traffic_class < 8 and 0 <= entry.ttl < 256):
                raise ValueError(f"{entry} does not fit: label 20 bits, traffic class 3, TTL 8")
            words.append(
                _LABEL.pack(
                    entry.label << 12 | entry.traffic_class << 9 | bool(entry.bottom) << 8 | entry.ttl
                )
            )
        return b"".join(words)

    def explain(self) -> str:
        labels = ", ".join(str(entry.label) for entry in self.labels)
        return f"The packet arrived with the MPLS label stack {labels} (RFC 4950)."


@attrs.frozen(kw_only=True)
class RawObject(ExtensionObject):
    """An object of an unknown class, or one whose content its class cannot read; it keeps its bytes.

    Attributes:
        payload: the octets after the object's header, a multiple of 4.
    """

    # Fields in place of the properties.
    class_number: int  # pyright: ignore[reportIncompatibleMethodOverride]
    sub_type: int  # pyright: ignore[reportIncompatibleMethodOverride]
    payload: bytes = b""

    def pack(self) -> bytes:
        return self.payload

    def explain(self) -> str:
        return (
            f"An extension object of class {self.class_number}, type {self.sub_type}, "
            f"with {len(self.payload)} octets that are kept, not read (RFC 4884 section 8)."
        )


OBJECTS: dict[int, str] = {
    1: "extension:MplsStack",
    2: "interface:InterfaceInformation",
    3: "interface:InterfaceIdentification",
    4: "interface:ExtendedInformation",
}
"""Class number to the module of this package and the class that reads such objects."""

_loaded: dict[int, type[ExtensionObject]] = {1: MplsStack}


def _load(class_number: int) -> type[ExtensionObject] | None:
    where = OBJECTS.get(class_number)
    if where is None:
        return None
    module, _, name = where.partition(":")
    found: type[ExtensionObject] = getattr(import_module(f"anyicmp.wire.{module}"), name)
    _loaded[class_number] = found
    return found


def parse_extensions(buffer: bytes | bytearray | memoryview) -> tuple[ExtensionObject, ...]:
    """The objects of the extension structure that fills `buffer`, or () where none is to be believed.

    Believed is a structure of version 2 whose checksum is right or zero (not computed), and whose
    objects, at least one, fill it exactly (RFC 4884 section 7). Never raises for what the bytes hold.
    """
    data = bytes(buffer)
    size = len(data)
    if size < 8 or data[0] >> 4 != 2 or size & 3 or size > LARGEST_STRUCTURE:
        return ()
    if (data[2] or data[3]) and checksum(data):
        return ()
    objects: list[ExtensionObject] = []
    offset = 4
    while offset < size:
        length, class_number, sub_type = _OBJECT.unpack_from(data, offset)
        if length < 4 or length & 3 or offset + length > size:
            return ()
        payload = data[offset + 4 : offset + length]
        reader = _loaded.get(class_number) or _load(class_number)
        try:
            if reader is None:
                raise DecodeError("unknown class")
            found = reader.parse(sub_type, payload)
        except DecodeError:
            found = RawObject(class_number=class_number, sub_type=sub_type, payload=payload)
        objects.append(found)
        offset += length
    return tuple(objects)


def pack_extensions(objects: tuple[ExtensionObject, ...]) -> bytes:
    """The extension structure with these objects, its checksum set (RFC 4884 section 7)."""
    parts = [b"\x20\0\0\0"]
    for item in objects:
        payload = item.pack()
        if len(payload) % 4:
            raise ValueError(f"an extension object has a multiple of 4 octets, not {len(payload)}")
        parts += (_OBJECT.pack(len(payload) + 4, item.class_number, item.sub_type), payload)
    structure = b"".join(parts)
    if len(structure) > LARGEST_STRUCTURE:
        raise ValueError(f"an extension structure of {len(structure)} octets: more than {LARGEST_STRUCTURE}")
    return structure[:2] + checksum(structure).to_bytes(2, "big") + structure[4:]


def split_quoted(body: bytes, claimed: int) -> tuple[bytes, tuple[ExtensionObject, ...]]:
    """Split an error's octets from 8 on into (quoted datagram, extension objects).

    `claimed` is what the length field says, in octets; 0 where the message has none. Compliant senders
    put the structure there (RFC 4884 section 4). Those from before the length field put it at octet
    128 (section 5.5), as do some that write a length in wrong units. Where no structure is to be
    believed, the whole is the quoted datagram.
    """
    size = len(body)
    if size < MINIMUM_QUOTE + 8:
        return body, ()
    for offset in (claimed, MINIMUM_QUOTE) if claimed > MINIMUM_QUOTE else (MINIMUM_QUOTE,):
        # Most quotes end before any structure, and most of what is there is none: the first
        # octet tells at the price of one comparison.
        if offset + 8 <= size and body[offset] >> 4 == 2:
            objects = parse_extensions(memoryview(body)[offset:])
            if objects:
                return body[:offset], objects
    return body, ()


def join_quoted(packet: bytes, objects: tuple[ExtensionObject, ...], unit: int) -> tuple[int, bytes]:
    """The opposite of `split_quoted`: (what belongs into the length field, octets from 8 on).

    `unit` is the length field's: 4 octets in ICMP, 8 in ICMPv6. Without objects the length is 0 and
    nothing is padded. Raises ValueError where the length does not fit its field.
    """
    if not objects:
        return 0, packet
    size = max(MINIMUM_QUOTE, -(-len(packet) // unit) * unit)
    if size // unit > 0xFF:
        raise ValueError(f"a quote of {size} octets leaves no room for extensions")
    return size // unit, packet.ljust(size, b"\0") + pack_extensions(objects)
