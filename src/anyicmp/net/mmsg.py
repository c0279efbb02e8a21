"""Linux: many packets with one system call, sendmmsg(2) and recvmmsg(2), straight from a batch's arena.

The kernel's arrays are built once for each batch, and per call only columns are copied into them and out
of them, by strided slices. What control messages mean is in `ancillary.py`. No clock, no event loop.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from errno import EAGAIN
from typing import Any
from weakref import WeakKeyDictionary

from anyicmp.net import constants as c
from anyicmp.net.ancillary import ERROR_HEADER, messages_to_send, note, note_error, pack_messages, past_headers, walk
from anyicmp.net.lanes import ATTEMPTS, OWN_FAULT, Lanes
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import UNSET, PacketBatch

__all__ = ["BatchedTransport", "available"]

# struct mmsghdr and struct iovec of an LP64 ABI, counted in 8-octet words (W) and 4-octet halves (H):
# name, namelen, iov, iovlen, control, controllen, flags, length.
HEADER_W, HEADER_H = 8, 16
NAME_W, IOV_W, IOVLEN_W, CONTROL_W, CONTROLLEN_W = 0, 2, 3, 4, 5
NAMELEN_H, FLAGS_H, LENGTH_H = 2, 12, 14
IOVEC_W = 2
LOW_HALF = 0 if sys.byteorder == "little" else 1
LOW_OCTET = 0 if sys.byteorder == "little" else 1

# struct sockaddr_in and sockaddr_in6: (size, halves before the address, halves of address), and the scope.
NAME = {4: (16, 1, 1), 6: (28, 2, 4)}
FAMILY = {4: 2, 6: 10}
SCOPE_H = 6

CONTROL_OUT = 128
CONTROL_IN = 64  # a timestamp and a hop limit
CONTROL_ERROR = 256

SECOND = 1_000_000_000


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


def _address(octets: bytearray) -> int:
    # The ctypes object dies at once but its buffer stays: the caller holds a memoryview for as long.
    return ctypes.addressof((ctypes.c_char * len(octets)).from_buffer(octets))


class _Arrays:
    """The kernel's arrays for the rows of one batch: headers, iovecs, names, control buffers.

    It holds views of the batch's columns, which pins their size, but not the batch.
    """

    def __init__(self, batch: PacketBatch, control: int, skip: int) -> None:
        """`control`: octets of control buffer a row; `skip`: octets of each row left free in front."""
        n, slot = batch.capacity, batch.slot
        self.name_size, self.name_at, self.name_halves = NAME[batch.version]
        self.name_stride = self.name_size // 4
        headers, iovecs = bytearray(8 * HEADER_W * n), bytearray(8 * IOVEC_W * n)
        names, controls = bytearray(self.name_size * n), bytearray(control * n)
        # Views first: they pin the buffers before any address is taken.
        self.words, self.halves = memoryview(headers).cast("Q"), memoryview(headers).cast("I")
        self.iovecs, self.iovec_halves = memoryview(iovecs).cast("Q"), memoryview(iovecs).cast("I")
        self.names = memoryview(names).cast("I")
        self.control, self.control_size = memoryview(controls), control
        self.control_words = self.control.cast("Q")
        self.arena = memoryview(batch.data)
        self.peer = memoryview(batch.peer).cast("I")
        self.scope, self.length = memoryview(batch.scope), memoryview(batch.length)
        self.address, self.octets = _address(headers), memoryview(headers)
        data, iov, name, ctl = map(_address, (batch.data, iovecs, names, controls))

        def every(start: int, step: int) -> array[int]:
            return array("Q", range(start, start + step * n, step))

        def put(column: int, values: array[int]) -> None:
            self.words[column::HEADER_W] = memoryview(values)

        self.iovecs[0::IOVEC_W] = memoryview(every(data + skip, slot))
        self.iovecs[1::IOVEC_W] = memoryview(array("Q", [slot - skip]) * n)
        self.names[0 :: self.name_stride] = memoryview(
            array("I", [int.from_bytes(FAMILY[batch.version].to_bytes(2, sys.byteorder) + b"\0\0", sys.byteorder)])
            * n
        )
        put(NAME_W, every(name, self.name_size))
        put(IOV_W, every(iov, 8 * IOVEC_W))
        put(IOVLEN_W, array("Q", [1]) * n)
        put(CONTROL_W, every(ctl, control))
        put(CONTROLLEN_W, array("Q", [control]) * n)
        self.halves[NAMELEN_H::HEADER_H] = memoryview(array("I", [self.name_size]) * n)
        self.fresh = bytes(headers)

    def renew(self, a: int, b: int) -> None:
        """Headers a to b as they were: the kernel wrote lengths and flags into them."""
        self.octets[8 * HEADER_W * a : 8 * HEADER_W * b] = self.fresh[8 * HEADER_W * a : 8 * HEADER_W * b]

    def copy_names(self, column: memoryview, a: int, b: int, *, out: bool) -> None:
        """Addresses between a packed column and the names of rows a to b; `out` is towards the kernel."""
        stride, k = self.name_stride, self.name_halves
        for half in range(k):
            ours = slice(k * a + half, k * b, k)
            theirs = slice(stride * a + self.name_at + half, stride * b, stride)
            if out:
                self.names[theirs] = column[ours]
            else:
                column[ours] = self.names[theirs]
        if k == 4:
            theirs = slice(stride * a + SCOPE_H, stride * b, stride)
            if out:
                self.names[theirs] = self.scope[a:b]
            else:
                self.scope[a:b] = self.names[theirs]


class _Outgoing(_Arrays):
    """Arrays to send from."""

    def __init__(self, batch: PacketBatch, source: bytes | None) -> None:
        super().__init__(batch, CONTROL_OUT, 0)
        self.source = source or bytes(batch.width)
        self.words[CONTROLLEN_W::HEADER_W] = memoryview(array("Q", bytes(8 * batch.capacity)))
        self.plain = True
        self.asks = (
            memoryview(batch.hop_limit).cast("B"),
            memoryview(batch.traffic_class).cast("B"),
            memoryview(batch.flow_label).cast("B"),
            memoryview(batch.has_local),
            memoryview(batch.interface).cast("B"),
        )
        unset = b"\xff" * (2 * batch.capacity)
        self.silence = (unset, unset, unset * 2, bytes(batch.capacity), bytes(4 * batch.capacity))

    def fill(self, tx: PacketBatch, a: int, b: int) -> None:
        """Copy what rows a to b say."""
        self.iovec_halves[2 * IOVEC_W * a + 2 + LOW_HALF : 2 * IOVEC_W * b : 2 * IOVEC_W] = self.length[a:b]
        self.copy_names(self.peer, a, b, out=True)
        n = b - a
        quiet = all(
            view[size * a : size * b] == none[: size * n]
            for view, none, size in zip(self.asks, self.silence, (2, 2, 4, 1, 4), strict=True)
        )
        if quiet and self.plain:
            return
        if quiet:
            self.words[CONTROLLEN_W::HEADER_W] = memoryview(array("Q", bytes(8 * tx.capacity)))
            self.plain = True
            return
        self.plain = False
        width, size = tx.width, self.control_size
        for i in range(a, b):
            control = pack_messages(
                messages_to_send(
                    tx.version,
                    tx.hop_limit[i],
                    tx.traffic_class[i],
                    tx.flow_label[i],
                    bytes(tx.local[width * i : width * (i + 1)]) if tx.has_local[i] else self.source,
                    tx.interface[i],
                )
            )
            self.control[size * i : size * i + len(control)] = control
            self.words[HEADER_W * i + CONTROLLEN_W] = len(control)


class _Incoming(_Arrays):
    """Arrays to receive into; knows the one control layout that a socket's options make the kernel write."""

    def __init__(self, batch: PacketBatch, has_header: bool) -> None:
        super().__init__(batch, CONTROL_IN, 0)
        n, version = batch.capacity, batch.version
        self.has_header = has_header
        self.hop_words = memoryview(batch.hop_limit)
        self.hop_octets, self.class_octets = self.hop_words.cast("B"), memoryview(batch.traffic_class).cast("B")
        self.control_shorts = self.control.cast("h")
        kind = (c.SOL_IP, c.IP_TTL) if version == 4 else (c.SOL_IPV6, c.IPV6_HOPLIMIT)
        wanted = [(c.SOL_SOCKET, c.SO_TIMESTAMPNS)] + ([] if has_header else [kind])
        # Messages of 32 and 24 octets; level and type of each stand in its second word.
        self.layout = [
            (1 + 4 * k, b"".join(word.to_bytes(4, sys.byteorder) for word in pair) * n)
            for k, pair in enumerate(wanted)
        ]
        self.control_length = (32 if has_header else 56).to_bytes(8, sys.byteorder) * n
        self.no_flags = bytes(4 * n)
        self.twenty = array("I", [20]) * n
        self.version_5 = b"\x45" * n
        batch.traffic_class[:] = array("h", [UNSET]) * n
        batch.flow_label[:] = array("i", [UNSET]) * n

    def drain(self, rx: PacketBatch, a: int, b: int, lane: int) -> None:
        """Write the columns of rows a to b, which the kernel has just filled."""
        n, width = b - a, rx.width
        self.length[a:b] = self.halves[HEADER_H * a + LENGTH_H : HEADER_H * b : HEADER_H]
        self.copy_names(self.peer, a, b, out=False)
        zeros = bytes(4 * n)
        rx.lane[a:b] = bytes((lane,)) * n
        rx.kind[a:b] = rx.quoted[a:b] = rx.truncated[a:b] = rx.has_local[a:b] = bytes(n)
        rx.start[a:b] = rx.extension[a:b] = rx.interface[a:b] = array("I", zeros)
        rx.errno[a:b] = array("i", zeros)
        rx.reporter[width * a : width * b] = rx.peer[width * a : width * b]
        if self._as_expected(a, b):
            self._columns(rx, a, b)
        else:
            self._rows(rx, a, b)
        if self.has_header:
            self._headers(rx, a, b)
        self.renew(a, b)

    def _as_expected(self, a: int, b: int) -> bool:
        n = b - a
        words, control = self.words, self.control_words
        return (
            words[HEADER_W * a + CONTROLLEN_W : HEADER_W * b : HEADER_W].tobytes() == self.control_length[: 8 * n]
            and self.halves[HEADER_H * a + FLAGS_H : HEADER_H * b : HEADER_H].tobytes() == self.no_flags[: 4 * n]
            and all(
                control[HEADER_W * a + at : HEADER_W * b : HEADER_W].tobytes() == pair[: 8 * n]
                for at, pair in self.layout
            )
        )

    def _columns(self, rx: PacketBatch, a: int, b: int) -> None:
        control = self.control_words
        seconds = control[HEADER_W * a + 2 : HEADER_W * b : HEADER_W].tolist()
        nanoseconds = control[HEADER_W * a + 3 : HEADER_W * b : HEADER_W].tolist()
        rx.when[a:b] = array("q", [s * SECOND + ns for s, ns in zip(seconds, nanoseconds, strict=True)])
        if not self.has_header:
            # The hop limit is the int at octet 48 of the control buffer: its low half fits.
            low = 24 + LOW_OCTET
            self.hop_words[a:b] = self.control_shorts[32 * a + low : 32 * b : 32]

    def _rows(self, rx: PacketBatch, a: int, b: int) -> None:
        for i in range(a, b):
            rx.truncated[i] = bool(self.halves[HEADER_H * i + FLAGS_H] & c.MSG_TRUNC)
            note(rx, i, self.messages(i))

    def messages(self, i: int) -> Any:
        """The control messages of row i."""
        begin = i * self.control_size
        return walk(self.control, begin, begin + self.words[HEADER_W * i + CONTROLLEN_W])

    def _headers(self, rx: PacketBatch, a: int, b: int) -> None:
        n, slot, arena = b - a, rx.slot, self.arena
        if slot < 20 or arena[slot * a : slot * b : slot].tobytes() != self.version_5[:n] or min(rx.length[a:b]) < 20:
            past_headers(rx, a, b)
            return
        rx.start[a:b] = self.twenty[:n]
        self.hop_octets[2 * a : 2 * b] = self.class_octets[2 * a : 2 * b] = bytes(2 * n)
        self.hop_octets[2 * a + LOW_OCTET : 2 * b : 2] = arena[slot * a + 8 : slot * b : slot]
        self.class_octets[2 * a + LOW_OCTET : 2 * b : 2] = arena[slot * a + 1 : slot * b : slot]


