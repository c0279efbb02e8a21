"""The quick way: echo through a path on which nothing is to be counted, drawn or changed.

Gives the very octets and times that the slow way gives, from a few sums. It decides nothing by itself.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

import attrs

from anyicmp.testing.internet.link import Leg
from anyicmp.testing.internet.nodes import Echo, Host, Router
from anyicmp.testing.internet.routing import Routes
from anyicmp.testing.internet.topology import CLIENT, Topology
from anyicmp.testing.internet.values import NEVER

__all__ = ["Course", "Way", "course", "find_way", "readdressed"]

_HEADER = Struct("!BBHIBBH")
_V6 = Struct("!IHBB")
_HEAD = Struct("!BBH").unpack_from


@attrs.frozen
class Way:
    """An undisturbed path to a host and back.

    Attributes:
        hops: routers on the way there.
        delay: nanoseconds there and back, the host's own included.
        mtu: the smallest on the way there and back.
        hop_limit: of the reply as it arrives.
    """

    hops: int
    delay: int
    mtu: int
    hop_limit: int


def find_way(topology: Topology, legs: dict[str, dict[str, Leg]], routes: Routes, owner: str) -> Way | None:
    """The way from the client to a node and back, None where anything on it must be looked at by packet."""
    node = topology.nodes.get(owner)
    if not isinstance(node, Host) or node.echo is None or node.absent or node.reject or node.forged:
        return None
    if node.silent != NEVER or Echo(delay=node.echo.delay, hop_limit=node.echo.hop_limit) != node.echo:
        return None
    there = _walk(topology, legs, routes, CLIENT, owner)
    back = _walk(topology, legs, routes, owner, CLIENT)
    if there is None or back is None:
        return None
    left = node.echo.hop_limit - back[0]
    if left < 1:
        return None
    return Way(there[0], there[1] + node.echo.delay + back[1], min(there[2], back[2]), left)


def _walk(
    topology: Topology, legs: dict[str, dict[str, Leg]], routes: Routes, source: str, target: str
) -> tuple[int, int, int] | None:
    """(routers, nanoseconds, smallest MTU) from one node to another, None where it is not plain."""
    at, routers, delay, mtu = source, 0, 0, 65_535
    while at != target:
        node = topology.nodes.get(at)
        hops = routes.next_hops(at, target)
        if not hops or routers > 255:
            return None
        first, *others = hops
        if isinstance(node, Router):
            if node.reject or node.redirect or node.nat or node.hidden or node.routes:
                return None
            if node.balance and others:
                return None
            routers += 1
        leg = legs[at][first]
        if not leg.plain:
            return None
        delay += leg.faults.delay
        mtu = min(mtu, leg.faults.mtu or mtu)
        at = first
    return routers, delay, mtu


class Course(NamedTuple):
    """What becomes of all echo requests with one IP header: each is answered, and nothing else happens.

    Attributes:
        size: octets of the IP packet, there and back.
        delay: nanoseconds there and back.
        header: IP header of the replies.
        request: the type of a request.
        head: type and code of a reply.
        change: what the type adds to the checksum, or takes from it (RFC 1624).
        pseudo: sum of what the checksum covers beside the message.
    """

    size: int
    delay: int
    header: bytes
    request: int
    head: bytes
    change: int
    pseudo: int

    def reply(self, message: bytes | bytearray) -> bytes | None:
        """The ICMP message that answers another of the same size, None where the slow way must decide."""
        size, _, _, request, head, change, pseudo = self
        kind, code, checksum = _HEAD(message)
        covered = int.from_bytes(message, "big")
        if size & 1:
            covered <<= 8
        # Whoever writes the checksum 0xFFFF anew writes 0.
        if (covered + pseudo) % 0xFFFF or kind != request or checksum == 0xFFFF:
            return None
        answer: int = (checksum + change + code) % 0xFFFF  # the code becomes 0
        return head + answer.to_bytes(2, "big") + message[4:]

    def to(self, address: bytes) -> Course:
        """The same for another address of the host."""
        size, delay, header, request, head, change, pseudo = self
        if len(address) == 4:
            back = header[:10] + _changed_sum(header, header[12:16], address) + address + header[16:]
            return Course(size, delay, back, request, head, change, pseudo)
        pseudo += (int.from_bytes(address, "big") - int.from_bytes(header[8:24], "big")) % 0xFFFF
        return Course(size, delay, header[:8] + address + header[24:], request, head, change, pseudo)


def readdressed(header: bytes, address: bytes) -> bytes:
    """The IP header of a request to another address (IPv4: of 20 octets)."""
    if len(address) == 16:
        return header[:24] + address
    return header[:10] + _changed_sum(header, header[16:], address) + header[12:16] + address


def _changed_sum(header: bytes, before: bytes, after: bytes) -> bytes:
    """The checksum of an IPv4 header in which one address is another (RFC 1624)."""
    rest = 0xFFFF - (header[10] << 8 | header[11]) - int.from_bytes(before, "big")
    return (0xFFFF - ((rest + int.from_bytes(after, "big")) % 0xFFFF or 0xFFFF)).to_bytes(2, "big")


def course(way: Way, header: bytes) -> Course | None:
    """Of the echo requests with this IP header that take a way, None where the slow way must decide."""
    return _course_v4(way, header) if header[0] >> 4 == 4 else _course_v6(way, header)


def _course_v4(way: Way, header: bytes) -> Course | None:
    size = header[2] << 8 | header[3]
    if (
        size < 28
        or size > way.mtu
        or header[0] != 0x45
        or header[9] != 1
        or header[8] <= way.hops
        or header[6] & 0x3F
        or header[7]
    ):
        return None
    sums = int.from_bytes(header[12:20], "big") + 0x4500 + header[1] + size + (way.hop_limit << 8 | 1)
    back = _HEADER.pack(0x45, header[1], size, 0, way.hop_limit, 1, 0xFFFF - (sums % 0xFFFF or 0xFFFF))
    return Course(size, way.delay, back + header[16:20] + header[12:16], 8, b"\0\0", 0x800, 0)


def _course_v6(way: Way, header: bytes) -> Course | None:
    length = header[4] << 8 | header[5]
    if length < 8 or length + 40 > way.mtu or header[6] != 58 or header[7] <= way.hops:
        return None
    back = _V6.pack((header[0] << 24 | header[1] << 16) & 0xFFF00000, length, 58, way.hop_limit)
    pseudo = int.from_bytes(header[8:40], "big") % 0xFFFF + length + 58
    back += header[24:40] + header[8:24]
    return Course(length + 40, way.delay, back, 128, b"\x81\0", -0x100, pseudo)
