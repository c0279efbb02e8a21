"""PacketBatch: many packets as one arena of bytes and parallel columns.

The one thing that engine and sockets trade. It knows rows and their columns; what the bytes mean is
for the methods and the codec, who moves them is for the transports. Nothing here reads a clock.
"""

from __future__ import annotations

from array import array
from enum import IntEnum
from typing import Literal

__all__ = ["STAMP_TOKEN", "UNSET", "PacketBatch", "Quoted", "RowKind", "Version"]

Version = Literal[4, 6]

UNSET = -1
"""In the signed columns: not asked for (to send), not known (received)."""

STAMP_TOKEN = 0xFF << 48 | 0xFFFFFF
"""The bits of a token that come with a transmit stamp: lane, last octet of the generation, sequence."""


class RowKind(IntEnum):
    """What a received row is."""

    ICMP = 0
    """An ICMP message; `start` is where its header begins."""
    DATA = 1
    """Payload of another protocol (UDP, TCP) that was sent to the transport."""
    ERROR = 2
    """An ICMP error from the kernel's error queue: a rebuilt 8-octet header, then what was quoted."""
    STAMP = 3
    """The kernel's transmit timestamp of the probe that `token` names, by the bits of `STAMP_TOKEN`. Of such
    a row only lane, when and token are written."""
    LOCAL_ERROR = 4
    """An error that this host's own kernel queued (say, packet too big); the form is that of ERROR."""
    CONNECTION = 5
    """What became of a connection that a row opened: `errno` is 0 where the peer accepted it, else its
    refusal. It has no octets; `token` names the probe."""


class Quoted(IntEnum):
    """Which part of the quoted datagram of an ICMP error is real."""

    PACKET = 0
    """All that the router sent: from the quoted IP header on."""
    TRANSPORT = 1
    """From the transport header on: the kernel withheld the quoted IP header, and none is invented."""
    PAYLOAD = 2
    """What followed the transport header; ports are known from the socket and `original` only."""


