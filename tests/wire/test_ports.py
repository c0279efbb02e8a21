"""UDP and TCP headers: octets of RFC 768 and RFC 9293, and checksums as scapy makes them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.wire.ports import (
    ACK,
    SYN,
    TCP,
    UDP,
    balance_udp,
    build_tcp,
    build_udp,
    read_tcp,
    transport_checksum,
)

ENDS = {
    4: (ip_address("192.0.2.1").packed, ip_address("198.51.100.7").packed),
    6: (ip_address("2001:db8::1").packed, ip_address("2001:db8:7::7").packed),
}
port = st.integers(0, 65_535)


def test_the_octets_of_a_udp_header() -> None:
    assert build_udp(0x1234, 53, b"abc", 0xBEEF) == bytes.fromhex("12340035000bbeef") + b"abc"


@given(
    version=st.sampled_from([4, 6]),
    ports=st.tuples(port, port),
    data=st.binary(max_size=60),
    wished=st.integers(1, 0xFFFF),
)
def test_a_balanced_datagram_has_the_wished_checksum(
    version: int, ports: tuple[int, int], data: bytes, wished: int
) -> None:
    row = bytearray(build_udp(*ports, b"\0\0" + data))
    row[8:10] = balance_udp(row, *ENDS[version], wished).to_bytes(2, "big")
    assert transport_checksum(UDP, row, *ENDS[version]) == wished
    row[6:8] = wished.to_bytes(2, "big")
    assert transport_checksum(UDP, row, *ENDS[version]) == wished, "whatever stood in the field"


@given(
    version=st.sampled_from([4, 6]),
    ports=st.tuples(port, port),
    numbers=st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF)),
    flags=st.integers(0, 255),
    options=st.sampled_from([b"", bytes(4), bytes(40)]),
)
def test_a_segment_is_read_as_it_was_built(
    version: int, ports: tuple[int, int], numbers: tuple[int, int], flags: int, options: bytes
) -> None:
    source, destination = ENDS[version]
    segment = build_tcp(
        *ports,
        sequence=numbers[0],
        acknowledgment=numbers[1],
        flags=flags,
        options=options,
        source=source,
        destination=destination,
    )
    assert len(segment) == 20 + len(options) == (segment[12] >> 4) * 4
    assert transport_checksum(TCP, segment, source, destination) == int.from_bytes(segment[16:18], "big")
    header = read_tcp(b"x" + segment, 1, 1 + len(segment))
    assert header is not None
    assert (header.source_port, header.destination_port) == ports
    assert (header.sequence, header.acknowledgment, header.flags) == (*numbers, flags)
    assert read_tcp(segment, 0, 19) is None


SCAPY = {
    4: ("00050006000b402c6f6464", "0005000600000007000000085012faf0c88b0000"),
    6: ("00050006000bd0e76f6464", "0005000600000007000000085012faf059470000"),
}
"""What scapy 2.6 makes of the same fields between the same ends."""


@pytest.mark.parametrize("version", [4, 6])
def test_octets_are_scapy_s(version: int) -> None:
    source, destination = ENDS[version]
    datagram, segment = map(bytes.fromhex, SCAPY[version])
    value = transport_checksum(UDP, datagram, source, destination)
    assert build_udp(5, 6, b"odd", value) == datagram
    assert segment == build_tcp(
        5, 6, sequence=7, acknowledgment=8, flags=SYN | ACK, source=source, destination=destination
    )
