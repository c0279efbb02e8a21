"""pcapng blocks: IP packets with their times, directions and comments, as bytes and back.

draft-ietf-opsawg-pcapng, as much of it as a recording of probes needs: link type RAW, nanoseconds. Opens no
file and knows no measurement.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from struct import error as StructError  # noqa: N812 - the module names its exception like a variable
from typing import Literal

import attrs

from anyicmp.errors import DecodeError

__all__ = ["CapturedPacket", "interface_block", "packet_block", "read_packets", "section_block"]

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
MAGIC = 0x1A2B3C4D
RAW = frozenset({101, 228, 229})
"""Link types whose packets begin with the IP header: of either version, IPv4, IPv6 (registry "LINKTYPE")."""

END, COMMENT = 0, 1
NAME, DESCRIPTION, RESOLUTION, TIME_OFFSET = 2, 3, 9, 14
APPLICATION = 4
FLAGS = 2
INBOUND, OUTBOUND = 1, 2
SECOND = 1_000_000_000

_ENHANCED = Struct("<IIIIIII")
_DIRECTION = Struct("<HHI")


@attrs.frozen(kw_only=True)
class CapturedPacket:
    """One packet of a file.

    Attributes:
        at: Unix time in nanoseconds.
        octets: from the IP header on, as many as were captured.
        length: octets that the packet had.
        outbound: whether this host sent it, None where the file does not say.
        comment: what was remarked about it.
    """

    at: int
    octets: bytes
    length: int
    outbound: bool | None = None
    comment: str | None = None


def section_block(application: str) -> bytes:
    """What a file begins with (section 4.1)."""
    body = Struct("<IHHq").pack(MAGIC, 1, 0, -1)
    return _block(SECTION, body + _option(APPLICATION, application.encode()) + _option(END))


def interface_block(name: str, description: str) -> bytes:
    """Where packets come from and go to, numbered from 0 in the order of these blocks (section 4.2)."""
    options = _option(NAME, name.encode()) + _option(DESCRIPTION, description.encode())
    body = Struct("<HHI").pack(min(RAW), 0, 0) + options + _option(RESOLUTION, b"\x09") + _option(END)
    return _block(INTERFACE, body)


def packet_block(
    interface: int, at: int, octets: bytes, *, length: int, outbound: bool, comment: str = ""
) -> bytes:
    """An IP packet (section 4.3). `length`: octets that it had, where not all of them are there."""
    padded = octets + bytes(-len(octets) % 4)
    options = _DIRECTION.pack(FLAGS, 4, OUTBOUND if outbound else INBOUND)
    if comment:
        options += _option(COMMENT, comment.encode())
    options += b"\0\0\0\0"
    size = 32 + len(padded) + len(options)
    head = _ENHANCED.pack(PACKET, size, interface, at >> 32, at & 0xFFFFFFFF, len(octets), length)
    return b"".join((head, padded, options, size.to_bytes(4, "little")))


def _option(code: int, value: bytes = b"") -> bytes:
    return Struct("<HH").pack(code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = (len(body) + 12).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + size + body + size


def read_packets(file: bytes) -> Iterator[CapturedPacket]:
    """The packets of a pcapng file, in order; blocks of other kinds are passed over.

    Raises DecodeError where it is damaged, is another kind of file, or its packets do not begin with IP.
    """
    try:
        yield from _packets(file)
    except (StructError, IndexError, UnicodeDecodeError) as error:
        raise DecodeError(f"the pcapng file is damaged: {error}") from None


def _packets(file: bytes) -> Iterator[CapturedPacket]:
    at, order = 0, ""
    interfaces: list[tuple[int, int]] = []
    while at < len(file):
        if file[at : at + 4] == SECTION.to_bytes(4, "big"):
            order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(file[at + 8 : at + 12], "")
            interfaces = []
        if not order:
            raise DecodeError("this is no pcapng file")
        kind, size = Struct(order + "II").unpack_from(file, at)
        if size < 12 or size % 4 or at + size > len(file):
            raise DecodeError(f"the pcapng file is damaged at octet {at}: a block of {size} octets")
        body = file[at + 8 : at + size - 4]
        if kind == INTERFACE:
            interfaces.append(_interface(order, body))
        elif kind == PACKET:
            yield _packet(order, body, interfaces)
        at += size


def _interface(order: str, body: bytes) -> tuple[int, int]:
    """Units of time in a second, and seconds to add. Raises DecodeError for another link type."""
    (link_type,) = Struct(order + "H").unpack_from(body)
    if link_type not in RAW:
        raise DecodeError(f"the packets are of link type {link_type}: raw IP (101) is read")
    options = _options(order, body[8:])
    resolution = options.get(RESOLUTION, b"\x06")[0]
    units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    return units, int.from_bytes(options.get(TIME_OFFSET, b""), _endian(order), signed=True)


def _packet(order: str, body: bytes, interfaces: list[tuple[int, int]]) -> CapturedPacket:
    number, high, low, captured, length = Struct(order + "IIIII").unpack_from(body)
    units, offset = interfaces[number]
    if captured > len(body) - 20:
        raise DecodeError("the pcapng file is damaged: a packet is longer than its block")
    options = _options(order, body[20 + captured + -captured % 4 :])
    direction = int.from_bytes(options.get(FLAGS, b""), _endian(order)) & 3
    comment = options.get(COMMENT)
    return CapturedPacket(
        at=offset * SECOND + (high << 32 | low) * SECOND // units,
        octets=body[20 : 20 + captured],
        length=length,
        outbound={INBOUND: False, OUTBOUND: True}.get(direction),
        comment=None if comment is None else comment.decode(),
    )


def _options(order: str, octets: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at, layout = 0, Struct(order + "HH")
    while at + 4 <= len(octets):
        code, size = layout.unpack_from(octets, at)
        if code == END:
            break
        found.setdefault(code, octets[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    return found


def _endian(order: str) -> Literal["little", "big"]:
    return "big" if order == ">" else "little"
