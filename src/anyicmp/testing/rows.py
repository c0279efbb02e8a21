"""Rows: what lies in the queue of a simulated socket, made of IP packets, and how it gets into a batch.

Which packets get there, and in which order, is for the sockets.
"""

from __future__ import annotations

from array import array
from collections import deque
from errno import EHOSTUNREACH, EMSGSIZE, EPROTO
from typing import Any, NamedTuple

from anyicmp.testing.topology import ADDRESSES_AT, HEADER, TTL_AT
from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, RowKind, Version
from anyicmp.wire.extension import parse_extensions

__all__ = [
    "INTERFACE",
    "Row",
    "drain",
    "error",
    "header_length",
    "local_error",
    "message",
    "packet",
    "segment",
    "stamp",
    "write",
]

INTERFACE = 1
ICMP = int(RowKind.ICMP)
NOBODY = {4: bytes(4), 16: bytes(16)}
REBUILT = 8
QUOTED_MINIMUM = 128
ERRNO = {3: EHOSTUNREACH, 11: EHOSTUNREACH, 12: EPROTO, 1: EHOSTUNREACH, 2: EMSGSIZE, 4: EPROTO}
"""The errno that Linux gives to an error by its type; close enough, for nothing is decided by it."""


class Row(NamedTuple):
    """Something in a socket's queue. `cost` is octets of the receive buffer, the rest as in `PacketBatch`."""

    lane: int
    when: int
    octets: bytes
    cost: int
    kind: int
    peer: bytes | None = None
    hop_limit: int = UNSET
    traffic_class: int = UNSET
    start: int = 0
    errno: int = 0
    token: int = 0
    original: bytes | None = None
    quoted: int = 0
    extension: int = 0
    own_port: int = 0
    port: int = 0


ALIKE = 4
"""Fields of a queue's entry that is several rows alike: form, lane, when, and (octets, peer, _) of each.

The form is what else they have: cost, number of octets, kind, and the fields of a `Row` behind the peer.
"""


def drain(queue: deque[tuple[Any, ...]], rx: PacketBatch, at: int, own: bytes, used: list[int]) -> int:
    """Put what is in a queue into rows `at`, ... of a batch, and give back the room of its lanes.

    Returns the row behind the last. `own` is the address that all was sent to.
    """
    while queue and at < rx.capacity:
        entry = queue.popleft()
        if len(entry) != ALIKE:
            used[entry[0]] -= entry[3]
            write(entry, rx, at, own)
            at += 1
            continue
        form, lane, when, rows = entry
        cost, size, kind = form[:3]
        n, fit = len(rows), rx.capacity - at
        if n > fit:
            queue.appendleft((form, lane, when, rows[fit:]))
            n, rows = fit, rows[:fit]
        end = at + n
        used[lane] -= cost * n
        if rx.header[at:end].count(form) == n:
            # What was written of a row of the same form is not written again.
            octets, peers, _ = rows[0] if n == 1 else zip(*rows, strict=True)
            begin, slot, first = at * rx.slot, rx.slot, at * rx.width
            if n == 1:
                rx.data[begin : begin + size] = octets
                rx.lane[at], rx.when[at] = lane, when
            else:
                rx.data[begin : begin + n * slot - slot + size] = bytes(slot - size).join(octets)
                rx.lane[at:end], rx.when[at:end] = bytes((lane,)) * n, array("q", (when,)) * n
                peers = b"".join(peers)
            rx.peer[first : first + len(peers)] = rx.reporter[first : first + len(peers)] = peers
        else:
            for i, (octets, peer, _) in enumerate(rows, at):
                write((lane, when, octets, cost, kind, peer, *form[3:]), rx, i, own)
                if not rx.truncated[i]:
                    rx.header[i] = form
        at = end
    return at


