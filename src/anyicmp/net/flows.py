"""Probes with ports: the sockets of one transport, by the port of this host that they hold.

What UDP and TCP share, through raw sockets or not: a socket for each flow, opened when its first probe leaves
and kept, all behind one descriptor. What leaves through them, and what is heard, is in `udp.py`, `tcp.py` and
`connections.py`. Linux only.
"""

from __future__ import annotations

import errno
import select
import socket
import sys

from anyicmp.errors import UnsupportedError
from anyicmp.net import constants as c
from anyicmp.net import filters, sockets
from anyicmp.net.ancillary import messages_to_send, stamp_wish
from anyicmp.net.lanes import ATTEMPTS, own_fault, reason
from anyicmp.net.reading import WAITS_NEVER, read_errors, read_rows
from anyicmp.net.sockets import FAMILY, TRANSPORT
from anyicmp.net.stamping import try_stamps
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind
from anyicmp.wire.ip import build_ipv4_header

__all__ = ["Flows", "RawFlows"]

MOST_FLOWS = 256
"""Ports held at once; the one that was used longest ago is given back for the next."""

CHECKSUM_AT = {"udp": 6, "tcp": 16}
HOP_LIMIT = 64
"""What a header says where the hop limit was left to the kernel: its default (ip(7))."""


class Flows:
    """Sockets by port; the attributes are those of `Transport`."""

    CAN_STAMP_SENDING = True
    one_per_flow = False
    overfull = 0
    KIND = socket.SOCK_DGRAM

    def __init__(self, spec: SocketSpec, raw: bool) -> None:
        """Raises what opening a socket raises; then nothing is left open."""
        if sys.platform != "linux":
            raise UnsupportedError(f"the method {spec.method!r} is known to work on Linux only")
        self.spec, self.privileged = spec, raw
        self._family = FAMILY[spec.version]
        self._sockets: dict[int, socket.socket] = {}
        self._port_of: dict[int, int] = {}
        self._poll = select.epoll()
        try:
            self._open()
            first = self._hold(0)
        except BaseException:
            self.close()
            raise
        self.identifiers: tuple[int, ...] = (int(first.getsockname()[1]),)
        self.receive_buffer = self._granted(socket.SO_RCVBUF)
        self.send_buffer = self._granted(socket.SO_SNDBUF)
        self.stamps, leaving = try_stamps(spec.version)
        self.stamps_sending = leaving and self.CAN_STAMP_SENDING
        self._dropped_before = self._drops()

    # Sockets.

    def _open(self) -> None:
        """Open the sockets that all flows share."""

    def _shared(self) -> list[socket.socket]:
        """Those of them that hear answers."""
        return []

    def _granted(self, option: int) -> int:
        heard = [*self._shared(), *self._sockets.values()]
        return min(sock.getsockopt(socket.SOL_SOCKET, option) for sock in heard)

    def _configure(self, sock: socket.socket) -> None:
        """Set what a socket that holds a port needs."""
        sockets.configure(sock, self.spec, self.privileged)

    def _hold(self, port: int) -> socket.socket:
        """The socket that holds a port, or one of the kernel's choice for 0. Raises OSError."""
        sock = self._sockets.pop(port, None)
        if sock is None:
            if len(self._sockets) >= MOST_FLOWS:
                self._give_back(next(iter(key for key in self._sockets if key not in self.identifiers)))
            sock = socket.socket(self._family, self.KIND)
            try:
                sock.setblocking(False)
                self._configure(sock)
                sock.bind(self._name(self.spec.source or bytes(4 if self.spec.version == 4 else 16), port))
            except BaseException:
                sock.close()
                raise
            port = int(sock.getsockname()[1])
            self._port_of[sock.fileno()] = port
            self._watch(sock)
        self._sockets[port] = sock
        return sock

    def _give_back(self, port: int) -> None:
        sock = self._sockets.pop(port)
        del self._port_of[sock.fileno()]
        sock.close()  # which takes it off the epoll descriptor too

    def _watch(self, sock: socket.socket) -> None:
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def _name(self, packed: bytes, port: int, scope: int = 0) -> tuple[object, ...]:
        host = socket.inet_ntop(self._family, packed)
        return (host, port) if self.spec.version == 4 else (host, port, 0, scope)

    # Out.

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        for i in range(start, stop):
            try:
                fault = self._send(tx, i)
            except OSError as error:
                fault = error.errno or errno.EINVAL
            if fault:
                return i - start, fault
        return stop - start, 0

    def _send(self, tx: PacketBatch, i: int) -> int:
        """Send row i; returns the errno, 0 where it left. Raises OSError for a port that cannot be held."""
        raise NotImplementedError

    def _push(
        self,
        sock: socket.socket,
        octets: bytes | memoryview,
        asked: tuple[tuple[int, int, bytes], ...],
        name: tuple[object, ...],
    ) -> int:
        fault = 0
        for attempt in range(1, ATTEMPTS + 1):
            try:
                sock.sendmsg([octets], asked, WAITS_NEVER, name)
            except OSError as error:
                fault = error.errno or errno.EINVAL
                if own_fault(fault, attempt):
                    return reason(fault, sock)
            else:
                return 0
        return fault

    def _wish(self, tx: PacketBatch, i: int) -> tuple[tuple[int, int, bytes], ...]:
        """What has the kernel tell when row i leaves, if that is asked for."""
        return stamp_wish(tx.token[i]) if tx.stamped[i] and self.stamps_sending else ()

    def _ports(self, tx: PacketBatch, i: int) -> tuple[int, int]:
        """This host's port and the target's, as the row's header has them."""
        at, data = i * tx.slot, tx.data
        return data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]

    # The rest of the contract.

    def fileno(self) -> int:
        """See `Transport.fileno`. -1 once closed."""
        return -1 if self._poll.closed else self._poll.fileno()

    def watch_writable(self, on: bool) -> None:
        """See `Transport.watch_writable`. There are many sockets: the caller tries again later."""

    def forget(self, token: int) -> None:
        """See `Transport.forget`: nothing is held open for a probe."""

    def _drops(self) -> int:
        return sum(map(sockets.drops, [*self._shared(), *self._sockets.values()]))

    def dropped(self) -> int:
        """See `Transport.dropped`. Ports that were given back are not counted any longer."""
        return max(0, self._drops() - self._dropped_before)

    def close(self) -> None:
        """See `Transport.close`."""
        self._poll.close()
        for port in list(self._sockets):
            self._give_back(port)


