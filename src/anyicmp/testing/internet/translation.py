"""Network address translation of one router: sources out, destinations back, and what errors quote.

Keeps the table of translations. Which packets come from inside is for the router to know.
"""

from __future__ import annotations

from anyicmp.testing.internet.nodes import Nat
from anyicmp.testing.internet.packet import (
    ECHO_REPLY,
    ECHO_REQUEST,
    ICMP,
    TCP,
    UDP,
    destination,
    is_error,
    patched,
    rewritten,
    source,
)
from anyicmp.wire import find_transport

__all__ = ["Translation"]

FIRST_PORT = 1024


class Translation:
    """The translations of one router."""

    def __init__(self, nat: Nat) -> None:
        self._nat = nat
        self._outside: dict[int, bytes] = {address.version: address.packed for address in nat.address}
        self._inside: dict[int, bytes] = {}
        self._ports: dict[tuple[int, bytes, int], int] = {}
        self._owners: dict[tuple[int, int], tuple[bytes, int]] = {}

    def out(self, packet: bytes) -> bytes:
        """A packet from inside as it goes on."""
        version = packet[0] >> 4
        outside = self._outside.get(version)
        if outside is None:
            return packet
        inside = self._inside[version] = source(packet)
        place = _port(packet, own=True) if self._nat.ports else None
        if place is None:
            return rewritten(packet, source=outside)
        protocol, at, port = place
        key = protocol, inside, port
        if key not in self._ports:
            self._ports[key] = FIRST_PORT + len(self._ports) % (65_536 - FIRST_PORT)
            self._owners[protocol, self._ports[key]] = inside, port
        return rewritten(packet, source=outside, port_at=at, port=self._ports[key])

    def back(self, packet: bytes) -> bytes | None:
        """A packet to the router's own address as it goes on inside, None where it is for the router."""
        version = packet[0] >> 4
        if self._outside.get(version) != destination(packet) or version not in self._inside:
            return None
        if is_error(packet):
            return self._error(packet)
        place = _port(packet, own=False)
        if not self._nat.ports or place is None:
            return rewritten(packet, destination=self._inside[version]) if _is_answer(packet) else None
        protocol, at, port = place
        if (protocol, port) not in self._owners:
            return None
        inside, before = self._owners[protocol, port]
        return rewritten(packet, destination=inside, port_at=at, port=before)

    def _error(self, packet: bytes) -> bytes | None:
        found = find_transport(packet, 0, len(packet))
        if found is None:
            return None
        quoted = packet[found[1] + 8 :]
        if len(quoted) < 20 or source(quoted) != destination(packet):
            return None
        inside, port = self._inside[packet[0] >> 4], 0
        place = _port(quoted, own=True) if self._nat.ports else None
        if place is not None:
            if (place[0], place[2]) not in self._owners:
                return None
            inside, port = self._owners[place[0], place[2]]
        if self._nat.undo:
            before = rewritten(quoted, source=inside, port_at=place and place[1], port=port)
            packet = patched(packet, 8, before)
        return rewritten(packet, destination=inside)


def _port(packet: bytes, *, own: bool) -> tuple[int, int, int] | None:
    """(protocol, offset in the transport header, value) of the sender's or receiver's port, or identifier."""
    version = packet[0] >> 4
    found = find_transport(packet, 0, len(packet))
    if found is None or found[2] or len(packet) < found[1] + 8:
        return None
    protocol, start, _ = found
    if protocol in (TCP, UDP):
        at = 0 if own else 2
    elif protocol == ICMP[version] and packet[start] in (ECHO_REQUEST[version], ECHO_REPLY[version]):
        at = 4
    else:
        return None
    return protocol, at, packet[start + at] << 8 | packet[start + at + 1]


def _is_answer(packet: bytes) -> bool:
    """Whether it is anything but a request to the router itself."""
    version = packet[0] >> 4
    found = find_transport(packet, 0, len(packet))
    return found is not None and (found[0] != ICMP[version] or packet[found[1]] != ECHO_REQUEST[version])
