"""What every transport promises of plain echoes: rows out, rows in, their columns, and its descriptor.

Errors that routers and the kernel report are in `test_errors.py`.
"""

from __future__ import annotations

import errno
import gc
import select
import socket
import struct
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from anyicmp.net.transport import Transport
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind
from net.bench import (
    FAMILY,
    IDENTIFIERS,
    LOOPBACK,
    PROTOCOL,
    Kind,
    descriptors,
    echo,
    put,
    readable,
    receive,
    text,
)

Open = Callable[..., Any]
REPLY = {4: 0, 6: 129}


def batches(version: Any, **fields: int) -> tuple[PacketBatch, PacketBatch]:
    tx, rx = PacketBatch(version, **fields), PacketBatch(version, **fields)
    # A row may have been anything before: whoever fills it writes every column.
    n = rx.capacity
    for column in (rx.kind, rx.lane, rx.truncated, rx.quoted, rx.has_local):
        column[:] = b"\7" * n
    for i in range(n):
        rx.length[i] = rx.start[i] = rx.extension[i] = rx.errno[i] = rx.scope[i] = rx.interface[i] = 99
        rx.when[i] = rx.hop_limit[i] = rx.traffic_class[i] = rx.flow_label[i] = 99
    return tx, rx


def ping(transport: Transport, tx: PacketBatch, count: int, *, lane: int = 0) -> None:
    for i in range(count):
        put(tx, i, echo(tx.version, transport.identifiers[lane], i), LOOPBACK[tx.version], lane)
    assert transport.send(tx, 0, count) == (count, 0)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_echoes_come_back_with_their_columns(kind: Kind, opened: Open, count: int) -> None:
    transport = opened()
    tx, rx = batches(kind.version, capacity=32)
    before = time.time_ns()
    ping(transport, tx, count)
    assert receive(transport, rx, count) == count
    after = time.time_ns()
    for i in range(count):
        header = 20 if kind.raw and kind.version == 4 else 0
        assert (rx.start[i], rx.length[i]) == (header, header + tx.length[i])
        assert rx.message(i)[4:].tobytes() == tx.row(i)[4:].tobytes()
        assert rx.message(i)[0] == REPLY[kind.version]
        assert (rx.kind[i], rx.lane[i], rx.truncated[i], rx.errno[i]) == (RowKind.ICMP, 0, 0, 0)
        assert (rx.quoted[i], rx.extension[i], rx.has_local[i], rx.interface[i]) == (0, 0, 0, 0)
        assert text(rx, rx.peer, i) == text(rx, rx.reporter, i) == LOOPBACK[kind.version]
        assert rx.hop_limit[i] == 64
        assert (rx.traffic_class[i], rx.flow_label[i]) == (0 if header else UNSET, UNSET)
        assert rx.scope[i] == 0
        assert before <= rx.when[i] <= after
    assert transport.recv(rx, 0) == 0
    assert not readable(transport, 0.0)


def test_rows_are_written_from_the_offset_and_what_has_no_room_waits(kind: Kind, opened: Open) -> None:
    transport = opened()
    ping(transport, PacketBatch(kind.version, capacity=8), 5)
    deadline = time.monotonic() + 2.0
    got = 0
    small = PacketBatch(kind.version, capacity=3)
    while got < 5 and time.monotonic() < deadline:
        assert readable(transport)
        n = transport.recv(small, 1)
        assert n <= 2
        assert not any(small.row(0)), "the row before the offset was written"
        got += n
    assert got == 5


def test_the_identifier_is_known_before_anything_is_sent(kind: Kind, opened: Open) -> None:
    transport = opened(lanes=2)
    if kind.raw:
        assert transport.identifiers == IDENTIFIERS
    else:
        assert 0 not in transport.identifiers
        assert len(set(transport.identifiers)) == 2
    assert transport.privileged is kind.raw


def test_nobody_takes_the_identifier_over(kind: Kind, opened: Open) -> None:
    if kind.raw:
        return  # raw identifiers are the caller's own
    transport = opened()
    thief = socket.socket(FAMILY[kind.version], socket.SOCK_DGRAM, PROTOCOL[kind.version])
    with thief, pytest.raises(OSError, match="in use"):
        thief.bind((LOOPBACK[kind.version], transport.identifiers[0]))
    ping(transport, PacketBatch(kind.version), 1)
    assert receive(transport, PacketBatch(kind.version), 1) == 1


