"""Netlink in octets: a request, the messages that come back, their attributes (netlink(7), RFC 3549).

Pure, and for all families of messages; what they mean is read in `rtnetlink.py`. Whatever the octets are,
nothing here raises: what does not fit its length ends the reading of what it is part of.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

__all__ = ["ALIGN", "Inquiry", "attribute", "attributes"]

HEADER = Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE = Struct("=HH")  # length, type
ERROR = Struct("=i")

NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE = 1, 2, 3
LOWEST_TYPE = 16  # NLMSG_MIN_TYPE: below are control messages
NLM_F_REQUEST, NLM_F_DUMP_INTR, NLM_F_DUMP = 1, 0x10, 0x300
KIND = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
ALIGN = 3


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to the next multiple of four octets."""
    return ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) & ALIGN)


def attributes(octets: bytes, at: int, end: int) -> dict[int, bytes]:
    """Type to value of the attributes between two offsets; of a type that comes twice the last."""
    found = {}
    unpack = ATTRIBUTE.unpack_from
    while at + 4 <= end:
        length, kind = unpack(octets, at)
        if length < 4 or at + length > end:
            break
        found[kind & KIND] = octets[at + 4 : at + length]
        at += length + ALIGN & ~ALIGN
    return found


class Inquiry:
    """One request to the kernel, and how far its answer is.

    Attributes:
        request: the octets to send.
        done: the whole answer has been read.
        errno: what the kernel refused with, 0 if it did not.
        interrupted: the table changed while it was read, so that entries may be missing or come twice.
    """

    def __init__(self, kind: int, body: bytes, *, sequence: int = 1, dump: bool = False) -> None:
        """A message of a type. `dump` asks for a whole table, which comes in many messages."""
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else 0)
        self.request = HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body
        self.done = False
        self.errno = 0
        self.interrupted = False
        self._sequence = sequence
        self._dump = dump

    def feed(self, octets: bytes) -> Iterator[tuple[int, int, int]]:
        """What one datagram has of the answer: (type, start, end) of each message's body in these octets."""
        at, size = 0, len(octets)
        while at + HEADER.size <= size and not self.done:
            length, kind, flags, sequence, _ = HEADER.unpack_from(octets, at)
            if length < HEADER.size or at + length > size:
                break
            start, end = at + HEADER.size, at + length
            at += length + ALIGN & ~ALIGN
            if sequence != self._sequence:
                continue
            if flags & NLM_F_DUMP_INTR:
                self.interrupted = True
            if kind >= LOWEST_TYPE:
                self.done = not self._dump
                yield kind, start, end
            elif kind in (NLMSG_ERROR, NLMSG_DONE):
                self.done = True
                if end - start >= ERROR.size:
                    self.errno = max(0, -ERROR.unpack_from(octets, start)[0])
