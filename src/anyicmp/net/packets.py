"""Rows of a batch as the IP packets that were on the wire, for a recording.

A socket seldom tells the whole IP header. What it did not tell is rebuilt here and named, so that nobody
takes it for observed. Opens nothing and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import attrs

from anyicmp.net.transport import Transport
from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, RowKind, Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6
from anyicmp.wire.ip import build_ipv4_header, build_ipv6_header
from anyicmp.wire.ports import (
    ACK,
    RST,
    SYN,
    TCP,
    TCP_HEADER,
    UDP,
    UDP_HEADER,
    build_tcp,
    build_udp,
    transport_checksum,
)

__all__ = ["WirePacket", "heard_packet", "sent_packet"]

PROTOCOL: dict[Version, int] = {4: 1, 6: 58}
METHODS = {"udp": UDP, "tcp": TCP}
CHECKSUM_AT = {1: 2, 58: 2, UDP: 6, TCP: 16}
HEADER: dict[Version, int] = {4: 20, 6: 40}
HOP_LIMIT = 64
"""What a header says where the hop limit was the kernel's choice: its default (ip(7))."""

# Where an error says how long its quote is, and in units of how many octets (RFC 4884 section 3).
LENGTH_AT: dict[Version, tuple[int, int]] = {4: (5, 4), 6: (4, 8)}
REBUILT = 8
"""Octets of the ICMP header that stands before the quote in an ERROR row."""

OwnAddress = Callable[[bytes], bytes]
"""Packed address of a peer to the packed address that this host uses with it."""


@attrs.frozen
class WirePacket:
    """An IP packet.

    Attributes:
        octets: from the IP header on.
        length: octets that it had, where the row held fewer.
        comment: what of it is rebuilt, "" where all was on the wire.
    """

    octets: bytes
    length: int
    comment: str = ""


def sent_packet(transport: Transport, tx: PacketBatch, i: int, own: OwnAddress) -> WirePacket:
    """Row i of a batch that a transport has sent. The kernel completed it as icmp(7) and raw(7) say."""
    spec, version, peer = transport.spec, tx.version, tx.address(tx.peer, i)
    told = tx.address(tx.local, i) if tx.has_local[i] else spec.source
    source = own(peer) if told is None else told
    message, protocol = bytes(tx.row(i)), _protocol(transport)
    if not transport.privileged and spec.method == "icmp":
        message = message[:4] + transport.identifiers[tx.lane[i]].to_bytes(2, "big") + message[6:]
    if version == 6 or not transport.privileged:
        message = _seal(message, protocol, source, peer)
    fields = (tx.hop_limit[i], tx.traffic_class[i], tx.flow_label[i])
    number = tx.identification[i] if transport.privileged else UNSET
    dont_fragment = bool(spec.dont_fragment)
    header = _header(version, source, peer, len(message), fields, dont_fragment, protocol, max(0, number))
    address = "" if told is not None else "source"
    comment = _rebuilt(version, address, fields, spec.dont_fragment is not None, number != UNSET)
    if transport.one_per_flow:
        comment += "; the kernel chose another sequence number, and its own options"
    return WirePacket(header + message, len(header) + len(message), comment)


def heard_packet(transport: Transport, rx: PacketBatch, i: int, own: OwnAddress) -> WirePacket | None:
    """Row i of a batch that a transport has filled; None for what was no packet on the wire."""
    kind, version, protocol = rx.kind[i], rx.version, _protocol(transport)
    if kind == RowKind.DATA and not rx.start[i]:
        octets, remark = bytes(rx.row(i)), ""
        if protocol == UDP:
            octets, remark = build_udp(rx.port[i], rx.own_port[i], octets), "; so is the UDP checksum"
        return _message(rx, i, octets, own, remark, protocol)
    if kind == RowKind.CONNECTION:
        return _segment(rx, i, own)
    if kind in (RowKind.ICMP, RowKind.DATA):
        return _whole(rx, i) if rx.start[i] else _message(rx, i, bytes(rx.row(i)), own, "")
    if kind == RowKind.ERROR and rx.quoted[i] != Quoted.PACKET:
        target = rx.address(rx.original, i)
        source = rx.address(rx.local, i) if rx.has_local[i] else own(target)
        row = bytearray(rx.row(i))
        remark = "; so are the ICMP checksum and the quoted IP header, of which only the destination is known"
        header = b""
        if rx.quoted[i] == Quoted.PAYLOAD:
            payload = bytes(row[REBUILT : rx.extension[i] or None])
            # Over IPv6 there is no datagram without a checksum (RFC 8200 section 8.1).
            quoted = build_udp(rx.own_port[i], rx.port[i], payload)
            header = _seal(quoted, UDP, source, target)[:UDP_HEADER]
            remark += ", and the quoted UDP header, of which only the ports are"
        if extension := rx.extension[i]:
            at, unit = LENGTH_AT[version]
            row[at] = (extension - REBUILT + HEADER[version] + len(header)) // unit
        length = len(header) + len(row[REBUILT : extension or None])
        if protocol == TCP and length >= TCP_HEADER:
            # What was added for extensions behind it is no part of a request, which has no data.
            length = min(length, (row[REBUILT + 12] >> 4) * 4)
        quote = _header(version, source, target, length, (0, UNSET, UNSET), False, protocol)
        message = bytes(row[:REBUILT]) + quote + header + bytes(row[REBUILT:])
        return _message(rx, i, message, lambda _: source, remark)
    return None


