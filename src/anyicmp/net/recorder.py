"""A recording: a transport that writes down what passes through it, and the file that several of them share.

What a packet looked like on the wire is said in `packets.py`, what the file looks like in `wire.pcapng`. No
clock is read here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO, FileIO

from anyicmp.net.packets import OwnAddress, heard_packet, sent_packet
from anyicmp.net.transport import Transport
from anyicmp.wire.batch import PacketBatch
from anyicmp.wire.pcapng import (
    CapturedPacket,
    interface_block,
    packet_block,
    read_packets,
    section_block,
)

__all__ = ["MemoryRecorder", "Recorder", "RecordingTransport"]

logger = logging.getLogger("anyicmp")

REMEMBERED = 1024
"""Peers whose local address is not asked for again."""


class Recorder:
    """A pcapng file that grows until it is closed.

    What one call moved is written at once, into the system's cache of the file: some 10 µs. (A thread of its
    own would cost the event loop a hundred times that, each time that the interpreter lock changes hands.)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Begin the file, instead of one that is there. Raises OSError where that is not possible."""
        self.path = os.fspath(path)
        self._interfaces = 0
        self._file: FileIO | BytesIO | None = FileIO(self.path, "w")
        self.put([section_block("anyicmp")])

    def wrap(self, transport: Transport, real: Callable[[], int], own: OwnAddress) -> RecordingTransport:
        """The same transport, recorded.

        Args:
            transport: what moves the packets.
            real: Unix time in nanoseconds.
            own: packed address of a peer to that which this host uses with it.
        """
        kind = "raw" if transport.privileged else "datagram"
        about = ", for probes with a hop limit" if transport.spec.hop_limited else ""
        name = transport.spec.interface or "any"
        self.put(
            [
                interface_block(
                    name,
                    f"{kind} {transport.spec.method.upper()} sockets, IPv{transport.spec.version}{about}",
                )
            ]
        )
        self._interfaces += 1
        return RecordingTransport(transport, self, self._interfaces - 1, real, own)

    def put(self, blocks: list[bytes]) -> None:
        """Add blocks to the file. Where that fails the recording ends, and the measurement goes on."""
        if self._file is None:
            return
        octets = b"".join(blocks)
        try:
            while octets:
                octets = octets[self._file.write(octets) :]
        except OSError as error:
            logger.error("the recording %s ends here: %s", self.path, error)
            self.close()

    def close(self) -> None:
        """A second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None


class MemoryRecorder(Recorder):
    """A recording that is kept in memory, of a few packets."""

    def __init__(self) -> None:
        self.path = ""
        self._interfaces = 0
        self._file = self._octets = BytesIO()
        self.put([section_block("anyicmp")])

    def packets(self) -> tuple[CapturedPacket, ...]:
        """What has passed so far, in its order."""
        return tuple(read_packets(self._octets.getvalue()))


class RecordingTransport:
    """What another transport does, written down; see `net.transport.Transport` for the contract."""

    def __init__(
        self,
        transport: Transport,
        recorder: Recorder,
        interface: int,
        real: Callable[[], int],
        own: OwnAddress,
    ) -> None:
        self.spec = transport.spec
        self.privileged = transport.privileged
        self.identifiers = transport.identifiers
        self.receive_buffer = transport.receive_buffer
        self.send_buffer = transport.send_buffer
        self.stamps = transport.stamps
        self.stamps_sending = transport.stamps_sending
        self.one_per_flow = transport.one_per_flow
        self.fileno = transport.fileno
        self.forget = transport.forget
        self.watch_writable = transport.watch_writable
        self.dropped = transport.dropped
        self.close = transport.close
        self._transport = transport
        self._recorder = recorder
        self._interface = interface
        self._real = real
        self._own = lru_cache(REMEMBERED)(own)

    @property
    def overfull(self) -> int:
        """See `Transport.overfull`."""
        return self._transport.overfull

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """See `Transport.send`. The packets of one call carry the time at which it began."""
        at = self._real()
        n, errno = self._transport.send(tx, start, stop)
        blocks = []
        for i in range(start, start + n):
            packet = sent_packet(self._transport, tx, i, self._own)
            blocks.append(
                packet_block(
                    self._interface,
                    at,
                    packet.octets,
                    length=packet.length,
                    outbound=True,
                    comment=packet.comment,
                )
            )
        if blocks:
            self._recorder.put(blocks)
        return n, errno

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """See `Transport.recv`. A packet carries the kernel's timestamp, if there is one."""
        n = self._transport.recv(rx, offset)
        blocks = []
        now = self._real() if n else 0
        for i in range(offset, offset + n):
            packet = heard_packet(self._transport, rx, i, self._own)
            if packet is not None:
                blocks.append(
                    packet_block(
                        self._interface,
                        rx.when[i] or now,
                        packet.octets,
                        length=packet.length,
                        outbound=False,
                        comment=packet.comment,
                    )
                )
        if blocks:
            self._recorder.put(blocks)
        return n
