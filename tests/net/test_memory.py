"""However rows are read and written, one by one, by columns or by the standard library: it is the same.

In memory alone. Hypothesis makes up what waits and what is sent, in any order over the same rows.
"""

from __future__ import annotations

import errno
import socket
import struct
from array import array
from collections import deque
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anyicmp.engine.probe import Probe
from anyicmp.net import mmsg
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind, Version
from net.memory import Control, Datagram, both

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not mmsg.available(), reason="there are no batched calls here"),
]

CAPACITY, SLOT = 24, 128
EXAMPLES = 40
KINDS: list[tuple[Version, bool]] = [(4, True), (4, False), (6, True), (6, False)]
TIMESTAMP, HOPS, ENTRY = (1, 37), {4: (0, 2), 6: (41, 52)}, {4: (0, 11), 6: (41, 25)}
ORIGIN = {4: 2, 6: 3}
LOCAL, STAMPING = 1, 4

kinds = pytest.mark.parametrize(("version", "raw"), KINDS)
octet, word = st.integers(0, 255), st.integers(0, 0xFFFFFFFF)


def packed(version: int) -> st.SearchStrategy[bytes]:
    width = 4 if version == 4 else 16
    return st.integers(0, 240).map(lambda n: bytes(range(n, n + width)))


def scopes(version: int) -> st.SearchStrategy[int]:
    return st.just(0) if version == 4 else st.integers(0, 7)


timestamps: st.SearchStrategy[Control] = st.integers(0, 1 << 62).map(
    lambda when: (*TIMESTAMP, struct.pack("@ll32x", *divmod(when, 10**9)))
)


def heard(version: int, raw: bool) -> st.SearchStrategy[Datagram]:
    """What comes to a socket: with the control messages that it asked for, some of them, or others."""
    hop_limits: st.SearchStrategy[Control] = octet.map(lambda n: (*HOPS[version], struct.pack("@i", n)))
    octets = st.one_of(st.integers(0, SLOT), st.just(SLOT + 9)).map(lambda n: bytes(range(1, n + 1)))
    if raw and version == 4:
        usual, unusual = st.tuples(timestamps), st.sampled_from([(), ((1, 40, bytes(4)),)])
        first = st.sampled_from([b"", b"\x45", b"\x45", b"\x45", b"\x46", b"\x4f", b"\x40"])
        octets = st.builds(bytes.__add__, first, octets)
    else:
        usual = st.tuples(timestamps, hop_limits)
        unusual = st.one_of(
            st.just(()),
            st.tuples(hop_limits),
            st.tuples(timestamps),
            st.tuples(hop_limits, timestamps),
            st.tuples(timestamps, st.just((1, 40, bytes(4)))),
        )
    return st.builds(Datagram, octets, packed(version), scopes(version), st.one_of(usual, usual, unusual))


def stamps(version: int) -> st.SearchStrategy[Datagram]:
    """What a transmit stamp is on the error queue; some kernels add the address that an entry has."""
    return st.builds(
        lambda stamp, key, rest: Datagram(
            b"", b"", 0, (stamp, (*ENTRY[version], struct.pack("=IB7xI", errno.ENOMSG, STAMPING, key) + rest))
        ),
        timestamps,
        word,
        st.sampled_from([b"", bytes(16), bytes(28)]),
    )


def errors(version: int) -> st.SearchStrategy[Datagram]:
    """Entries of an error queue: by routers, by this host, without a stamp, cut short."""

    def made(parts: tuple[Any, ...]) -> Datagram:
        stamp, hops, origin, kind, info, data, offender, octets, target, scope, cut = parts
        entry = struct.pack("=IBBBxI4s", errno.EHOSTUNREACH, origin, kind, 0, info, data)
        if version == 4:
            entry += struct.pack("=H2x4s8x", socket.AF_INET, offender)
        else:
            entry += struct.pack("=H6x16sI", socket.AF_INET6, offender, 0)
        control = (*stamp, *hops, *(((*ENTRY[version], entry[:cut]),) if cut else ()))
        return Datagram(octets, target, scope, control)

    return st.tuples(
        st.one_of(st.tuples(timestamps), st.tuples()),
        st.one_of(st.just(()), octet.map(lambda n: ((*HOPS[version], struct.pack("@i", n)),))),
        st.sampled_from([ORIGIN[version], ORIGIN[version], LOCAL, 77]),
        st.integers(1, 12),
        word,
        st.one_of(st.just(bytes(4)), st.builds(struct.pack, st.just("=HBx"), octet, st.integers(0, 1))),
        packed(version),
        st.integers(0, SLOT).map(bytes),
        packed(version),
        scopes(version),
        st.sampled_from([64, 64, 64, 16, 8, 0]),
    ).map(made)


