"""What a router or host reports: ICMP errors and redirects, with their quotes and extensions.

Writes the reports of one node and limits their rate. Why something is reported is decided elsewhere.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from random import Random

from anyicmp.testing.internet.nodes import Host, RateLimit, Router
from anyicmp.testing.internet.packet import ICMP, build, destination, is_error, seal, source, with_hop_limit
from anyicmp.testing.internet.values import Draw
from anyicmp.wire import MplsStack, Redirect6, RedirectedHeader, encode, find_transport, parse_quoted
from anyicmp.wire.extension import MINIMUM_QUOTE, ExtensionObject, pack_extensions

__all__ = ["Reporter", "TokenBucket"]

SECOND = 1_000_000_000
ENTIRE = {4: 576, 6: 1280}
"""Octets of the largest error (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4)."""

UNREACHABLE = {4: 3, 6: 1}
EXCEEDED = {4: 11, 6: 3}
LENGTH_AT = {4: {3: 5, 11: 5, 12: 5}, 6: {1: 4, 3: 4}}
"""Where the RFC 4884 length is, in the types that have it."""

UNIT = {4: 4, 6: 8}
HEADER = {4: 20, 6: 40}


class TokenBucket:
    """How many errors may leave: full at first, filled as time passes."""

    __slots__ = ("_cost", "_credit", "_full", "_last")

    def __init__(self, limit: RateLimit) -> None:
        self._cost = SECOND / limit.rate
        self._full = limit.burst * self._cost
        self._credit = self._full
        self._last: int | None = None

    def take(self, now: int) -> bool:
        """Whether one more may leave at this time; packets that overtook others do not turn time back."""
        if self._last is not None and now > self._last:
            self._credit = min(self._full, self._credit + now - self._last)
        self._last = now if self._last is None else max(now, self._last)
        if self._credit < self._cost:
            return False
        self._credit -= self._cost
        return True


class Reporter:
    """The errors of one node."""

    def __init__(self, node: Router | Host, random: Random) -> None:
        self._node = node
        self._silent = Draw(node.silent, random) if isinstance(node, Router) else None
        self._bucket = None if node.rate_limit is None else TokenBucket(node.rate_limit)
        self._extensions = b""
        self._compliant = True
        self._quoted_ttl: int | None = None
        if isinstance(node, Router):
            self._compliant = node.length_field
            self._quoted_ttl = node.quoted_ttl
            objects: tuple[ExtensionObject, ...] = node.interface
            if node.mpls:
                objects = (MplsStack(labels=node.mpls), *objects)
            if objects:
                self._extensions = _structure(objects, node.extension_checksum)

    def unreachable(
        self, now: int, sender: bytes, packet: bytes, code: int, mtu: int = 0
    ) -> list[tuple[int, bytes]]:
        """A destination unreachable with this code."""
        version = packet[0] >> 4
        return self.error(now, sender, packet, UNREACHABLE[version], code, mtu.to_bytes(4, "big"))

    def exceeded(self, now: int, sender: bytes, packet: bytes) -> list[tuple[int, bytes]]:
        """A time exceeded."""
        return self.error(now, sender, packet, EXCEEDED[packet[0] >> 4], 0, bytes(4))

    def too_big(self, now: int, sender: bytes, packet: bytes, mtu: int) -> list[tuple[int, bytes]]:
        """A fragmentation needed (RFC 1191) or packet too big (RFC 8201)."""
        if packet[0] >> 4 == 4:
            return self.unreachable(now, sender, packet, 4, mtu)
        return self.error(now, sender, packet, 2, 0, mtu.to_bytes(4, "big"))

    def error(
        self, now: int, sender: bytes, packet: bytes, kind: int, code: int, rest: bytes
    ) -> list[tuple[int, bytes]]:
        """An error about a packet as it arrived: [(nanoseconds, IP packet)], or [] where none is sent."""
        if is_error(packet) or not self._allowed(now):
            return []
        if self._quoted_ttl is not None:
            packet = with_hop_limit(packet, self._quoted_ttl)
        message = self._message(packet, kind, code, rest)
        return [(now + self._node.delay, self._packet(sender, source(packet), message, self._node.hop_limit))]

    def redirect(
        self, now: int, sender: bytes, packet: bytes, code: int, gateway: bytes
    ) -> list[tuple[int, bytes]]:
        """A redirect to a gateway (RFC 792, RFC 4861 section 4.5)."""
        if is_error(packet) or not self._allowed(now):
            return []
        version = packet[0] >> 4
        if version == 4:
            message = bytes((5, code, 0, 0)) + gateway + self._quote(packet, 0)
        else:
            quoted = parse_quoted(packet[:1000], 6)
            message = encode(
                Redirect6(
                    target=IPv6Address(gateway),
                    destination=IPv6Address(destination(packet)),
                    options=(RedirectedHeader(quoted=quoted),),
                )
            )
        # A redirect of IPv6 is believed only with an untouched hop limit of 255 (RFC 4861 section 8.1).
        hop_limit = self._node.hop_limit if version == 4 else 255
        return [(now + self._node.delay, self._packet(sender, source(packet), message, hop_limit))]

    def _allowed(self, now: int) -> bool:
        if self._silent is not None and self._silent():
            return False
        return self._bucket is None or self._bucket.take(now)

    @staticmethod
    def _packet(sender: bytes, receiver: bytes, message: bytes, hop_limit: int) -> bytes:
        protocol = ICMP[4 if len(sender) == 4 else 6]
        return build(
            protocol, seal(protocol, message, sender, receiver), sender, receiver, hop_limit=hop_limit
        )

    def _quote(self, packet: bytes, extensions: int) -> bytes:
        version = packet[0] >> 4
        most = (ENTIRE[version] - HEADER[version] - 8 - extensions) // UNIT[version] * UNIT[version]
        if self._node.quote != "all":
            found = find_transport(packet, 0, len(packet))
            most = min(most, self._node.quote + (HEADER[version] if found is None else found[1]))
        return packet[:most]

    def _message(self, packet: bytes, kind: int, code: int, rest: bytes) -> bytes:
        version = packet[0] >> 4
        length_at = LENGTH_AT[version].get(kind)
        if not self._extensions or length_at is None:
            return b"".join((bytes((kind, code, 0, 0)), rest, self._quote(packet, 0)))
        quote = self._quote(packet, len(self._extensions))
        if not self._compliant:
            # Before the length field, the structure stood at octet 128 (RFC 4884 section 5.5).
            quote = quote[:MINIMUM_QUOTE].ljust(MINIMUM_QUOTE, b"\0")
        else:
            unit = UNIT[version]
            size = max(MINIMUM_QUOTE, -(-len(quote) // unit) * unit)
            quote = quote.ljust(size, b"\0")
            rest = rest[: length_at - 4] + bytes((size // unit,)) + rest[length_at - 3 :]
        return b"".join((bytes((kind, code, 0, 0)), rest, quote, self._extensions))


def _structure(objects: tuple[ExtensionObject, ...], checksum: str) -> bytes:
    structure = pack_extensions(objects)
    if checksum == "right":
        return structure
    wrong = bytes(2) if checksum == "none" else bytes((structure[2] ^ 0x55, structure[3]))
    return structure[:2] + wrong + structure[4:]