def _segment(rx: PacketBatch, i: int, own: OwnAddress) -> WirePacket:
    """What the target sent to the kernel that told of a connection."""
    source = rx.address(rx.peer, i)
    octets = build_tcp(
        rx.port[i],
        rx.own_port[i],
        sequence=0,
        flags=(RST if rx.errno[i] else SYN) | ACK,
        source=source,
        destination=own(source),
    )
    remark = "; so is the segment, of which only ports and flags are known"
    return _message(rx, i, octets, own, remark, TCP)


def _whole(rx: PacketBatch, i: int) -> WirePacket:
    """A raw IPv4 socket delivers the IP header too."""
    octets = bytes(rx.row(i))
    return WirePacket(octets, max(len(octets), int.from_bytes(octets[2:4], "big")), _cut(rx, i))


def _message(
    rx: PacketBatch, i: int, message: bytes, own: OwnAddress, remark: str, protocol: int | None = None
) -> WirePacket:
    """A message, of ICMP by default, that came without its IP header."""
    version, peer = rx.version, rx.address(rx.peer, i)
    protocol = PROTOCOL[version] if protocol is None else protocol
    destination = rx.address(rx.local, i) if rx.has_local[i] else own(peer)
    if remark:
        message = _seal(message, protocol, peer, destination)
    fields = (rx.hop_limit[i], rx.traffic_class[i], rx.flow_label[i])
    header = _header(version, peer, destination, len(message), fields, False, protocol)
    comment = _rebuilt(version, "" if rx.has_local[i] else "destination", fields, False)
    return WirePacket(header + message, len(header) + len(message), comment + remark + _cut(rx, i))


def _cut(rx: PacketBatch, i: int) -> str:
    return f"; cut off after {rx.length[i]} octets" if rx.truncated[i] else ""


def _header(
    version: Version,
    source: bytes,
    destination: bytes,
    length: int,
    fields: tuple[int, int, int],
    dont_fragment: bool,
    protocol: int,
    identification: int = 0,
) -> bytes:
    hop_limit, traffic_class, flow_label = fields
    hop_limit = HOP_LIMIT if hop_limit == UNSET else hop_limit
    if version == 4:
        return build_ipv4_header(
            source=source,
            destination=destination,
            protocol=protocol,
            payload_length=length,
            ttl=hop_limit,
            traffic_class=max(0, traffic_class),
            dont_fragment=dont_fragment,
            identification=identification,
        )
    return build_ipv6_header(
        source=source,
        destination=destination,
        next_header=protocol,
        payload_length=length,
        hop_limit=hop_limit,
        traffic_class=max(0, traffic_class),
        flow_label=max(0, flow_label),
    )


def _rebuilt(
    version: Version,
    address: str,
    fields: tuple[int, int, int],
    fragmentation: bool,
    numbered: bool = False,
) -> str:
    return _comment(version, address, *(field == UNSET for field in fields), fragmentation, numbered)


@lru_cache(maxsize=64)
def _comment(
    version: Version,
    address: str,
    no_hops: bool,
    no_class: bool,
    no_label: bool,
    fragmentation: bool,
    numbered: bool,
) -> str:
    """Names the fields that the socket neither told nor was told."""
    if version == 4:
        names = {
            "TTL": no_hops,
            "traffic class": no_class,
            "identification": not numbered,
            "DF": not fragmentation,
        }
    else:
        names = {"hop limit": no_hops, "traffic class": no_class, "flow label": no_label}
    unknown = ", ".join([*filter(None, [address]), *(name for name, missing in names.items() if missing)])
    return f"the IP header is rebuilt{', not known to the socket: ' if unknown else ''}{unknown}"


def _seal(message: bytes, protocol: int, source: bytes, destination: bytes) -> bytes:
    """The message with its right checksum."""
    at = CHECKSUM_AT[protocol]
    if protocol in (UDP, TCP):
        value = transport_checksum(protocol, message, source, destination)
    else:
        blank = message[:2] + b"\0\0" + message[4:]
        pseudo = (
            b"" if protocol == PROTOCOL[4] else pseudo_header_v6(source, destination, len(blank), protocol)
        )
        value = checksum(pseudo + blank)
    return message[:at] + value.to_bytes(2, "big") + message[at + 2 :]


def _protocol(transport: Transport) -> int:
    return METHODS.get(transport.spec.method) or PROTOCOL[transport.spec.version]