def row(rx: PacketBatch, i: int) -> tuple[Any, ...]:
    """Everything that a row of its kind has."""
    kind = RowKind(rx.kind[i])
    if kind == RowKind.STAMP:
        return kind, rx.lane[i], rx.when[i], rx.token[i]
    columns = (rx.length, rx.start, rx.truncated, rx.lane, rx.scope, rx.hop_limit, rx.traffic_class)
    columns += (rx.flow_label, rx.has_local, rx.interface, rx.when, rx.quoted, rx.extension, rx.errno)
    addresses = (rx.peer, rx.reporter) if kind == RowKind.ICMP else (rx.peer, rx.reporter, rx.original)
    return (
        kind,
        *(column[i] for column in columns),
        *(rx.address(column, i) for column in addresses),
        bytes(rx.row(i)),
    )


def dirty(version: Version) -> PacketBatch:
    """A batch in whose columns stands what no transport writes."""
    rx = PacketBatch(version, capacity=CAPACITY, slot=SLOT)
    for column in (
        rx.kind,
        rx.lane,
        rx.truncated,
        rx.quoted,
        rx.has_local,
        rx.peer,
        rx.reporter,
        rx.original,
    ):
        column[:] = b"\7" * len(column)
    for i in range(CAPACITY):
        rx.length[i] = rx.start[i] = rx.extension[i] = rx.errno[i] = rx.scope[i] = rx.interface[i] = 99
        rx.when[i] = rx.hop_limit[i] = rx.traffic_class[i] = rx.flow_label[i] = 99
    return rx


@kinds
def test_what_is_received_is_the_same(version: Version, raw: bool) -> None:
    """In turns: a few packets, many, stamps, errors, from any row on, over what stood there before."""
    packet, stamp, error = heard(version, raw), stamps(version), errors(version)
    turn = st.tuples(
        st.sampled_from([0, 0, 0, 0, 1, CAPACITY - 1]),
        st.one_of(
            st.tuples(st.just([]), st.lists(packet, min_size=1, max_size=1)),
            st.tuples(st.lists(stamp, min_size=1, max_size=1), st.lists(packet, max_size=1)),
            st.tuples(st.lists(error, min_size=1, max_size=1), st.just([])),
            st.tuples(st.lists(stamp, min_size=4, max_size=12), st.lists(packet, min_size=3, max_size=8)),
            st.tuples(st.lists(st.one_of(stamp, error), max_size=5), st.lists(packet, max_size=2)),
        ),
    )

    stamped, width = (*TIMESTAMP, struct.pack("@ll32x", 7, 8)), 4 if version == 4 else 16
    control = (stamped,) if raw and version == 4 else (stamped, (*HOPS[version], struct.pack("@i", 9)))
    usual, cut = (Datagram(b"\x45" * size, bytes(width), 0, control) for size in (40, SLOT + 8))
    # Stamps of one second, and one between them of another.
    seconds = [
        Datagram(
            b"\x45" * 40, bytes(width), 0, ((*TIMESTAMP, struct.pack("@ll32x", second, 8)), *control[1:])
        )
        for second in (7, 7, 9, 7, 7)
    ]
    entry = struct.pack("=IBBBxI4s16x", errno.EHOSTUNREACH, ORIGIN[version], 11, 0, 0, bytes(4))
    reported = Datagram(bytes(40), bytes(width), 0, (stamped, (*ENTRY[version], entry)))

    with both(version, raw) as ways:

        @settings(max_examples=EXAMPLES)
        @given(st.lists(turn, min_size=1, max_size=8))
        @example([(0, ([], [usual])), (0, ([reported], [])), (0, ([], [usual]))])
        @example([(0, ([], [usual])), (0, ([], [cut] * 4)), (0, ([], [usual]))])
        @example([(0, ([], seconds))])
        def it_is(turns: list[tuple[int, tuple[list[Datagram], list[Datagram]]]]) -> None:
            batches = [dirty(version) for _ in ways]
            for offset, (queued, packets) in turns:
                rows = []
                for (transport, memory), rx in zip(ways, batches, strict=True):
                    memory.errors, memory.data = deque(queued), deque(packets)
                    told: list[tuple[Any, ...]] = []
                    while memory.ready()[1]:
                        waiting = bool(memory.errors or memory.data)
                        n = transport.recv(rx, offset)
                        assert (n > 0) == waiting
                        assert not memory.sticky or offset + n == CAPACITY, "an error has left its condition"
                        told.extend(row(rx, i) for i in range(offset, offset + n))
                    rows.append(told)
                assert rows[0] == rows[1]
                assert len(rows[0]) == len(queued) + len(packets)

        it_is()


def probes(version: int) -> st.SearchStrategy[Probe]:
    left = st.just(UNSET)
    return st.builds(
        Probe,
        peer=packed(version),
        scope=scopes(version),
        hop_limit=st.one_of(left, st.integers(1, 255)),
        traffic_class=st.one_of(left, octet),
        flow_label=st.one_of(left, st.integers(0, 0xFFFFF)),
        local=st.one_of(st.none(), packed(version)),
        interface=st.sampled_from([0, 0, 3]),
        stamped=st.booleans(),
    )


