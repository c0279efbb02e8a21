"""UDP and TCP headers: RFC 768, RFC 9293 section 3.1, and the checksum that both have with a pseudo header.

Reads and builds the headers as octets. What a probe puts into them, and how its answers are told, is for the
methods.
"""

from __future__ import annotations

from struct import Struct

import attrs

from anyicmp.wire.checksum import checksum, compensator, pseudo_header

__all__ = [
    "ACK",
    "RST",
    "SYN",
    "TCP",
    "TCP_HEADER",
    "UDP",
    "UDP_HEADER",
    "TcpHeader",
    "balance_udp",
    "build_tcp",
    "build_udp",
    "read_tcp",
    "transport_checksum",
]

TCP, UDP = 6, 17
"""Protocol numbers (IANA registry "Assigned Internet Protocol Numbers")."""

UDP_HEADER, TCP_HEADER = 8, 20
"""Octets of the headers, without TCP options."""

FIN, SYN, RST, ACK = 1, 2, 4, 16

_UDP = Struct("!HHHH")
_TCP = Struct("!HHIIBBHHH")
_CHECKSUM_AT = {UDP: 6, TCP: 16}
_WINDOW = 64_240


@attrs.frozen(kw_only=True)
class TcpHeader:
    """A TCP header, without its options.

    Attributes:
        source_port, destination_port: ports.
        sequence: sequence number of the first octet, or of the SYN.
        acknowledgment: the sequence number expected next, where `flags` has ACK.
        flags: the eight bits of CWR to FIN.
    """

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int


def transport_checksum(protocol: int, segment: bytes | bytearray, source: bytes, destination: bytes) -> int:
    """The checksum that belongs into a UDP or TCP segment between two packed addresses.

    The field itself may hold anything. Of UDP it is never 0, which would say that there is none (RFC 768,
    RFC 8200 section 8.1). A segment that carries its right checksum has it back.
    """
    at = _CHECKSUM_AT[protocol]
    blank = b"".join((segment[:at], b"\0\0", segment[at + 2 :]))
    value = checksum(pseudo_header(source, destination, len(blank), protocol) + blank)
    return value or 0xFFFF if protocol == UDP else value


def build_udp(source_port: int, destination_port: int, payload: bytes, checksum: int = 0) -> bytes:
    """A UDP datagram. Raises struct.error for what does not fit its field."""
    return _UDP.pack(source_port, destination_port, UDP_HEADER + len(payload), checksum) + payload


def balance_udp(datagram: bytes | bytearray, source: bytes, destination: bytes, wished: int) -> int:
    """The free 16-bit word that gives a datagram the checksum `wished`, between packed addresses.

    `datagram` holds zero in its checksum and in the word, which stands at an even offset.
    """
    return compensator(pseudo_header(source, destination, len(datagram), UDP) + datagram, wished)


def build_tcp(
    source_port: int,
    destination_port: int,
    *,
    sequence: int,
    flags: int,
    acknowledgment: int = 0,
    options: bytes = b"",
    source: bytes,
    destination: bytes,
) -> bytes:
    """A TCP segment without data, its checksum right between these packed addresses.

    `options` has a multiple of 4 octets, at most 40. Raises struct.error for what does not fit its field.
    """
    offset = (TCP_HEADER + len(options)) // 4 << 4
    ports = source_port, destination_port
    segment = _TCP.pack(*ports, sequence, acknowledgment, offset, flags, _WINDOW, 0, 0) + options
    value = transport_checksum(TCP, segment, source, destination)
    return segment[:16] + value.to_bytes(2, "big") + segment[18:]


def read_tcp(buffer: bytes | bytearray | memoryview, start: int, end: int) -> TcpHeader | None:
    """The TCP header at buffer[start:end], None where fewer than 20 octets are there."""
    if end - start < TCP_HEADER:
        return None
    source_port, destination_port, sequence, acknowledgment, _, flags, *_ = _TCP.unpack_from(buffer, start)
    return TcpHeader(
        source_port=source_port,
        destination_port=destination_port,
        sequence=sequence,
        acknowledgment=acknowledgment,
        flags=flags,
    )
