"""Sockets of a simulated host for probes with ports: raw, datagram, and connections that the kernel makes.

What reaches a row depends on the kind of socket as on Linux (udp(7), tcp(7), ip(7)). What lies in the network
is not known here.
"""

from __future__ import annotations

from errno import EACCES, EADDRNOTAVAIL, ECONNREFUSED, EMSGSIZE
from typing import ClassVar

import attrs

from anyicmp.engine.room import queue_cost
from anyicmp.testing import rows
from anyicmp.testing.rows import Row
from anyicmp.testing.topology import ADDRESSES_AT, HEADER, PROTOCOL, ip_header
from anyicmp.testing.transport import BROADCAST, ERRORS, SimulatedTransport
from anyicmp.wire import find_transport
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind, Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6
from anyicmp.wire.ports import (
    ACK,
    RST,
    SYN,
    TCP,
    TCP_HEADER,
    UDP,
    UDP_HEADER,
    build_tcp,
    read_tcp,
    transport_checksum,
)

__all__ = ["SimulatedTcp", "SimulatedUdp"]

FIRST_PORT = 1024
CHECKSUM_AT = {UDP: 6, TCP: 16}


class SimulatedFlows(SimulatedTransport):
    """What the sockets of both protocols share."""

    PROTOCOL: ClassVar[int]

    def _identify(self, lanes: int) -> tuple[int, ...]:
        port = self._network.kernel_identifiers(1)[0]
        return (port if port >= FIRST_PORT else port + FIRST_PORT,)

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        most = min(stop, start + self._network.rows_per_call)
        for i in range(start, most):
            if errno := self._send(tx, i):
                return i - start, errno
        return max(0, most - start), 0

    def _send(self, tx: PacketBatch, i: int) -> int:
        peer = tx.address(tx.peer, i)
        errno = self._refusal(peer, self._network.host(peer))
        packet = errno or self._packet(tx, i, peer)
        return packet if isinstance(packet, int) else self._leave(tx, i, packet)

    def _packet(self, tx: PacketBatch, i: int, peer: bytes) -> bytes | int:
        """Row i as the IP packet that leaves, or the errno for which it does not."""
        network, version = self._network, self.spec.version
        if peer == BROADCAST:
            return EACCES
        source = tx.address(tx.local, i) if tx.has_local[i] else self.spec.source or self._own
        octets = self._octets(tx, i, source, peer)
        if isinstance(octets, int):
            return octets
        raw_v4 = self.privileged and version == 4
        if not raw_v4:
            at, value = CHECKSUM_AT[self.PROTOCOL], transport_checksum(self.PROTOCOL, octets, source, peer)
            octets = octets[:at] + value.to_bytes(2, "big") + octets[at + 2 :]
        if HEADER[version] + len(octets) > network.mtu and (self.spec.dont_fragment or raw_v4):
            return EMSGSIZE
        try:
            header = ip_header(
                version,
                len(octets),
                source,
                peer,
                tx.hop_limit[i],
                tx.traffic_class[i],
                tx.flow_label[i],
                self.spec.dont_fragment,
                self.PROTOCOL,
                tx.identification[i] if raw_v4 else UNSET,
            )
        except ValueError:
            return EMSGSIZE
        return header + octets

    def _octets(self, tx: PacketBatch, i: int, source: bytes, peer: bytes) -> bytes | int:
        """What stands behind the IP header, or the errno for which it does not leave."""
        return bytes(tx.row(i))

    def _arrive(self, packet: bytes) -> None:
        found = find_transport(packet, 0, len(packet))
        version = self.spec.version
        if self.closed or found is None or found[2]:
            return
        protocol, at, _ = found
        if protocol == self.PROTOCOL:
            first, second, third = ADDRESSES_AT[version]
            value = transport_checksum(protocol, packet[at:], packet[first:second], packet[second:third])
            place = at + CHECKSUM_AT[protocol]
            if value == int.from_bytes(packet[place : place + 2], "big"):
                self._hear(packet, at)
        elif protocol == PROTOCOL[version] and packet[at : at + 1] and packet[at] in ERRORS[version]:
            message = packet[at:]
            quoted = find_transport(message, 8, len(message))
            raw_v4 = self.privileged and version == 4
            if (
                quoted is None
                or quoted[0] != self.PROTOCOL
                or quoted[2]
                or len(message) < quoted[1] + 8
                or not (raw_v4 or sealed(packet, message, version))
            ):
                return
            if self.privileged:
                cost, when = queue_cost(len(message) - 8), self._clock.real()
                made = (
                    rows.packet(0, when, cost, packet, at)
                    if version == 4
                    else rows.message(0, when, cost, version, packet, message)
                )
                self._queue(made, packet, error=False)
            else:
                self._report(packet, message, quoted[1])

    def _hear(self, packet: bytes, at: int) -> None:
        """What the kernel does with a packet of the protocol whose header is at an offset."""
        raise NotImplementedError

    def _report(self, packet: bytes, message: bytes, quoted: int) -> None:
        """What the kernel does with an error that quotes such a header at an offset of the message."""
        raise NotImplementedError


def sealed(packet: bytes, message: bytes, version: Version) -> bool:
    """Whether the ICMP message of a packet has its right checksum."""
    covered = message
    if version == 6:
        covered = pseudo_header_v6(packet[8:24], packet[24:40], len(message), PROTOCOL[6]) + message
    return not checksum(covered)


def _ports(octets: bytes | bytearray, at: int) -> tuple[int, int]:
    return octets[at] << 8 | octets[at + 1], octets[at + 2] << 8 | octets[at + 3]