class _Errors(_Arrays):
    """Arrays to read error queues into: each row keeps room for the header that is rebuilt in front."""

    def __init__(self, batch: PacketBatch) -> None:
        super().__init__(batch, CONTROL_ERROR, ERROR_HEADER)
        self.original = memoryview(batch.original).cast("I")

    def drain(self, rx: PacketBatch, a: int, b: int, lane: int) -> None:
        """Write rows a to b, which the kernel has just filled."""
        self.copy_names(self.original, a, b, out=False)
        width = rx.width
        for i in range(a, b):
            words, halves = self.words, self.halves
            begin = i * self.control_size
            messages = walk(self.control, begin, begin + words[HEADER_W * i + CONTROLLEN_W])
            note_error(rx, i, halves[HEADER_H * i + LENGTH_H], lane, messages)
            rx.truncated[i] = bool(halves[HEADER_H * i + FLAGS_H] & c.MSG_TRUNC)
        rx.peer[width * a : width * b] = rx.reporter[width * a : width * b]
        self.renew(a, b)


class BatchedTransport(Lanes):
    """`Transport` by sendmmsg(2) and recvmmsg(2)."""

    def __init__(self, spec: SocketSpec, raw: bool) -> None:
        super().__init__(spec, raw)
        self._has_header = raw and spec.version == 4
        self._outgoing: WeakKeyDictionary[PacketBatch, _Outgoing] = WeakKeyDictionary()
        self._incoming: WeakKeyDictionary[PacketBatch, _Incoming] = WeakKeyDictionary()
        self._errors: WeakKeyDictionary[PacketBatch, _Errors] = WeakKeyDictionary()

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`."""
        arrays = self._outgoing.get(tx)
        if arrays is None:
            arrays = self._outgoing[tx] = _Outgoing(tx, self.spec.source)
        arrays.fill(tx, start, stop)
        at, attempts = start, 0
        while at < stop:
            lane = tx.lane[at]
            end = stop - len(tx.lane[at:stop].lstrip(bytes((lane,))))
            sent = _sendmmsg(
                self.sockets[lane].fileno(), arrays.address + 8 * HEADER_W * at, end - at, c.MSG_DONTWAIT
            )
            if sent > 0:
                at, attempts = at + sent, 0
                continue
            # A first row that fails leaves nothing sent, and only then does the kernel tell why.
            fault, attempts = ctypes.get_errno(), attempts + 1
            if self.privileged or fault in OWN_FAULT or attempts == ATTEMPTS:
                return at - start, fault
        return at - start, 0

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`."""
        at = offset
        for lane, failed in self.ready():
            if failed and at < rx.capacity:
                at = self._receive_errors(rx, at, lane)
            # Also after an error alone: only this call clears the condition that wakes us.
            if at < rx.capacity:
                at = self._receive(rx, at, lane)
        return at - offset

    def _receive(self, rx: PacketBatch, at: int, lane: int) -> int:
        arrays = self._incoming.get(rx)
        if arrays is None:
            arrays = self._incoming[rx] = _Incoming(rx, self._has_header)
        for _ in range(ATTEMPTS):
            got = _recvmmsg(
                self.sockets[lane].fileno(),
                arrays.address + 8 * HEADER_W * at,
                rx.capacity - at,
                c.MSG_DONTWAIT,
                None,
            )
            if got > 0:
                arrays.drain(rx, at, at + got, lane)
                return at + got
            if ctypes.get_errno() == EAGAIN:
                break
        return at

    def _receive_errors(self, rx: PacketBatch, at: int, lane: int) -> int:
        arrays = self._errors.get(rx)
        if arrays is None:
            arrays = self._errors[rx] = _Errors(rx)
        got = _recvmmsg(
            self.sockets[lane].fileno(),
            arrays.address + 8 * HEADER_W * at,
            rx.capacity - at,
            c.MSG_DONTWAIT | c.MSG_ERRQUEUE,
            None,
        )
        if got > 0:
            arrays.drain(rx, at, at + got, lane)
            return at + got
        return at
