"""Linux: many packets with one system call, sendmmsg(2) and recvmmsg(2), straight from a batch's arena.

Here are the calls and what their errors mean; the arrays they take are in `arrays.py` and `error_queue.py`,
the meaning of control messages in `ancillary.py`. No clock, no event loop.
"""

from __future__ import annotations

import ctypes
import sys
from errno import EAGAIN
from weakref import WeakKeyDictionary

from anyicmp.net import constants as c
from anyicmp.net.arrays import HEADER, Incoming, Outgoing
from anyicmp.net.error_queue import Errors
from anyicmp.net.lanes import ATTEMPTS, Lanes, own_fault
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import PacketBatch, RowKind

__all__ = ["BatchedTransport", "available"]

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
    _libc = ctypes.CDLL(None, use_errno=True)
    _sendmmsg, _recvmmsg = _libc.sendmmsg, _libc.recvmmsg
    _sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
    _recvmmsg.argtypes = [*_sendmmsg.argtypes, ctypes.c_void_p]


class BatchedTransport(Lanes):
    """`Transport` by sendmmsg(2) and recvmmsg(2)."""

    def __init__(self, spec: SocketSpec, raw: bool) -> None:
        super().__init__(spec, raw)
        self._has_header = raw and spec.version == 4
        self._outgoing: WeakKeyDictionary[PacketBatch, Outgoing] = WeakKeyDictionary()
        self._incoming: WeakKeyDictionary[PacketBatch, Incoming] = WeakKeyDictionary()
        self._errors: WeakKeyDictionary[PacketBatch, Errors] = WeakKeyDictionary()

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        arrays = self._outgoing.get(tx)
        if arrays is None:
            arrays = self._outgoing[tx] = Outgoing(tx, self.spec.source, stamps=self.stamps_sending)
        arrays.fill(tx, start, stop)
        at, attempts = start, 0
        while at < stop:
            lane = tx.lane[at]
            end = stop - len(tx.lane[at:stop].lstrip(bytes((lane,))))
            sent = _sendmmsg(
                self.senders[lane].fileno(), arrays.address + HEADER * at, end - at, c.MSG_DONTWAIT
            )
            if sent > 0:
                at, attempts = at + sent, 0
                continue
            # A first row that fails leaves nothing sent, and only then does the kernel tell why.
            fault, attempts = ctypes.get_errno(), attempts + 1
            if own_fault(fault, attempts):
                return at - start, fault
        return at - start, 0

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`. The first call with a batch makes its arrays, whether or not rows wait."""
        incoming = self._incoming.get(rx)
        if incoming is None:
            incoming = self._incoming[rx] = Incoming(rx, self._has_header)
            self._errors[rx] = Errors(rx, has_errors_as_packets=self.privileged)
        at = offset
        for lane, failed in self.ready():
            if failed and at < rx.capacity:
                at = self._receive_errors(rx, at, lane)
                if at - offset >= MANY and rx.kind.count(RowKind.STAMP, offset, at) == at - offset:
                    break
            # Also after an error alone: only this call clears the condition that wakes us.
            if at < rx.capacity:
                at = self._receive(incoming, rx, at, lane)
        return at - offset

    def _receive(self, arrays: Incoming, rx: PacketBatch, at: int, lane: int) -> int:
        for _ in range(ATTEMPTS):
            if got := self._call(rx, arrays.address, at, lane, 0):
                arrays.drain(rx, at, at + got, lane)
                return at + got
            if ctypes.get_errno() == EAGAIN:
                break
        return at

    def _receive_errors(self, rx: PacketBatch, at: int, lane: int) -> int:
        arrays = self._errors[rx]
        self.look_into(lane)
        if got := self._call(rx, arrays.address, at, lane, c.MSG_ERRQUEUE):
            arrays.drain(rx, at, at + got, lane)
        return at + got

    def _call(self, rx: PacketBatch, headers: int, at: int, lane: int, flags: int) -> int:
        """How many messages were received into the rows from `at` on; 0 where the call failed."""
        room, descriptor = rx.capacity - at, self.sockets[lane].fileno()
        got: int = _recvmmsg(descriptor, headers + HEADER * at, room, flags | c.MSG_DONTWAIT, None)
        return max(got, 0)
