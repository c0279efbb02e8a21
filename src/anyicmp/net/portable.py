"""The contract with one datagram a call, by the standard library's socket alone.

Tried on Linux, where it gives the same rows as `mmsg.py`, error queue included. On macOS and Windows it
uses the documented interfaces and is not tried. What control messages mean is in `ancillary.py`.
"""

from __future__ import annotations

import socket
import sys
from errno import EINVAL

from anyicmp.net.ancillary import Message, messages_to_send, stamp_wish
from anyicmp.net.lanes import ATTEMPTS, ERRORS, Lanes, own_fault, reason
from anyicmp.net.reading import WAITS_NEVER, read_errors, read_rows
from anyicmp.net.sockets import FAMILY
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import PacketBatch, RowKind

__all__ = ["PortableTransport"]

SENDS_CONTROL = hasattr(socket.socket, "sendmsg") and sys.platform == "linux"
# Where datagram sockets too deliver the IPv4 header (macOS, icmp(4)).
HEADER_ALWAYS = sys.platform == "darwin"


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
                    return reason(fault, self.sockets[tx.lane[i]])
            else:
                return 0
        return fault

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        lane, events = self.ready()
        if not events:
            return 0
        at = offset
        if events & ERRORS:
            if self.spec.buffers:
                self.look_into(lane)
            at = read_errors(self.sockets[lane], rx, at, lane, raw=self.privileged)
        # Also after an error alone: only this clears the condition that wakes us.
        at = read_rows(self.sockets[lane], rx, at, lane, RowKind.ICMP, has_header=self._has_header)
        return at - offset
