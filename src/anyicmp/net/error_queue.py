"""The kernel's arrays to read error queues into: ICMP errors, and the stamps of probes that left.

What one entry means is in `ancillary.py`; packets are received into `arrays.py`. No system call is made here.
"""

from __future__ import annotations

from array import array
from struct import Struct

from anyicmp.net import constants as c
from anyicmp.net.ancillary import ERROR_HEADER, note_error, stamped_token
from anyicmp.net.arrays import (
    CONTROLLEN_W,
    FEW,
    HEADER_H,
    HEADER_W,
    LENGTH_H,
    NAME_ROOM,
    NAMELEN_H,
    SECOND,
    STAMP_W,
    Arrays,
    kind_word,
)
from anyicmp.wire.batch import PacketBatch, RowKind

__all__ = ["Errors"]

CONTROL_ERROR = 256
RECORD = CONTROL_ERROR + NAME_ROOM

STAMP = int(RowKind.STAMP)
LEAST = 8 * STAMP_W + 32
"""Octets of control messages with a stamp: the timestamp, and struct sock_extended_err."""
# Kind of the first message, seconds and nanoseconds, kind of the second; origin and data of what it holds.
CONTROL = Struct("=8xQqq32x8xQ4xB7xI")


class Errors(Arrays):
    """Arrays to read error queues into: each row keeps room for the header that is rebuilt in front."""

    def __init__(self, batch: PacketBatch, *, has_errors_as_packets: bool) -> None:
        """`has_errors_as_packets`: what the queue tells of errors comes as packets too (raw sockets)."""
        super().__init__(batch, CONTROL_ERROR, ERROR_HEADER)
        self.has_errors_as_packets = has_errors_as_packets
        self.original = memoryview(batch.original).cast("I")
        self.stamp_kind = kind_word(c.SOL_SOCKET, c.SO_TIMESTAMPING)
        self.entry_kind = (
            kind_word(c.SOL_IP, c.IP_RECVERR) if batch.version == 4 else kind_word(c.SOL_IPV6, c.IPV6_RECVERR)
        )
        self.usual = (self.stamp_kind, self.entry_kind, c.ORIGIN_TIMESTAMPING)

    def drain(self, rx: PacketBatch, a: int, b: int, lane: int) -> bool:
        """Write rows a to b, which the kernel has just filled; returns whether all are transmit stamps."""
        if b - a >= FEW and self._stamps(rx, a, b, lane):
            self.renew(a, b)
            return True
        errors = [i for i in range(a, b) if not self.drain_stamp(rx, i, lane)]
        if errors:
            rx.scope[a:b] = array("I", bytes(4 * (b - a)))
            self.copy_names(self.original, a, b, out=False)
        for i in errors:
            note_error(rx, i, self.halves[HEADER_H * i + LENGTH_H], lane, self.messages(i))
            rx.truncated[i] = self.truncated(i)
            if self.has_errors_as_packets and rx.kind[i] == RowKind.ERROR:
                rx.kind[i] = RowKind.LOCAL_ERROR
        self.renew(a, b)
        return not errors

    def _stamps(self, rx: PacketBatch, a: int, b: int, lane: int) -> bool:
        """Write rows a to b if all are transmit timestamps; returns whether they are."""
        n, words, step = b - a, self.record_words, RECORD // 8
        lengths = self.words[HEADER_W * a + CONTROLLEN_W : HEADER_W * b : HEADER_W].tolist()

        def column(at: int) -> list[int]:
            found: list[int] = words[step * a + at : step * b : step].tolist()
            return found

        origins = self.records[RECORD * a + 8 * STAMP_W + 20 : RECORD * b : RECORD]
        if (
            min(lengths) < LEAST
            or column(1).count(self.stamp_kind) != n
            or column(STAMP_W + 1).count(self.entry_kind) != n
            or bytes(origins).count(c.ORIGIN_TIMESTAMPING) != n
        ):
            return False
        rx.kind[a:b], rx.lane[a:b] = bytes((STAMP,)) * n, bytes((lane,)) * n
        rx.when[a:b] = array("q", [s * SECOND + ns for s, ns in zip(column(2), column(3), strict=True)])
        keys = self.record_halves[2 * (step * a + STAMP_W) + 7 : 2 * step * b : 2 * step]
        rx.token[a:b] = array("Q", map(stamped_token, keys))
        return True

    def drain_stamp(self, rx: PacketBatch, i: int, lane: int) -> bool:
        """Write row i if it is a transmit timestamp as the kernel writes it; returns whether it is."""
        stamp, seconds, nanoseconds, entry, origin, key = CONTROL.unpack_from(self.records, RECORD * i)
        length = HEADER_W * i + CONTROLLEN_W
        if (stamp, entry, origin) != self.usual or self.words[length] < LEAST:
            return False
        rx.kind[i], rx.lane[i], rx.when[i] = STAMP, lane, seconds * SECOND + nanoseconds
        rx.token[i] = key >> 24 << 48 | key & 0xFFFFFF  # as `stamped_token` does, without a call
        # What the kernel wrote and reads again; `renew` would copy the whole header.
        self.words[length], self.halves[HEADER_H * i + NAMELEN_H] = CONTROL_ERROR, self.name_size
        return True
