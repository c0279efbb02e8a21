"""One byte constant for each message, worked out by hand from the RFC that defines it.

Each line names a field, so that a reader can hold it against the RFC's diagram. The checksum of ICMPv6
constants is the one between SOURCE6 and TARGET6.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

SOURCE4, TARGET4 = IPv4Address("192.0.2.1"), IPv4Address("198.51.100.7")
SOURCE6, TARGET6 = IPv6Address("2001:db8::1"), IPv6Address("2001:db8:1::7")


def octets(*parts: str) -> bytes:
    """Hex text, spaces allowed, to bytes."""
    return bytes.fromhex("".join(parts))


def plain_sum(data: bytes) -> int:
    """RFC 1071 section 4.1, the loop as printed there."""
    total = 0
    for i in range(0, len(data), 2):
        total += int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def summed4(*parts: str) -> bytes:
    """An ICMP message of these parts, its checksum (octets 2 and 3, given as 0000) set by the plain loop."""
    data = octets(*parts)
    assert data[2:4] == b"\0\0"
    return data[:2] + plain_sum(data).to_bytes(2, "big") + data[4:]


def summed6(*parts: str) -> bytes:
    """The same for an ICMPv6 message between SOURCE6 and TARGET6."""
    data = octets(*parts)
    assert data[2:4] == b"\0\0"
    pseudo = SOURCE6.packed + TARGET6.packed + len(data).to_bytes(4, "big") + b"\0\0\0\x3a"
    return data[:2] + plain_sum(pseudo + data).to_bytes(2, "big") + data[4:]


def structure(*objects: str) -> str:
    """An extension structure of these objects, in hex, its checksum set by the plain loop."""
    data = octets("20000000", *objects)
    return (data[:2] + plain_sum(data).to_bytes(2, "big") + data[4:]).hex()


QUOTE4 = octets("45000020 1c460000 0111 1f2e c0000201 c6336407", "8235829a 000c 0000", "a1b2c3d4")
QUOTE6 = (
    octets("60000000 000c 11 01") + SOURCE6.packed + TARGET6.packed + octets("8235829a 000c 0000", "a1b2c3d4")
)
QUOTE_TCP = octets("4510003c abcd4000 0106 0000 c0000201 c6336407", "c350 01bb deadbeef")
PADDED4 = QUOTE4.ljust(128, b"\0")
PADDED6 = QUOTE6.ljust(128, b"\0")

MPLS_STRUCTURE = octets("2000c55f", "0008 01 01", "18960101")
"""Label 100704, traffic class 0, bottom of stack, TTL 1."""