class SimulatedUdp(SimulatedFlows):
    """UDP sockets, one for each flow that has left."""

    PROTOCOL = UDP

    def _identify(self, lanes: int) -> tuple[int, ...]:
        self._held: set[int] = set()
        return super()._identify(lanes)

    def _octets(self, tx: PacketBatch, i: int, source: bytes, peer: bytes) -> bytes | int:
        octets = bytes(tx.row(i))
        self._held.add(_ports(octets, 0)[0])
        return octets

    def _hear(self, packet: bytes, at: int) -> None:
        version = self.spec.version
        port, own_port = _ports(packet, at)
        if own_port in self._held:
            cost, data = queue_cost(len(packet) - at), packet[at + UDP_HEADER :]
            heard = rows.message(0, self._clock.real(), cost, version, packet, data)
            row = heard._replace(kind=RowKind.DATA, own_port=own_port, port=port)
            self._queue(row, packet, error=False)

    def _report(self, packet: bytes, message: bytes, quoted: int) -> None:
        version = self.spec.version
        own_port, port = _ports(message, quoted)
        if own_port in self._held:
            cost, header = queue_cost(len(message) - 8), HEADER[version] + UDP_HEADER
            row = rows.error(0, self._clock.real(), cost, version, packet, header)
            self._queue(row._replace(own_port=own_port, port=port), packet, error=True)


@attrs.define
class Connection:
    """A connection that is under way: its probe's token, both addresses and ports, its first number."""

    token: int
    source: bytes
    peer: bytes
    own_port: int
    port: int
    number: int
    accepted: int | None = None


class SimulatedTcp(SimulatedFlows):
    """Raw TCP sockets; or connections, one at a time between the same ports of two hosts."""

    PROTOCOL = TCP

    def _identify(self, lanes: int) -> tuple[int, ...]:
        self.one_per_flow = not self.privileged
        self.stamps_sending &= self.privileged
        self._open: dict[int, Connection] = {}
        return super()._identify(lanes)

    def _octets(self, tx: PacketBatch, i: int, source: bytes, peer: bytes) -> bytes | int:
        octets = bytes(tx.row(i))
        if self.privileged:
            return octets
        own_port, port = _ports(octets, 0)
        if self._between(own_port, port, peer) is not None:
            return EADDRNOTAVAIL
        number = int.from_bytes(self._network.entropy(4), "big")  # the kernel chooses it
        self._open[tx.token[i]] = Connection(tx.token[i], source, peer, own_port, port, number)
        return octets[:4] + number.to_bytes(4, "big") + octets[8:]

    def _between(self, own_port: int, port: int, peer: bytes) -> Connection | None:
        wanted = own_port, port, peer
        return next((c for c in self._open.values() if (c.own_port, c.port, c.peer) == wanted), None)

    def _hear(self, packet: bytes, at: int) -> None:
        version = self.spec.version
        header = read_tcp(packet, at, len(packet))
        first, second, third = ADDRESSES_AT[version]
        peer, own = packet[first:second], packet[second:third]
        if header is None or not header.flags & ACK or not header.flags & (SYN | RST):
            return
        when, cost = self._clock.real(), queue_cost(len(packet) - at)
        if self.privileged:
            self._queue(rows.segment(0, when, cost, version, packet), packet, error=False)
            if header.flags & SYN:
                # No socket listens for it: the kernel resets (RFC 9293 section 3.10.7.1).
                self._reset(own, peer, header.destination_port, header.source_port, header.acknowledgment)
            return
        connection = self._between(header.destination_port, header.source_port, peer)
        if connection is None or header.acknowledgment != connection.number + 1 & 0xFFFFFFFF:
            return
        errno = 0 if header.flags & SYN else ECONNREFUSED
        connection.accepted = None if errno else header.acknowledgment
        self._queue(
            Row(
                0, 0, b"", 0, RowKind.CONNECTION, peer, errno=errno, token=connection.token, original=peer
            )._replace(own_port=connection.own_port, port=connection.port),
            packet,
            error=False,
        )

    def _report(self, packet: bytes, message: bytes, quoted: int) -> None:
        version = self.spec.version
        own_port, port = _ports(message, quoted)
        first, second, third = ADDRESSES_AT[version]
        source, target = message[8 + first : 8 + second], message[8 + second : 8 + third]
        connection = self._between(own_port, port, target)
        number = int.from_bytes(message[quoted + 4 : quoted + 8], "big")
        # The kernel finds a connection by what the error quotes of it, and its number must be right.
        if connection is None or source != connection.source or number != connection.number:
            return
        cost = queue_cost(len(message) - 8)
        row = rows.error(0, self._clock.real(), cost, version, packet)
        row = row._replace(token=connection.token, own_port=own_port, port=port)
        self._queue(row, packet, error=True)

    def _reset(self, own: bytes, peer: bytes, own_port: int, port: int, number: int) -> None:
        reset = build_tcp(own_port, port, sequence=number, flags=RST, source=own, destination=peer)
        packet = ip_header(self.spec.version, TCP_HEADER, own, peer, 64, 0, 0, True, self.PROTOCOL) + reset
        self._network.carry(packet)  # nobody answers a reset

    def forget(self, token: int) -> None:
        """See `Transport.forget`: what was accepted is reset."""
        found = self._open.pop(token, None)
        if found is not None and found.accepted is not None:
            self._reset(found.source, found.peer, found.own_port, found.port, found.accepted)
