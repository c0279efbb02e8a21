"""IP packets as bytes: reading fields, building, sealing with checksums, rewriting addresses, damaging.

Works on whole packets, IP header first. What a node does with them is decided elsewhere.
"""

from __future__ import annotations

from random import Random

from anyicmp.wire import build_ipv4_header, build_ipv6_header, find_transport
from anyicmp.wire.batch import Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6

__all__ = [
    "ECHO_REPLY",
    "ECHO_REQUEST",
    "ICMP",
    "TCP",
    "UDP",
    "build",
    "cut",
    "destination",
    "flip",
    "intact",
    "is_error",
    "length",
    "patched",
    "rewritten",
    "seal",
    "source",
    "with_hop_limit",
    "with_options",
]

ICMP = {4: 1, 6: 58}
TCP, UDP = 6, 17
ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
CHECKSUM_AT = {1: 2, 58: 2, UDP: 6, TCP: 16}
"""Protocol to the place of the checksum in its header."""

_ERRORS = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset(range(128))}


def source(packet: bytes) -> bytes:
    """The packed source address."""
    return packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]


def destination(packet: bytes) -> bytes:
    """The packed destination address."""
    return packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]


def is_error(packet: bytes) -> bool:
    """Whether it is an ICMP error or redirect: about those nobody reports (RFC 1122 section 3.2.2)."""
    version = packet[0] >> 4
    found = find_transport(packet, 0, len(packet))
    if found is None or found[0] != ICMP[version] or found[2] or found[1] >= len(packet):
        return False
    kind = packet[found[1]]
    return kind in _ERRORS[version] or (version == 6 and kind == 137)


def with_hop_limit(packet: bytes, hop_limit: int) -> bytes:
    """The packet with this TTL or hop limit, its IPv4 header checksum right."""
    if packet[0] >> 4 == 6:
        return b"".join((packet[:7], bytes((hop_limit,)), packet[8:]))
    if packet[8] == hop_limit:
        return packet
    # RFC 1624: the TTL is the high octet of its word.
    total = (packet[10] << 8 | packet[11]) + ((packet[8] - hop_limit) << 8)
    total %= 0xFFFF
    return b"".join((packet[:8], bytes((hop_limit, packet[9])), total.to_bytes(2, "big"), packet[12:]))


def with_options(packet: bytes) -> bytes:
    """The packet with IPv4 options that do nothing (RFC 791), or an IPv6 destination options header of
    padding (RFC 8200 section 4.6)."""
    if packet[0] >> 4 == 6:
        size = (int.from_bytes(packet[4:6], "big") + 8).to_bytes(2, "big")
        padding = packet[6:7] + bytes.fromhex("00010400000000")
        return b"".join((packet[:4], size, b"\x3c", packet[7:40], padding, packet[40:]))
    at = (packet[0] & 15) * 4
    size = (int.from_bytes(packet[2:4], "big") + 4).to_bytes(2, "big")
    head = b"".join(
        (bytes((packet[0] + 1, packet[1])), size, packet[4:10], b"\0\0", packet[12:at], b"\1\1\1\0")
    )
    return b"".join((head[:10], checksum(head).to_bytes(2, "big"), head[12:], packet[at:]))


def seal(protocol: int, payload: bytes, source: bytes, destination: bytes) -> bytes:
    """A transport's header and data with the right checksum, whatever it had before.

    The checksum of a UDP datagram that would be 0 is 0xFFFF (RFC 768).
    """
    at = CHECKSUM_AT[protocol]
    blank = b"".join((payload[:at], b"\0\0", payload[at + 2 :]))
    value = checksum(_pseudo(protocol, len(blank), source, destination) + blank)
    if protocol == UDP:
        value = value or 0xFFFF
    return b"".join((payload[:at], value.to_bytes(2, "big"), payload[at + 2 :]))


def _pseudo(protocol: int, length: int, source: bytes, destination: bytes) -> bytes:
    if len(source) == 16:
        return pseudo_header_v6(source, destination, length, protocol)
    if protocol == ICMP[4]:
        return b""
    return b"".join((source, destination, bytes((0, protocol)), length.to_bytes(2, "big")))


def build(
    protocol: int,
    payload: bytes,
    source: bytes,
    destination: bytes,
    *,
    hop_limit: int = 64,
    traffic_class: int = 0,
    flow_label: int = 0,
    options: bytes = b"",
) -> bytes:
    """An IP packet around a transport's header and data, as they are."""
    if len(source) == 4:
        return (
            build_ipv4_header(
                source=source,
                destination=destination,
                protocol=protocol,
                payload_length=len(payload),
                ttl=hop_limit,
                traffic_class=traffic_class,
                options=options,
            )
            + payload
        )
    return (
        build_ipv6_header(
            source=source,
            destination=destination,
            next_header=protocol,
            payload_length=len(payload),
            hop_limit=hop_limit,
            traffic_class=traffic_class,
            flow_label=flow_label,
        )
        + payload
    )