class RawFlows(Flows):
    """Probes with ports whose whole header is the method's; errors come to a raw ICMP socket."""

    def _open(self) -> None:
        spec = self.spec
        self._errors = sockets.open_socket(spec, True, 0)
        try:
            self._sender = socket.socket(self._family, socket.SOCK_RAW, TRANSPORT[spec.method])
        except BaseException:
            self._errors.close()
            raise
        self._sender.setblocking(False)
        sockets.configure(self._sender, spec, True)
        if spec.version == 4:
            self._sender.setsockopt(c.SOL_IP, c.IP_HDRINCL, 1)
        else:
            # The kernel checks what comes, and completes what leaves with the source that it really has.
            self._sender.setsockopt(c.SOL_IPV6, c.IPV6_CHECKSUM, CHECKSUM_AT[spec.method])
        filters.attach_program(self._sender, self._heard_by_sender())
        sockets.empty(self._sender)
        self._watch(self._errors)
        self._watch(self._sender)

    def _heard_by_sender(self) -> bytes:
        """The filter of the socket that sends."""
        return filters.nothing()

    def _shared(self) -> list[socket.socket]:
        return [self._errors, self._sender]

    def _send(self, tx: PacketBatch, i: int) -> int:
        own_port, _ = self._ports(tx, i)
        self._hold(own_port)
        peer, octets = tx.address(tx.peer, i), tx.row(i)
        local = tx.address(tx.local, i) if tx.has_local[i] else self.spec.source or bytes(tx.width)
        if tx.version == 6:
            fields = tx.hop_limit[i], tx.traffic_class[i], tx.flow_label[i]
            asked = messages_to_send(6, *fields, local, tx.interface[i])
            asked += self._wish(tx, i)
            return self._push(self._sender, octets, asked, self._name(peer, 0, tx.scope[i]))
        try:
            header = build_ipv4_header(
                source=local,
                destination=peer,
                protocol=TRANSPORT[self.spec.method],
                payload_length=len(octets),
                ttl=HOP_LIMIT if tx.hop_limit[i] == UNSET else tx.hop_limit[i],
                traffic_class=max(0, tx.traffic_class[i]),
                identification=max(0, tx.identification[i]),
                dont_fragment=bool(self.spec.dont_fragment),
            )
        except ValueError:
            return errno.EMSGSIZE
        asked = messages_to_send(4, UNSET, UNSET, UNSET, bytes(4), tx.interface[i]) + self._wish(tx, i)
        return self._push(self._sender, header + bytes(octets), asked, self._name(peer, 0))

    def _read_sender(self, rx: PacketBatch, at: int, events: int) -> int:
        """Write what came to the socket that sends to rows from `at` on; returns the row behind the last."""
        if events & select.EPOLLERR:
            at = read_errors(self._sender, rx, at, 0, raw=True)  # stamps of what has left
        # Also after these alone: only this clears an error of sending.
        has_header = rx.version == 4 and self.spec.method == "tcp"
        return read_rows(self._sender, rx, at, 0, RowKind.DATA, has_header=has_header)

    def close(self) -> None:
        """See `Transport.close`."""
        super().close()
        for sock in self._shared() if hasattr(self, "_sender") else ():
            sock.close()
