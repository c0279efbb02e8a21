"""Linux: many packets with one system call, sendmmsg(2) and recvmmsg(2), straight from a batch's arena.

Here are the calls and what their errors mean; the arrays they take are in `arrays.py`, what is copied into
and out of them in `outgoing.py`, `incoming.py` and `error_queue.py`. No clock, no event loop.
"""

from __future__ import annotations

import ctypes
import sys
from errno import EAGAIN

from anyicmp.net import constants as c
from anyicmp.net.error_queue import Errors
from anyicmp.net.incoming import Incoming
from anyicmp.net.lanes import ATTEMPTS, DATA, ERRORS, Lanes, own_fault, reason
from anyicmp.net.outgoing import Outgoing
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import PacketBatch

__all__ = ["BatchedTransport", "available"]

NEVER_WAIT, FROM_ERRORS = c.MSG_DONTWAIT, c.MSG_DONTWAIT | c.MSG_ERRQUEUE

MANY = 8
"""So many transmit stamps are handed over alone: the engine takes them by columns."""


def available() -> bool:
    """Whether this is Linux with 8-octet pointers, the one layout that this file writes."""
    return (
        sys.platform == "linux"
        and ctypes.sizeof(ctypes.c_void_p) == ctypes.sizeof(ctypes.c_long) == 8
        and hasattr(ctypes.CDLL(None), "sendmmsg")
        and hasattr(ctypes.CDLL(None), "recvmmsg")
    )


if available():
    # Without types for their arguments: to convert each costs more than the rest of the call. A number is
    # taken for a C int then, so what is a pointer must be one.
    _libc = ctypes.CDLL(None, use_errno=True)
    _sendmmsg, _recvmmsg = _libc.sendmmsg, _libc.recvmmsg


class BatchedTransport(Lanes):
    """`Transport` by sendmmsg(2) and recvmmsg(2)."""

    def __init__(self, spec: SocketSpec, raw: bool) -> None:
        super().__init__(spec, raw)
        self._has_header = raw and spec.version == 4
        self._inward = [sock.fileno() for sock in self.sockets]
        self._outward = [sock.fileno() for sock in self.senders]

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        arrays = tx.arrays
        if not isinstance(arrays, Outgoing) or arrays.owner is not self:
            arrays = tx.arrays = Outgoing(tx, self, self.spec.source, stamps=self.stamps_sending)
        if stop - start == 1 and tx.header[start] is arrays.headers[start]:
            arrays.fill_again(tx, start)
        else:
            arrays.fill(tx, start, stop)
        at, attempts = start, 0
        while at < stop:
            lane = tx.lane[at]
            n = stop - at
            if n > 1:
                n -= len(tx.lane[at:stop].lstrip(bytes((lane,))))
            sent = _sendmmsg(self._outward[lane], arrays.pointers[at], n, NEVER_WAIT)
            if sent > 0:
                at, attempts = at + sent, 0
                continue
            # A first row that fails leaves nothing sent, and only then does the kernel tell why.
            fault, attempts = ctypes.get_errno(), attempts + 1
            if own_fault(fault, attempts):
                return at - start, reason(fault, self.sockets[lane])
        return at - start, 0

    def close(self) -> None:
        """See `Transport.close`."""
        super().close()
        # The system gives these numbers to others now.
        self._inward = self._outward = []

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`. The first call with a batch makes its arrays, whether or not rows wait."""
        incoming = rx.arrays
        if not isinstance(incoming, Incoming) or incoming.owner is not self:
            incoming = rx.arrays = Incoming(rx, self, self._has_header)
        lane, events = self.ready()
        if not events:
            return 0
        at, descriptor = offset, self._inward[lane]
        if events & ERRORS:
            errors = incoming.errors
            if errors is None:
                errors = incoming.errors = Errors(rx, has_errors_as_packets=self.privileged)
            if self.spec.buffers:
                self.look_into(lane)
            got: int = _recvmmsg(descriptor, errors.pointers[at], rx.capacity - at, FROM_ERRORS, None)
            if got > 0:
                at += got
                stamps = got == 1 and errors.drain_stamp(rx, offset, lane)
                # Stamps leave no condition that a read of the data must clear, as errors do.
                if (stamps or errors.drain(rx, offset, at, lane)) and (got >= MANY or not events & DATA):
                    return at - offset
        # Also after an error alone: only this call clears the condition that wakes us.
        stale = 0
        while at < rx.capacity and stale < ATTEMPTS:
            got = _recvmmsg(descriptor, incoming.pointers[at], rx.capacity - at, NEVER_WAIT, None)
            if got == 1:
                incoming.drain_one(rx, at, lane)
                return at + 1 - offset
            if got > 0:
                incoming.drain(rx, at, at + got, lane)
                return at + got - offset
            if ctypes.get_errno() == EAGAIN:
                break
            stale += 1
        return at - offset
