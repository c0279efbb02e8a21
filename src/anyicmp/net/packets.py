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

__all__ = ["WirePacket", "heard_packet", "sent_packet"]

PROTOCOL: dict[Version, int] = {4: 1, 6: 58}
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
    message = bytes(tx.row(i))
    if not transport.privileged:
        message = message[:4] + transport.identifiers[tx.lane[i]].to_bytes(2, "big") + message[6:]
    if version == 6 or not transport.privileged:
        message = _seal(message, version, source, peer)
    fields = (tx.hop_limit[i], tx.traffic_class[i], tx.flow_label[i])
    header = _header(version, source, peer, len(message), fields, bool(spec.dont_fragment))
    comment = _rebuilt(version, "" if told is not None else "source", fields, spec.dont_fragment is not None)
    return WirePacket(header + message, len(header) + len(message), comment)


def heard_packet(transport: Transport, rx: PacketBatch, i: int, own: OwnAddress) -> WirePacket | None:
    """Row i of a batch that a transport has filled; None for what was no packet on the wire."""
    kind, version = rx.kind[i], rx.version
    if kind == RowKind.ICMP:
        return _whole(rx, i) if rx.start[i] else _message(rx, i, bytes(rx.row(i)), own, "")
    if kind == RowKind.ERROR and rx.quoted[i] == Quoted.TRANSPORT:
        target = rx.address(rx.original, i)
        source = rx.address(rx.local, i) if rx.has_local[i] else own(target)
        row = bytearray(rx.row(i))
        if extension := rx.extension[i]:
            at, unit = LENGTH_AT[version]
            row[at] = (extension - REBUILT + HEADER[version]) // unit
        quoted = row[REBUILT : extension or None]
        quote = _header(version, source, target, len(quoted), (0, UNSET, UNSET), False)
        message = bytes(row[:REBUILT]) + quote + bytes(row[REBUILT:])
        remark = "; so are the ICMP checksum and the quoted IP header, of which only the destination is known"
        return _message(rx, i, message, lambda _: source, remark)
    return None


def _whole(rx: PacketBatch, i: int) -> WirePacket:
    """A raw IPv4 socket delivers the IP header too."""
    octets = bytes(rx.row(i))
    return WirePacket(octets, max(len(octets), int.from_bytes(octets[2:4], "big")), _cut(rx, i))


def _message(rx: PacketBatch, i: int, message: bytes, own: OwnAddress, remark: str) -> WirePacket:
    """An ICMP message that came without its IP header."""
    version, peer = rx.version, rx.address(rx.peer, i)
    destination = rx.address(rx.local, i) if rx.has_local[i] else own(peer)
    if remark:
        message = _seal(message, version, peer, destination)
    fields = (rx.hop_limit[i], rx.traffic_class[i], rx.flow_label[i])
    header = _header(version, peer, destination, len(message), fields, False)
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
) -> bytes:
    hop_limit, traffic_class, flow_label = fields
    hop_limit = HOP_LIMIT if hop_limit == UNSET else hop_limit
    if version == 4:
        return build_ipv4_header(
            source=source,
            destination=destination,
            protocol=PROTOCOL[4],
            payload_length=length,
            ttl=hop_limit,
            traffic_class=max(0, traffic_class),
            dont_fragment=dont_fragment,
        )
    return build_ipv6_header(
        source=source,
        destination=destination,
        next_header=PROTOCOL[6],
        payload_length=length,
        hop_limit=hop_limit,
        traffic_class=max(0, traffic_class),
        flow_label=max(0, flow_label),
    )


def _rebuilt(version: Version, address: str, fields: tuple[int, int, int], fragmentation: bool) -> str:
    return _comment(version, address, *(field == UNSET for field in fields), fragmentation)


@lru_cache(maxsize=64)
def _comment(
    version: Version, address: str, no_hops: bool, no_class: bool, no_label: bool, fragmentation: bool
) -> str:
    """Names the fields that the socket neither told nor was told."""
    if version == 4:
        names = {"TTL": no_hops, "traffic class": no_class, "identification": True, "DF": not fragmentation}
    else:
        names = {"hop limit": no_hops, "traffic class": no_class, "flow label": no_label}
    unknown = ", ".join([*filter(None, [address]), *(name for name, missing in names.items() if missing)])
    return f"the IP header is rebuilt{', not known to the socket: ' if unknown else ''}{unknown}"


def _seal(message: bytes, version: Version, source: bytes, destination: bytes) -> bytes:
    """The message with its right checksum."""
    blank = message[:2] + b"\0\0" + message[4:]
    pseudo = b"" if version == 4 else pseudo_header_v6(source, destination, len(blank), PROTOCOL[6])
    return blank[:2] + checksum(pseudo + blank).to_bytes(2, "big") + blank[4:]
