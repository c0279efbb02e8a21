"""TCP probes through raw sockets; without rights the kernel connects instead (`connections.py`).

The port of a flow is held by a socket that never listens, so that no other connection gets it, and the kernel
answers what a target accepts with a reset: nothing is left half open. See tcp(7), raw(7).
"""

from __future__ import annotations

import socket

from anyicmp.net import filters
from anyicmp.net.connections import Connections
from anyicmp.net.flows import RawFlows
from anyicmp.net.reading import read_rows
from anyicmp.net.transport import SocketSpec, Transport
from anyicmp.wire.batch import PacketBatch, RowKind

__all__ = ["open_tcp"]


class RawTcp(RawFlows):
    """TCP connection requests whose headers are the method's."""

    KIND = socket.SOCK_STREAM

    def _configure(self, sock: socket.socket) -> None:
        """It hears nothing and sends nothing."""

    def _watch(self, sock: socket.socket) -> None:
        if sock.type == socket.SOCK_RAW:
            super()._watch(sock)

    def _granted(self, option: int) -> int:
        return min(sock.getsockopt(socket.SOL_SOCKET, option) for sock in self._shared())

    def _heard_by_sender(self) -> bytes:
        return filters.refusals(self.spec.version)

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        at = offset
        for descriptor, events in self._poll.poll(0):
            if descriptor == self._errors.fileno():
                at = read_rows(self._errors, rx, at, 0, RowKind.ICMP, has_header=rx.version == 4)
            else:
                at = self._read_sender(rx, at, events)
        return at - offset


def open_tcp(spec: SocketSpec, raw: bool) -> Transport:
    """Open what the specification asks for. Raises PermissionError for raw sockets without the right."""
    return RawTcp(spec, raw) if raw else Connections(spec, raw)
