"""Rows: what lies in the queue of a simulated socket, and how it comes to stand in a batch.

Which packets get there, and in which order, is for the sockets.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from anyicmp.testing.topology import ADDRESSES_AT, HEADER, TTL_AT
from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, RowKind
from anyicmp.wire.extension import parse_extensions

__all__ = [
    "INTERFACE",
    "Arrival",
    "clear_row",
    "header_length",
    "write_error",
    "write_local_error",
    "write_message",
    "write_packet",
    "write_stamp",
]

INTERFACE = 1
REBUILT = 8
QUOTED_MINIMUM = 128


@attrs.define
class Arrival:
    """Something in a socket's queue: a row to be, with the octets that it takes of the buffer."""

    lane: int
    packet: bytes
    when: int
    cost: int
    write: Callable[[PacketBatch, int, Arrival], None]
    kind: RowKind = RowKind.ICMP
    errno: int = 0
    token: int = 0
    original: bytes = b""


def clear_row(rx: PacketBatch, i: int, arrival: Arrival, own: bytes) -> None:
    """Give each column of a row the value that it has unless the arrival's writer says otherwise."""
    first, end = i * rx.width, (i + 1) * rx.width
    nowhere = bytes(rx.width)
    rx.kind[i], rx.lane[i], rx.when[i] = arrival.kind, arrival.lane, arrival.when
    rx.errno[i], rx.token[i] = arrival.errno, arrival.token
    rx.hop_limit[i] = rx.traffic_class[i] = rx.flow_label[i] = UNSET
    rx.start[i] = rx.extension[i] = rx.truncated[i] = rx.quoted[i] = rx.scope[i] = rx.length[i] = 0
    rx.has_local[i] = 1
    rx.interface[i] = INTERFACE
    rx.peer[first:end] = rx.reporter[first:end] = nowhere
    rx.local[first:end] = own
    rx.original[first:end] = arrival.original or nowhere


def _put(rx: PacketBatch, column: bytearray, i: int, address: bytes) -> None:
    column[i * rx.width : (i + 1) * rx.width] = address


def _octets(rx: PacketBatch, i: int, octets: bytes) -> None:
    kept = octets[: rx.slot]
    rx.data[i * rx.slot : i * rx.slot + len(kept)] = kept
    rx.length[i] = len(kept)
    rx.truncated[i] = len(kept) < len(octets)


def header_length(packet: bytes) -> int:
    """Octets of the IP header, IPv4 options included; no extension headers come with IPv6 here."""
    return (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else HEADER[6]


def _sender(rx: PacketBatch, packet: bytes) -> tuple[bytes, int]:
    first, second, _ = ADDRESSES_AT[rx.version]
    return packet[first:second], packet[TTL_AT[rx.version]]


def write_message(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    """The ICMP message alone, as most sockets deliver it."""
    packet = arrival.packet
    source, rx.hop_limit[i] = _sender(rx, packet)
    _put(rx, rx.peer, i, source)
    _put(rx, rx.reporter, i, source)
    _octets(rx, i, packet[header_length(packet) :])


def write_packet(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    """With its IP header, as raw IPv4 sockets deliver it."""
    packet = arrival.packet
    source, rx.hop_limit[i] = _sender(rx, packet)
    rx.traffic_class[i] = packet[1]
    _put(rx, rx.peer, i, source)
    _put(rx, rx.reporter, i, source)
    _octets(rx, i, packet)
    rx.start[i] = min(header_length(packet), rx.length[i])


def write_error(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    """An ICMP error, as the error queue delivers it (ip(7), IP_RECVERR)."""
    # The quoted IP header is withheld; of it the socket knows the destination.
    packet, header = arrival.packet, HEADER[rx.version]
    message = packet[header_length(packet) :]
    quoted = message[8:]
    source, rx.hop_limit[i] = _sender(rx, packet)
    _, begin, end = ADDRESSES_AT[rx.version]
    _put(rx, rx.peer, i, source)
    _put(rx, rx.reporter, i, source)
    _put(rx, rx.original, i, quoted[begin:end])
    _octets(rx, i, message[:2] + b"\0\0" + message[4:8] + quoted[header:])
    rx.quoted[i] = Quoted.TRANSPORT
    length_at, unit = (5, 4) if rx.version == 4 else (4, 8)
    length = message[length_at] * unit
    if length >= QUOTED_MINIMUM and len(quoted) > length and parse_extensions(quoted[length:]):
        rx.extension[i] = REBUILT + length - header


def write_local_error(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    """An error of this host's own kernel, from the error queue."""
    rx.quoted[i] = Quoted.TRANSPORT
    _octets(rx, i, arrival.packet)


def write_stamp(rx: PacketBatch, i: int, arrival: Arrival) -> None:
    """A transmit stamp: the columns say it all."""