def length(packet: bytes) -> int:
    """Octets of the packet as its header says."""
    if packet[0] >> 4 == 4:
        return packet[2] << 8 | packet[3]
    return 40 + (packet[4] << 8 | packet[5])


def intact(packet: bytes) -> bool:
    """Whether the transport's checksum is right, as far as one is there."""
    found = find_transport(packet, 0, len(packet))
    if found is None:
        return False
    protocol, at, fragment = found
    if fragment or protocol not in CHECKSUM_AT:
        return True
    payload = packet[at:]
    place = CHECKSUM_AT[protocol]
    if len(payload) < place + 2:
        return False
    if protocol == UDP and payload[place : place + 2] == b"\0\0":
        return packet[0] >> 4 == 4
    return not checksum(_pseudo(protocol, len(payload), source(packet), destination(packet)) + payload)


def flip(packet: bytes, random: Random) -> bytes:
    """The packet with one bit behind the IP header inverted."""
    found = find_transport(packet, 0, len(packet))
    if found is None or found[1] >= len(packet):
        return packet
    damaged = bytearray(packet)
    damaged[random.randrange(found[1], len(packet))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def cut(packet: bytes, keep: int) -> bytes:
    """The packet with so many octets behind the IP header; its IP header says so."""
    found = find_transport(packet, 0, len(packet))
    if found is None or len(packet) <= found[1] + keep:
        return packet
    size = found[1] + keep
    if packet[0] >> 4 == 6:
        return b"".join((packet[:4], (size - 40).to_bytes(2, "big"), packet[6:size]))
    head = b"".join((packet[:2], size.to_bytes(2, "big"), packet[4:10], b"\0\0", packet[12 : found[1]]))
    return b"".join((head[:10], checksum(head).to_bytes(2, "big"), head[12:], packet[found[1] : size]))


def rewritten(
    packet: bytes,
    *,
    source: bytes | None = None,
    destination: bytes | None = None,
    port_at: int | None = None,
    port: int = 0,
) -> bytes:
    """The packet with another source or destination address, its checksums updated (RFC 1624, RFC 3022).

    `port_at` is the offset of a port or identifier in the transport header that becomes `port`. The packet
    may be cut off anywhere behind its IP header, as a quoted one is; what is not there is not updated.
    """
    version: Version = 4 if packet[0] >> 4 == 4 else 6
    width, first = (4, 12) if version == 4 else (16, 8)
    new = bytearray(packet)
    found = find_transport(packet, 0, len(packet))
    if source is not None:
        new[first : first + width] = source
    if destination is not None:
        new[first + width : first + 2 * width] = destination
    moved = _sum(new[first : first + 2 * width]) - _sum(packet[first : first + 2 * width])
    if version == 4:
        _add(new, 10, moved)
    if found is None or found[2] or found[0] not in CHECKSUM_AT:
        return bytes(new)
    protocol, at, _ = found
    if protocol == ICMP[4]:
        moved = 0
    if port_at is not None and at + port_at + 2 <= len(new):
        place = at + port_at
        moved += port - (new[place] << 8 | new[place + 1])
        new[place : place + 2] = port.to_bytes(2, "big")
    place = at + CHECKSUM_AT[protocol]
    if place + 2 <= len(new) and not (protocol == UDP and new[place : place + 2] == b"\0\0"):
        _add(new, place, moved)
        if protocol == UDP and new[place : place + 2] == b"\0\0":
            new[place : place + 2] = b"\xff\xff"
    return bytes(new)


def patched(packet: bytes, at: int, octets: bytes) -> bytes:
    """The packet with other octets, as many, at an offset in its ICMP message; the checksum is updated.

    The offset, counted from the message, is even.
    """
    new = bytearray(packet)
    found = find_transport(packet, 0, len(packet))
    if found is None or found[0] not in ICMP.values():
        return packet
    start = found[1]
    old = packet[start + at : start + at + len(octets)]
    new[start + at : start + at + len(octets)] = octets
    odd = b"\0" * (len(octets) & 1)
    _add(new, start + 2, _sum(octets + odd) - _sum(old + odd))
    return bytes(new)


def _sum(octets: bytes | bytearray) -> int:
    return int.from_bytes(octets, "big") % 0xFFFF


def _add(packet: bytearray, at: int, moved: int) -> None:
    """Update the checksum at an offset after the sum that it covers grew by `moved`."""
    if moved % 0xFFFF:
        value = ((packet[at] << 8 | packet[at + 1]) - moved) % 0xFFFF
        packet[at : at + 2] = value.to_bytes(2, "big")
