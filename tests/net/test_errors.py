"""What routers and this host's kernel say of probes: ICMP rows from raw sockets, else from the error queue.

All of it happens in namespaces: client, one router, target; the last link carries 1,300 octets.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anyicmp.net import lanes
from anyicmp.net.transport import SocketSpec, open_transport
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind, Version
from net.bench import (
    FAMILY,
    IDENTIFIERS,
    LOOPBACK,
    PROTOCOL,
    Kind,
    echo,
    message,
    put,
    readable,
    receive,
    text,
)
from net.conftest import inside

from namespaces import Chain, command

Open = Callable[..., Any]
EXCEEDED = {4: (11, 0), 6: (3, 0)}
TOO_BIG = {4: (3, 4), 6: (2, 0)}
PAYLOAD = b"payload of thirty-two octets...."

pytestmark = pytest.mark.usefixtures("needs_namespaces")


@pytest.fixture
def lab(laboratory: Chain | None) -> Chain:
    assert laboratory is not None
    return laboratory


@contextlib.contextmanager
def no_default_route(lab: Chain) -> Iterator[None]:
    """The client without its way out, for a while."""
    ways = (("-4", lab.hops4[0]), ("-6", lab.hops6[0]))
    for family, _ in ways:
        assert not command(lab.client, ["ip", family, "route", "delete", "default"]).returncode
    try:
        yield
    finally:
        for family, via in ways:
            command(lab.client, ["ip", family, "route", "add", "default", "via", via]).check_returncode()


def target(lab: Chain, version: int) -> str:
    return lab.target4 if version == 4 else lab.target6


def router(lab: Chain, version: int) -> str:
    return lab.hops4[0] if version == 4 else lab.hops6[0]


def quoted_echo(rx: PacketBatch, i: int, kind: Kind) -> bytes:
    """The echo request that the error in row i quotes, whether its IP header came along or not."""
    body = bytes(rx.message(i)[8:])
    if not kind.raw:
        assert rx.quoted[i] == Quoted.TRANSPORT
        return body
    assert rx.quoted[i] == Quoted.PACKET
    return body[20:] if kind.version == 4 else body[40:]


def test_a_router_s_error_is_a_row(kind: Kind, opened: Open, lab: Chain) -> None:
    transport = opened(hop_limited=True)
    tx, rx = PacketBatch(kind.version), PacketBatch(kind.version, slot=256)
    for i in range(3):
        put(tx, i, echo(kind.version, transport.identifiers[0], 100 + i), target(lab, kind.version))
        tx.hop_limit[i] = 1
    assert transport.send(tx, 0, 3) == (3, 0)
    assert receive(transport, rx, 3) == 3
    for i in range(3):
        assert tuple(rx.message(i)[:2]) == EXCEEDED[kind.version]
        assert quoted_echo(rx, i, kind)[4:].startswith(
            struct.pack("!HH", transport.identifiers[0], 100 + i) + PAYLOAD
        )
        assert text(rx, rx.reporter, i) == text(rx, rx.peer, i) == router(lab, kind.version)
        assert rx.hop_limit[i] == 64
        assert rx.when[i] > 0
        assert (rx.truncated[i], rx.extension[i], rx.lane[i]) == (0, 0, 0)
        if kind.raw:
            assert (rx.kind[i], rx.errno[i]) == (RowKind.ICMP, 0)
        else:
            assert (rx.kind[i], rx.errno[i], rx.start[i]) == (RowKind.ERROR, errno.EHOSTUNREACH, 0)
            assert text(rx, rx.original, i) == target(lab, kind.version)
    assert not readable(transport, 0.0), "an error condition was left on a socket"


def test_an_earlier_probe_s_error_costs_no_later_probe(kind: Kind, opened: Open, lab: Chain) -> None:
    """ip(7): a pending error fails the next call on the socket, to whatever destination."""
    transport = opened()
    tx, rx = PacketBatch(kind.version), PacketBatch(kind.version, slot=256)
    for sequence in range(10):
        put(tx, 0, echo(kind.version, transport.identifiers[0], sequence), target(lab, kind.version))
        tx.hop_limit[0] = 1
        assert transport.send(tx, 0, 1) == (1, 0)
        assert readable(transport)
    for i in range(1, 4):
        put(tx, i, echo(kind.version, transport.identifiers[0], 100 + i), LOOPBACK[kind.version])
    assert transport.send(tx, 1, 4) == (3, 0)
    assert receive(transport, rx, 13) == 13
    kinds = [rx.message(i)[0] for i in range(13)]
    reply = 0 if kind.version == 4 else 129
    assert kinds.count(reply) == 3
    assert kinds.count(EXCEEDED[kind.version][0]) == 10
    if not kind.raw:
        assert kinds[:10] == [EXCEEDED[kind.version][0]] * 10, "the error queue comes first"
    assert not readable(transport, 0.0)


def test_errors_that_find_no_room_wait(kind: Kind, opened: Open, lab: Chain) -> None:
    transport = opened()
    tx, rx = PacketBatch(kind.version), PacketBatch(kind.version, capacity=2, slot=256)
    for i in range(5):
        put(tx, i, echo(kind.version, transport.identifiers[0], i), target(lab, kind.version))
        tx.hop_limit[i] = 1
    assert transport.send(tx, 0, 5) == (5, 0)
    got = 0
    while got < 5:
        assert readable(transport)
        got += transport.recv(rx, 0)
    assert got == 5
    assert transport.recv(rx, 0) == 0
    assert not readable(transport, 0.0)


def test_packet_too_big_tells_the_mtu(kind: Kind, opened: Open, lab: Chain) -> None:
    transport = opened(dont_fragment=True)
    tx, rx = PacketBatch(kind.version, slot=2048), PacketBatch(kind.version, slot=2048)
    octets = echo(kind.version, transport.identifiers[0], 7, bytes(1400))
    put(tx, 0, octets, target(lab, kind.version))
    assert transport.send(tx, 0, 1) == (1, 0)
    assert receive(transport, rx, 1) == 1
    assert tuple(rx.message(0)[:2]) == TOO_BIG[kind.version]
    assert struct.unpack("!HH", rx.message(0)[4:8]) == (0, 1300)
    # The path MTU is cached now, and is not consulted: the probe leaves again as it is.
    assert transport.send(tx, 0, 1) == (1, 0)
    assert receive(transport, rx, 1) == 1


def test_a_packet_too_big_for_our_own_link_is_this_row_s_fault(kind: Kind, opened: Open, lab: Chain) -> None:
    transport = opened(dont_fragment=True)
    tx, rx = PacketBatch(kind.version, slot=2048), PacketBatch(kind.version, slot=2048)
    put(tx, 0, echo(kind.version, transport.identifiers[0], 0), LOOPBACK[kind.version])
    put(tx, 1, echo(kind.version, transport.identifiers[0], 1, bytes(1600)), target(lab, kind.version))
    put(tx, 2, echo(kind.version, transport.identifiers[0], 2), LOOPBACK[kind.version])
    assert transport.send(tx, 0, 3) == (1, errno.EMSGSIZE)
    assert transport.send(tx, 2, 3) == (1, 0)
    rows = receive(transport, rx, 2)
    while transport.recv(rx, rows):
        rows += 1
    replies = [i for i in range(rows) if rx.kind[i] == RowKind.ICMP]
    assert len(replies) == 2
    for i in set(range(rows)).difference(replies):
        assert (rx.kind[i], rx.errno[i]) == (RowKind.LOCAL_ERROR, errno.EMSGSIZE)
        assert struct.unpack("!I", rx.message(i)[4:8]) == (1500,)
        assert text(rx, rx.original, i) == target(lab, kind.version)
    assert kind.raw or len(replies) < rows, "the kernel queued no error of its own"


def test_no_route_and_no_broadcast_are_told_of_their_row(kind: Kind, opened: Open, lab: Chain) -> None:
    nowhere = {4: ("10.77.0.255", errno.EACCES), 6: ("2001:db8::1", errno.ENETUNREACH)}[kind.version]
    transport = opened()
    tx, rx = PacketBatch(kind.version), PacketBatch(kind.version)
    addresses = [LOOPBACK[kind.version]] * 2 + [nowhere[0]] + [LOOPBACK[kind.version]] * 2
    with no_default_route(lab):
        for i, address in enumerate(addresses):
            put(tx, i, echo(kind.version, transport.identifiers[0], i), address)
        assert transport.send(tx, 0, 5) == (2, nowhere[1])
        assert transport.send(tx, 3, 5) == (2, 0)
    assert receive(transport, rx, 4) == 4
    allowed = opened(broadcast=True)
    if kind.version == 4:
        assert allowed.send(tx, 2, 3) == (1, 0)


def test_full_buffers_are_back_pressure(kind: Kind, opened: Open, lab: Chain) -> None:
    """A neighbour that does not answer holds its packets in the send buffer."""
    # An identifier of its own: seconds later the kernel reports that neighbour, to whoever has it then.
    transport = opened(identifiers=(0xF00D,))
    transport.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    tx = PacketBatch(kind.version)
    absent = "10.77.0.99" if kind.version == 4 else "fd77::99"
    for i in range(64):
        put(tx, i, echo(kind.version, transport.identifiers[0], i), absent)
    sent, fault = transport.send(tx, 0, 64)
    assert 0 < sent < 64
    assert fault in (errno.EAGAIN, errno.ENOBUFS)
    assert transport.send(tx, sent, 64)[0] == 0
    transport.watch_writable(True)
    assert not readable(transport, 0.0)


def test_only_what_concerns_our_identifier_wakes_us(kind: Kind, opened: Open) -> None:
    if not kind.raw:
        return  # the kernel itself sorts what datagram sockets hear
    version, ours, other = kind.version, *IDENTIFIERS
    transport = opened()
    rx = PacketBatch(version, slot=256)
    proto = PROTOCOL[version]
    wanted = [
        message(version, 0 if version == 4 else 129, 0, struct.pack("!HH", ours, 1)),
        quoting(version, proto, echo(version, ours, 2)),
        quoting(version, proto, echo(version, ours, 3), options=True),
    ]
    unwanted = [
        echo(version, other, 4),
        message(version, 0 if version == 4 else 129, 0, struct.pack("!HH", other, 5)),
        quoting(version, proto, echo(version, other, 6)),
        quoting(version, proto, echo(version, other, 6), options=True),
        quoting(version, 17, echo(version, ours, 7)),
        quoting(version, proto, message(version, 0 if version == 4 else 129, 0, struct.pack("!HH", ours, 8))),
        quoting(version, proto, b""),
        message(version, EXCEEDED[version][0], 0, b"\0\0\0\0"),
        message(version, 13 if version == 4 else 130, 0, bytes(24)),
    ]
    with socket.socket(FAMILY[version], socket.SOCK_RAW, proto) as router:
        for octets in (*unwanted, *wanted):
            router.sendto(octets, (LOOPBACK[version], 0))
        assert receive(transport, rx, 3) == 3
        assert not readable(transport, 0.05)
    assert [bytes(rx.message(i))[8:] for i in range(3)] == [octets[8:] for octets in wanted]


@pytest.mark.parametrize(
    "kind", [Kind(batched, True, 6) for batched in (None, False)], indirect=True, ids=str
)
@pytest.mark.parametrize("header", [0, 43, 60])
@pytest.mark.parametrize("units", [0, 2])
def test_a_quoted_ipv6_header_of_any_length_may_stand_between(
    kind: Kind, opened: Open, header: int, units: int
) -> None:
    """Hop-by-hop options, routing, destination options: nobody's are let through for their length."""
    transport = opened()
    rx = PacketBatch(6, capacity=8, slot=512)
    ours = transport.identifiers[0]
    between = struct.pack("!BB", socket.IPPROTO_ICMPV6, units) + bytes(6 + 8 * units)
    with socket.socket(FAMILY[6], socket.SOCK_RAW, PROTOCOL[6]) as router:
        for identifier in (ours ^ 0x4000, ours):
            quoted = between + echo(6, identifier, 7)
            ip = struct.pack("!IHBB", 6 << 28, len(quoted), header, 1) + bytes(32)
            router.sendto(message(6, EXCEEDED[6][0], 0, bytes(4) + ip + quoted), (LOOPBACK[6], 0))
        assert receive(transport, rx, 1) == 1
        assert not readable(transport, 0.05)
    assert bytes(rx.message(0)).endswith(echo(6, ours, 7)[4:])


