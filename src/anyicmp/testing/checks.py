"""Checks that any `Transport` must pass, simulated or real: the contract in `net/transport.py`, row by row.

Each check takes a `Setting`, asserts, and closes what it opened. Run them all: `for check in CHECKS`.
What a check needs and the setting lacks makes it return `Lacking`. No clock is read and nothing sleeps here.
"""

from __future__ import annotations

import errno

from anyicmp.testing.setting import TURNS, Check, Lacking, Setting, dirty_batch, hear, requests, sequence_of
from anyicmp.wire.batch import STAMP_TOKEN, UNSET, Quoted, RowKind

__all__ = ["CHECKS", "Check", "Lacking", "Setting"]


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
        transport.send(requests(setting, method, 1, lane=1), 0, 1)
        transport.watch_writable(True)
        assert hear(setting, transport, dirty_batch(setting), 1) == 1
        transport.watch_writable(False)
        assert transport.fileno() == descriptor
        transport.close()
        transport.close()


def sends_nothing_of_nothing(setting: Setting) -> None:
    """An empty range of rows is sent without a fault; where nothing waits, nothing is received."""
    with setting.opened() as (transport, method):
        tx = requests(setting, method, 3)
        assert transport.send(tx, 1, 1) == (0, 0)
        assert transport.recv(dirty_batch(setting), 0) == 0
        setting.wait(transport)
        assert transport.recv(dirty_batch(setting), 0) == 0


def brings_answers(setting: Setting) -> None:
    """Each request is answered by one row; all columns that are read of a row are written."""
    with setting.opened() as (transport, method):
        tx, began = requests(setting, method, 20), setting.real()
        sent, at = 0, 0
        while at < 20:
            n, fault = transport.send(tx, at, 20)
            assert fault == 0
            assert 0 < n <= 20 - at
            sent, at = sent + n, at + n
        rx = dirty_batch(setting)
        assert hear(setting, transport, rx, 20) == 20
        assert {sequence_of(rx, i) for i in range(20)} == set(range(20))
        answers = method.tokens(rx, 20)
        assert set(answers.sizes) == {56}
        for i in range(20):
            assert rx.kind[i] == RowKind.ICMP
            assert rx.address(rx.peer, i) == rx.address(rx.reporter, i) == setting.answering
            assert rx.lane[i] == rx.truncated[i] == rx.errno[i] == rx.extension[i] == rx.scope[i] == 0
            assert rx.start[i] + 64 == rx.length[i]
            assert rx.hop_limit[i] == UNSET or 0 < rx.hop_limit[i] < 256
            assert rx.when[i] == 0 or began - 1_000_000 <= rx.when[i] <= setting.real()
            assert rx.when[i] or not transport.stamps
            sequence = sequence_of(rx, i)
            assert bytes(rx.message(i)[8:]) == bytes(tx.row(sequence)[8:])


def sends_the_rows_asked_for(setting: Setting) -> None:
    """Rows outside of [start, stop) stay."""
    with setting.opened() as (transport, method):
        tx, at = requests(setting, method, 10), 3
        while at < 7:
            n, fault = transport.send(tx, at, 7)
            assert fault == 0
            at += n
        rx = dirty_batch(setting)
        assert hear(setting, transport, rx, 4) == 4
        setting.wait(transport)
        assert transport.recv(rx, 4) == 0
        assert {sequence_of(rx, i) for i in range(4)} == {3, 4, 5, 6}


def writes_from_the_offset(setting: Setting) -> None:
    """Rows before the offset are untouched, and what does not fit waits for the next call."""
    with setting.opened() as (transport, method):
        tx, at = requests(setting, method, 8), 0
        while at < 8:
            at += transport.send(tx, at, 8)[0]
        rx = dirty_batch(setting, capacity=5)
        got: set[int] = set()
        for _ in range(TURNS):
            n = transport.recv(rx, 3)
            assert 0 <= n <= 2
            got |= {sequence_of(rx, i) for i in range(3, 3 + n)}
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
            n, fault = transport.send(requests(setting, method, 1, size=size, first=size), 0, 1)
            assert (n, fault) == (1, 0)
        rx = dirty_batch(setting, slot=128)
        assert hear(setting, transport, rx, 3) == 3
        cut = {sequence_of(rx, i): rx.truncated[i] for i in range(3)}
        assert {key: bool(value) for key, value in cut.items()} == {56: False, 1000: True, 60: False}
        for i in range(3):
            assert rx.length[i] <= rx.slot
            assert rx.truncated[i] == 0 or rx.length[i] == rx.slot


