"""SimulatedTransport: the sockets of a simulated host, with the ways of the kernel that matter to callers.

What it sends and hears are IP packets; which of their parts reach a row depends, as on Linux, on the kind
of socket (raw(7), icmp(7), ip(7)). What lies in the network is not its business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from errno import EACCES, EHOSTUNREACH, EMSGSIZE, EPROTO
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import attrs

from anyicmp.engine.room import queue_cost
from anyicmp.net.transport import SocketSpec
from anyicmp.testing.topology import ADDRESSES_AT, HEADER, PROTOCOL, REPLY, REQUEST, TTL_AT, ip_packet, seal
from anyicmp.wire.batch import STAMP_TOKEN, UNSET, PacketBatch, Quoted, RowKind
from anyicmp.wire.checksum import checksum, pseudo_header_v6
from anyicmp.wire.extension import parse_extensions

if TYPE_CHECKING:
    from anyicmp.testing.network import SimulatedNetwork

__all__ = ["SimulatedTransport"]

INTERFACE = 1
REBUILT = 8
QUOTED_MINIMUM = 128
PROTOCOL_AT = {4: 9, 6: 6}
ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
ERRNO = {3: EHOSTUNREACH, 11: EHOSTUNREACH, 12: EPROTO, 1: EHOSTUNREACH, 2: EMSGSIZE, 4: EPROTO}
"""The errno that Linux gives to an error by its type; close enough, for nothing is decided by it."""


@attrs.define
class Arrival:
    """Something in a socket's queue: a row to be, with the octets that it takes of the buffer."""

    lane: int
    packet: bytes
    when: int
    cost: int
    write: Callable[[PacketBatch, int, Arrival], None]
    kind: RowKind = RowKind.ICMP
    errno: int = 0
    token: int = 0
    original: bytes = b""


