"""What the transport tests share: the kinds of transport, packets built with struct alone, waiting.

Nothing here knows the codec or the methods of the package; fixtures are in `conftest.py`.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from anyicmp.net.transport import Transport
from anyicmp.wire.batch import PacketBatch

# Of this process alone: another run may ping the same loopback.
IDENTIFIERS = (os.getpid() % 0x7000 * 2, os.getpid() % 0x7000 * 2 + 1)
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
PROTOCOL = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}


@dataclass(frozen=True)
class Kind:
    """One of the eight: batched or not, raw or datagram, IPv4 or IPv6."""

    batched: bool | None
    raw: bool
    version: Literal[4, 6]

    def __str__(self) -> str:
        calls = "portable" if self.batched is False else "batched"
        return f"{calls}-{'raw' if self.raw else 'datagram'}-v{self.version}"


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    octets += bytes(len(octets) & 1)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def message(version: int, kind: int, code: int, rest: bytes) -> bytes:
    """An ICMP message; the checksum is filled in for IPv4 only: for IPv6 the kernel does it."""
    value = checksum(struct.pack("!BBH", kind, code, 0) + rest) if version == 4 else 0
    return struct.pack("!BBH", kind, code, value) + rest


def echo(
    version: int, identifier: int, sequence: int, payload: bytes = b"payload of thirty-two octets...."
) -> bytes:
    """An echo request."""
    rest = struct.pack("!HH", identifier, sequence) + payload
    return message(version, 8 if version == 4 else 128, 0, rest)


def put(tx: PacketBatch, i: int, octets: bytes, to: str, lane: int = 0) -> None:
    """Write a row to send."""
    tx.data[i * tx.slot : i * tx.slot + len(octets)] = octets
    tx.length[i] = len(octets)
    tx.lane[i] = lane
    tx.peer[i * tx.width : (i + 1) * tx.width] = socket.inet_pton(FAMILY[tx.version], to)


def text(batch: PacketBatch, column: bytearray, i: int) -> str:
    """The address of row i in a column."""
    return socket.inet_ntop(FAMILY[batch.version], batch.address(column, i))


def readable(transport: Transport, timeout: float = 2.0) -> bool:
    """Wait for the transport's descriptor; whatever the poll says must be that it is readable."""
    poll = select.poll()
    poll.register(transport.fileno(), select.POLLIN)
    events = poll.poll(1000 * timeout)
    assert all(event == select.POLLIN for _, event in events), "an error condition shows on the descriptor"
    return bool(events)


def receive(transport: Transport, rx: PacketBatch, wanted: int) -> int:
    """Receive until this many rows are there."""
    n = 0
    while n < wanted:
        assert readable(transport), f"only {n} of {wanted} rows came"
        n += transport.recv(rx, n)
    return n


def descriptors() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))
