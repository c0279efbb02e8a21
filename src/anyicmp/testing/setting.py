"""What the checks of the transport contract share: where transports live, and how to send to them and hear.

It asserts nothing. No clock is read and nothing sleeps here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from anyicmp.engine.probe import Probe
from anyicmp.methods.echo import EchoMethod
from anyicmp.net.transport import SocketSpec, Transport
from anyicmp.wire.batch import UNSET, PacketBatch, Version

__all__ = ["TURNS", "Check", "Lacking", "Setting", "dirty_batch", "hear", "requests", "sequence_of"]

TURNS = 200
"""How often a check waits for what must arrive before it fails."""


@attrs.frozen(kw_only=True)
class Setting:
    """Where transports live, for the checks.

    Attributes:
        open: opens a transport, as `net.transport.open_transport`.
        version: 4 or 6.
        privileged: as in `SocketSpec`.
        answering: packed address of a host that answers each echo request soon.
        wait: returns when the transport may have work, or a little later; here time passes.
        real: Unix time in nanoseconds.
        refused: packed address to which this host refuses to send, or None.
        beyond: packed address behind a router that reports an expired hop limit, or None.
        batched: as in `SocketSpec`.
        spec: further fields of each specification.
    """

    open: Callable[[SocketSpec], Transport]
    version: Version
    privileged: bool | None = None
    answering: bytes
    wait: Callable[[Transport], None]
    real: Callable[[], int]
    refused: bytes | None = None
    beyond: bytes | None = None
    batched: bool | None = None

    @contextmanager
    def opened(self, **fields: object) -> Iterator[tuple[Transport, EchoMethod]]:
        """A transport with a method that knows its identifiers; closed at the end."""
        spec = SocketSpec(
            version=self.version,
            privileged=self.privileged,
            batched=self.batched,
            **{"identifiers": (4711, 4712), **fields},  # type: ignore[arg-type]
        )
        transport = self.open(spec)
        try:
            method = EchoMethod(self.version)
            method.identify(transport.identifiers, verify=transport.privileged and self.version == 4)
            yield transport, method
        finally:
            transport.close()


class Lacking(str):
    """What a check needs and the setting does not have."""

    __slots__ = ()


Check = Callable[[Setting], Lacking | None]


def requests(
    setting: Setting,
    method: EchoMethod,
    n: int,
    *,
    peers: tuple[bytes, ...] = (),
    size: int = 56,
    lane: int = 0,
    hop_limit: int = UNSET,
    first: int = 0,
    stamped: bool = False,
) -> PacketBatch:
    """A batch of n echo requests with sequences from `first` on; peer i is peers[i % len(peers)]."""
    slot = (size + 8 + 3) // 4 * 4
    tx = PacketBatch(setting.version, capacity=n, slot=max(32, slot))
    for i in range(n):
        peer = peers[i % len(peers)] if peers else setting.answering
        Probe(peer=peer, hop_limit=hop_limit, stamped=stamped).write(tx, i)
    tx.header[:] = [None] * n  # checks write over columns
    method.stamp(tx, 0, n, lane << 48 | first, method.template(size=size))
    return tx


def dirty_batch(setting: Setting, capacity: int = 64, slot: int = 256) -> PacketBatch:
    """A batch whose every column holds what no transport would write."""
    rx = PacketBatch(setting.version, capacity=capacity, slot=slot)
    for column in (rx.data, rx.peer, rx.reporter, rx.original, rx.kind, rx.lane, rx.truncated, rx.quoted):
        column[:] = b"\xaa" * len(column)
    for i in range(capacity):
        rx.length[i] = rx.start[i] = rx.extension[i] = rx.scope[i] = rx.interface[i] = 77
        rx.hop_limit[i] = rx.traffic_class[i] = 7777
        rx.when[i], rx.errno[i] = 7, 7
    return rx


def hear(setting: Setting, transport: Transport, rx: PacketBatch, n: int) -> int:
    """Receive until n rows are there (fewer: the check fails by what it finds)."""
    at = 0
    for _ in range(TURNS):
        at += transport.recv(rx, at)
        if at >= n:
            break
        setting.wait(transport)
    return at


def sequence_of(rx: PacketBatch, i: int) -> int:
    """The sequence number of the echo in row i."""
    return int.from_bytes(rx.message(i)[6:8], "big")
