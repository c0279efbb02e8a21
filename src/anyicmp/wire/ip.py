"""IP headers: functions over a buffer for hot code, values for people, and the quoted datagram.

Reads and builds IPv4 and IPv6 headers as they stand on the wire, whole or cut off. Never resolves,
routes or guesses: what the bytes do not say is None.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from struct import error as StructError  # noqa: N812 - the module names its exception like a variable
from typing import TYPE_CHECKING

import attrs

from anyicmp.wire.checksum import checksum
from anyicmp.wire.plain import maker

if TYPE_CHECKING:
    from anyicmp.wire.message import Message

__all__ = [
    "IPAddress",
    "Packet",
    "QuotedDatagram",
    "build_ipv4_header",
    "build_ipv6_header",
    "find_transport",
    "parse_quoted",
]

IPAddress = IPv4Address | IPv6Address

_IPV4 = Struct("!BBHHHBBHII")
_IPV6 = Struct("!IHBB16s16s")
_WORD = Struct("!H")
_DOUBLE_WORD = Struct("!I")

_FRAGMENT = 44
_AUTHENTICATION = 51
# Hop-by-hop options, routing, fragment, authentication, destination options, HIP, shim6 (IANA registry
# "IPv6 Extension Header Types"). Mobility (135) and ESP (50) end a chain: nothing readable follows them.
_EXTENSION_HEADERS = frozenset({0, 43, _FRAGMENT, _AUTHENTICATION, 60, 139, 140})

_WITH_PORTS = frozenset({6, 17, 33, 132, 136})  # TCP, UDP, DCCP, SCTP, UDP-Lite
_ICMP_WITH_IDENTIFIER = {1: frozenset({0, 8, 13, 14, 15, 16, 17, 18}), 58: frozenset({128, 129})}


@attrs.frozen(kw_only=True, weakref_slot=False)  # see `maker`
class QuotedDatagram:
    """The datagram that an ICMP error quotes: the beginning of what its receiver once sent.

    Fields are None where the quote does not reach so far. A Linux error-queue entry of an unprivileged
    socket has no quoted IP header: there `packet` is empty, and only what the socket itself knows
    (`destination`, `protocol`) and `data` are set (ip(7), IP_RECVERR).

    Attributes:
        source, destination: addresses as quoted; a NAT on the way may have rewritten them.
        protocol: of the transport, IPv6 extension headers passed over.
        ttl: the TTL or hop limit left when the datagram was dropped (1 or 0 where it expired).
        traffic_class: the DSCP and ECN octet.
        identification: IPv4 identification, or that of an IPv6 fragment header.
        flow_label: IPv6 only.
        fragment_offset: in octets; where it is not 0, `data` does not begin with a transport header.
        data: what follows the IP headers, zero padding after it included (RFC 4884 section 3).
        packet: every quoted octet as it came, b"" where the IP header was withheld.
    """

    source: IPAddress | None = None
    destination: IPAddress | None = None
    protocol: int | None = None
    ttl: int | None = None
    traffic_class: int | None = None
    identification: int | None = None
    flow_label: int | None = None
    fragment_offset: int | None = None
    data: bytes = b""
    packet: bytes = b""

    def _word(self, offset: int) -> int | None:
        data = self.data
        return _WORD.unpack_from(data, offset)[0] if len(data) >= offset + 2 else None

    @property
    def source_port(self) -> int | None:
        """Of TCP, UDP, UDP-Lite, DCCP and SCTP; else None."""
        return self._word(0) if self.protocol in _WITH_PORTS and not self.fragment_offset else None

    @property
    def destination_port(self) -> int | None:
        """Of TCP, UDP, UDP-Lite, DCCP and SCTP; else None."""
        return self._word(2) if self.protocol in _WITH_PORTS and not self.fragment_offset else None

    def _has_identifier(self) -> bool:
        kinds = _ICMP_WITH_IDENTIFIER.get(self.protocol or 0)
        return (
            kinds is not None and self.data[:1] != b"" and self.data[0] in kinds and not self.fragment_offset
        )

    @property
    def identifier(self) -> int | None:
        """Of an ICMP echo (or other query) message; else None."""
        return self._word(4) if self._has_identifier() else None

    @property
    def sequence(self) -> int | None:
        """Of an ICMP echo (or other query) message; else None."""
        return self._word(6) if self._has_identifier() else None

    @property
    def tcp_sequence(self) -> int | None:
        """The TCP sequence number; None for other protocols."""
        if self.protocol != 6 or self.fragment_offset or len(self.data) < 8:
            return None
        number: int = _DOUBLE_WORD.unpack_from(self.data, 4)[0]
        return number

    @property
    def length(self) -> int | None:
        """Octets of the whole IP packet as its header says, before it was cut off to be quoted.

        Some routers quote it in their own byte order, or altered: do not match on it.
        """
        packet = self.packet
        if len(packet) >= 4 and packet[0] >> 4 == 4:
            return int.from_bytes(packet[2:4], "big")
        if len(packet) >= 6 and packet[0] >> 4 == 6:
            return 40 + int.from_bytes(packet[4:6], "big")
        return None


_make_quoted = maker(QuotedDatagram)


@attrs.frozen(kw_only=True)
class Packet:
    """An IP packet with an ICMP message in it.

    Attributes:
        source, destination: addresses of the IP header.
        ttl: TTL or hop limit.
        message: the decoded message.
    """

    source: IPAddress
    destination: IPAddress
    ttl: int
    message: Message


def build_ipv4_header(
    *,
    source: bytes,
    destination: bytes,
    protocol: int,
    payload_length: int,
    ttl: int = 64,
    traffic_class: int = 0,
    identification: int = 0,
    dont_fragment: bool = False,
    options: bytes = b"",
) -> bytes:
    """An IPv4 header (RFC 791 section 3.1) for packed addresses, its checksum set.

    Raises ValueError for a value that does not fit its field, and for options whose length is not a
    multiple of 4 up to 40.
    """
    if len(options) % 4 or len(options) > 40:
        raise ValueError(f"IPv4 options take a multiple of 4 octets up to 40, not {len(options)}")
    size = 20 + len(options)
    _check(source, destination, 4, size + payload_length)
    fragmentation = 0x4000 if dont_fragment else 0
    addresses = int.from_bytes(source, "big"), int.from_bytes(destination, "big")
    length = size + payload_length
    try:
        header = _IPV4.pack(
            0x40 | size >> 2,
            traffic_class,
            length,
            identification,
            fragmentation,
            ttl,
            protocol,
            0,
            *addresses,
        )
    except StructError as error:
        raise ValueError(f"a value does not fit its field in the IPv4 header: {error}") from error
    header += options
    return header[:10] + _WORD.pack(checksum(header)) + header[12:]


def build_ipv6_header(
    *,
    source: bytes,
    destination: bytes,
    next_header: int,
    payload_length: int,
    hop_limit: int = 64,
    traffic_class: int = 0,
    flow_label: int = 0,
) -> bytes:
    """An IPv6 header (RFC 8200 section 3) for packed addresses.

    Raises ValueError for a value that does not fit its field.
    """
    _check(source, destination, 16, payload_length)
    if not 0 <= flow_label < 1 << 20:
        raise ValueError(f"a flow label has 20 bits, not {flow_label}")
    if not 0 <= traffic_class < 1 << 8:
        raise ValueError(f"a traffic class has 8 bits, not {traffic_class}")
    first = 6 << 28 | traffic_class << 20 | flow_label
    try:
        return _IPV6.pack(first, payload_length, next_header, hop_limit, source, destination)
    except StructError as error:
        raise ValueError(f"a value does not fit its field in the IPv6 header: {error}") from error


def _check(source: bytes, destination: bytes, width: int, length: int) -> None:
    if len(source) != width or len(destination) != width:
        raise ValueError(f"a packed address has {width} octets here")
    if not 0 <= length <= 0xFFFF:
        raise ValueError(f"a length of {length} octets does not fit into the IP header")


def find_transport(
    buffer: bytes | bytearray | memoryview, start: int, end: int
) -> tuple[int, int, int] | None:
    """Where the transport begins in the IP packet at buffer[start:end], for either IP version.

    Returns (protocol, offset in the buffer, fragment offset in octets), or None where the IP headers are
    cut off or are none. The offset may equal `end`. Behind a fragment offset that is not 0 stands no
    transport header.
    """
    if end - start < 20:
        return None
    first = buffer[start]
    if first >> 4 == 4:
        offset = start + (first & 15) * 4
        if offset < start + 20 or offset > end:
            return None
        return buffer[start + 9], offset, ((buffer[start + 6] & 0x1F) << 8 | buffer[start + 7]) * 8
    if first >> 4 != 6 or end - start < 40:
        return None
    found = _walk_v6(buffer, start, end)
    return found and found[:3]


def _walk_v6(
    buffer: bytes | bytearray | memoryview, start: int, end: int
) -> tuple[int, int, int, int | None] | None:
    """What `find_transport` returns, and the identification of a fragment header on the way."""
    protocol, offset = buffer[start + 6], start + 40
    identification = None
    while protocol in _EXTENSION_HEADERS:
        if offset + 8 > end:
            return None
        if protocol == _FRAGMENT:
            identification = int.from_bytes(buffer[offset + 4 : offset + 8], "big")
            fragment = (buffer[offset + 2] << 8 | buffer[offset + 3]) & 0xFFF8
            protocol, offset = buffer[offset], offset + 8
            if fragment:
                return protocol, offset, fragment, identification
            continue
        size = (buffer[offset + 1] + 2) * 4 if protocol == _AUTHENTICATION else (buffer[offset + 1] + 1) * 8
        protocol, offset = buffer[offset], offset + size
        if offset > end:
            return None
    return protocol, offset, 0, identification


def parse_quoted(packet: bytes, version: int) -> QuotedDatagram:
    """The quoted datagram whose octets, IP header first, are `packet`; cut off anywhere, or damaged.

    Never raises for what the bytes hold.
    """
    if version == 4:
        if len(packet) < 20 or not 0x45 <= packet[0] <= 0x4F:
            return _cut_off_v4(packet)
        first, tos, _, number, fragmentation, ttl, protocol, _, source, destination = _IPV4.unpack_from(
            packet
        )
        offset = (fragmentation & 0x1FFF) * 8
        data = packet[(first & 15) * 4 :]
        addresses = IPv4Address(source), IPv4Address(destination)
        return _make_quoted(*addresses, protocol, ttl, tos, number, None, offset, data, packet)
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return _cut_off_v6(packet)
    word, _, protocol, hop_limit, source, destination = _IPV6.unpack_from(packet)
    transport: int | None = protocol
    offset = 40
    fragment: int | None = 0
    identification: int | None = None
    if protocol in _EXTENSION_HEADERS:
        cut_off = (None, len(packet), None, None)
        transport, offset, fragment, identification = _walk_v6(packet, 0, len(packet)) or cut_off
    return _make_quoted(
        IPv6Address(source),
        IPv6Address(destination),
        transport,
        hop_limit,
        word >> 20 & 0xFF,
        identification,
        word & 0xFFFFF,
        fragment,
        packet[offset:],
        packet,
    )


def _cut_off_v4(packet: bytes) -> QuotedDatagram:
    """What fewer than 20 octets of an IPv4 header say."""
    have = len(packet)
    if not have or packet[0] >> 4 != 4 or have >= 20:
        return QuotedDatagram(packet=packet)
    return QuotedDatagram(
        source=IPv4Address(packet[12:16]) if have >= 16 else None,
        protocol=packet[9] if have >= 10 else None,
        ttl=packet[8] if have >= 9 else None,
        traffic_class=packet[1] if have >= 2 else None,
        identification=int.from_bytes(packet[4:6], "big") if have >= 6 else None,
        fragment_offset=(int.from_bytes(packet[6:8], "big") & 0x1FFF) * 8 if have >= 8 else None,
        packet=packet,
    )


def _cut_off_v6(packet: bytes) -> QuotedDatagram:
    """What fewer than 40 octets of an IPv6 header say."""
    have = len(packet)
    if not have or packet[0] >> 4 != 6:
        return QuotedDatagram(packet=packet)
    word = int.from_bytes(packet[:4], "big") if have >= 4 else None
    transport = packet[6] if have >= 7 and packet[6] not in _EXTENSION_HEADERS else None
    return QuotedDatagram(
        source=IPv6Address(packet[8:24]) if have >= 24 else None,
        protocol=transport,
        ttl=packet[7] if have >= 8 else None,
        traffic_class=None if word is None else word >> 20 & 0xFF,
        flow_label=None if word is None else word & 0xFFFFF,
        packet=packet,
    )
