"""The kernel's arrays over a batch: struct mmsghdr, iovec, sockaddr and control buffers of all its rows.

Built once for each batch; per call only columns are copied in and out, by strided slices. The layout is
that of Linux with 8-octet pointers (LP64): recvmmsg(2), cmsg(3). No system call is made here.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Iterator

from anyicmp.net import constants as c
from anyicmp.net.ancillary import (
    Message,
    message_kind,
    messages_to_send,
    note,
    pack_messages,
    past_headers,
    stamp_key,
    stamp_wish,
    walk,
)
from anyicmp.wire.batch import UNSET, PacketBatch
from anyicmp.wire.wide import column_of, wide

__all__ = ["FEW", "HEADER", "SECOND", "Arrays", "Incoming", "Outgoing"]

# struct mmsghdr and struct iovec of an LP64 ABI, counted in 8-octet words (W) and 4-octet halves (H):
# name, namelen, iov, iovlen, control, controllen, flags, length.
HEADER, HEADER_W, HEADER_H = 64, 8, 16
NAME_W, IOV_W, IOVLEN_W, CONTROL_W, CONTROLLEN_W = 0, 2, 3, 4, 5
NAMELEN_H, FLAGS_H, LENGTH_H = 2, 12, 14
IOVEC_W = 2
LOW_HALF = LOW_OCTET = 0 if sys.byteorder == "little" else 1

# struct sockaddr_in and sockaddr_in6: (size, halves before the address, halves of address), and the scope.
NAME = {4: (16, 1, 1), 6: (28, 2, 4)}
FAMILY = {4: 2, 6: 10}
SCOPE_H = 6

CONTROL_OUT = 192
CONTROL_IN, CONTROL_IN_W = 96, 12  # a timestamp of 64 octets and a hop limit of 24
STAMP_W = 8  # words of the message with a timestamp

WISH = pack_messages(stamp_wish(0))
WISH_WORDS = memoryview(WISH).cast("Q").tolist()
KEY_AT = 40  # octets before the key in these messages

FEW = 4
"""Below this many rows, one by one is quicker than by columns."""

SECOND = 1_000_000_000


def _address(octets: bytearray) -> int:
    # The ctypes object dies at once but its buffer stays: the caller holds a memoryview for as long.
    return ctypes.addressof((ctypes.c_char * len(octets)).from_buffer(octets))


class Arrays:
    """The kernel's arrays for the rows of one batch: headers, iovecs, names, control buffers.

    It holds views of the batch's columns, which pins their size, but not the batch.
    """

    def __init__(self, batch: PacketBatch, control: int, skip: int) -> None:
        """`control`: octets of control buffer a row; `skip`: octets of each row left free in front."""
        n, slot = batch.capacity, batch.slot
        self.name_size, self.name_at, self.name_halves = NAME[batch.version]
        self.name_stride = self.name_size // 4
        headers, iovecs = bytearray(HEADER * n), bytearray(8 * IOVEC_W * n)
        names, controls = bytearray(self.name_size * n), bytearray(control * n)
        # Views first: they pin the buffers before any address is taken.
        self.words, self.halves = memoryview(headers).cast("Q"), memoryview(headers).cast("I")
        self.iovecs, self.iovec_halves = memoryview(iovecs).cast("Q"), memoryview(iovecs).cast("I")
        self.names = memoryview(names).cast("I")
        self.control, self.control_size = memoryview(controls), control
        self.control_words, self.control_halves = self.control.cast("Q"), self.control.cast("I")
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
        self.name_octets = memoryview(names)
        self.name_octets.cast("H")[0 :: self.name_size // 2] = memoryview(
            array("H", [FAMILY[batch.version]]) * n
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
        self.octets[HEADER * a : HEADER * b] = self.fresh[HEADER * a : HEADER * b]

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

    def messages(self, i: int) -> Iterator[Message]:
        """The control messages that the kernel wrote for row i."""
        begin = i * self.control_size
        return walk(self.control, begin, begin + self.words[HEADER_W * i + CONTROLLEN_W])

    def truncated(self, i: int) -> bool:
        """Whether the packet of row i was longer than its slot."""
        return bool(self.halves[HEADER_H * i + FLAGS_H] & c.MSG_TRUNC)


class Outgoing(Arrays):
    """Arrays to send from."""

    def __init__(self, batch: PacketBatch, source: bytes | None, *, stamps: bool) -> None:
        """`stamps`: rows may ask to be stamped when they leave."""
        super().__init__(batch, CONTROL_OUT, 0)
        self.source = source or bytes(batch.width)
        self.stamped = memoryview(batch.stamped if stamps else bytes(batch.capacity))
        self.words[CONTROLLEN_W::HEADER_W] = memoryview(array("Q", bytes(8 * batch.capacity)))
        self.plain, self.wishing, n = True, False, batch.capacity
        self.hop_limit = memoryview(batch.hop_limit).cast("B")
        self.traffic_class = memoryview(batch.traffic_class).cast("B")
        self.flow_label = memoryview(batch.flow_label).cast("B")
        self.has_local = memoryview(batch.has_local)
        self.interface = memoryview(batch.interface).cast("B")
        self.unset, self.zero, self.one = b"\xff" * (4 * n), bytes(4 * n), b"\1" * n

    def _quiet(self, n: int, a: int, b: int) -> bool:
        """Whether rows a to b leave every field of their headers to the socket."""
        return (
            self.hop_limit[2 * a : 2 * b] == self.unset[: 2 * n]
            and self.traffic_class[2 * a : 2 * b] == self.unset[: 2 * n]
            and self.flow_label[4 * a : 4 * b] == self.unset[: 4 * n]
            and self.has_local[a:b] == self.zero[:n]
            and self.interface[4 * a : 4 * b] == self.zero[: 4 * n]
        )

    def fill(self, tx: PacketBatch, a: int, b: int) -> None:
        """Copy what rows a to b say."""
        self.iovec_halves[2 * IOVEC_W * a + 2 + LOW_HALF : 2 * IOVEC_W * b : 2 * IOVEC_W] = self.length[a:b]
        self.copy_names(self.peer, a, b, out=True)
        quiet, stamped = self._quiet(b - a, a, b), self.stamped
        if quiet and stamped[a:b] == self.zero[: b - a]:
            if not self.plain:
                self.words[CONTROLLEN_W::HEADER_W] = memoryview(array("Q", bytes(8 * tx.capacity)))
                self.plain, self.wishing = True, False
            return
        self.plain = False
        if quiet and b - a >= FEW and stamped[a:b] == self.one[: b - a]:
            self._wish(tx, a, b)
            return
        self.wishing = False
        size = self.control_size
        for i in range(a, b):
            at, control = size * i, b"" if quiet else self._control(tx, i)
            if stamped[i]:
                self.control[at : at + len(WISH)] = WISH
                self.control_halves[(at + KEY_AT) // 4] = stamp_key(tx.token[i])
                at += len(WISH)
            self.control[at : at + len(control)] = control
            self.words[HEADER_W * i + CONTROLLEN_W] = at - size * i + len(control)

    def _wish(self, tx: PacketBatch, a: int, b: int) -> None:
        """Ask for the stamps of rows a to b, and nothing else."""
        step, n = self.control_size // 8, tx.capacity
        if not self.wishing:
            for at, word in enumerate(WISH_WORDS):
                self.control_words[at::step] = memoryview(array("Q", [word]) * n)
            self.words[CONTROLLEN_W::HEADER_W] = memoryview(array("Q", [len(WISH)]) * n)
            self.wishing = True
        keys = memoryview(array("I", map(stamp_key, tx.token[a:b])))
        self.control_halves[2 * step * a + KEY_AT // 4 : 2 * step * b : 2 * step] = keys

    def _control(self, tx: PacketBatch, i: int) -> bytes:
        """The control messages for the header of row i."""
        asked = messages_to_send(
            tx.version,
            tx.hop_limit[i],
            tx.traffic_class[i],
            tx.flow_label[i],
            tx.address(tx.local, i) if tx.has_local[i] else self.source,
            tx.interface[i],
        )
        return pack_messages(asked)


class Incoming(Arrays):
    """Arrays to receive into; knows the one control layout that a socket's options make the kernel write."""

    def __init__(self, batch: PacketBatch, has_header: bool) -> None:
        super().__init__(batch, CONTROL_IN, 0)
        n, version = batch.capacity, batch.version
        self.has_header = has_header
        self.hop_words = memoryview(batch.hop_limit)
        self.hop_octets = self.hop_words.cast("B")
        self.class_octets = memoryview(batch.traffic_class).cast("B")
        self.control_shorts = self.control.cast("h")
        hops = message_kind(c.SOL_IP, c.IP_TTL) if version == 4 else message_kind(c.SOL_IPV6, c.IPV6_HOPLIMIT)
        wanted = [message_kind(c.SOL_SOCKET, c.SO_TIMESTAMPING)] + ([] if has_header else [hops])
        # Level and type of each message stand in its second word.
        self.layout = [(1 + STAMP_W * k, pair * n) for k, pair in enumerate(wanted)]
        self.control_length = (64 if has_header else 88).to_bytes(8, sys.byteorder) * n
        self.no_flags = bytes(4 * n)
        self.zeros = array("I", self.no_flags)
        self.errno, self.no_errno = memoryview(batch.errno), memoryview(array("i", self.no_flags))
        self.twenty = array("I", [20]) * n
        self.no_options = b"\x45" * n
        self.no_class, self.no_label = array("h", [UNSET]) * n, array("i", [UNSET]) * n

    def drain(self, rx: PacketBatch, a: int, b: int, lane: int) -> None:
        """Write the columns of rows a to b, which the kernel has just filled."""
        if b - a < FEW:
            for i in range(a, b):
                self._row(rx, i, lane)
        else:
            self._columns(rx, a, b, lane)
        self.renew(a, b)

    def _row(self, rx: PacketBatch, i: int, lane: int) -> None:
        width, at = rx.width, self.name_size * i + 4 * self.name_at
        rx.length[i] = self.halves[HEADER_H * i + LENGTH_H]
        name = self.name_octets[at : at + width]
        rx.peer[width * i : width * (i + 1)] = rx.reporter[width * i : width * (i + 1)] = name
        rx.scope[i] = self.names[self.name_stride * i + SCOPE_H] if width == 16 else 0
        rx.lane[i], rx.truncated[i] = lane, self.truncated(i)
        rx.kind[i] = rx.quoted[i] = rx.has_local[i] = 0
        rx.start[i] = rx.extension[i] = rx.interface[i] = rx.errno[i] = 0
        rx.traffic_class[i] = rx.flow_label[i] = UNSET
        note(rx, i, self.messages(i))
        if self.has_header:
            past_headers(rx, i, i + 1)

    def _columns(self, rx: PacketBatch, a: int, b: int, lane: int) -> None:
        n, width = b - a, rx.width
        self.length[a:b] = self.halves[HEADER_H * a + LENGTH_H : HEADER_H * b : HEADER_H]
        self.copy_names(self.peer, a, b, out=False)
        zeros = self.zeros[:n]
        if width == 4:
            rx.scope[a:b] = zeros
        rx.lane[a:b] = bytes((lane,)) * n
        rx.kind[a:b] = rx.quoted[a:b] = rx.truncated[a:b] = rx.has_local[a:b] = bytes(n)
        rx.start[a:b] = rx.extension[a:b] = rx.interface[a:b] = zeros
        self.errno[a:b] = self.no_errno[:n]
        rx.flow_label[a:b] = self.no_label[:n]
        rx.reporter[width * a : width * b] = rx.peer[width * a : width * b]
        if self._as_expected(a, b):
            self._stamps(rx, a, b)
        else:
            for i in range(a, b):
                rx.truncated[i] = self.truncated(i)
                note(rx, i, self.messages(i))
        rx.traffic_class[a:b] = self.no_class[:n]
        if self.has_header:
            self._headers(rx, a, b)

    def _as_expected(self, a: int, b: int) -> bool:
        n, step = b - a, CONTROL_IN_W
        lengths = self.words[HEADER_W * a + CONTROLLEN_W : HEADER_W * b : HEADER_W]
        flags = self.halves[HEADER_H * a + FLAGS_H : HEADER_H * b : HEADER_H]
        return (
            lengths.tobytes() == self.control_length[: 8 * n]
            and flags.tobytes() == self.no_flags[: 4 * n]
            and all(
                self.control_words[step * a + at : step * b : step].tobytes() == pair[: 8 * n]
                for at, pair in self.layout
            )
        )

    def _stamps(self, rx: PacketBatch, a: int, b: int) -> None:
        control = self.control_words
        seconds = wide(control[CONTROL_IN_W * a + 2 : CONTROL_IN_W * b : CONTROL_IN_W])
        nanoseconds = wide(control[CONTROL_IN_W * a + 3 : CONTROL_IN_W * b : CONTROL_IN_W])
        rx.when[a:b] = column_of(seconds * SECOND + nanoseconds, b - a)
        if not self.has_header:
            # The hop limit is the int behind the header of the second message: its low half fits.
            low, step = 4 * (STAMP_W + 2) + LOW_OCTET, 4 * CONTROL_IN_W
            self.hop_words[a:b] = self.control_shorts[step * a + low : step * b : step]

    def _headers(self, rx: PacketBatch, a: int, b: int) -> None:
        n, slot, arena = b - a, rx.slot, self.arena
        first = arena[slot * a : slot * b : slot].tobytes()
        if slot < 20 or first != self.no_options[:n] or min(rx.length[a:b]) < 20:
            past_headers(rx, a, b)
            return
        rx.start[a:b] = self.twenty[:n]
        self.hop_octets[2 * a : 2 * b] = self.class_octets[2 * a : 2 * b] = bytes(2 * n)
        self.hop_octets[2 * a + LOW_OCTET : 2 * b : 2] = arena[slot * a + 8 : slot * b : slot]
        self.class_octets[2 * a + LOW_OCTET : 2 * b : 2] = arena[slot * a + 1 : slot * b : slot]
