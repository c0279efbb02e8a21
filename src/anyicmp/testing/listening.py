"""SimulatedListening: all ICMP that reaches the simulated host, as raw sockets hear it (raw(7)).

It queues what the network hands it. What lies in the network is not its business.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from anyicmp.engine.room import queue_cost
from anyicmp.net.listening import Heard, ListenSpec
from anyicmp.testing.host_tables import SIMULATED_INTERFACE
from anyicmp.testing.topology import ADDRESSES_AT, PROTOCOL, TTL_AT
from anyicmp.wire import find_transport
from anyicmp.wire.batch import Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6

if TYPE_CHECKING:
    from anyicmp.testing.network import SimulatedNetwork

__all__ = ["SimulatedListening"]


class SimulatedListening:
    """See `net.listening.Listening`."""

    def __init__(self, network: SimulatedNetwork, spec: ListenSpec) -> None:
        self._network = network
        self._spec = spec
        self._heard: deque[Heard] = deque()
        self._room = spec.receive_buffer or network.receive_buffer
        self._used = self._dropped = 0

    def hear(self, packet: bytes) -> None:
        """An IP packet has come."""
        version: Version = 4 if packet[0] >> 4 == 4 else 6
        found = find_transport(packet, 0, len(packet))
        if version not in self._spec.types or found is None or found[0] != PROTOCOL[version] or found[2]:
            return
        octets = packet[found[1] :]
        wanted = self._spec.types[version]
        if not octets or (wanted is not None and octets[0] not in wanted):
            return
        first, second, third = ADDRESSES_AT[version]
        source, destination = packet[first:second], packet[second:third]
        if version == 6 and checksum(
            pseudo_header_v6(source, destination, len(octets), PROTOCOL[6]) + octets
        ):
            return  # IPv4 sockets look at no checksum
        cost = queue_cost(len(octets))
        if self._used + cost > self._room:
            self._dropped += 1
            return
        self._used += cost
        self._heard.append(
            Heard(
                version=version,
                source=source,
                destination=destination,
                interface=SIMULATED_INTERFACE,
                ttl=packet[TTL_AT[version]],
                when=self._network.clocks.real(),
                octets=octets,
            )
        )
        self._network.turns.readable()

    def fileno(self) -> int:
        """There is no descriptor: -1."""
        return -1

    def recv(self) -> list[Heard]:
        """See `Listening.recv`."""
        heard = list(self._heard)
        self._heard.clear()
        self._used = 0
        return heard

    def dropped(self) -> int:
        """See `Listening.dropped`."""
        return self._dropped

    def close(self) -> None:
        """See `Listening.close`."""
        if self in self._network.listening:
            self._network.listening.remove(self)
