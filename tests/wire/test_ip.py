"""IP headers and the quoted datagram: whole, with options and extension headers, cut off anywhere."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.wire import (
    QuotedDatagram,
    build_ipv4_header,
    build_ipv6_header,
    checksum,
    find_transport,
    parse_quoted,
)

SOURCE4, TARGET4 = IPv4Address("192.0.2.1"), IPv4Address("198.51.100.7")
SOURCE6, TARGET6 = IPv6Address("2001:db8::1"), IPv6Address("2001:db8:1::7")

# RFC 791 section 3.1, worked out by hand: TOS b8, 48 octets, id 1c46, DF, TTL 1, UDP.
IPV4_UDP = bytes.fromhex("45b80030 1c464000 0111 0000 c0000201 c6336407 8235829a 001c 0000 00112233")
IPV4_WITH_OPTIONS = bytes.fromhex(
    "4700002c 00010000 4006 0000 c0000201 c6336407 9404000001010101 01bbd431 deadbeef 00000000"
)
IPV4_SECOND_FRAGMENT = bytes.fromhex("4500001c 00010019 4011 0000 c0000201 c6336407 8235829a00080000")
# RFC 8200 section 3: traffic class 2e<<2, flow label abcde, 16 octets, ICMPv6, hop limit 1.
IPV6_ECHO = (
    bytes.fromhex("6b8abcde 0010 3a 01")
    + SOURCE6.packed
    + TARGET6.packed
    + bytes.fromhex("80001234 000a000b")
)
# Hop-by-hop, then destination options, then a first fragment of TCP.
IPV6_CHAIN = (
    bytes.fromhex("60000000 0028 00 40")
    + SOURCE6.packed
    + TARGET6.packed
    + bytes.fromhex("3c00010400000000 2c00010400000000 06000001cafef00d 01bb0050 01020304 00000000")
)


def test_ipv4_quote():
    quoted = parse_quoted(IPV4_UDP, 4)
    assert quoted == QuotedDatagram(
        source=SOURCE4,
        destination=TARGET4,
        protocol=17,
        ttl=1,
        traffic_class=0xB8,
        identification=0x1C46,
        fragment_offset=0,
        data=IPV4_UDP[20:],
        packet=IPV4_UDP,
    )
    assert (quoted.source_port, quoted.destination_port) == (33333, 33434)
    assert quoted.identifier is quoted.sequence is quoted.tcp_sequence is None
    assert quoted.length == 48


def test_ipv4_options_are_passed_over():
    quoted = parse_quoted(IPV4_WITH_OPTIONS, 4)
    assert (quoted.source_port, quoted.destination_port) == (443, 54321)
    assert quoted.tcp_sequence == 0xDEADBEEF


def test_a_later_fragment_has_no_transport_header():
    quoted = parse_quoted(IPV4_SECOND_FRAGMENT, 4)
    assert quoted.fragment_offset == 200
    assert quoted.source_port is quoted.destination_port is None
    assert quoted.data == bytes.fromhex("8235829a00080000")


def test_ipv6_quote():
    quoted = parse_quoted(IPV6_ECHO, 6)
    assert (quoted.source, quoted.destination, quoted.protocol, quoted.ttl) == (SOURCE6, TARGET6, 58, 1)
    assert (quoted.traffic_class, quoted.flow_label, quoted.length) == (0xB8, 0xABCDE, 56)
    assert (quoted.identifier, quoted.sequence) == (10, 11)


def test_ipv6_extension_headers_are_passed_over():
    quoted = parse_quoted(IPV6_CHAIN, 6)
    assert (quoted.protocol, quoted.identification, quoted.fragment_offset) == (6, 0xCAFEF00D, 0)
    assert (quoted.source_port, quoted.destination_port, quoted.tcp_sequence) == (443, 80, 0x01020304)


@pytest.mark.parametrize("packet", [IPV4_UDP, IPV4_WITH_OPTIONS, IPV6_ECHO, IPV6_CHAIN])
def test_a_quote_cut_off_anywhere_says_what_it_holds_and_nothing_else(packet: bytes):
    version = packet[0] >> 4
    whole = parse_quoted(packet, version)
    names = ("source", "destination", "protocol", "ttl", "traffic_class", "flow_label")
    known_before: set[str] = set()
    for size in range(len(packet) + 1):
        quoted = parse_quoted(packet[:size], version)
        assert quoted.packet == packet[:size]
        known = {name for name in names if getattr(quoted, name) is not None}
        assert known >= known_before
        assert all(getattr(quoted, name) == getattr(whole, name) for name in known)
        assert whole.data.startswith(quoted.data)
        for name in ("source_port", "destination_port", "identifier", "sequence", "tcp_sequence"):
            assert getattr(quoted, name) in (None, getattr(whole, name))
        known_before = known


@given(st.binary(max_size=120), st.sampled_from([4, 6]))
def test_noise_never_raises_and_keeps_every_octet(packet: bytes, version: int):
    quoted = parse_quoted(packet, version)
    assert quoted.packet == packet
    assert packet.endswith(quoted.data)
    for name in ("source_port", "identifier", "sequence", "tcp_sequence", "length"):
        getattr(quoted, name)


@given(st.binary(max_size=40), st.binary(max_size=120), st.sampled_from([b"", b"\x45", b"\x60"]))
def test_find_transport_stays_inside(before: bytes, packet: bytes, first: bytes):
    buffer = bytearray(before + first + packet)
    found = find_transport(buffer, len(before), len(buffer))
    assert found is None or len(before) + 20 <= found[1] <= len(buffer)


def test_find_transport_in_the_middle_of_a_buffer():
    assert find_transport(b"\xee" * 7 + IPV4_WITH_OPTIONS, 7, 7 + len(IPV4_WITH_OPTIONS)) == (6, 35, 0)
    assert find_transport(memoryview(b"\xee" * 3 + IPV6_CHAIN), 3, 3 + len(IPV6_CHAIN)) == (6, 67, 0)


def test_ipv4_header():
    header = build_ipv4_header(
        source=SOURCE4.packed,
        destination=TARGET4.packed,
        protocol=17,
        payload_length=28,
        ttl=1,
        traffic_class=0xB8,
        identification=0x1C46,
        dont_fragment=True,
    )
    assert header[:10] == IPV4_UDP[:10]
    assert header[12:] == IPV4_UDP[12:20]
    assert checksum(header) == 0


def test_ipv6_header():
    header = build_ipv6_header(
        source=SOURCE6.packed,
        destination=TARGET6.packed,
        next_header=58,
        payload_length=16,
        hop_limit=1,
        traffic_class=0xB8,
        flow_label=0xABCDE,
    )
    assert header == IPV6_ECHO[:40]


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": b"123"},
        {"payload_length": 65520},
        {"ttl": 256},
        {"protocol": -1},
        {"identification": 70000},
        {"traffic_class": 300},
        {"options": b"123"},
        {"options": bytes(44)},
    ],
)
def test_an_ipv4_header_refuses_what_does_not_fit(wrong: dict[str, object]):
    right: dict[str, object] = {
        "source": bytes(4),
        "destination": bytes(4),
        "protocol": 1,
        "payload_length": 0,
    }
    with pytest.raises(ValueError, match=r"octets|fit"):
        build_ipv4_header(**(right | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"destination": b""}, {"flow_label": 1 << 20}, {"payload_length": 1 << 16}]
)
def test_an_ipv6_header_refuses_what_does_not_fit(wrong: dict[str, object]):
    right: dict[str, object] = {
        "source": bytes(16),
        "destination": bytes(16),
        "next_header": 58,
        "payload_length": 0,
    }
    with pytest.raises(ValueError, match=r"address|label|length"):
        build_ipv6_header(**(right | wrong))  # type: ignore[arg-type]