def quoting(version: int, protocol: int, quoted: bytes, *, options: bool = False) -> bytes:
    """A time exceeded that quotes this behind an IP header, with options (IPv6: a fragment header) or not."""
    if version == 4:
        ihl = 7 if options else 5
        header = struct.pack("!BBHHHBBHII", 0x40 | ihl, 0, 20 + len(quoted), 0, 0, 1, protocol, 0, 0, 0)
        header += bytes(4 * (ihl - 5))
    else:
        extension = struct.pack("!BBHI", protocol, 0, 1, 0) if options else b""
        header = struct.pack("!IHBB", 6 << 28, len(extension + quoted), 44 if options else protocol, 1)
        header += bytes(32) + extension
    return message(version, EXCEEDED[version][0], 0, bytes(4) + header + quoted)


def test_a_burst_of_errors_makes_a_probe_wait_and_not_fail(
    kind: Kind, opened: Open, lab: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors may come faster than a call is repeated: here, faster than once."""
    monkeypatch.setattr(lanes, "ATTEMPTS", 1)
    transport = opened()
    tx, rx = PacketBatch(kind.version), PacketBatch(kind.version, slot=256)
    put(tx, 0, echo(kind.version, transport.identifiers[0], 1), target(lab, kind.version))
    tx.hop_limit[0] = 1
    assert transport.send(tx, 0, 1) == (1, 0)
    assert readable(transport)
    put(tx, 1, echo(kind.version, transport.identifiers[0], 2), LOOPBACK[kind.version])
    before = transport.send(tx, 1, 2)
    # A raw socket of IPv4 or IPv6 hears errors as packets, and none fails its calls.
    assert before == ((1, 0) if kind.raw else (0, errno.EAGAIN))
    assert receive(transport, rx, 2 if kind.raw else 1) == (2 if kind.raw else 1)
    if not kind.raw:
        assert transport.send(tx, 1, 2) == (1, 0)
        assert receive(transport, rx, 1) == 1
    with no_default_route(lab):
        put(tx, 2, echo(kind.version, transport.identifiers[0], 3), target(lab, kind.version))
        assert transport.send(tx, 2, 3) == (0, errno.ENETUNREACH)


@pytest.mark.parametrize("version", [4, 6])
def test_the_same_burst_makes_a_probe_with_ports_wait(
    version: Version, lab: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "ATTEMPTS", 1)
    tx, rx = PacketBatch(version), PacketBatch(version, slot=256)
    with inside(lab.client):
        transport = open_transport(SocketSpec(version=version, method="udp", privileged=False))
        with contextlib.closing(transport):
            (port,) = transport.identifiers
            for i, peer in enumerate((target(lab, version), LOOPBACK[version], target(lab, version))):
                # To the port that it comes from: on loopback the socket hears itself.
                put(tx, i, struct.pack("!HHHH", port, port, 12, 0) + b"ours", peer)
            tx.hop_limit[0] = 1
            assert transport.send(tx, 0, 1) == (1, 0)
            assert readable(transport)
            assert transport.send(tx, 1, 2) == (0, errno.EAGAIN)
            assert receive(transport, rx, 1) == 1
            assert rx.kind[0] == RowKind.ERROR
            assert transport.send(tx, 1, 2) == (1, 0)
            assert receive(transport, rx, 1) == 1
            assert rx.kind[0] == RowKind.DATA
            with no_default_route(lab):
                assert transport.send(tx, 2, 3) == (0, errno.ENETUNREACH)
