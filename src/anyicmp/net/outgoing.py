"""From a batch to the kernel: what the arrays say of rows to send.

A row is written by columns with its neighbours, or alone; either way the kernel finds the same. Where the
arrays lie is in `arrays.py`, the octets of control messages in `ancillary.py`. No system call is made here.
"""

from __future__ import annotations

from array import array

from anyicmp.net.ancillary import messages_to_send, pack_messages, stamp_key, stamp_wish
from anyicmp.net.arrays import (
    CONTROLLEN_W,
    FEW,
    HEADER_W,
    IOVEC_W,
    LOW_HALF,
    NAME_ROOM,
    Arrays,
)
from anyicmp.wire.batch import PacketBatch

__all__ = ["Outgoing"]

CONTROL_OUT = 192
RECORD = CONTROL_OUT + NAME_ROOM
RECORD_W, RECORD_H = RECORD // 8, RECORD // 4

WISH = pack_messages(stamp_wish(0))
WISH_WORDS = memoryview(WISH).cast("Q").tolist()
KEY_H = 10  # halves before the key in these messages

NOBODY = object()
"""Stands for the header of a row whose control messages are not known to be anyone's."""


class Outgoing(Arrays):
    """Arrays to send from.

    Attributes:
        owner: the transport that made them.
        headers: whose `PacketBatch.header` the control messages of a row are, but for the key of its stamp.
    """

    def __init__(self, batch: PacketBatch, owner: object, source: bytes | None, *, stamps: bool) -> None:
        """`stamps`: rows may ask to be stamped when they leave; `owner`: who sends by them."""
        super().__init__(batch, CONTROL_OUT, 0)
        self.owner = owner
        self.source = source or bytes(batch.width)
        self.scoped = batch.version == 6
        self.stamped = memoryview(batch.stamped if stamps else bytes(batch.capacity))
        self.hop_limit = memoryview(batch.hop_limit).cast("B")
        self.traffic_class = memoryview(batch.traffic_class).cast("B")
        self.flow_label = memoryview(batch.flow_label).cast("B")
        self.has_local = memoryview(batch.has_local)
        self.interface = memoryview(batch.interface).cast("B")
        n = self.capacity = batch.capacity
        self.unset, self.zero, self.one = b"\xff" * (4 * n), bytes(4 * n), b"\1" * n
        self._ask_all(0)

    def _ask_all(self, octets: int) -> None:
        """All rows have so many octets of control messages, which are the same but for keys."""
        self.words[CONTROLLEN_W::HEADER_W] = memoryview(array("Q", [octets]) * self.capacity)
        self.headers: list[object] = [NOBODY] * self.capacity
        self.prepared = 0, 0, 0  # serial of the batch, and the rows that were copied since
        self.plain, self.wishing = not octets, bool(octets)

    def fill(self, tx: PacketBatch, a: int, b: int) -> None:
        """Copy what rows a to b say, and what those say that are sent after them as they are."""
        if b - a > 1 and tx.serial:
            serial, begin, end = self.prepared
            if serial == tx.serial and begin <= a and b <= end:
                return
            b = max(b, tx.written)
        self.iovec_halves[2 * IOVEC_W * a + 2 + LOW_HALF : 2 * IOVEC_W * b : 2 * IOVEC_W] = self.length[a:b]
        self.copy_names(self.peer, a, b, out=True)
        quiet, stamped = self._quiet(b - a, a, b), self.stamped
        if quiet and stamped[a:b] == self.zero[: b - a]:
            if not self.plain:
                self._ask_all(0)
        elif quiet and b - a >= FEW and stamped[a:b] == self.one[: b - a]:
            self._wish(tx, a, b)
        else:
            self.plain = self.wishing = False
            for i in range(a, b):
                self._ask(tx, i, quiet)
        if b - a == 1:
            self.headers[a] = tx.header[a] or NOBODY
        else:
            self.prepared = tx.serial, a, b

    def fill_again(self, tx: PacketBatch, i: int) -> None:
        """Copy what row i says where its control messages are in `headers` as those of its header."""
        self.iovecs[IOVEC_W * i + 1] = tx.length[i]
        self.records[self.theirs[i]] = tx.peer[self.ours[i]]
        if self.scoped:
            self.record_halves[RECORD_H * i + self.scope_at] = tx.scope[i]
        if self.stamped[i]:
            token = tx.token[i]
            # As `stamp_key` does, without a call.
            self.record_halves[RECORD_H * i + KEY_H] = token >> 24 & 0xFF000000 | token & 0xFFFFFF

    def _quiet(self, n: int, a: int, b: int) -> bool:
        """Whether rows a to b leave every field of their headers to the socket."""
        return (
            self.hop_limit[2 * a : 2 * b] == self.unset[: 2 * n]
            and self.traffic_class[2 * a : 2 * b] == self.unset[: 2 * n]
            and self.flow_label[4 * a : 4 * b] == self.unset[: 4 * n]
            and self.has_local[a:b] == self.zero[:n]
            and self.interface[4 * a : 4 * b] == self.zero[: 4 * n]
        )

    def _wish(self, tx: PacketBatch, a: int, b: int) -> None:
        """Ask for the stamps of rows a to b, and nothing else."""
        if not self.wishing:
            for at, word in enumerate(WISH_WORDS):
                self.record_words[at::RECORD_W] = memoryview(array("Q", [word]) * self.capacity)
            self._ask_all(len(WISH))
        keys = memoryview(array("I", map(stamp_key, tx.token[a:b])))
        self.record_halves[RECORD_H * a + KEY_H : RECORD_H * b : RECORD_H] = keys

    def _ask(self, tx: PacketBatch, i: int, quiet: bool) -> None:
        """Write the control messages of row i; `quiet`: none for its header."""
        begin = at = RECORD * i
        control = b"" if quiet else self._for_header(tx, i)
        if self.stamped[i]:
            self.records[at : at + len(WISH)] = WISH
            self.record_halves[RECORD_H * i + KEY_H] = stamp_key(tx.token[i])
            at += len(WISH)
        self.records[at : at + len(control)] = control
        self.words[HEADER_W * i + CONTROLLEN_W] = at - begin + len(control)
        self.headers[i] = NOBODY

    def _for_header(self, tx: PacketBatch, i: int) -> bytes:
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