class PacketBatch:
    """`capacity` rows of at most `slot` octets, all of one IP version.

    Rows are reused: whoever fills a row writes every column that its reader reads. Signed columns hold
    `UNSET` where nothing is asked for or known. Addresses stand packed, `width` octets each.

    Attributes:
        version: 4 or 6; `width` is 4 or 16.
        data: the arena; row i owns octets [i * slot, (i + 1) * slot).
        length: octets of the row in use, counted from the row's beginning.
        start: offset in the row where the ICMP message (or payload) begins; the transport sets it.
        truncated: 1 where the packet was longer than the slot.
        kind: a `RowKind`.
        lane: which of the transport's sockets sends or received the row.
        peer: destination to send to; source of what was received.
        scope: interface index of a link-local peer, else 0.
        hop_limit, traffic_class, flow_label: of the IP header, or `UNSET`.
        local: this host's address (source to send from where `has_local` is 1; received: destination).
        interface: index of the interface to send through or received on, 0 for any.
        when: kernel timestamp, Unix time in nanoseconds, 0 where there is none.
        reporter: who sent the ICMP error (ERROR rows; elsewhere the peer).
        original: the destination of the probe that an ERROR row is about.
        quoted: a `Quoted` (ERROR rows).
        extension: offset in the row of an RFC 4884 extension structure, 0 where the kernel names none.
        errno: the errno that the kernel gave to an ERROR or LOCAL_ERROR row, else 0.
        own_port, port: ports of this host and of the peer (of an ERROR row: of the original destination),
            where the octets of a received row begin behind the header that holds them.
        identification: of the IPv4 header to send, or `UNSET`: the kernel's choice.
        token: the probe's token: written by the engine, used to key transmit stamps; of a received row that
            concerns a connection it is the probe's whole token.
        stamped: 1 where a row to send shall come back as a STAMP row, if the transport `stamps_sending`.
        header: of a row to send, the object that wrote hop_limit, traffic_class, flow_label, local,
            has_local, interface and stamped, and would write the same again; whoever writes one of them
            otherwise puts None here.
        plain: of a received row, 1 where truncated, has_local, quoted, extension, interface and errno are 0
            and flow_label is UNSET, as in most; whoever writes one of them otherwise puts 0 here.
        written: of a batch to send, how many rows the engine wrote last, from row 0 on; serial: how often it
            has. As long as that stays, so do they. 0: others write them.
        tag: a plan's own cookie for a row to send.
        nonce: 4 octets a row of fresh entropy, written by the driver before `fill`.
        arrays: what the transport that moves the rows keeps for that; nobody else looks at it.
        before, after: monotonic nanoseconds around the call that sends; of what is received only the time
            `after` the call. Written by the driver.
        real: Unix time in nanoseconds, to send at `before`, received at `after`: what the kernel stamps comes
            between, and whether the wall clock was set meanwhile is seen. Written by the driver.
    """

    __slots__ = (
        "__weakref__",
        "after",
        "arrays",
        "before",
        "capacity",
        "data",
        "errno",
        "extension",
        "flow_label",
        "has_local",
        "header",
        "hop_limit",
        "identification",
        "interface",
        "kind",
        "lane",
        "length",
        "local",
        "nonce",
        "original",
        "own_port",
        "peer",
        "plain",
        "port",
        "quoted",
        "real",
        "reporter",
        "scope",
        "serial",
        "slot",
        "stamped",
        "start",
        "tag",
        "token",
        "traffic_class",
        "truncated",
        "version",
        "when",
        "width",
        "written",
    )

    def __init__(self, version: Version, *, capacity: int = 64, slot: int = 128) -> None:
        """Raises ValueError unless version is 4 or 6, capacity positive and slot a multiple of 4."""
        if version not in (4, 6) or capacity < 1 or slot < 4 or slot % 4:
            raise ValueError(f"no such batch: version {version}, capacity {capacity}, slot {slot}")
        self.version: Version = version
        self.width = width = 4 if version == 4 else 16
        self.capacity = capacity
        self.slot = slot
        self.data = bytearray(slot * capacity)
        self.length = array("I", bytes(4 * capacity))
        self.start = array("I", bytes(4 * capacity))
        self.truncated = bytearray(capacity)
        self.kind = bytearray(capacity)
        self.lane = bytearray(capacity)
        self.peer = bytearray(width * capacity)
        self.scope = array("I", bytes(4 * capacity))
        self.hop_limit = array("h", [UNSET]) * capacity
        self.traffic_class = array("h", [UNSET]) * capacity
        self.flow_label = array("i", [UNSET]) * capacity
        self.local = bytearray(width * capacity)
        self.has_local = bytearray(capacity)
        self.interface = array("I", bytes(4 * capacity))
        self.when = array("q", bytes(8 * capacity))
        self.reporter = bytearray(width * capacity)
        self.original = bytearray(width * capacity)
        self.quoted = bytearray(capacity)
        self.extension = array("I", bytes(4 * capacity))
        self.errno = array("i", bytes(4 * capacity))
        self.own_port = array("H", bytes(2 * capacity))
        self.port = array("H", bytes(2 * capacity))
        self.identification = array("i", [UNSET]) * capacity
        self.token = array("Q", bytes(8 * capacity))
        self.stamped = bytearray(capacity)
        self.header: list[object | None] = [None] * capacity
        self.plain = bytearray(capacity)
        self.tag = array("Q", bytes(8 * capacity))
        self.nonce = bytearray(4 * capacity)
        self.written = self.serial = 0
        self.arrays: object = None
        self.before = 0
        self.after = 0
        self.real = 0

    def row(self, i: int) -> memoryview:
        """The octets in use of row i (a view into the arena)."""
        begin = i * self.slot
        return memoryview(self.data)[begin : begin + self.length[i]]

    def message(self, i: int) -> memoryview:
        """Row i from `start` on: the ICMP message, or the payload."""
        begin = i * self.slot
        return memoryview(self.data)[begin + self.start[i] : begin + self.length[i]]

    def address(self, column: bytearray, i: int) -> bytes:
        """The packed address of row i in an address column."""
        width = self.width
        return bytes(column[i * width : (i + 1) * width])