def test_each_lane_hears_its_own_echoes(kind: Kind, opened: Open) -> None:
    transport = opened(lanes=2)
    tx, rx = batches(kind.version, capacity=16)
    lanes = [0, 0, 1, 1, 1, 0]
    for i, lane in enumerate(lanes):
        put(tx, i, echo(kind.version, transport.identifiers[lane], i), LOOPBACK[kind.version], lane)
    assert transport.send(tx, 0, 6) == (6, 0)
    assert receive(transport, rx, 6) == 6
    heard = {struct.unpack("!HH", rx.message(i)[4:8]): rx.lane[i] for i in range(6)}
    assert heard == {(transport.identifiers[lane], i): lane for i, lane in enumerate(lanes)}
    assert not readable(transport, 0.0)


def test_a_packet_longer_than_its_slot_is_marked(kind: Kind, opened: Open) -> None:
    transport = opened()
    tx, rx = PacketBatch(kind.version, slot=256), PacketBatch(kind.version, slot=64, capacity=4)
    put(tx, 0, echo(kind.version, transport.identifiers[0], 0, bytes(200)), LOOPBACK[kind.version])
    put(tx, 1, echo(kind.version, transport.identifiers[0], 1, bytes(20)), LOOPBACK[kind.version])
    assert transport.send(tx, 0, 2) == (2, 0)
    assert receive(transport, rx, 2) == 2
    assert list(rx.truncated[:2]) == [1, 0]
    assert rx.length[0] == 64
    assert all(rx.when[:2])


@pytest.mark.usefixtures("needs_raw_socket")
def test_fields_of_one_packet_are_those_asked_for(kind: Kind, opened: Open) -> None:
    transport = opened()
    tx = PacketBatch(kind.version, capacity=4)
    for i in range(4):
        put(tx, i, echo(kind.version, transport.identifiers[0], i), LOOPBACK[kind.version])
    tx.hop_limit[1], tx.traffic_class[1] = 33, 0x48
    tx.hop_limit[2] = 7
    if kind.version == 4:
        tx.local[8:12], tx.has_local[2] = socket.inet_aton("127.0.0.9"), 1
    else:
        tx.flow_label[2] = 0xBEEF
    with socket.socket(FAMILY[kind.version], socket.SOCK_RAW, PROTOCOL[kind.version]) as witness:
        witness.settimeout(2.0)
        for option in (51, 66, 11):  # IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_FLOWINFO (linux/in6.h)
            if kind.version == 6:
                witness.setsockopt(socket.IPPROTO_IPV6, option, 1)
        assert transport.send(tx, 0, 3) == (3, 0)
        # The same rows without their wishes: nothing of them stays in the kernel's arrays.
        tx.hop_limit[1] = tx.hop_limit[2] = tx.traffic_class[1] = tx.flow_label[2] = UNSET
        tx.has_local[2] = 0
        assert transport.send(tx, 1, 4) == (3, 0)
        seen = []
        while len(seen) < 6:
            seen += [fields for fields in [request_fields(witness, kind.version)] if fields]
    plain = (64, 0, "127.0.0.1" if kind.version == 4 else 0)
    wished = (7, 0, "127.0.0.9" if kind.version == 4 else 0xBEEF)
    assert seen[1] == (33, 0x48, plain[2])
    assert seen[2] == wished
    assert [seen[0], *seen[3:]] == [plain] * 4


def request_fields(witness: socket.socket, version: int) -> tuple[int, int, object] | None:
    """Hop limit, traffic class and source (IPv4) or flow label (IPv6) of the next packet, if a request."""
    octets, ancillary, _, _ = witness.recvmsg(256, 256)
    if version == 4:
        if octets[20] != 8:
            return None
        return octets[8], octets[1], socket.inet_ntoa(octets[12:16])
    if octets[0] != 128:
        return None
    found = {number: data for _, number, data in ancillary}
    hop, tclass = (struct.unpack("@i", found[number])[0] for number in (52, 67))
    label = struct.unpack("!I", found[11])[0] & 0xFFFFF if 11 in found else 0
    return hop, tclass, label if label == 0xBEEF else 0


