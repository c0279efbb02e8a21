"""Batches: the arenas that one driver sends from and receives into, with fresh nonces for what it sends.

How large they are follows from the probes. What is written into them is the engine's and the transport's.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import cached_property

from anyicmp.engine.room import SMALL
from anyicmp.net.transport import Transport
from anyicmp.wire.batch import PacketBatch, Version

__all__ = ["Batches"]

SIZES = ((128, 128, 256), (1344, 128, 256), (2048, 128, 256), (65536, 4, 4))
"""Octets a row and number of rows of the batches, by what the plans' probes need; the last number is for
sockets of very many probes, and where all that goes on is patient and fills the batch. Else more rows gain
little and delay other tasks more. 1,344 octets hold the longest error: a power of two would bring the rows of
a column together in few lines of the processor's cache."""

QUOTE = 1280
"""Octets that an ICMP error may have: IPv6 routers quote as much as fits (RFC 4443 section 2.4)."""

HEADERS = 60
"""Octets that may stand before what is received: an IPv4 header with options."""

DRAW = 1024
"""Octets of entropy that are drawn at once."""


class Batches:
    """One batch each way at a time, made when it is needed; those of other sizes are kept.

    Attributes:
        tx, rx: the batches for probes as large as the largest so far.
        used: rows of `tx` whose nonces were given to probes.
    """

    tx: PacketBatch

    def __init__(self, version: Version, transport: Transport, entropy: Callable[[int], bytes]) -> None:
        self.used = 0
        self._kept: object = None
        self._version: Version = version
        self._transport = transport
        self._entropy = entropy
        self._drawn = b""  # entropy that is not used yet, as octets and as numbers
        self._numbers: Iterator[int] = iter(())
        self._made: dict[tuple[str, int], PacketBatch] = {}
        self._largest = 0
        self._many = False

    @cached_property
    def rx(self) -> PacketBatch:
        # Something came before anything was sent.
        return self._batch("rx", QUOTE)

    def to_send(self, largest: int, *, patient: bool = False) -> PacketBatch:
        """The batch for probes of at most so many octets, each row with a fresh nonce.

        0: there are none any longer, and the batch stays. `patient`: all who send and hear are.
        """
        if patient and not self._many and self.used and self.used == self.tx.capacity:
            self._many, self._largest = True, 0
            self._made.clear()
        if largest and largest != self._largest:
            self._take(largest)
        octets = 4 * self.used
        if octets:
            if len(self._drawn) < octets:
                self._drawn = self._entropy(max(DRAW, octets))
            self.tx.nonce[:octets], self._drawn = self._drawn[:octets], self._drawn[octets:]
            self.used = 0
        return self.tx

    def nonce(self) -> int:
        """Fresh entropy, as a number, for a probe that stands there already."""
        for number in self._numbers:
            return number
        self._numbers = iter(array("I", self._entropy(DRAW)))
        return next(self._numbers)

    def stands(self, what: object) -> bool:
        """Whether this was named last, and nothing else was sent since: row 0 of `tx` is as it was then."""
        before, self._kept = self._kept, what
        return before == what

    def _take(self, largest: int) -> None:
        """Batches whose rows have room for the probes and for their answers."""
        self._largest, self._kept = largest, None
        self.tx = self._batch("tx", largest)
        self.rx = self._batch("rx", max(largest + HEADERS, QUOTE))
        self.used = self.tx.capacity

    def _batch(self, way: str, need: int) -> PacketBatch:
        slot, few, many = next((size for size in SIZES if need <= size[0]), SIZES[-1])
        transport = self._transport
        # All of a batch is sent before its answers are read: they fill half of the buffer at most, for of a
        # full one nobody knows whether it has overflowed.
        roomy = (transport.spec.buffers or self._many) and transport.receive_buffer >= 2 * many * SMALL
        capacity = many if roomy else few
        batch = self._made.get((way, slot))
        if batch is None:
            batch = self._made[way, slot] = PacketBatch(self._version, capacity=capacity, slot=slot)
            if way == "tx":
                # What the transport prepares for a batch shall not count in the first round trip.
                self._transport.send(batch, 0, 0)
        return batch
