"""SimulatedTransport: the sockets of a simulated host, with the ways of the kernel that matter to callers.

What it sends and hears are IP packets; which of their parts reach a row depends, as on Linux, on the kind
of socket (raw(7), icmp(7), ip(7)). What lies in the network is not its business.
"""

from __future__ import annotations

from collections import deque
from errno import EACCES, EMSGSIZE
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Any

from anyicmp.engine.room import SMALL, queue_cost
from anyicmp.net.transport import SocketSpec
from anyicmp.testing import rows
from anyicmp.testing.rows import header_length
from anyicmp.testing.topology import HEADER, PROTOCOL, PROTOCOL_AT, REPLY, REQUEST, Host
from anyicmp.testing.ways import Known, Ways
from anyicmp.wire.batch import STAMP_TOKEN, PacketBatch
from anyicmp.wire.checksum import checksum, pseudo_header_v6

if TYPE_CHECKING:
    from anyicmp.testing.network import SimulatedNetwork

__all__ = ["SimulatedTransport"]

BROADCAST = b"\xff\xff\xff\xff"
ADDRESS = {4: Struct("4s").iter_unpack, 16: Struct("16s").iter_unpack}
note = object.__setattr__

Heard = tuple[bytes, bytes, bytes]
"""A reply that is on its way: the octets of its row, peer, and IP header."""

ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}


