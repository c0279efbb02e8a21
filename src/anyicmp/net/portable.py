"""The contract with one datagram a call, by the standard library's socket alone.

Tried on Linux, where it gives the same rows as `mmsg.py`, error queue included. On macOS and Windows it
uses the documented interfaces and is not tried. What control messages mean is in `ancillary.py`.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from errno import EINVAL
from typing import Any

from anyicmp.net import constants as c
from anyicmp.net.ancillary import (
    ERROR_HEADER,
    Message,
    messages_to_send,
    note,
    note_error,
    past_headers,
    stamp_wish,
)
from anyicmp.net.lanes import ATTEMPTS, Lanes, own_fault
from anyicmp.net.sockets import FAMILY
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind

__all__ = ["PortableTransport"]

CONTROL = 256
SENDS_CONTROL = hasattr(socket.socket, "sendmsg") and sys.platform == "linux"
RECEIVES_CONTROL = hasattr(socket.socket, "recvmsg_into")
WAITS_NEVER: int = getattr(socket, "MSG_DONTWAIT", 0)
TRUNCATED: int = getattr(socket, "MSG_TRUNC", 0)
# Where datagram sockets too deliver the IPv4 header (macOS, icmp(4)).
HEADER_ALWAYS = sys.platform == "darwin"

Received = tuple[int, list[tuple[int, int, bytes]], int, Any]


class PortableTransport(Lanes):
    """`Transport` by sendmsg(2) and recvmsg(2), or sendto and recvfrom where those are missing."""

    def __init__(self, spec: SocketSpec, raw: bool) -> None:
        super().__init__(spec, raw)
        self._has_header = spec.version == 4 and (raw or HEADER_ALWAYS)
        self._family = FAMILY[spec.version]
        self._source = spec.source or bytes(4 if spec.version == 4 else 16)

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        for i in range(start, stop):
            if fault := self._send(tx, i):
                return i - start, fault
        return stop - start, 0

    def _send(self, tx: PacketBatch, i: int) -> int:
        host = socket.inet_ntop(self._family, tx.address(tx.peer, i))
        name = (host, 0) if tx.version == 4 else (host, 0, 0, tx.scope[i])
        asked: tuple[Message, ...] = messages_to_send(
            tx.version,
            tx.hop_limit[i],
            tx.traffic_class[i],
            tx.flow_label[i],
            tx.address(tx.local, i) if tx.has_local[i] else self._source,
            tx.interface[i],
        )
        if tx.stamped[i] and self.stamps_sending:
            asked += stamp_wish(tx.token[i])
        sock, octets, fault = self.senders[tx.lane[i]], tx.row(i), 0
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if not SENDS_CONTROL:
                    # Fields of one packet alone can be set on Linux only; the socket's own stay.
                    sock.sendto(octets, name)
                else:
                    sock.sendmsg([octets], asked, WAITS_NEVER, name)
            except OSError as error:
                fault = error.errno or EINVAL
                if own_fault(fault, attempt):
                    break
            else:
                return 0
        return fault

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        at = offset
        for lane, failed in self.ready():
            if failed:
                self.look_into(lane)
                at = self._drain(rx, at, lane, c.MSG_ERRQUEUE, ERROR_HEADER, self._note_error)
            # Also after an error alone: only this clears the condition that wakes us.
            at = self._drain(rx, at, lane, 0, 0, self._note)
        return at - offset

    def _drain(
        self,
        rx: PacketBatch,
        at: int,
        lane: int,
        flags: int,
        skip: int,
        write: Callable[[PacketBatch, int, int, Received], None],
    ) -> int:
        sock, slot, arena, stale = self.sockets[lane], rx.slot, memoryview(rx.data), 0
        while at < rx.capacity and stale < ATTEMPTS:
            room = arena[at * slot + skip : (at + 1) * slot]
            try:
                if RECEIVES_CONTROL:
                    received: Received = sock.recvmsg_into([room], CONTROL, flags | WAITS_NEVER)
                else:
                    octets, name = sock.recvfrom_into(room)
                    received = octets, [], 0, name
            except BlockingIOError:
                break
            except OSError:
                stale += 1  # a sticky error, which this call has consumed
                continue
            write(rx, at, lane, received)
            at += 1
        return at

    def _note(self, rx: PacketBatch, i: int, lane: int, received: Received) -> None:
        length, messages, flags, name = received
        rx.length[i], rx.start[i], rx.lane[i] = length, 0, lane
        rx.kind[i] = RowKind.ICMP
        rx.truncated[i] = bool(flags & TRUNCATED)
        rx.quoted[i] = rx.has_local[i] = 0
        rx.extension[i] = rx.interface[i] = rx.errno[i] = 0
        rx.traffic_class[i] = rx.flow_label[i] = UNSET
        self._name(rx, i, rx.peer, name)
        rx.scope[i] = name[3] if rx.version == 6 else 0
        width = rx.width
        rx.reporter[i * width : (i + 1) * width] = rx.peer[i * width : (i + 1) * width]
        note(rx, i, messages)
        if self._has_header:
            past_headers(rx, i, i + 1)

    def _note_error(self, rx: PacketBatch, i: int, lane: int, received: Received) -> None:
        length, messages, flags, name = received
        note_error(rx, i, length, lane, messages)
        rx.truncated[i] = bool(flags & TRUNCATED)
        if self.privileged and rx.kind[i] == RowKind.ERROR:
            rx.kind[i] = RowKind.LOCAL_ERROR  # it comes as a packet too
        rx.scope[i] = 0
        if name:
            self._name(rx, i, rx.original, name)
            rx.scope[i] = name[3] if rx.version == 6 else 0

    def _name(self, rx: PacketBatch, i: int, column: bytearray, name: Any) -> None:
        # Link-local addresses come with "%interface" behind them.
        packed = socket.inet_pton(self._family, name[0].partition("%")[0])
        column[i * rx.width : (i + 1) * rx.width] = packed