def asked(probe: Probe, version: int, hop_limit: int | None) -> int:
    """How many control messages a probe's header needs."""
    return (
        (hop_limit is not None or probe.hop_limit != UNSET)
        + (probe.traffic_class != UNSET)
        + (version == 6 and probe.flow_label != UNSET)
        + bool(probe.interface or (probe.local is not None and any(probe.local)))
    )


def plain_probes(version: int) -> st.SearchStrategy[Probe]:
    """As most are."""
    return st.builds(Probe, peer=packed(version), stamped=st.booleans())


@kinds
def test_what_is_sent_is_the_same(version: Version, raw: bool) -> None:
    """One row or many, with the same header again or another, written over by a plan or not."""
    turn = st.tuples(
        st.sampled_from([0, 0, 0, 0, 1, CAPACITY - 1]),
        st.one_of(st.just(1), st.integers(1, 12)),
        st.integers(0, 1),
        st.sampled_from(["alone", "alone", "alone", "another hop limit", "together", "not stamped"]),
        st.integers(0, (1 << 56) - 1),
        packed(version),
    )
    probe = st.one_of(plain_probes(version), probes(version))

    with both(version, raw) as ways:
        (batched, first), (portable, second) = ways

        @settings(max_examples=EXAMPLES)
        @given(st.tuples(probe, probe), st.lists(turn, min_size=1, max_size=12))
        def it_is(pool: tuple[Probe, ...], turns: list[tuple[int, int, int, str, int, bytes]]) -> None:
            tx = PacketBatch(version, capacity=CAPACITY, slot=SLOT)
            for start, n, which, how, token, peer in turns:
                stop, probe = min(start + n, CAPACITY), pool[which]
                hop_limit = token % 255 + 1 if how == "another hop limit" else None
                for i in range(start, stop):
                    if how in ("alone", "another hop limit"):
                        scope = token % 5 if version == 6 else 0
                        probe.write(tx, i, peer=peer, scope=scope, hop_limit=hop_limit)
                    tx.token[i], tx.length[i] = token ^ i, 8 + (token ^ i) % (SLOT - 8)
                    tx.data[i * SLOT : i * SLOT + 2] = bytes((i, n))
                if how in ("together", "not stamped"):
                    probe.write_header(tx, start, stop)
                    tx.peer[start * tx.width : stop * tx.width] = peer * (stop - start)
                if how == "not stamped":
                    tx.stamped[start:stop] = bytes(stop - start)
                first.sent.clear()
                second.sent.clear()
                assert batched.send(tx, start, stop) == portable.send(tx, start, stop) == (stop - start, 0)
                assert first.sent == second.sent
                stamped = probe.stamped and how != "not stamped"
                wanted = asked(probe, version, hop_limit) + (2 if stamped else 0)
                assert [(len(one.control), one.address) for one in first.sent] == [(wanted, peer)] * (
                    stop - start
                )

        it_is()


@kinds
def test_what_the_engine_wrote_is_copied_once_for_all_calls(version: Version, raw: bool) -> None:
    """Rows that leave in several calls are those that were written; written anew, they are the new ones."""
    with both(version, raw) as ways:
        transport, memory = ways[0]
        tx = PacketBatch(version, capacity=CAPACITY, slot=SLOT)
        width, probe = tx.width, Probe(peer=b"")
        for turn in (1, 2, 3):
            probe.write_header(tx, 0, 8, keep=True)
            peers = [bytes((turn, i)) * (width // 2) for i in range(8)]
            tx.peer[: 8 * width] = b"".join(peers)
            tx.length[:8] = array("I", [8 + turn] * 8)
            tx.serial, tx.written = turn, 8
            memory.sent.clear()
            # One that is sent again for itself, one alone, and two calls that begin where the last one ended.
            for start, stop in ((0, 3), (3, 6), (6, 7), (7, 8), (2, 5)):
                assert transport.send(tx, start, stop) == (stop - start, 0)
            assert [one.address for one in memory.sent] == [*peers, *peers[2:5]]
            assert {len(one.octets) for one in memory.sent} == {8 + turn}


@kinds
def test_a_row_alone_takes_nothing_from_those_that_were_copied(version: Version, raw: bool) -> None:
    """Of a batch of two plans the one row that leaves alone asks for nothing; those behind it still do."""
    with both(version, raw) as ways:
        transport, memory = ways[0]
        tx = PacketBatch(version, capacity=CAPACITY, slot=SLOT)
        Probe(peer=b"").write_header(tx, 0, 4, keep=True)
        Probe(peer=b"", hop_limit=7).write_header(tx, 4, 8, keep=True)
        tx.length[:8] = array("I", [8] * 8)
        tx.serial, tx.written = 1, 8
        for start, stop in ((0, 3), (3, 4), (4, 8)):
            assert transport.send(tx, start, stop) == (stop - start, 0)
        assert [len(one.control) for one in memory.sent] == [0] * 4 + [1] * 4