def write(row: tuple[Any, ...], rx: PacketBatch, i: int, own: bytes) -> None:
    """Put it into row i of a batch; `own` is the address that it was sent to."""
    lane, when, octets, _, kind, peer, hop_limit, traffic_class, start = row[:9]
    width, begin, size = rx.width, i * rx.slot, len(octets)
    address = slice(i * width, (i + 1) * width)
    if size > rx.slot:
        octets, size, start = octets[: rx.slot], rx.slot, min(start, rx.slot)
        rx.truncated[i] = 1
    else:
        rx.truncated[i] = 0
    rx.data[begin : begin + size] = octets
    rx.length[i], rx.start[i] = size, start
    rx.lane[i], rx.when[i], rx.kind[i], rx.header[i] = lane, when, kind, None
    rx.hop_limit[i], rx.traffic_class[i], rx.flow_label[i] = hop_limit, traffic_class, UNSET
    rx.scope[i], rx.interface[i], rx.has_local[i], rx.plain[i] = 0, INTERFACE, 1, 0
    rx.local[address] = own
    rx.peer[address] = rx.reporter[address] = peer or NOBODY[width]
    if kind == ICMP:
        rx.errno[i] = rx.quoted[i] = rx.extension[i] = 0
        return
    (
        rx.errno[i],
        rx.token[i],
        original,
        rx.quoted[i],
        rx.extension[i],
        rx.own_port[i],
        rx.port[i],
    ) = row[9:]
    if original is not None:
        rx.original[address] = original


def header_length(octets: bytes) -> int:
    """Octets of the IP header, IPv4 options included; no extension headers come with IPv6 here."""
    return (octets[0] & 15) * 4 if octets[0] >> 4 == 4 else HEADER[6]


def message(lane: int, when: int, cost: int, version: Version, octets: bytes, part: bytes) -> Row:
    """The ICMP message that is a part of an IP packet, alone, as most sockets deliver it."""
    if version == 4:
        return Row(lane, when, part, cost, ICMP, octets[12:16], octets[8])
    return Row(lane, when, part, cost, ICMP, octets[8:24], octets[7])


def packet(lane: int, when: int, cost: int, octets: bytes, at: int) -> Row:
    """With its IP header of so many octets, as raw IPv4 sockets deliver it."""
    return Row(lane, when, octets, cost, ICMP, octets[12:16], octets[8], octets[1], at)


def segment(lane: int, when: int, cost: int, version: Version, octets: bytes) -> Row:
    """A segment of TCP, as raw sockets deliver it: over IPv4 with its IP header."""
    first, second, _ = ADDRESSES_AT[version]
    at = header_length(octets)
    peer, hop_limit = octets[first:second], octets[TTL_AT[version]]
    if version == 4:
        return Row(lane, when, octets, cost, RowKind.DATA, peer, hop_limit, octets[1], at)
    return Row(lane, when, octets[at:], cost, RowKind.DATA, peer, hop_limit)


def error(
    lane: int, when: int, cost: int, version: Version, octets: bytes, quoted_header: int | None = None
) -> Row:
    """An ICMP error, as the error queue delivers it (ip(7), IP_RECVERR).

    The quoted IP header is withheld; of it the socket knows the destination. `quoted_header`: octets of
    headers before what is delivered of the quote, None: the IP header alone.
    """
    header = HEADER[version] if quoted_header is None else quoted_header
    heard = octets[header_length(octets) :]
    quoted = heard[8:]
    first, second, third = ADDRESSES_AT[version]
    length_at, unit = (5, 4) if version == 4 else (4, 8)
    length = heard[length_at] * unit
    extended = length >= QUOTED_MINIMUM and len(quoted) > length and parse_extensions(quoted[length:])
    return Row(
        lane,
        when,
        heard[:2] + b"\0\0" + heard[4:8] + quoted[header:],
        cost,
        RowKind.ERROR,
        peer=octets[first:second],
        hop_limit=octets[TTL_AT[version]],
        errno=ERRNO[heard[0]],
        original=quoted[second:third],
        quoted=Quoted.TRANSPORT if quoted_header is None else Quoted.PAYLOAD,
        extension=REBUILT + length - header if extended else 0,
    )


def local_error(lane: int, when: int, version: Version, octets: bytes, peer: bytes, mtu: int) -> Row:
    """What the own kernel queues for a message to a peer that is larger than the interface's MTU."""
    kind, code = (3, 4) if version == 4 else (2, 0)
    return Row(
        lane,
        when,
        bytes([kind, code, 0, 0]) + mtu.to_bytes(4, "big") + octets,
        0,
        RowKind.LOCAL_ERROR,
        errno=EMSGSIZE,
        original=peer,
        quoted=Quoted.TRANSPORT,
    )


def stamp(lane: int, when: int, cost: int, token: int) -> Row:
    """A transmit stamp: the columns say it all."""
    return Row(lane, when, b"", cost, RowKind.STAMP, token=token)
