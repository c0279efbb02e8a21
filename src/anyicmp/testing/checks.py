"""Checks that any `Transport` must pass, simulated or real: the contract in `net/transport.py`, row by row.

Each check takes a `Setting`, asserts, and closes what it opened. Run them all: `for check in CHECKS`.
What a check needs and the setting lacks makes it return `Lacking`. No clock is read and nothing sleeps here.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from anyicmp.engine.probe import Probe
from anyicmp.methods.echo import EchoMethod
from anyicmp.net.transport import SocketSpec, Transport
from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, RowKind, Version

__all__ = ["CHECKS", "Check", "Lacking", "Setting"]

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


def _requests(
    setting: Setting,
    method: EchoMethod,
    n: int,
    *,
    peers: tuple[bytes, ...] = (),
    size: int = 56,
    lane: int = 0,
    hop_limit: int = UNSET,
    first: int = 0,
) -> PacketBatch:
    """A batch of n echo requests with sequences from `first` on; peer i is peers[i % len(peers)]."""
    slot = (size + 8 + 3) // 4 * 4
    tx = PacketBatch(setting.version, capacity=n, slot=max(32, slot))
    for i in range(n):
        peer = peers[i % len(peers)] if peers else setting.answering
        Probe(peer=peer, hop_limit=hop_limit).write(tx, i)
    method.stamp(tx, 0, n, lane << 48 | first, method.template(size=size))
    return tx


def _dirty(setting: Setting, capacity: int = 64, slot: int = 256) -> PacketBatch:
    """A batch whose every column holds what no transport would write."""
    rx = PacketBatch(setting.version, capacity=capacity, slot=slot)
    for column in (rx.data, rx.peer, rx.reporter, rx.original, rx.kind, rx.lane, rx.truncated, rx.quoted):
        column[:] = b"\xaa" * len(column)
    for i in range(capacity):
        rx.length[i] = rx.start[i] = rx.extension[i] = rx.scope[i] = rx.interface[i] = 77
        rx.hop_limit[i] = rx.traffic_class[i] = 7777
        rx.when[i], rx.errno[i] = 7, 7
    return rx


def _hear(setting: Setting, transport: Transport, rx: PacketBatch, n: int) -> int:
    """Receive until n rows are there (fewer: the check fails by what it finds)."""
    at = 0
    for _ in range(TURNS):
        at += transport.recv(rx, at)
        if at >= n:
            break
        setting.wait(transport)
    return at


def _sequence(rx: PacketBatch, i: int) -> int:
    return int.from_bytes(rx.message(i)[6:8], "big")


def names_itself(setting: Setting) -> None:
    """The attributes say what was opened."""
    with setting.opened(lanes=2) as (transport, _):
        assert transport.spec.version == setting.version
        assert transport.spec.lanes == 2
        assert len(transport.identifiers) == 2
        assert all(0 < identifier < 65_536 for identifier in transport.identifiers)
        if transport.privileged:
            assert transport.identifiers == (4711, 4712)
        else:
            assert len(set(transport.identifiers)) == 2
        assert transport.receive_buffer > 0
        assert transport.send_buffer > 0
        assert transport.dropped() == 0
        assert setting.privileged in (None, transport.privileged)


def keeps_one_descriptor(setting: Setting) -> None:
    """`fileno` is one number for life, also while rows move and room is watched; closing twice is well."""
    with setting.opened(lanes=2) as (transport, method):
        descriptor = transport.fileno()
        assert descriptor >= -1
        transport.send(_requests(setting, method, 1, lane=1), 0, 1)
        transport.watch_writable(True)
        assert _hear(setting, transport, _dirty(setting), 1) == 1
        transport.watch_writable(False)
        assert transport.fileno() == descriptor
        transport.close()
        transport.close()


def sends_nothing_of_nothing(setting: Setting) -> None:
    """An empty range of rows is sent without a fault; where nothing waits, nothing is received."""
    with setting.opened() as (transport, method):
        tx = _requests(setting, method, 3)
        assert transport.send(tx, 1, 1) == (0, 0)
        assert transport.recv(_dirty(setting), 0) == 0
        setting.wait(transport)
        assert transport.recv(_dirty(setting), 0) == 0


def brings_answers(setting: Setting) -> None:
    """Each request is answered by one row; all columns that are read of a row are written."""
    with setting.opened() as (transport, method):
        tx, began = _requests(setting, method, 20), setting.real()
        sent, at = 0, 0
        while at < 20:
            n, fault = transport.send(tx, at, 20)
            assert fault == 0
            assert 0 < n <= 20 - at
            sent, at = sent + n, at + n
        rx = _dirty(setting)
        assert _hear(setting, transport, rx, 20) == 20
        assert {_sequence(rx, i) for i in range(20)} == set(range(20))
        answers = method.tokens(rx, 20)
        assert set(answers.sizes) == {56}
        for i in range(20):
            assert rx.kind[i] == RowKind.ICMP
            assert rx.address(rx.peer, i) == rx.address(rx.reporter, i) == setting.answering
            assert rx.lane[i] == rx.truncated[i] == rx.errno[i] == rx.extension[i] == rx.scope[i] == 0
            assert rx.start[i] + 64 == rx.length[i]
            assert rx.hop_limit[i] == UNSET or 0 < rx.hop_limit[i] < 256
            assert rx.when[i] == 0 or began - 1_000_000 <= rx.when[i] <= setting.real()
            assert bool(rx.when[i]) == transport.stamps
            sequence = _sequence(rx, i)
            assert bytes(rx.message(i)[8:]) == bytes(tx.row(sequence)[8:])


def sends_the_rows_asked_for(setting: Setting) -> None:
    """Rows outside of [start, stop) stay."""
    with setting.opened() as (transport, method):
        tx, at = _requests(setting, method, 10), 3
        while at < 7:
            n, fault = transport.send(tx, at, 7)
            assert fault == 0
            at += n
        rx = _dirty(setting)
        assert _hear(setting, transport, rx, 4) == 4
        setting.wait(transport)
        assert transport.recv(rx, 4) == 0
        assert {_sequence(rx, i) for i in range(4)} == {3, 4, 5, 6}


def writes_from_the_offset(setting: Setting) -> None:
    """Rows before the offset are untouched, and what does not fit waits for the next call."""
    with setting.opened() as (transport, method):
        tx, at = _requests(setting, method, 8), 0
        while at < 8:
            at += transport.send(tx, at, 8)[0]
        rx = _dirty(setting, capacity=5)
        got: set[int] = set()
        for _ in range(TURNS):
            n = transport.recv(rx, 3)
            assert 0 <= n <= 2
            got |= {_sequence(rx, i) for i in range(3, 3 + n)}
            if len(got) == 8:
                break
            if not n:
                setting.wait(transport)
        assert got == set(range(8))
        assert bytes(rx.data[: 3 * rx.slot]) == b"\xaa" * (3 * rx.slot)
        assert list(rx.length[:3]) == [77] * 3


def marks_what_is_cut(setting: Setting) -> None:
    """What is longer than a slot is cut to it and marked, and its neighbours are whole."""
    with setting.opened() as (transport, method):
        for size in (56, 1000, 60):
            n, fault = transport.send(_requests(setting, method, 1, size=size, first=size), 0, 1)
            assert (n, fault) == (1, 0)
        rx = _dirty(setting, slot=128)
        assert _hear(setting, transport, rx, 3) == 3
        cut = {_sequence(rx, i): rx.truncated[i] for i in range(3)}
        assert {key: bool(value) for key, value in cut.items()} == {56: False, 1000: True, 60: False}
        for i in range(3):
            assert rx.length[i] <= rx.slot
            assert rx.truncated[i] == 0 or rx.length[i] == rx.slot


def tells_lanes_apart(setting: Setting) -> None:
    """An answer comes on the lane of its request, whose identifier it carries."""
    with setting.opened(lanes=2) as (transport, method):
        for lane in (0, 1, 1):
            assert transport.send(_requests(setting, method, 1, lane=lane, first=lane), 0, 1) == (1, 0)
        rx = _dirty(setting)
        assert _hear(setting, transport, rx, 3) == 3
        assert sorted(rx.lane[:3]) == [0, 1, 1]
        for i in range(3):
            assert _sequence(rx, i) == rx.lane[i]
            assert int.from_bytes(rx.message(i)[4:6], "big") == transport.identifiers[rx.lane[i]]


def names_the_row_at_fault(setting: Setting) -> Lacking | None:
    """The rows before a row that cannot be sent leave; its errno is kept; the rows behind it can leave."""
    if setting.refused is None:
        return Lacking("an address that sending is refused to")
    with setting.opened() as (transport, method):
        peers = (setting.answering, setting.answering, setting.refused, setting.answering)
        tx, at, faults = _requests(setting, method, 4, peers=peers), 0, []
        for _ in range(8):
            n, fault = transport.send(tx, at, 4)
            at += n
            if fault:
                faults.append((at, fault))
                at += 1
            if at == 4:
                break
        assert [row for row, _ in faults] == [2]
        assert faults[0][1] not in (errno.EAGAIN, errno.ENOBUFS)
        rx = _dirty(setting)
        assert _hear(setting, transport, rx, 3) == 3
        assert {_sequence(rx, i) for i in range(3)} == {0, 1, 3}
    return None


def counts_what_overflows(setting: Setting) -> None:
    """Answers that find the receive buffer full are counted, and the rest is heard."""
    with setting.opened(receive_buffer=8192) as (transport, method):
        tx = _requests(setting, method, 200)
        for i in range(200):
            while transport.send(tx, i, i + 1)[0] == 0:
                setting.wait(transport)
        rx = _dirty(setting, capacity=256)
        heard, found = 0, 1
        while found:
            setting.wait(transport)
            found = transport.recv(rx, heard)
            heard += found
        assert 0 < heard < 200
        assert transport.dropped() >= 200 - heard


def brings_errors(setting: Setting) -> Lacking | None:
    """A router's error is a row that names router and probe, and says which quoted part is real."""
    if setting.beyond is None:
        return Lacking("a router that answers")
    with setting.opened(hop_limited=True) as (transport, method):
        tx = _requests(setting, method, 1, peers=(setting.beyond,), hop_limit=1, first=9)
        assert transport.send(tx, 0, 1) == (1, 0)
        rx = _dirty(setting, slot=1024)
        assert _hear(setting, transport, rx, 1) == 1
        message = bytes(rx.message(0))
        assert message[0] == (11 if setting.version == 4 else 3)
        assert message[1] == 0
        assert rx.address(rx.peer, 0) == rx.address(rx.reporter, 0) != setting.beyond
        if transport.privileged:
            assert rx.kind[0] == RowKind.ICMP
            quoted = message[8 + (20 if setting.version == 4 else 40) :]
        else:
            assert rx.kind[0] == RowKind.ERROR
            assert rx.quoted[0] == Quoted.TRANSPORT
            assert rx.errno[0] != 0
            quoted = message[8:]
        assert quoted[:2] + quoted[4:8] == bytes(tx.row(0)[:2]) + bytes(tx.row(0)[4:8])
        answers = method.tokens(rx, 1)
        assert answers.tokens[0] & 0xFFFF == 9
        # A quoted IP header names the destination; where it is withheld, the socket does.
        assert rx.address(rx.original, 0) == setting.beyond
        # The error that the probe left on the socket is nobody else's.
        assert transport.send(_requests(setting, method, 1, first=10), 0, 1) == (1, 0)
        assert _hear(setting, transport, rx, 1) == 1
        assert _sequence(rx, 0) == 10
    return None


CHECKS: tuple[Check, ...] = (
    names_itself,
    keeps_one_descriptor,
    sends_nothing_of_nothing,
    brings_answers,
    sends_the_rows_asked_for,
    writes_from_the_offset,
    marks_what_is_cut,
    tells_lanes_apart,
    names_the_row_at_fault,
    counts_what_overflows,
    brings_errors,
)
"""All checks."""