class SimulatedTransport:
    """One or more sockets in a `SimulatedNetwork`; see `net.transport.Transport` for the contract."""

    stamps = True

    def __init__(self, network: SimulatedNetwork, spec: SocketSpec, *, privileged: bool) -> None:
        """Raises ValueError for raw sockets with fewer identifiers than lanes."""
        if privileged and len(spec.identifiers) < spec.lanes:
            raise ValueError(f"{spec.lanes} lanes need {spec.lanes} identifiers, got {len(spec.identifiers)}")
        self.spec = spec
        self.privileged = privileged
        self.stamps_sending = network.stamps_sending
        self.identifiers: tuple[int, ...] = (
            spec.identifiers[: spec.lanes] if privileged else network.kernel_identifiers(spec.lanes)
        )
        self.receive_buffer = spec.receive_buffer or network.receive_buffer
        self.send_buffer = network.send_buffer
        self.closed = False
        self._network = network
        self._clock = network.clocks
        self._data: deque[Arrival] = deque()
        self._errors: deque[Arrival] = deque()
        self._used = [0] * spec.lanes
        self._unsent = 0
        self._dropped = 0
        self._watching = False

    # Out.

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        most = min(stop, start + self._network.rows_per_call)
        for i in range(start, most):
            if errno := self._send(tx, i):
                return i - start, errno
        return max(0, most - start), 0

    def _send(self, tx: PacketBatch, i: int) -> int:
        """Send row i; returns the errno, 0 where it left."""
        network, peer = self._network, tx.address(tx.peer, i)
        packet = self._packet(tx, i, peer)
        if isinstance(packet, int):
            return packet
        if network.bandwidth is not None:
            if self._unsent + len(packet) > self.send_buffer:
                return network.when_full
            self._unsent += len(packet)
            self._clock.after(self._unsent / network.bandwidth, lambda: self._has_left(len(packet)))
        if self.stamps_sending and tx.stamped[i]:
            stamp = Arrival(
                tx.lane[i],
                b"",
                self._clock.real(),
                0,
                _write_stamp,
                RowKind.STAMP,
                token=tx.token[i] & STAMP_TOKEN,
            )
            self._errors.append(stamp)
        network.sent.append(packet)
        for delay, answer in network.carry(packet):
            self._clock.after(delay, lambda answer=answer: self._arrive(answer))  # type: ignore[misc]
        network.on_sent(packet)
        return 0

    def _packet(self, tx: PacketBatch, i: int, peer: bytes) -> bytes | int:
        """Row i as the IP packet that leaves, or the errno for which it does not."""
        version, network = self.spec.version, self._network
        if not self.spec.broadcast and version == 4 and peer == IPv4Address(0xFFFFFFFF).packed:
            return EACCES
        if errno := network.refusal(version, peer):
            return errno
        message = bytes(tx.row(i))
        if not self.privileged:
            message = message[:4] + self.identifiers[tx.lane[i]].to_bytes(2, "big") + message[6:]
        source = (
            tx.address(tx.local, i)
            if tx.has_local[i]
            else self.spec.source or network.address(version).packed
        )
        if version == 6 or not self.privileged:
            message = seal(message, version, source, peer)
        size = HEADER[version] + len(message)
        if size > network.mtu and self.spec.dont_fragment:
            if not self.privileged:
                self._errors.append(self._too_large(tx.lane[i], message, peer))
                network.turns.readable()
            return EMSGSIZE
        try:
            return ip_packet(
                message,
                version,
                source,
                peer,
                hop_limit=64 if tx.hop_limit[i] == UNSET else tx.hop_limit[i],
                traffic_class=max(0, tx.traffic_class[i]),
                flow_label=max(0, tx.flow_label[i]),
                dont_fragment=bool(self.spec.dont_fragment),
            )
        except ValueError:
            return EMSGSIZE

    def _too_large(self, lane: int, message: bytes, peer: bytes) -> Arrival:
        """What the own kernel queues for a packet that is larger than the interface's MTU."""
        kind, code = (3, 4) if self.spec.version == 4 else (2, 0)
        rebuilt = bytes([kind, code, 0, 0]) + self._network.mtu.to_bytes(4, "big") + message
        return Arrival(
            lane,
            rebuilt,
            self._clock.real(),
            0,
            _write_local_error,
            RowKind.LOCAL_ERROR,
            errno=EMSGSIZE,
            original=peer,
        )

    def _has_left(self, octets: int) -> None:
        self._unsent -= octets
        if self._watching and not self.closed:
            self._network.turns.readable()

    # In.

    def _arrive(self, packet: bytes) -> None:
        """What the kernel does with a packet: check it, find its socket, queue it there, wake the reader."""
        if self.closed:
            return
        version = self.spec.version
        message = packet[_header(packet) :]
        if not message or not ((self.privileged and version == 4) or self._sound(packet, message)):
            return
        if message[0] == REPLY[version]:
            about = message
        elif message[0] in ERRORS[version]:
            quoted = message[8:]
            about = quoted[HEADER[version] :]
            if about[:1] != bytes([REQUEST[version]]) or quoted[PROTOCOL_AT[version]] != PROTOCOL[version]:
                return
        else:
            return
        identifier = int.from_bytes(about[4:6], "big")
        if len(about) < 8 or identifier not in self.identifiers:
            return
        lane = self.identifiers.index(identifier)
        cost = queue_cost(len(message) - 8)
        if self._used[lane] + cost > self.receive_buffer:
            self._dropped += 1
            return
        self._used[lane] += cost
        if self.privileged or about is message:
            write = _write_packet if self.privileged and version == 4 else _write_message
            self._data.append(Arrival(lane, packet, self._clock.real(), cost, write))
        else:
            self._errors.append(
                Arrival(
                    lane,
                    packet,
                    self._clock.real(),
                    cost,
                    _write_error,
                    RowKind.ERROR,
                    errno=ERRNO[message[0]],
                )
            )
        self._network.turns.readable()
        self._network.on_arrival(packet)

    def _sound(self, packet: bytes, message: bytes) -> bool:
        """Whether the checksum is right (the kernel looks, except for raw IPv4 sockets)."""
        if self.spec.version == 4:
            return not checksum(message)
        first, second, third = ADDRESSES_AT[6]
        pseudo = pseudo_header_v6(packet[first:second], packet[second:third], len(message), 58)
        return not checksum(pseudo + message)

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        at = offset
        for queue in (self._errors, self._data):
            while queue and at < rx.capacity:
                arrival = queue.popleft()
                self._used[arrival.lane] -= arrival.cost
                self._clear(rx, at, arrival)
                arrival.write(rx, at, arrival)
                at += 1
        return at - offset

    def _clear(self, rx: PacketBatch, i: int, arrival: Arrival) -> None:
        rx.kind[i], rx.lane[i], rx.when[i] = arrival.kind, arrival.lane, arrival.when
        rx.errno[i], rx.token[i] = arrival.errno, arrival.token
        rx.hop_limit[i] = rx.traffic_class[i] = rx.flow_label[i] = UNSET
        rx.start[i] = rx.extension[i] = rx.truncated[i] = rx.quoted[i] = rx.scope[i] = rx.length[i] = 0
        rx.has_local[i] = 1
        rx.interface[i] = INTERFACE
        nowhere, own = bytes(rx.width), self._network.address(rx.version).packed
        for column, address in ((rx.peer, nowhere), (rx.reporter, nowhere), (rx.local, own)):
            _put(rx, column, i, address)
        _put(rx, rx.original, i, arrival.original or nowhere)

    # The rest of the contract.

    def fileno(self) -> int:
        """There is no descriptor: -1."""
        return -1

    def watch_writable(self, on: bool) -> None:
        """See `Transport.watch_writable`."""
        self._watching = on

    def dropped(self) -> int:
        """See `Transport.dropped`."""
        return self._dropped

    def close(self) -> None:
        """See `Transport.close`."""
        self.closed = True
        self._data.clear()
        self._errors.clear()


