"""The kernel's arrays to read error queues into: ICMP errors, and the stamps of probes that left.

What one entry means is in `ancillary.py`; packets are received into `arrays.py`. No system call is made here.
"""

from __future__ import annotations

import sys
from array import array

from anyicmp.net import constants as c
from anyicmp.net.ancillary import ERROR_HEADER, message_kind, note_error, stamped_token
from anyicmp.net.arrays import (
    CONTROLLEN_W,
    FEW,
    HEADER_H,
    HEADER_W,
    LENGTH_H,
    SECOND,
    STAMP_W,
    Arrays,
)
from anyicmp.wire.batch import PacketBatch, RowKind

__all__ = ["Errors"]

CONTROL_ERROR = 256


class Errors(Arrays):
    """Arrays to read error queues into: each row keeps room for the header that is rebuilt in front."""

    def __init__(self, batch: PacketBatch, *, has_errors_as_packets: bool) -> None:
        """`has_errors_as_packets`: what the queue tells of errors comes as packets too (raw sockets)."""
        super().__init__(batch, CONTROL_ERROR, ERROR_HEADER)
        self.has_errors_as_packets = has_errors_as_packets
        self.original = memoryview(batch.original).cast("I")
        self.stamp_kind = int.from_bytes(message_kind(c.SOL_SOCKET, c.SO_TIMESTAMPING), sys.byteorder)
        entry = (
            message_kind(c.SOL_IP, c.IP_RECVERR)
            if batch.version == 4
            else message_kind(c.SOL_IPV6, c.IPV6_RECVERR)
        )
        self.entry_kind = int.from_bytes(entry, sys.byteorder)

    def drain(self, rx: PacketBatch, a: int, b: int, lane: int) -> None:
        """Write rows a to b, which the kernel has just filled."""
        if b - a >= FEW and self._stamps(rx, a, b, lane):
            self.renew(a, b)
            return
        errors = [i for i in range(a, b) if not self._stamp(rx, i, lane)]
        if errors:
            rx.scope[a:b] = array("I", bytes(4 * (b - a)))
            self.copy_names(self.original, a, b, out=False)
        for i in errors:
            note_error(rx, i, self.halves[HEADER_H * i + LENGTH_H], lane, self.messages(i))
            rx.truncated[i] = self.truncated(i)
            if self.has_errors_as_packets and rx.kind[i] == RowKind.ERROR:
                rx.kind[i] = RowKind.LOCAL_ERROR
        self.renew(a, b)

    def _stamps(self, rx: PacketBatch, a: int, b: int, lane: int) -> bool:
        """Write rows a to b if all are transmit timestamps; returns whether they are."""
        n, words, step = b - a, self.control_words, CONTROL_ERROR // 8
        lengths = self.words[HEADER_W * a + CONTROLLEN_W : HEADER_W * b : HEADER_W].tolist()

        def column(at: int) -> list[int]:
            found: list[int] = words[step * a + at : step * b : step].tolist()
            return found

        origins = self.control[CONTROL_ERROR * a + 8 * STAMP_W + 20 : CONTROL_ERROR * b : CONTROL_ERROR]
        if (
            min(lengths) < 8 * STAMP_W + 32
            or column(1).count(self.stamp_kind) != n
            or column(STAMP_W + 1).count(self.entry_kind) != n
            or bytes(origins).count(c.ORIGIN_TIMESTAMPING) != n
        ):
            return False
        rx.kind[a:b], rx.lane[a:b] = bytes((RowKind.STAMP,)) * n, bytes((lane,)) * n
        rx.truncated[a:b] = bytes(n)
        rx.start[a:b] = rx.length[a:b] = array("I", bytes(4 * n))
        rx.when[a:b] = array("q", [s * SECOND + ns for s, ns in zip(column(2), column(3), strict=True)])
        keys = self.control_halves[2 * (step * a + STAMP_W) + 7 : 2 * step * b : 2 * step]
        rx.token[a:b] = array("Q", map(stamped_token, keys))
        return True

    def _stamp(self, rx: PacketBatch, i: int, lane: int) -> bool:
        """Write row i if it is a transmit timestamp as the kernel writes it; returns whether it is."""
        words, at = self.control_words, CONTROL_ERROR // 8 * i
        entry = at + STAMP_W
        if (
            self.words[HEADER_W * i + CONTROLLEN_W] < 8 * STAMP_W + 32
            or words[at + 1] != self.stamp_kind
            or words[entry + 1] != self.entry_kind
            or self.control[8 * entry + 20] != c.ORIGIN_TIMESTAMPING
        ):
            return False
        rx.kind[i], rx.lane[i] = RowKind.STAMP, lane
        rx.start[i] = rx.length[i] = rx.truncated[i] = 0
        rx.when[i] = words[at + 2] * SECOND + words[at + 3]
        rx.token[i] = stamped_token(self.control_halves[2 * entry + 7])
        return True
