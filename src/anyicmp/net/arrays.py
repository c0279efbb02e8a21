"""The kernel's arrays over a batch: struct mmsghdr, iovec, control buffer and sockaddr of all its rows.

Built once for each batch; what is copied in and out of them is in `outgoing.py`, `incoming.py` and
`error_queue.py`. The layout is that of Linux with 8-octet pointers (LP64): recvmmsg(2), cmsg(3). No system
call is made here.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Iterator
from functools import cached_property, lru_cache

from anyicmp.net import constants as c
from anyicmp.net.ancillary import Message, message_kind, walk
from anyicmp.wire.batch import PacketBatch
from anyicmp.wire.wide import ramp

__all__ = [
    "CONTROLLEN_W",
    "FEW",
    "FLAGS_H",
    "HEADER",
    "HEADER_H",
    "HEADER_W",
    "IOVEC_W",
    "LENGTH_H",
    "LOW_HALF",
    "LOW_OCTET",
    "NAMELEN_H",
    "NAME_ROOM",
    "SECOND",
    "STAMP_W",
    "Arrays",
    "kind_word",
]

# struct mmsghdr and struct iovec of an LP64 ABI, counted in 8-octet words (W) and 4-octet halves (H):
# name, namelen, iov, iovlen, control, controllen, flags, length.
HEADER, HEADER_W, HEADER_H = 64, 8, 16
NAME_W, IOV_W, IOVLEN_W, CONTROL_W, CONTROLLEN_W = 0, 2, 3, 4, 5
NAMELEN_H, FLAGS_H, LENGTH_H = 2, 12, 14
IOVEC_W = 2
LOW_HALF = LOW_OCTET = 0 if sys.byteorder == "little" else 1

# struct sockaddr_in and sockaddr_in6: (size, octets before the address), and the scope.
NAME = {4: (16, 4), 6: (28, 8)}
FAMILY = {4: 2, 6: 10}
SCOPE_AT = 24
NAME_ROOM = 32
"""Octets of a record behind its control messages: a name of either kind, in whole words."""

STAMP_W = 8  # words of the message with a timestamp

FEW = 4
"""Below this many rows, one by one is quicker than by columns."""

SECOND = 1_000_000_000


def _address(octets: bytearray) -> int:
    # The ctypes object dies at once but its buffer stays: the caller holds a memoryview for as long. Of one
    # octet, for each length of an array would be a type of its own.
    return ctypes.addressof(ctypes.c_char.from_buffer(octets))


def kind_word(level: int, kind: int) -> int:
    """Level and type of a control message as one word of its buffer: the second one of the message."""
    return int.from_bytes(message_kind(level, kind), sys.byteorder)


@lru_cache(maxsize=32)
def pieces(begin: int, size: int, step: int, n: int) -> tuple[slice, ...]:
    """Where n pieces of so many octets lie, the first at `begin` and the next ones a step apart."""
    return tuple(slice(at, at + size) for at in range(begin, begin + step * n, step))


class Pointers(dict[int, ctypes.c_void_p]):
    """Where each header lies, as a system call takes it; made when it is asked for."""

    def __init__(self, address: int) -> None:
        super().__init__()
        self._address = address

    def __missing__(self, i: int) -> ctypes.c_void_p:
        found = self[i] = ctypes.c_void_p(self._address + HEADER * i)
        return found


class Arrays:
    """The kernel's arrays for the rows of one batch: headers, iovecs, and records.

    A record is a row's control messages and, behind them, its name. It holds views of the batch's columns,
    which pins their size, but not the batch.
    """

    def __init__(self, batch: PacketBatch, control: int, skip: int, *, offered: int | None = None) -> None:
        """`control`: octets of a record for control messages, of which the kernel gets `offered` (None: all).

        `skip`: octets of each row left free in front.
        """
        n, slot = batch.capacity, batch.slot
        self.record = record = control + NAME_ROOM
        self.name_size, before = NAME[batch.version]
        headers, iovecs, records = bytearray(HEADER * n), bytearray(8 * IOVEC_W * n), bytearray(record * n)
        # Views first: they pin the buffers before any address is taken.
        self.words, self.halves = memoryview(headers).cast("Q"), memoryview(headers).cast("I")
        self.iovecs, self.iovec_halves = memoryview(iovecs).cast("Q"), memoryview(iovecs).cast("I")
        self.records = memoryview(records)
        self.record_words, self.record_halves = self.records.cast("Q"), self.records.cast("I")
        self.arena = memoryview(batch.data)
        self.peer = memoryview(batch.peer).cast("I")
        self.scope, self.length = memoryview(batch.scope), memoryview(batch.length)
        self.pointers, self.octets = Pointers(_address(headers)), memoryview(headers)
        data, iov, rec = map(_address, (batch.data, iovecs, records))
        self.name_at, self.scope_at = (control + before) // 4, (control + SCOPE_AT) // 4
        self._pieces = batch.width, control + before, n

        def every(start: int, step: int) -> memoryview[int]:
            return memoryview(ramp(start, step, n).to_bytes(8 * n, sys.byteorder)).cast("Q")

        def put(column: int, values: memoryview[int]) -> None:
            self.words[column::HEADER_W] = values

        self.iovecs[0::IOVEC_W] = every(data + skip, slot)
        self.iovecs[1::IOVEC_W] = memoryview(array("Q", [slot - skip]) * n)
        family = memoryview(array("H", [FAMILY[batch.version]]) * n)
        self.records.cast("H")[control // 2 :: record // 2] = family
        put(NAME_W, every(rec + control, record))
        put(IOV_W, every(iov, 8 * IOVEC_W))
        put(IOVLEN_W, every(1, 0))
        put(CONTROL_W, every(rec, record))
        put(CONTROLLEN_W, every(control if offered is None else offered, 0))
        self.halves[NAMELEN_H::HEADER_H] = memoryview(array("I", [self.name_size]) * n)
        self.fresh = bytes(headers)

    @cached_property
    def ours(self) -> tuple[slice, ...]:
        """Where the address of each row lies in a packed column."""
        width, _, n = self._pieces
        return pieces(0, width, width, n)

    @cached_property
    def theirs(self) -> tuple[slice, ...]:
        """Where it lies in `records`."""
        width, begin, n = self._pieces
        return pieces(begin, width, self.record, n)

    def renew(self, a: int, b: int) -> None:
        """Headers a to b as they were: the kernel wrote lengths and flags into them."""
        self.octets[HEADER * a : HEADER * b] = self.fresh[HEADER * a : HEADER * b]

    def copy_names(self, column: memoryview, a: int, b: int, *, out: bool) -> None:
        """Addresses between a packed column and the names of rows a to b; `out` is towards the kernel."""
        step, names, k = self.record // 4, self.record_halves, 1 if self.name_size == NAME[4][0] else 4
        for half in range(k):
            ours = slice(k * a + half, k * b, k)
            theirs = slice(step * a + self.name_at + half, step * b, step)
            if out:
                names[theirs] = column[ours]
            else:
                column[ours] = names[theirs]
        if k == 4:
            theirs = slice(step * a + self.scope_at, step * b, step)
            if out:
                names[theirs] = self.scope[a:b]
            else:
                self.scope[a:b] = names[theirs]

    def messages(self, i: int) -> Iterator[Message]:
        """The control messages that the kernel wrote for row i."""
        begin = i * self.record
        return walk(self.records, begin, begin + self.words[HEADER_W * i + CONTROLLEN_W])

    def truncated(self, i: int) -> bool:
        """Whether the packet of row i was longer than its slot."""
        return bool(self.halves[HEADER_H * i + FLAGS_H] & c.MSG_TRUNC)