def test_a_source_is_kept_also_for_packets_with_wishes(kind: Kind, opened: Open) -> None:
    if kind.version == 6:
        return  # ::1 is the only loopback address
    transport = opened(source=socket.inet_aton("127.0.0.7"))
    tx, rx = batches(4)
    put(tx, 0, echo(4, transport.identifiers[0], 0), "127.0.0.8")
    tx.interface[0] = socket.if_nametoindex("lo")
    put(tx, 1, echo(4, transport.identifiers[0], 1), "127.0.0.8")
    assert transport.send(tx, 0, 2) == (2, 0)
    assert receive(transport, rx, 2) == 2
    if kind.raw:
        assert [socket.inet_ntoa(rx.row(i)[16:20]) for i in range(2)] == ["127.0.0.7"] * 2


def test_a_full_receive_buffer_is_counted(kind: Kind, opened: Open) -> None:
    transport = opened(receive_buffer=8192)
    assert transport.dropped() == 0
    assert 4096 <= transport.receive_buffer <= 16384
    ping(transport, PacketBatch(kind.version), 64)
    assert readable(transport)
    assert transport.dropped() >= 20
    assert transport.recv(PacketBatch(kind.version), 0) < 44


def test_the_buffer_asked_for_is_the_buffer_granted(opened: Open) -> None:
    assert opened(receive_buffer=212_992).receive_buffer == 212_992
    assert opened().receive_buffer >= 212_992


def test_the_descriptor_tells_of_room_when_asked(kind: Kind, opened: Open) -> None:
    transport = opened()
    assert not readable(transport, 0.0)
    transport.watch_writable(True)
    assert readable(transport, 0.0)
    assert transport.recv(PacketBatch(kind.version), 0) == 0
    transport.watch_writable(False)
    assert not readable(transport, 0.0)


def test_closing_frees_all_descriptors_and_twice_does_no_harm(opened: Open) -> None:
    before = descriptors()
    transport = opened(lanes=2)
    assert descriptors() == before + 3
    transport.close()
    transport.close()
    assert descriptors() == before
    assert transport.fileno() == -1
    assert transport.dropped() == 0
    # The numbers of its descriptors are others' now.
    with pytest.raises(IndexError):
        transport.send(PacketBatch(transport.spec.version), 0, 1)


def test_a_transport_holds_no_batch(kind: Kind, opened: Open) -> None:
    transport = opened()
    tx, rx = batches(kind.version)
    ping(transport, tx, 1)
    receive(transport, rx, 1)
    batch, other = weakref.ref(tx), weakref.ref(rx)
    del tx, rx
    gc.collect()
    assert batch() is None
    assert other() is None


def test_a_batch_may_go_through_one_transport_after_the_other(kind: Kind, opened: Open) -> None:
    """What one of them keeps for it, the other neither sends by nor reads by."""
    if not kind.raw or kind.version == 6:
        return  # elsewhere the rows of both look alike
    tx, rx = batches(4, capacity=4)
    heard = []
    for fields in ({"source": bytes((127, 0, 0, 2))}, {}, {"privileged": False}):
        transport = opened(**fields)
        put(tx, 0, echo(4, transport.identifiers[0], 0), "127.0.0.1")
        tx.hop_limit[0] = 9
        assert transport.send(tx, 0, 1) == (1, 0)
        assert receive(transport, rx, 1) == 1
        heard.append((rx.start[0], rx.hop_limit[0], rx.start[0] and text(rx, rx.data[16:20], 0)))
    assert heard == [(20, 64, "127.0.0.2"), (20, 64, "127.0.0.1"), (0, 64, 0)]


def test_one_bad_row_is_told_and_the_others_leave(kind: Kind, opened: Open) -> None:
    transport = opened()
    tx, rx = batches(kind.version)
    for i in range(5):
        put(tx, i, echo(kind.version, transport.identifiers[0], i), LOOPBACK[kind.version])
    tx.hop_limit[2] = 300  # ip(7): 1 to 255
    assert transport.send(tx, 0, 5) == (2, errno.EINVAL)
    assert transport.send(tx, 2, 5) == (0, errno.EINVAL)
    assert transport.send(tx, 3, 5) == (2, 0)
    assert receive(transport, rx, 4) == 4


def test_the_descriptor_is_readable_in_a_nested_epoll(kind: Kind, opened: Open) -> None:
    """Event loops put the transport's own epoll into theirs."""
    transport = opened()
    with select.epoll() as loop:
        loop.register(transport.fileno(), select.EPOLLIN)
        ping(transport, PacketBatch(kind.version), 1)
        assert loop.poll(2.0) == [(transport.fileno(), select.EPOLLIN)]
