"""TCP probes without rights: the kernel connects, one socket a probe, and tells what became of it.

Two connections of one flow to one target cannot be under way at once (connect(2), EADDRNOTAVAIL). A socket is
closed when its probe is over, before the kernel would send its request again; what a target has accepted is
then reset. See tcp(7), ip(7).
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
from struct import pack

import attrs

from anyicmp.net import constants as c
from anyicmp.net import sockets
from anyicmp.net.flows import Flows
from anyicmp.net.reading import read_errors
from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, RowKind

__all__ = ["Connections"]

AT_ONCE = (0, errno.EINPROGRESS)
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)

RECEIVE_BUFFER = 1 << 19
"""Octets that stand for the connections that may be under way: some 400. Each has a buffer of its own."""


@attrs.define(eq=False)
class Connection:
    """A connection that is under way: its socket, its probe, whom it is with, and the ports."""

    sock: socket.socket
    token: int
    peer: bytes
    scope: int
    own_port: int
    port: int
    told: bool = False


class Connections(Flows):
    """TCP connection requests of the kernel's."""

    KIND = socket.SOCK_STREAM
    # A stream's stamps are of its data; a request to connect has none.
    CAN_STAMP_SENDING = False
    one_per_flow = True

    def _open(self) -> None:
        self._by_token: dict[int, Connection] = {}
        self._by_descriptor: dict[int, Connection] = {}
        self._at_once: list[tuple[Connection, int]] = []

    def _configure(self, sock: socket.socket) -> None:
        # It holds the port while connections come and go, which share it.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def _watch(self, sock: socket.socket) -> None:
        """What holds a port hears nothing."""

    def _granted(self, option: int) -> int:
        return RECEIVE_BUFFER

    def _drops(self) -> int:
        return 0

    def _send(self, tx: PacketBatch, i: int) -> int:
        own_port, port = self._ports(tx, i)
        self._hold(own_port)
        try:
            sock = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            if error.errno in NO_DESCRIPTORS and self._by_token:
                return errno.ENOBUFS  # those that are under way will end
            raise
        connection = Connection(sock, tx.token[i], tx.address(tx.peer, i), tx.scope[i], own_port, port)
        try:
            sock.setblocking(False)
            self._prepare(sock, tx, i)
            local = tx.address(tx.local, i) if tx.has_local[i] else self.spec.source or bytes(tx.width)
            sock.bind(self._name(local, own_port, tx.scope[i]))
            host, *rest = self._name(connection.peer, port, tx.scope[i])
            if tx.version == 6:
                rest[1] = max(0, tx.flow_label[i])
            fault = sock.connect_ex((host, *rest))
            if fault == errno.ECONNREFUSED and not sockets.queued(sock):
                self._at_once.append((connection, fault))
            elif fault not in AT_ONCE and not sockets.queued(sock):
                sock.close()
                return fault
            elif fault == 0:
                self._at_once.append((connection, 0))
            self._poll.register(sock.fileno(), select.EPOLLIN | select.EPOLLOUT)
        except BaseException:
            sock.close()
            raise
        self._by_token[connection.token] = self._by_descriptor[sock.fileno()] = connection
        return 0

    def _prepare(self, sock: socket.socket, tx: PacketBatch, i: int) -> None:
        sockets.configure(sock, self.spec, False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Closing it resets what was accepted and waits for nothing (socket(7), SO_LINGER).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("@ii", 1, 0))
        level, hops, traffic_class = (
            (c.SOL_IP, c.IP_TTL, c.IP_TOS)
            if tx.version == 4
            else (c.SOL_IPV6, c.IPV6_UNICAST_HOPS, c.IPV6_TCLASS)
        )
        if tx.hop_limit[i] != UNSET:
            sock.setsockopt(level, hops, tx.hop_limit[i])
        if tx.traffic_class[i] != UNSET:
            sock.setsockopt(level, traffic_class, tx.traffic_class[i])
        if tx.version == 6:
            sock.setsockopt(level, c.IPV6_FLOWINFO_SEND, 1)

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        at = offset
        while self._at_once and at < rx.capacity:
            at = self._tell(rx, at, *self._at_once.pop())
        for descriptor, events in self._poll.poll(0, max(1, rx.capacity)):
            connection = self._by_descriptor.get(descriptor)
            if connection is None or at == rx.capacity:
                continue
            begin = at
            if events & select.EPOLLERR:
                at = read_errors(connection.sock, rx, at, 0)
                for i in range(begin, at):
                    self._write(rx, i, connection)
                    rx.quoted[i] = Quoted.TRANSPORT
            fault = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if at > begin:
                self._silence(connection)
            elif fault == errno.ECONNREFUSED or (not fault and events & select.EPOLLOUT):
                at = self._tell(rx, at, connection, fault)
            elif events & (select.EPOLLHUP | select.EPOLLERR):
                self._silence(connection)  # it gave up, and nobody has said why
        return at - offset

    def _tell(self, rx: PacketBatch, at: int, connection: Connection, fault: int) -> int:
        self._silence(connection)
        if connection.told:
            return at
        connection.told = True
        rx.kind[at], rx.lane[at], rx.errno[at] = RowKind.CONNECTION, 0, fault
        rx.start[at] = rx.length[at] = rx.truncated[at] = rx.quoted[at] = rx.extension[at] = 0
        rx.has_local[at] = rx.interface[at] = rx.when[at] = rx.plain[at] = 0
        rx.hop_limit[at] = rx.traffic_class[at] = rx.flow_label[at] = UNSET
        rx.scope[at], width = connection.scope, rx.width
        ours = slice(at * width, (at + 1) * width)
        rx.peer[ours] = rx.reporter[ours] = rx.original[ours] = connection.peer
        self._write(rx, at, connection)
        return at + 1

    def _write(self, rx: PacketBatch, i: int, connection: Connection) -> None:
        rx.token[i], rx.own_port[i], rx.port[i] = connection.token, connection.own_port, connection.port

    def _silence(self, connection: Connection) -> None:
        """Look at it no more; its probe's end closes it."""
        with contextlib.suppress(OSError, ValueError):
            self._poll.unregister(connection.sock.fileno())

    def forget(self, token: int) -> None:
        """See `Transport.forget`."""
        connection = self._by_token.pop(token, None)
        if connection is not None:
            del self._by_descriptor[connection.sock.fileno()]
            connection.sock.close()

    def close(self) -> None:
        """See `Transport.close`."""
        for token in list(getattr(self, "_by_token", ())):
            self.forget(token)
        super().close()
