"""SimulatedTransport: the sockets of a simulated host, with the ways of the kernel that matter to callers.

What it sends and hears are IP packets; which of their parts reach a row depends, as on Linux, on the kind
of socket (raw(7), icmp(7), ip(7)). What lies in the network is not its business.
"""

from __future__ import annotations

from collections import deque
from errno import EACCES, EMSGSIZE
from functools import partial
from typing import TYPE_CHECKING

from anyicmp.engine.room import queue_cost
from anyicmp.net.transport import SocketSpec
from anyicmp.testing import rows
from anyicmp.testing.rows import Row, header_length
from anyicmp.testing.topology import ADDRESSES_AT, HEADER, PROTOCOL, PROTOCOL_AT, REPLY, REQUEST, ip_header
from anyicmp.wire.batch import STAMP_TOKEN, UNSET, PacketBatch
from anyicmp.wire.checksum import checksum, pseudo_header_v6

if TYPE_CHECKING:
    from anyicmp.testing.network import SimulatedNetwork

__all__ = ["SimulatedTransport"]

BROADCAST = b"\xff\xff\xff\xff"
ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}


class SimulatedTransport:
    """One or more sockets in a `SimulatedNetwork`; see `net.transport.Transport` for the contract."""

    stamps = True
    one_per_flow: bool = False

    def __init__(self, network: SimulatedNetwork, spec: SocketSpec, *, privileged: bool) -> None:
        """Raises ValueError for raw sockets with fewer identifiers than lanes."""
        if privileged and len(spec.identifiers) < spec.lanes:
            raise ValueError(f"{spec.lanes} lanes need {spec.lanes} identifiers, got {len(spec.identifiers)}")
        self.spec = spec
        self.privileged = privileged
        self._network = network
        self.stamps_sending = network.stamps_sending
        self.receive_buffer = spec.receive_buffer or network.receive_buffer
        self.send_buffer = spec.send_buffer or network.send_buffer
        lanes = spec.lanes_for(min(self.receive_buffer, self.send_buffer))
        self.identifiers: tuple[int, ...] = self._identify(lanes)
        self._lanes = {identifier: lane for lane, identifier in enumerate(self.identifiers)}
        self.overfull = 0
        self.closed = False
        self._own = network.packed(spec.version)
        self._clock = network.clocks
        self._data: deque[Row] = deque()
        self._errors: deque[Row] = deque()
        self._used = [0] * lanes
        self._unsent = 0
        self._dropped = 0
        self._watching = False

    def _identify(self, lanes: int) -> tuple[int, ...]:
        return self.spec.identifiers[:lanes] if self.privileged else self._network.kernel_identifiers(lanes)

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
            self._errors.append(rows.stamp(tx.lane[i], self._clock.real(), tx.token[i] & STAMP_TOKEN))
        network.note(packet)
        for when, answer in network.carry(packet):
            self._clock.at(when, partial(self._arrive, answer))
        network.on_sent(packet)
        return 0

    def _packet(self, tx: PacketBatch, i: int, peer: bytes) -> bytes | int:
        """Row i as the IP packet that leaves, or the errno for which it does not."""
        version, network = self.spec.version, self._network
        if not self.spec.broadcast and peer == BROADCAST:
            return EACCES
        if errno := network.refusal(version, peer):
            return errno
        begin, lane = i * tx.slot, tx.lane[i]
        message = tx.data[begin : begin + tx.length[i]]
        source = tx.address(tx.local, i) if tx.has_local[i] else self.spec.source or self._own
        if not self.privileged:
            message[4:6] = self.identifiers[lane].to_bytes(2, "big")
        if version == 6 or not self.privileged:
            message[2:4] = b"\0\0"
            message[2:4] = self._checksum(message, source, peer).to_bytes(2, "big")
        if HEADER[version] + len(message) > network.mtu and self.spec.dont_fragment:
            if not self.privileged:
                when = self._clock.real()
                self._errors.append(rows.local_error(lane, when, version, bytes(message), peer, network.mtu))
                network.turns.readable()
            return EMSGSIZE
        try:
            header = ip_header(
                version,
                len(message),
                source,
                peer,
                64 if tx.hop_limit[i] == UNSET else tx.hop_limit[i],
                max(0, tx.traffic_class[i]),
                max(0, tx.flow_label[i]),
                bool(self.spec.dont_fragment),
            )
        except ValueError:
            return EMSGSIZE
        return header + message

    def _checksum(self, message: bytes | bytearray, source: bytes, destination: bytes) -> int:
        if self.spec.version == 4:
            return checksum(message)
        return checksum(pseudo_header_v6(source, destination, len(message), PROTOCOL[6]) + message)

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
        message = packet[header_length(packet) :]
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
        lane = self._lanes.get(int.from_bytes(about[4:6], "big"))
        if len(about) < 8 or lane is None:
            return
        cost, when = queue_cost(len(message) - 8), self._clock.real()
        queued = not self.privileged and about is not message
        if self.privileged and version == 4:
            row = rows.packet(lane, when, cost, packet)
        elif not queued:
            row = rows.message(lane, when, cost, version, packet)
        else:
            row = rows.error(lane, when, cost, version, packet)
        self._queue(row, packet, error=queued)

    def _queue(self, row: Row, packet: bytes, *, error: bool) -> None:
        """Put what a packet has become into the queue of a socket, if there is room."""
        if self._used[row.lane] + row.cost > self.receive_buffer:
            # No kernel counts what an error queue had no room for.
            self.overfull += error
            self._dropped += not error
            return
        self._used[row.lane] += row.cost
        (self._errors if error else self._data).append(row)
        self._network.turns.readable()
        self._network.on_arrival(packet)

    def _sound(self, packet: bytes, message: bytes) -> bool:
        """Whether the checksum is right (the kernel looks, except for raw IPv4 sockets)."""
        first, second, third = ADDRESSES_AT[self.spec.version]
        return not self._checksum(message, packet[first:second], packet[second:third])

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        if not self._errors and not self._data:
            return 0
        at, own = offset, self._own
        for queue in (self._errors, self._data):
            while queue and at < rx.capacity:
                row = queue.popleft()
                self._used[row.lane] -= row.cost
                row.write(rx, at, own)
                at += 1
        return at - offset

    # The rest of the contract.

    def fileno(self) -> int:
        """There is no descriptor: -1."""
        return -1

    def watch_writable(self, on: bool) -> None:
        """See `Transport.watch_writable`."""
        self._watching = on

    def forget(self, token: int) -> None:
        """See `Transport.forget`: nothing is held open for a probe."""

    def dropped(self) -> int:
        """See `Transport.dropped`."""
        return self._dropped

    def close(self) -> None:
        """See `Transport.close`."""
        self.closed = True
        self._data.clear()
        self._errors.clear()
