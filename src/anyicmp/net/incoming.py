"""From the kernel to a batch: the columns of what was received.

Few rows are written one by one, many by columns; either way the columns are the same, and where the control
messages are not the usual ones they are walked. Where the arrays lie is in `arrays.py`, what control messages
mean in `ancillary.py`, error queues are in `error_queue.py`. No system call is made here.
"""

from __future__ import annotations

from array import array
from struct import Struct

from anyicmp.net import constants as c
from anyicmp.net.ancillary import note, past_header
from anyicmp.net.arrays import (
    CONTROLLEN_W,
    FEW,
    FLAGS_H,
    HEADER,
    HEADER_H,
    HEADER_W,
    LENGTH_H,
    LOW_OCTET,
    NAME_ROOM,
    NAMELEN_H,
    SECOND,
    STAMP_W,
    Arrays,
    kind_word,
)
from anyicmp.net.error_queue import Errors
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind
from anyicmp.wire.wide import column_of, ones, wide

__all__ = ["Incoming"]

CONTROL_IN = 96  # a timestamp of 64 octets and a hop limit of 24, and what makes it whole words
RECORD = CONTROL_IN + NAME_ROOM
RECORD_W = RECORD // 8

ICMP = int(RowKind.ICMP)

# What the kernel writes into a struct mmsghdr: length of the name, of the control messages, flags, length.
LEFT = Struct("=8xI28xQI4xI")
# And into a record: kind of the first message, seconds, nanoseconds; kind of the second, hop limit; then
# address and scope.
HELD = {4: Struct("=8xQqq32x8xQi12x4x4s16xI"), 6: Struct("=8xQqq32x8xQi12x8x16sI")}