def tells_lanes_apart(setting: Setting) -> None:
    """An answer comes on the lane of its request, whose identifier it carries."""
    with setting.opened(lanes=2) as (transport, method):
        for lane in (0, 1, 1):
            assert transport.send(requests(setting, method, 1, lane=lane, first=lane), 0, 1) == (1, 0)
        rx = dirty_batch(setting)
        assert hear(setting, transport, rx, 3) == 3
        assert sorted(rx.lane[:3]) == [0, 1, 1]
        for i in range(3):
            assert sequence_of(rx, i) == rx.lane[i]
            assert int.from_bytes(rx.message(i)[4:6], "big") == transport.identifiers[rx.lane[i]]


def names_the_row_at_fault(setting: Setting) -> Lacking | None:
    """The rows before a row that cannot be sent leave; its errno is kept; the rows behind it can leave."""
    if setting.refused is None:
        return Lacking("an address that sending is refused to")
    with setting.opened() as (transport, method):
        peers = (setting.answering, setting.answering, setting.refused, setting.answering)
        tx, at, faults = requests(setting, method, 4, peers=peers), 0, []
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
        rx = dirty_batch(setting)
        assert hear(setting, transport, rx, 3) == 3
        assert {sequence_of(rx, i) for i in range(3)} == {0, 1, 3}
    return None


def counts_what_overflows(setting: Setting) -> None:
    """Answers that find the receive buffer full are counted, and the rest is heard."""
    with setting.opened(receive_buffer=8192) as (transport, method):
        tx = requests(setting, method, 200)
        for i in range(200):
            while transport.send(tx, i, i + 1)[0] == 0:
                setting.wait(transport)
        rx = dirty_batch(setting, capacity=256)
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
        tx = requests(setting, method, 1, peers=(setting.beyond,), hop_limit=1, first=9)
        assert transport.send(tx, 0, 1) == (1, 0)
        rx = dirty_batch(setting, slot=1024)
        assert hear(setting, transport, rx, 1) == 1
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
        assert transport.send(requests(setting, method, 1, first=10), 0, 1) == (1, 0)
        assert hear(setting, transport, rx, 1) == 1
        assert sequence_of(rx, 0) == 10
    return None


def stamps_what_leaves(setting: Setting) -> Lacking | None:
    """A row that asks comes back with the kernel's time of sending and its token; no other does."""
    with setting.opened(lanes=2) as (transport, method):
        if not transport.stamps_sending:
            return Lacking("transmit stamps")
        tx = requests(setting, method, 5, lane=1, first=0x89ABCDEF << 16 | 0xFFF0, stamped=True)
        tx.stamped[3:] = bytes(2)
        began, at = setting.real(), 0
        while at < 5:
            at += transport.send(tx, at, 5)[0]
        rx = dirty_batch(setting)
        assert hear(setting, transport, rx, 8) == 8
        stamps = [i for i in range(8) if rx.kind[i] == RowKind.STAMP]
        assert [rx.token[i] for i in stamps] == [token & STAMP_TOKEN for token in tx.token[:3]]
        assert [rx.lane[i] for i in stamps] == [1, 1, 1]
        assert all(began - 1_000_000 <= rx.when[i] <= setting.real() for i in stamps)
        assert sum(kind == RowKind.ICMP for kind in rx.kind[:8]) == 5
        # The error condition that stamps leave on a socket is nobody's fault.
        assert transport.send(requests(setting, method, 1, lane=1), 0, 1) == (1, 0)
        assert transport.dropped() == 0
    return None


def stamps_many_that_leave(setting: Setting) -> Lacking | None:
    """As many as a sweep sends at once: first all ask, then none does, then one does."""
    with setting.opened(lanes=2, buffers=1, stamped=True) as (transport, method):
        if not transport.stamps_sending:
            return Lacking("transmit stamps")
        tx = requests(setting, method, 20, lane=1, first=0x89ABCDEF << 16 | 7, stamped=True)
        for asking in (20, 0, 1):
            tx.stamped[:20] = b"\1" * asking + bytes(20 - asking)
            began, at = setting.real(), 0
            while at < 20:
                at += transport.send(tx, at, 20)[0]
            rx = dirty_batch(setting)
            assert hear(setting, transport, rx, asking + 20) == asking + 20
            stamps = [i for i in range(asking + 20) if rx.kind[i] == RowKind.STAMP]
            assert [rx.token[i] for i in stamps] == [token & STAMP_TOKEN for token in tx.token[:asking]]
            assert {rx.lane[i] for i in stamps} <= {1}
            assert all(began - 1_000_000 <= rx.when[i] <= setting.real() for i in stamps)
            assert sorted(sequence_of(rx, i) for i in range(asking + 20) if i not in stamps) == [
                *range(7, 27)
            ]
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
    stamps_what_leaves,
    stamps_many_that_leave,
)
"""All checks."""
