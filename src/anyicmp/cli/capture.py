"""Capture files: pcap and pcapng to packets, and the IP packet behind the link header.

Reads what such a file holds, from its beginning to where it is damaged. What is in the packets is for the
codec; nothing here captures.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import attrs

__all__ = ["CaptureError", "CapturedPacket", "ip_packet", "is_capture", "read_capture"]

LARGEST = 16 * 1024 * 1024
"""Octets of one record: more is taken for damage, not for a packet."""

# draft-ietf-opsawg-pcap section 4: byte order and unit of time by magic number.
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
}
# draft-ietf-opsawg-pcapng section 4
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_PACKETS = frozenset({_OLD_PACKET, _SIMPLE, _ENHANCED})
_RESOLUTION, _OFFSET = 9, 14

# IANA registry "LINKTYPE" (draft-ietf-opsawg-pcaplinktype)
_RAW = frozenset({12, 14, 101, 228, 229})
# Link type to where the protocol stands and where the payload begins: Ethernet, Linux cooked 1 and 2.
_PROTOCOL_AT = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
_IP = frozenset({0x0800, 0x86DD})
_VLAN = frozenset({0x8100, 0x88A8})


class CaptureError(ValueError):
    """A file that is no capture, or is damaged from some place on; the text says where."""


@attrs.frozen(kw_only=True)
class CapturedPacket:
    """One packet of a capture file.

    Attributes:
        number: from 1, as other programs count.
        at: Unix time in seconds, or None where the file has none.
        link_type: as in the registry of link types.
        octets: as captured, link header first.
        length: octets that the packet had on the link.
    """

    number: int
    at: float | None
    link_type: int
    octets: bytes
    length: int


def is_capture(beginning: bytes) -> bool:
    """Whether a file that begins so (four octets or more) is a pcap or pcapng file."""
    return beginning[:4] in _PCAP or beginning[:4] == _PCAPNG


def read_capture(file: BinaryIO) -> Iterator[CapturedPacket]:
    """The packets of a capture file, in order.

    Raises CaptureError where the file is no capture, and after the last readable packet where it is
    damaged.
    """
    magic = file.read(4)
    if magic in _PCAP:
        return _read_pcap(file, *_PCAP[magic])
    if magic == _PCAPNG:
        return _read_pcapng(file)
    raise CaptureError("neither a pcap nor a pcapng file")


def _exactly(file: BinaryIO, size: int, what: str) -> bytes:
    octets = file.read(size)
    if len(octets) < size:
        raise CaptureError(f"the file ends in the middle of {what}")
    return octets


def _read_pcap(file: BinaryIO, order: str, unit: int) -> Iterator[CapturedPacket]:
    link_type = struct.unpack(order + "20xI", b"\0\0\0\0" + _exactly(file, 20, "its header"))[0] & 0xFFFF
    record = struct.Struct(order + "IIII")
    number = 0
    while True:
        header = file.read(16)
        if not header:
            return
        number += 1
        if len(header) < 16:
            raise CaptureError(f"the file ends in the middle of packet {number}")
        seconds, fraction, captured, length = record.unpack(header)
        if captured > LARGEST:
            raise CaptureError(f"packet {number} claims {captured} octets: the file is damaged there")
        octets = _exactly(file, captured, f"packet {number}")
        yield CapturedPacket(
            number=number, at=seconds + fraction / unit, link_type=link_type, octets=octets, length=length
        )


def _read_pcapng(file: BinaryIO) -> Iterator[CapturedPacket]:
    order, kind = "<", _PCAPNG
    interfaces: list[_Interface] = []
    number = 0
    while kind:
        where = f"a block after packet {number}"
        if len(kind) < 4:
            raise CaptureError(f"the file ends in the middle of {where}")
        size_octets = _exactly(file, 4, where)
        begun = b""
        if kind == _PCAPNG:  # a section: its byte order may be another one
            begun = _exactly(file, 4, where)
            order = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(begun, "")
            interfaces = []
            if not order:
                raise CaptureError(f"{where} is a section without a byte order: the file is damaged there")
        (size,) = struct.unpack(order + "I", size_octets)
        if size < 12 + len(begun) or size % 4 or size > LARGEST:
            raise CaptureError(f"{where} has {size} octets: the file is damaged there")
        body = begun + _exactly(file, size - 8 - len(begun), where)
        if body[-4:] != size_octets:
            raise CaptureError(f"{where} has two lengths: the file is damaged there")
        (name,) = struct.unpack(order + "I", kind)
        try:
            if name == _INTERFACE:
                interfaces.append(_interface(order, body[:-4]))
            elif name in _PACKETS:
                number += 1
                yield _packet(order, name, body[:-4], interfaces, number)
        except (struct.error, IndexError):
            raise CaptureError(f"{where} is malformed: the file is damaged there") from None
        kind = file.read(4)


@attrs.frozen
class _Interface:
    link_type: int
    snap_length: int
    units: int
    offset: int


def _interface(order: str, body: bytes) -> _Interface:
    link_type, snap_length = struct.unpack_from(order + "HxxI", body)
    units, offset, at = 10**6, 0, 8
    while at + 4 <= len(body):
        option, size = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if option == _RESOLUTION:
            units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif option == _OFFSET:
            (offset,) = struct.unpack(order + "q", value)
        elif option == 0:
            break
        at += 4 + size + -size % 4
    return _Interface(link_type, snap_length, units, offset)


def _packet(order: str, kind: int, body: bytes, interfaces: list[_Interface], number: int) -> CapturedPacket:
    at = None
    if kind == _SIMPLE:
        which, begin = 0, 4
        (length,) = struct.unpack_from(order + "I", body)
        captured = min(length, interfaces[0].snap_length or length)
    else:
        layout = "IIIII" if kind == _ENHANCED else "HxxIIII"
        which, high, low, captured, length = struct.unpack_from(order + layout, body)
        begin = 20
        at = interfaces[which].offset + (high << 32 | low) / interfaces[which].units
    octets = body[begin : begin + captured]
    if len(octets) < captured:
        raise IndexError("the packet is longer than its block")
    return CapturedPacket(
        number=number, at=at, link_type=interfaces[which].link_type, octets=octets, length=length
    )


def ip_packet(packet: CapturedPacket) -> bytes | None:
    """The IP packet in a captured one; None where there is another protocol.

    Reads Ethernet (with VLAN tags), raw IP and Linux cooked captures of both versions. Raises
    CaptureError for other link types.
    """
    octets = packet.octets
    if packet.link_type in _RAW:
        return octets
    if packet.link_type not in _PROTOCOL_AT:
        raise CaptureError(f"link type {packet.link_type} is not read: Ethernet, raw IP and Linux cooked are")
    at, begin = _PROTOCOL_AT[packet.link_type]
    protocol = int.from_bytes(octets[at : at + 2], "big")
    while protocol in _VLAN and len(octets) >= begin + 4:
        protocol = int.from_bytes(octets[begin + 2 : begin + 4], "big")
        begin += 4
    return octets[begin:] if protocol in _IP else None
