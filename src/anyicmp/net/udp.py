"""UDP probes through sockets: with the kernel's header and its error queue, or raw.

A datagram socket is told of an error what followed the quoted UDP header, often nothing; a row says so, and
names the ports that the socket knows. See udp(7), ip(7), raw(7).
"""

from __future__ import annotations

import select
import socket

from anyicmp.net import sockets
from anyicmp.net.ancillary import messages_to_send
from anyicmp.net.flows import Flows, RawFlows
from anyicmp.net.reading import read_errors, read_rows
from anyicmp.net.transport import SocketSpec, Transport
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind
from anyicmp.wire.ports import UDP_HEADER

__all__ = ["open_udp"]


class DatagramUdp(Flows):
    """UDP probes without rights: the kernel writes the headers."""

    def _send(self, tx: PacketBatch, i: int) -> int:
        own_port, port = self._ports(tx, i)
        sock = self._hold(own_port)
        local = tx.address(tx.local, i) if tx.has_local[i] else self.spec.source or bytes(tx.width)
        fields = tx.hop_limit[i], tx.traffic_class[i], tx.flow_label[i]
        asked = messages_to_send(tx.version, *fields, local, tx.interface[i]) + self._wish(tx, i)
        name = self._name(tx.address(tx.peer, i), port, tx.scope[i])
        return self._push(sock, tx.row(i)[UDP_HEADER:], asked, name)

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`. Sticky errors are consumed with the data."""
        at = offset
        for descriptor, events in self._poll.poll(0):
            port, begin = self._port_of[descriptor], at
            sock = self._sockets[port]
            if events & select.EPOLLERR:
                at = read_errors(sock, rx, at, 0)
                for i in range(begin, at):
                    rx.quoted[i] = Quoted.PAYLOAD
            at = read_rows(sock, rx, at, 0, RowKind.DATA, has_header=False)
            for i in range(begin, at):
                rx.own_port[i] = port
        return at - offset


class RawUdp(RawFlows):
    """UDP probes whose headers are the method's; the ports are held, and hear what targets answer."""

    def _configure(self, sock: socket.socket) -> None:
        sockets.configure(sock, self.spec, True)

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        at = offset
        for descriptor, events in self._poll.poll(0):
            if descriptor in self._port_of:
                port, begin = self._port_of[descriptor], at
                at = read_rows(self._sockets[port], rx, at, 0, RowKind.DATA, has_header=False)
                for i in range(begin, at):
                    rx.own_port[i] = port
            elif descriptor == self._errors.fileno():
                at = read_rows(self._errors, rx, at, 0, RowKind.ICMP, has_header=rx.version == 4)
            else:
                at = self._read_sender(rx, at, events)
        return at - offset


def open_udp(spec: SocketSpec, raw: bool) -> Transport:
    """Open what the specification asks for. Raises PermissionError for raw sockets without the right."""
    return RawUdp(spec, raw) if raw else DatagramUdp(spec, raw)