class Incoming(Arrays):
    """Arrays to receive into; knows the one control layout that a socket's options make the kernel write.

    Attributes:
        owner: the transport that made them.
        errors: the arrays to read error queues into, once there was one to read.
    """

    errors: Errors | None = None

    def __init__(self, batch: PacketBatch, owner: object, has_header: bool) -> None:
        """`has_header`: rows begin with their IPv4 header, and the socket tells no hop limit."""
        # No more is offered than the kernel fills: then what is usual leaves nothing to renew.
        offered = 64 if has_header else 88
        super().__init__(batch, CONTROL_IN, 0, offered=offered)
        self.owner = owner
        n, version = batch.capacity, batch.version
        self.has_header = has_header
        self.hop_words = memoryview(batch.hop_limit)
        self.hop_octets = self.hop_words.cast("B")
        self.class_octets = memoryview(batch.traffic_class).cast("B")
        self.record_shorts = self.records.cast("h")
        self.read = HELD[version].unpack_from
        stamp = kind_word(c.SOL_SOCKET, c.SO_TIMESTAMPING)
        hops = kind_word(c.SOL_IP, c.IP_TTL) if version == 4 else kind_word(c.SOL_IPV6, c.IPV6_HOPLIMIT)
        # Where there is no second message, or no scope, nothing is ever written.
        self.usual = (self.name_size, offered, 0, stamp, 0 if has_header else hops)
        # Level and type of each message stand in its second word.
        kinds = [stamp] if has_header else [stamp, hops]
        self.layout = [(1 + STAMP_W * k, memoryview(array("Q", [kind]) * n)) for k, kind in enumerate(kinds)]
        self.control_length = memoryview(array("Q", [offered]) * n)
        self.name_length = memoryview(array("I", [self.name_size]) * n)
        self.zeros = array("I", bytes(4 * n))
        self.no_flags = memoryview(self.zeros)
        self.errno, self.no_errno = memoryview(batch.errno), memoryview(array("i", bytes(4 * n)))
        self.twenty = array("I", [20]) * n
        self.no_options = b"\x45" * n
        self.no_class, self.no_label = array("h", [UNSET]) * n, array("i", [UNSET]) * n

    def drain(self, rx: PacketBatch, a: int, b: int, lane: int) -> None:
        """Write the columns of rows a to b, which the kernel has just filled."""
        if b - a < FEW:
            for i in range(a, b):
                self.drain_one(rx, i, lane)
        else:
            self._columns(rx, a, b, lane)

    def drain_one(self, rx: PacketBatch, i: int, lane: int) -> None:
        """The same for row i alone."""
        name, control, flags, length = LEFT.unpack_from(self.octets, HEADER * i)
        stamp, seconds, nanoseconds, hop, hops, peer, scope = self.read(self.records, RECORD * i)
        ours = self.ours[i]
        rx.peer[ours] = rx.reporter[ours] = peer
        rx.kind[i], rx.length[i], rx.scope[i], rx.lane[i] = ICMP, length, scope, lane
        if not rx.plain[i]:
            rx.truncated[i] = rx.has_local[i] = rx.quoted[i] = 0
            rx.extension[i] = rx.interface[i] = rx.errno[i] = 0
            rx.flow_label[i], rx.plain[i] = UNSET, 1
        if (name, control, flags, stamp, hop) == self.usual:
            rx.when[i] = seconds * SECOND + nanoseconds
        else:
            rx.truncated[i], rx.plain[i] = self.truncated(i), 0
            note(rx, i, self.messages(i))
            self.renew(i, i + 1)
            hops = rx.hop_limit[i]
        if self.has_header:
            past_header(rx, i, length)
        else:
            rx.start[i], rx.hop_limit[i], rx.traffic_class[i] = 0, hops, UNSET

    def _columns(self, rx: PacketBatch, a: int, b: int, lane: int) -> None:
        n, width = b - a, rx.width
        self.length[a:b] = self.halves[HEADER_H * a + LENGTH_H : HEADER_H * b : HEADER_H]
        self.copy_names(self.peer, a, b, out=False)
        if rx.plain.count(1, a, b) != n:
            zeros = self.zeros[:n]
            rx.quoted[a:b] = rx.truncated[a:b] = rx.has_local[a:b] = bytes(n)
            rx.extension[a:b] = rx.interface[a:b] = zeros
            self.errno[a:b] = self.no_errno[:n]
            rx.flow_label[a:b] = self.no_label[:n]
        if width == 4:
            rx.scope[a:b] = self.zeros[:n]
        rx.lane[a:b] = bytes((lane,)) * n
        rx.kind[a:b] = bytes(n)
        rx.reporter[width * a : width * b] = rx.peer[width * a : width * b]
        rx.traffic_class[a:b] = self.no_class[:n]
        if self._as_expected(a, b):
            rx.plain[a:b] = b"\1" * n
            self._stamps(rx, a, b)
        else:
            rx.plain[a:b] = bytes(n)
            for i in range(a, b):
                rx.truncated[i] = self.truncated(i)
                note(rx, i, self.messages(i))
            self.renew(a, b)
        if self.has_header:
            self._headers(rx, a, b)
        else:
            rx.start[a:b] = self.zeros[:n]

    def _as_expected(self, a: int, b: int) -> bool:
        """Whether rows a to b have the usual control messages alone; then the kernel changed no header."""
        n, step = b - a, RECORD_W
        return (
            self.words[HEADER_W * a + CONTROLLEN_W : HEADER_W * b : HEADER_W] == self.control_length[:n]
            and self.halves[HEADER_H * a + FLAGS_H : HEADER_H * b : HEADER_H] == self.no_flags[:n]
            and self.halves[HEADER_H * a + NAMELEN_H : HEADER_H * b : HEADER_H] == self.name_length[:n]
            and all(
                self.record_words[step * a + at : step * b : step] == kinds[:n] for at, kinds in self.layout
            )
        )

    def _stamps(self, rx: PacketBatch, a: int, b: int) -> None:
        words = self.record_words
        seconds = words[RECORD_W * a + 2 : RECORD_W * b : RECORD_W]
        nanoseconds = wide(words[RECORD_W * a + 3 : RECORD_W * b : RECORD_W])
        first = seconds[0]
        alike = seconds == memoryview(array("Q", [first]) * (b - a))
        whole = first * SECOND * ones(b - a) if alike else wide(seconds) * SECOND
        rx.when[a:b] = column_of(whole + nanoseconds, b - a)
        if not self.has_header:
            # The hop limit is the int behind the header of the second message: its low half fits.
            low, step = 4 * (STAMP_W + 2) + LOW_OCTET, 4 * RECORD_W
            self.hop_words[a:b] = self.record_shorts[step * a + low : step * b : step]

    def _headers(self, rx: PacketBatch, a: int, b: int) -> None:
        n, slot, arena = b - a, rx.slot, self.arena
        first, length = arena[slot * a : slot * b : slot].tobytes(), rx.length[a]
        if (
            first != self.no_options[:n]
            or slot < 20
            or (rx.length[a:b] != array("I", [length]) * n and min(rx.length[a:b]) < 20)
            or length < 20
        ):
            for i in range(a, b):
                past_header(rx, i, rx.length[i])
            return
        rx.start[a:b] = self.twenty[:n]
        self.hop_octets[2 * a : 2 * b] = self.class_octets[2 * a : 2 * b] = bytes(2 * n)
        self.hop_octets[2 * a + LOW_OCTET : 2 * b : 2] = arena[slot * a + 8 : slot * b : slot]
        self.class_octets[2 * a + LOW_OCTET : 2 * b : 2] = arena[slot * a + 1 : slot * b : slot]