class SimulatedTransport:
    """One or more sockets in a `SimulatedNetwork`; see `net.transport.Transport` for the contract.

    Attributes:
        ways: what is known of rows that have left.
    """

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
        self._written = [identifier.to_bytes(2, "big") for identifier in self.identifiers]
        self._lanes = {identifier: lane for lane, identifier in enumerate(self._written)}
        self.overfull = 0
        self.closed = False
        self._own = network.packed(spec.version)
        self._reply = REPLY[spec.version]
        self._whole = privileged and spec.version == 4
        """The IP header is delivered, and no checksum looked at (raw(7))."""
        self._clock = network.clocks
        self._data: deque[tuple[Any, ...]] = deque()
        self._errors: deque[tuple[Any, ...]] = deque()
        self.ways = Ways(network, spec, spec.source or self._own, whole=self._whole)
        self._used = [0] * lanes
        self._unsent = 0
        self._dropped = 0
        self._watching = False

    def _identify(self, lanes: int) -> tuple[int, ...]:
        return self.spec.identifiers[:lanes] if self.privileged else self._network.kernel_identifiers(lanes)

    # Out.

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        network, raw, width = self._network, self.privileged, tx.width
        headers, lengths = tx.header, tx.length
        watched = network.on_sent or network.on_arrival
        looks = network.listening or network.bandwidth is not None
        together: list[Heard] = []
        ways: dict[bytes, Known] = {}
        of: object | None = None
        length = delay = lane = -1
        form: tuple[Any, ...] = ()
        written = b""
        most = min(stop, start + network.rows_per_call)
        for i, (peer,) in enumerate(ADDRESS[width](tx.peer[start * width : most * width]), start):
            if headers[i] is not of or of is None or lengths[i] != length:
                of, length = headers[i], lengths[i]
                ways = self.ways.like(tx, i, length)
            begin = i * tx.slot
            message = tx.data[begin : begin + length]
            if tx.lane[i] != lane:
                lane, delay = tx.lane[i], -1
                written = self._written[lane]
            if not raw:
                message[4:6] = written
            known = ways.get(peer)
            if known is None:
                found = self._find_way(tx, i, message, peer)
                if isinstance(found, int):
                    return i - start, found
                known, ways = found, self.ways.known
            header, course, formed, host = known
            if width == 16:
                self._seal(message, tx, i, peer)
            # A checksum that is right stays as it is, also where the kernel would write it.
            reply = None if course is None or looks else course.reply(message)
            if course is None or reply is None or (raw and message[4:6] != written):
                if not self._whole:
                    self._seal(message, tx, i, peer)
                if errno := self._leave(tx, i, header + message):
                    return i - start, errno
                delay = -1
                if network.on_sent is not None:
                    of = None  # it may have changed the network
                continue
            if self.stamps_sending and tx.stamped[i]:
                self._stamp(lane, tx.token[i] & STAMP_TOKEN)
            if host is not None:
                note(host, "heard", host.heard + 1)  # nobody need hear of it
            packet = header + message
            network.sent.append(packet)
            back = course.header
            heard = (back + reply if self._whole else reply), peer, back
            # Replies of one form that come at one time are one event, unless time may be moved in between.
            if course.delay == delay and formed is form and not watched:
                together.append(heard)
            else:
                delay, form, together = course.delay, formed, [heard]
                self._clock.later(delay, partial(self._hear_replies, lane, form, together))
            if network.on_sent is not None:
                network.on_sent(packet)
                of = None
        network.keep_few()
        return max(0, most - start), 0

    def _find_way(self, tx: PacketBatch, i: int, message: bytearray, peer: bytes) -> Known | int:
        """What is not known of a row yet, or the errno for which it does not leave."""
        network, version, host = self._network, self.spec.version, self._network.host(peer)
        if errno := self._refusal(peer, host):
            return errno
        if len(message) + HEADER[version] > network.mtu and self.spec.dont_fragment:
            if not self.privileged:
                self._seal(message, tx, i, peer)
                when = self._clock.real()
                self._errors.append(
                    rows.local_error(tx.lane[i], when, version, bytes(message), peer, network.mtu)
                )
                network.turns.readable()
            return EMSGSIZE
        try:
            return self.ways.find(tx, i, len(message), peer, host)
        except ValueError:
            return EMSGSIZE

    def _refusal(self, peer: bytes, host: Host | None) -> int:
        """The errno with which nothing may be sent to an address and the host there, or 0."""
        if peer == BROADCAST and not self.spec.broadcast:
            return EACCES
        return 0 if host is None else host.errno

    def _seal(self, message: bytearray, tx: PacketBatch, i: int, peer: bytes) -> None:
        """Write the checksum of row i's ICMP message into it."""
        message[2:4] = b"\0\0"
        covered: bytes | bytearray = message
        if self.spec.version == 6:
            source = self.ways.source(tx, i)
            covered = pseudo_header_v6(source, peer, len(message), PROTOCOL[6]) + message
        message[2:4] = checksum(covered).to_bytes(2, "big")

    def _leave(self, tx: PacketBatch, i: int, packet: bytes) -> int:
        """Send what row i has become; returns the errno, 0 where it left."""
        network = self._network
        if network.bandwidth is not None:
            if self._unsent + len(packet) > self.send_buffer:
                return network.when_full
            self._unsent += len(packet)
            self._clock.after(self._unsent / network.bandwidth, lambda: self._has_left(len(packet)))
        if self.stamps_sending and tx.stamped[i]:
            self._stamp(tx.lane[i], tx.token[i] & STAMP_TOKEN)
        for when, answer in network.carry(packet):
            self._clock.at(when, partial(self._arrive, answer))
            if network.listening:
                self._clock.at(when, partial(network.hear, answer))
        if network.on_sent is not None:
            network.on_sent(packet)
        return 0

    def _stamp(self, lane: int, token: int) -> None:
        """Queue the stamp of a packet that leaves now, if there is room."""
        if self._used[lane] + SMALL <= self.receive_buffer:
            self._used[lane] += SMALL
            self._errors.append(rows.stamp(lane, self._clock.real(), SMALL, token))

    def _has_left(self, octets: int) -> None:
        self._unsent -= octets
        if self._watching and not self.closed:
            self._network.turns.readable()

    # In.

    def _arrive(self, packet: bytes) -> None:
        """What the kernel does with a packet: check it, find its socket, queue it there, wake the reader."""
        if self.closed:
            return
        version, at = self.spec.version, header_length(packet)
        message = packet[at:]
        if not self._whole:
            covered = message
            if version == 6:
                covered = pseudo_header_v6(packet[8:24], packet[24:40], len(message), PROTOCOL[6]) + message
            if checksum(covered):
                return
        if not message:
            return
        if message[0] == self._reply:
            queued, about = False, message
        elif message[0] in ERRORS[version]:
            queued, quoted = not self.privileged, message[8:]
            about = quoted[HEADER[version] :]
            if about[:1] != bytes([REQUEST[version]]) or quoted[PROTOCOL_AT[version]] != PROTOCOL[version]:
                return
        else:
            return
        lane = self._lanes.get(about[4:6])
        if lane is None or len(about) < 8:
            return
        cost, when = queue_cost(len(message) - 8), self._clock.real()
        if self._whole:
            row = rows.packet(lane, when, cost, packet, at)
        elif queued:
            row = rows.error(lane, when, cost, version, packet)
        else:
            row = rows.message(lane, when, cost, version, packet, message)
        self._queue(row, packet, error=queued)

    def _hear_replies(self, lane: int, form: tuple[Any, ...], replies: list[Heard]) -> None:
        """The same with replies to requests that took ways on which nothing happens.

        They come at the same time, and are queued as one (`rows.drain`).
        """
        network, n, cost = self._network, len(replies), form[0]
        if n > 1 and network.on_arrival is not None:
            for reply in replies:
                self._hear_replies(lane, form, [reply])
            return
        if self.closed:
            return
        fit = max(0, self.receive_buffer - self._used[lane]) // cost
        if fit < n:
            self._dropped += n - fit
            n, replies = fit, replies[:fit]
        if n:
            self._used[lane] += cost * n
            self._data.append((form, lane, self._clock.real(), replies))
            network.turns.readable()
            if network.on_arrival is not None:
                octets, _, header = replies[0]
                network.on_arrival(octets if self._whole else header + octets)

    def _queue(self, row: tuple[Any, ...], packet: bytes, *, error: bool) -> None:
        """Put what a packet has become into the queue of a socket, if there is room."""
        lane, cost = row[0], row[3]
        used = self._used[lane] + cost
        if used > self.receive_buffer:
            # No kernel counts what an error queue had no room for.
            self.overfull += error
            self._dropped += not error
            return
        self._used[lane] = used
        (self._errors if error else self._data).append(row)
        self._network.turns.readable()
        if self._network.on_arrival is not None:
            self._network.on_arrival(packet)

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        at = offset
        if self._errors:
            at = rows.drain(self._errors, rx, at, self._own, self._used)
        if self._data:
            at = rows.drain(self._data, rx, at, self._own, self._used)
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
