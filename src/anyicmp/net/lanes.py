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
from anyicmp.net import constants as c
from anyicmp.net import sockets
from anyicmp.net.stamping import try_stamps
from anyicmp.net.transport import SocketSpec

__all__ = ["ATTEMPTS", "DATA", "ERRORS", "Lanes", "own_fault", "reason"]

DATA, ROOM, ERRORS = c.EPOLLIN, c.EPOLLOUT, c.EPOLLERR

ATTEMPTS = 16
"""How often a call is repeated that failed by an error which an earlier probe may have left behind."""

LARGEST_ENTRY = 2304
"""Octets of receive buffer that an ICMP error takes at most: one of 1,280 octets (RFC 4443 section 2.4)."""

NEVER_LEFT_BEHIND = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.EPERM, errno.EINVAL})
"""Errors that no ICMP message leaves on a socket (ip(7), IP_RECVERR): they are of the very call."""

FEWER_ATTEMPTS = {errno.EMSGSIZE: 3}
"""Where each failed attempt puts one more entry on the error queue."""


def own_fault(fault: int, attempts: int) -> bool:
    """Whether the errno of a send call is the row's own after so many attempts, and not left from before."""
    return fault in NEVER_LEFT_BEHIND or attempts >= FEWER_ATTEMPTS.get(fault, ATTEMPTS)


def reason(fault: int, sock: socket.socket) -> int:
    """What `send` says of a row that was refused for good with this errno: that, or EAGAIN.

    `sock` has what the errors of the row's socket leave behind. A burst of ICMP errors leaves its errno
    faster than calls can be repeated, as when hundreds of neighbours are given up at once. While entries
    wait to be read, the errno may be theirs.
    """
    if fault in NEVER_LEFT_BEHIND or fault in FEWER_ATTEMPTS or sys.platform != "linux":
        return fault
    poll = select.poll()
    poll.register(sock, 0)  # an error condition shows unasked
    return errno.EAGAIN if poll.poll(0) else fault


class Lanes:
    """One or more sockets of one specification; the attributes are those of `Transport`.

    A private epoll descriptor stands for all of them: it is readable when a socket has data, an entry in
    its error queue or (if asked) room, and never shows an error condition itself. Event loops that poll
    the sockets themselves spin or go deaf on the error condition that stays until the queue is read.
    Where there is no epoll(7), the only socket stands for itself.
    """

    one_per_flow = False

    def __init__(self, spec: SocketSpec, raw: bool) -> None:
        """Raises what `open_socket` raises; then nothing is left open."""
        kernel_chooses = not raw and sys.platform == "linux"
        if not kernel_chooses and len(spec.identifiers) < spec.lanes:
            raise ValueError(f"{spec.lanes} lanes need {spec.lanes} identifiers, got {len(spec.identifiers)}")
        self.spec = spec
        self.privileged = raw
        self.sockets: list[socket.socket] = []
        self.senders = self.sockets
        self._poll: select.epoll | None = None
        self._served = 0
        lanes = spec.lanes
        try:
            while len(self.sockets) < lanes:
                lane = len(self.sockets)
                self.sockets.append(
                    sockets.open_socket(spec, raw, 0 if kernel_chooses else spec.identifiers[lane])
                )
                if sys.platform == "linux" and not lane:
                    lanes = spec.lanes_for(min(self._granted(socket.SO_RCVBUF, socket.SO_SNDBUF)))
            self._watch()
            if raw and spec.buffers and sys.platform == "linux":
                if spec.stamped:
                    # Stamps come to the socket that sent; so that one is read, and drops show there too.
                    for sock in self.sockets:
                        sockets.hear_errors(sock, spec.version)
                else:
                    self.senders = [sockets.open_sender(spec) for _ in self.sockets]
        except BaseException:
            self.close()
            raise
        self.identifiers: tuple[int, ...] = (
            tuple(int(sock.getsockname()[1]) for sock in self.sockets)
            if kernel_chooses
            else spec.identifiers[:lanes]
        )
        self.receive_buffer, self.send_buffer = self._granted(socket.SO_RCVBUF, socket.SO_SNDBUF)
        self.overfull = 0
        self.stamps, self.stamps_sending = (
            try_stamps(spec.version) if sys.platform == "linux" else (False, False)
        )
        self._dropped_before = [sockets.drops(sock) for sock in self.sockets]

    def _granted(self, *options: int) -> tuple[int, ...]:
        """Octets of buffer that the kernel granted to each lane."""
        return tuple(
            min(sock.getsockopt(socket.SOL_SOCKET, option) for sock in self.sockets) for option in options
        )

    def _watch(self) -> None:
        if sys.platform == "linux":
            self._poll, self._most = select.epoll(), len(self.sockets)
            for sock in self.sockets:
                self._poll.register(sock.fileno(), DATA)
            self._lane_of = {sock.fileno(): lane for lane, sock in enumerate(self.sockets)}
        elif len(self.sockets) > 1:
            raise UnsupportedError("more than one lane needs epoll(7)")

    def ready(self) -> tuple[int, int]:
        """A lane that has something to receive, and whether that is DATA, ERRORS or both; or (0, 0).

        Never blocks. One lane at a time, for rows of one lane are matched together; each has its turn.
        """
        if self._poll is None:
            return (0, DATA) if self.sockets else (0, 0)
        found = self._poll.poll(0, self._most)
        if self._most > 1 and len(found) > 1:
            found = self._in_turn(found)
        for descriptor, events in found:
            if events & ~ROOM:
                return self._lane_of[descriptor], events
        return 0, 0

    def _in_turn(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """That one of several lanes with something to receive whose turn it is."""
        lanes = {self._lane_of[one[0]]: one for one in found if one[1] & ~ROOM}
        if not lanes:
            return []
        self._served = min(lanes, key=lambda lane: (lane - self._served - 1) % self._most)
        return [lanes[self._served]]

    def look_into(self, lane: int) -> None:
        """Note whether a lane's error queue may have lost entries; to be called before it is read.

        Only of use where `SocketSpec.buffers` are: with many probes, which may be sent again.
        """
        if sockets.queued(self.sockets[lane]) + LARGEST_ENTRY > self.receive_buffer:
            self.overfull += 1

    def fileno(self) -> int:
        """See `Transport.fileno`. -1 once closed."""
        if self._poll is not None:
            return -1 if self._poll.closed else self._poll.fileno()
        return self.sockets[0].fileno() if self.sockets else -1

    def watch_writable(self, on: bool) -> None:
        """See `Transport.watch_writable`. Without epoll(7) it does nothing: the caller tries again later.

        Nor does it with sockets that only send, for the errors that nobody reads would wake us for ever.
        """
        if self.senders is self.sockets and self._poll is not None and not self._poll.closed:
            for sock in self.sockets:
                self._poll.modify(sock.fileno(), DATA | (ROOM if on else 0))

    def forget(self, token: int) -> None:
        """See `Transport.forget`: nothing is held open for a probe."""

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
        for sock in (*self.sockets, *self.senders):
            sock.close()
        self.sockets = self.senders = []
