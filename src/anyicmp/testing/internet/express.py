"""The quick way: echo through a path on which nothing is to be counted, drawn or changed.

Gives the very octets and times that the slow way gives, from a few sums. It decides nothing by itself.
"""

from __future__ import annotations

from struct import Struct

import attrs

from anyicmp.testing.internet.link import Leg
from anyicmp.testing.internet.nodes import Echo, Host, Router
from anyicmp.testing.internet.routing import Routes
from anyicmp.testing.internet.topology import CLIENT, Topology
from anyicmp.testing.internet.values import NEVER

__all__ = ["Express", "Way", "find_way"]

_HEADER = Struct("!BBHIBBH")
_V6 = Struct("!IHBB")

REMEMBERED = 4_096
"""IP headers that are known at a time."""


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


class Express:
    """Ways that are known, by the IP headers that have taken them.

    A header that is known needs no second look: for the next echo only the ICMP message counts.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[int, int, bytes]] = {}

    def learn(self, way: Way, packet: bytes) -> None:
        """Know the IP header of a packet that takes this way, unless the slow way must decide about it."""
        header = _back_v4(way, packet) if packet[0] >> 4 == 4 else _back_v6(way, packet)
        if header is not None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[packet[: len(header)]] = len(packet), way.delay, header

    def echo(self, packet: bytes) -> tuple[int, bytes] | None:
        """(nanoseconds, IP packet) of the reply to an echo request, None where the slow way must decide."""
        known = self._known.get(packet[:20]) or self._known.get(packet[:40])
        if known is None:
            return None
        size, delay, header = known
        # RFC 1624: what the type adds to the checksum, or takes from it. The code becomes 0.
        if len(header) == 20:
            kind, back, covered, change = 8, b"\0\0", int.from_bytes(packet[20:], "big"), 0x800
        else:
            # The pseudo-header: addresses, length and protocol.
            kind, back, covered, change = 128, b"\x81\0", int.from_bytes(packet[8:], "big"), -0x100
        at = len(header)
        if len(packet) != size or packet[at] != kind:
            return None
        if size & 1:
            covered <<= 8
        if (covered if at == 20 else covered + size - 40 + 58) % 0xFFFF:
            return None
        checksum = ((packet[at + 2] << 8 | packet[at + 3]) + change + packet[at + 1]) % 0xFFFF
        return delay, header + back + checksum.to_bytes(2, "big") + packet[at + 4 :]


def _back_v4(way: Way, packet: bytes) -> bytes | None:
    """The IP header that comes back to an echo request with this one, None where there may be another."""
    size = len(packet)
    if (
        size < 28
        or size > way.mtu
        or packet[0] != 0x45
        or packet[9] != 1
        or packet[8] <= way.hops
        or packet[2] << 8 | packet[3] != size
        or packet[6] & 0x3F
        or packet[7]
    ):
        return None
    sums = int.from_bytes(packet[12:20], "big") + 0x4500 + packet[1] + size + (way.hop_limit << 8 | 1)
    header = _HEADER.pack(0x45, packet[1], size, 0, way.hop_limit, 1, 0xFFFF - (sums % 0xFFFF or 0xFFFF))
    return header + packet[16:20] + packet[12:16]


def _back_v6(way: Way, packet: bytes) -> bytes | None:
    """The same for IPv6."""
    size = len(packet)
    if (
        size < 48
        or size > way.mtu
        or packet[6] != 58
        or packet[7] <= way.hops
        or (packet[4] << 8 | packet[5]) + 40 != size
    ):
        return None
    header = _V6.pack((packet[0] << 24 | packet[1] << 16) & 0xFFF00000, size - 40, 58, way.hop_limit)
    return header + packet[24:40] + packet[8:24]
