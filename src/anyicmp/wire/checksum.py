"""The Internet checksum: computed, updated, and steered to a wished value.

Sums over bytes and nothing else; what the bytes mean is for the other files of this room.
"""

from __future__ import annotations

__all__ = ["checksum", "compensator", "pseudo_header", "pseudo_header_v6", "update"]


def checksum(data: bytes | bytearray | memoryview) -> int:
    """The Internet checksum of `data` (RFC 1071): what belongs into the field, as a network-order integer.

    The field itself must be zero in `data`. An odd last octet counts as if a zero octet followed.
    Data that carries its own right checksum has checksum 0.
    """
    total = int.from_bytes(data, "big")
    if len(data) & 1:
        total <<= 8
    # 2**16 is 1 modulo 0xFFFF, so the remainder of the whole number is the folded sum of its words.
    # The sum of words that are not all zero never folds to 0 but to 0xFFFF, whose complement is 0.
    remainder = total % 0xFFFF
    return 0xFFFF - remainder if remainder or not total else 0


def pseudo_header_v6(source: bytes, destination: bytes, length: int, next_header: int) -> bytes:
    """The 40 octets that an IPv6 upper-layer checksum also covers (RFC 8200 section 8.1).

    `source` and `destination` are packed addresses (16 octets), `length` counts the upper-layer packet.
    """
    return b"".join((source, destination, length.to_bytes(4, "big"), next_header.to_bytes(4, "big")))


def pseudo_header(source: bytes, destination: bytes, length: int, protocol: int) -> bytes:
    """What the checksums of UDP and TCP also cover, in either IP version (RFC 768, RFC 8200 section 8.1).

    `source` and `destination` are packed addresses (4 or 16 octets), `length` counts header and data.
    """
    if len(source) == 16:
        return pseudo_header_v6(source, destination, length, protocol)
    return b"".join((source, destination, bytes((0, protocol)), length.to_bytes(2, "big")))


def update(checksum: int, old: int, new: int) -> int:
    """The checksum after the 16-bit word `old` became `new` (RFC 1624, equation 3)."""
    total = (~checksum & 0xFFFF) + (~old & 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def compensator(data: bytes | bytearray | memoryview, wished: int) -> int:
    """The 16-bit word that gives `data` the checksum `wished`.

    `data` holds zero in the checksum field and in the free word, which stands at an even offset. The
    wish 0xFFFF gives 0, its equal in one's complement: only all-zero data has the checksum 0xFFFF.
    """
    total = int.from_bytes(data, "big")
    if len(data) & 1:
        total <<= 8
    return (0xFFFF - wished - total) % 0xFFFF
