"""The sockets of one transport, behind one descriptor: what all ways of sending and receiving share.

Here they are opened, watched, counted and closed. How rows move through them is in `mmsg.py` and
`portable.py`; how one socket is configured is in `sockets.py`.
"""

from __future__ import annotations

import errno
import select
import socket
import sys

from anyicmp.errors import UnsupportedError
from anyicmp.net import sockets
from anyicmp.net.stamping import try_stamps
from anyicmp.net.transport import SocketSpec

__all__ = ["ATTEMPTS", "Lanes", "own_fault"]

ATTEMPTS = 16
"""How often a call is repeated that failed by an error which an earlier probe may have left behind."""

NEVER_LEFT_BEHIND = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.EPERM, errno.EINVAL})
"""Errors that no ICMP message leaves on a socket (ip(7), IP_RECVERR): they are of the very call."""

FEWER_ATTEMPTS = {errno.EMSGSIZE: 3}
"""Where each failed attempt puts one more entry on the error queue."""


def own_fault(fault: int, attempts: int) -> bool:
    """Whether the errno of a send call is the row's own after so many attempts, and not left from before."""
    return fault in NEVER_LEFT_BEHIND or attempts >= FEWER_ATTEMPTS.get(fault, ATTEMPTS)


class Lanes:
    """One or more sockets of one specification; the attributes are those of `Transport`.

    A private epoll descriptor stands for all of them: it is readable when a socket has data, an entry in
    its error queue or (if asked) room, and never shows an error condition itself. Event loops that poll
    the sockets themselves spin or go deaf on the error condition that stays until the queue is read.
    Where there is no epoll(7), the only socket stands for itself.
    """

    def __init__(self, spec: SocketSpec, raw: bool) -> None:
        """Raises what `open_socket` raises; then nothing is left open."""
        kernel_chooses = not raw and sys.platform == "linux"
        if not kernel_chooses and len(spec.identifiers) < spec.lanes:
            raise ValueError(f"{spec.lanes} lanes need {spec.lanes} identifiers, got {len(spec.identifiers)}")
        if spec.method != "icmp":
            raise UnsupportedError(f"there are no sockets for the method {spec.method!r}")
        self.spec = spec
        self.privileged = raw
        self.sockets: list[socket.socket] = []
        self._poll: select.epoll | None = None
        try:
            for lane in range(spec.lanes):
                self.sockets.append(
                    sockets.open_socket(spec, raw, 0 if kernel_chooses else spec.identifiers[lane])
                )
            self._watch()
        except BaseException:
            self.close()
            raise
        self.identifiers: tuple[int, ...] = (
            tuple(int(sock.getsockname()[1]) for sock in self.sockets)
            if kernel_chooses
            else spec.identifiers[: spec.lanes]
        )
        self.receive_buffer = min(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for sock in self.sockets
        )
        self.send_buffer = min(sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for sock in self.sockets)
        self.stamps, self.stamps_sending = (
            try_stamps(spec.version) if sys.platform == "linux" else (False, False)
        )
        self._dropped_before = [sockets.drops(sock) for sock in self.sockets]

    def _watch(self) -> None:
        if sys.platform == "linux":
            self._poll = select.epoll()
            for sock in self.sockets:
                self._poll.register(sock.fileno(), select.EPOLLIN)
            self._lane_of = {sock.fileno(): lane for lane, sock in enumerate(self.sockets)}
        elif len(self.sockets) > 1:
            raise UnsupportedError("more than one lane needs epoll(7)")

    def ready(self) -> list[tuple[int, bool]]:
        """The lanes that have something to receive, and whether an error is among it. Never blocks."""
        if self._poll is None:
            return [(0, False)] if self.sockets else []
        found = self._poll.poll(0, len(self.sockets))
        return [
            (self._lane_of[descriptor], bool(events & select.EPOLLERR))
            for descriptor, events in found
            if events & ~select.EPOLLOUT
        ]

    def fileno(self) -> int:
        """See `Transport.fileno`. -1 once closed."""
        if self._poll is not None:
            return -1 if self._poll.closed else self._poll.fileno()
        return self.sockets[0].fileno() if self.sockets else -1

    def watch_writable(self, on: bool) -> None:
        """See `Transport.watch_writable`. Without epoll(7) it does nothing: the caller tries again later."""
        if self._poll is not None and not self._poll.closed:
            for sock in self.sockets:
                self._poll.modify(sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if on else 0))

    def dropped(self) -> int:
        """See `Transport.dropped`. A raw socket also counts packets that its filter would have refused."""
        return sum(
            (sockets.drops(sock) - before) & 0xFFFFFFFF
            for sock, before in zip(self.sockets, self._dropped_before, strict=False)
        )

    def close(self) -> None:
        """See `Transport.close`."""
        if self._poll is not None:
            self._poll.close()
        for sock in self.sockets:
            sock.close()
        self.sockets = []