def _put(rx: PacketBatch, column: bytearray, i: int, address: bytes) -> None:
    column[i * rx.width : (i + 1) * rx.width] = address


def _octets(rx: PacketBatch, i: int, octets: bytes) -> None:
    kept = octets[: rx.slot]
    rx.data[i * rx.slot : i * rx.slot + len(kept)] = kept
    rx.length[i] = len(kept)
    rx.truncated[i] = len(kept) < len(octets)


def _header(packet: bytes) -> int:
    """Octets of the IP header, IPv4 options included; no extension headers come with IPv6 here."""
    return (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else HEADER[6]


def _sender(rx: PacketBatch, packet: bytes) -> tuple[bytes, int]:
    first, second, _ = ADDRESSES_AT[rx.version]
    return packet[first:second], packet[TTL_AT[rx.version]]


def _write_message(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    packet = arrival.packet
    source, rx.hop_limit[i] = _sender(rx, packet)
    _put(rx, rx.peer, i, source)
    _put(rx, rx.reporter, i, source)
    _octets(rx, i, packet[_header(packet) :])


def _write_packet(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    # A raw IPv4 socket delivers the IP header too.
    packet = arrival.packet
    source, rx.hop_limit[i] = _sender(rx, packet)
    rx.traffic_class[i] = packet[1]
    _put(rx, rx.peer, i, source)
    _put(rx, rx.reporter, i, source)
    _octets(rx, i, packet)
    rx.start[i] = min(_header(packet), rx.length[i])


def _write_error(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    # The quoted IP header is withheld; of it the socket knows the destination (ip(7), IP_RECVERR).
    packet, header = arrival.packet, HEADER[rx.version]
    message = packet[_header(packet) :]
    quoted = message[8:]
    source, rx.hop_limit[i] = _sender(rx, packet)
    _, begin, end = ADDRESSES_AT[rx.version]
    _put(rx, rx.peer, i, source)
    _put(rx, rx.reporter, i, source)
    _put(rx, rx.original, i, quoted[begin:end])
    _octets(rx, i, message[:2] + b"\0\0" + message[4:8] + quoted[header:])
    rx.quoted[i] = Quoted.TRANSPORT
    length_at, unit = (5, 4) if rx.version == 4 else (4, 8)
    length = message[length_at] * unit
    if length >= QUOTED_MINIMUM and len(quoted) > length and parse_extensions(quoted[length:]):
        rx.extension[i] = REBUILT + length - header


def _write_local_error(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    rx.quoted[i] = Quoted.TRANSPORT
    _octets(rx, i, arrival.packet)


def _write_stamp(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    pass  # the columns say it all
