"""Control messages and columns, in both directions; the error queue as ICMP rows.

Shared by all transports, so that a row is the same whoever received it. No socket is touched here, and
no system call made. Layouts: cmsg(3), ip(7), ipv6(7), linux/errqueue.h, RFC 3542.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from struct import Struct, calcsize, pack

from anyicmp.net import constants as c
from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, RowKind, Version

__all__ = [
    "ERROR_HEADER",
    "Message",
    "message_kind",
    "messages_to_send",
    "note",
    "note_error",
    "pack_messages",
    "past_header",
    "stamp_key",
    "stamp_wish",
    "stamped_token",
    "walk",
]

Octets = bytes | memoryview
Message = tuple[int, int, Octets]

ERROR_HEADER = 8
"""Octets of ICMP header that are rebuilt in front of what the kernel delivers of an error."""

_CMSG = Struct("@Nii")
_ALIGN = calcsize("@N") - 1
_EXTENDED = Struct("=iBBBxI4s")  # struct sock_extended_err
_RFC4884 = Struct("=HBx")
_HEADER = Struct("!BBHI")
_SECOND = 1_000_000_000
_IPV4 = Struct("=BB6xB")  # version and length, traffic class, hop limit
IPV4, NO_OPTIONS = 20, 0x45  # octets of a header without options, and how it begins

# Where the address stands in a sockaddr of each version, and its address family.
_OFFENDER = {4: (_EXTENDED.size + 4, socket.AF_INET), 6: (_EXTENDED.size + 8, socket.AF_INET6)}
# How ee_info goes back into the second word of the header, where it is not the word itself: the kernel
# hands out the MTU of RFC 1191 and the pointer of RFC 792 as plain numbers.
_REST: dict[tuple[int, int], Callable[[int], int]] = {
    (4, 3): lambda info: info & 0xFFFF,
    (4, 12): lambda info: info << 24 & 0xFFFFFFFF,
}


def walk(control: memoryview, begin: int, end: int) -> Iterator[Message]:
    """The control messages in control[begin:end], as cmsg(3) lays them out; a cut one ends the walk."""
    while begin + _CMSG.size <= end:
        size, level, kind = _CMSG.unpack_from(control, begin)
        if size < _CMSG.size or begin + size > end:
            return
        yield level, kind, control[begin + _CMSG.size : begin + size]
        begin += (size + _ALIGN) & ~_ALIGN


def _integer(data: Octets) -> int:
    return int.from_bytes(data[:4], sys.byteorder, signed=True)


def _stamp(rx: PacketBatch, i: int, data: Octets) -> None:
    # struct scm_timestamping is three times struct timespec, two longs each; the software stamp is first.
    seconds, nanoseconds = _TIMESPEC.unpack_from(data)
    rx.when[i] = seconds * _SECOND + nanoseconds


def _hop_limit(rx: PacketBatch, i: int, data: Octets) -> None:
    rx.hop_limit[i] = _integer(data)


def _error(rx: PacketBatch, i: int, data: Octets) -> None:
    errno, origin, kind, code, info, more = _EXTENDED.unpack_from(data)
    rx.errno[i] = errno
    if origin == c.ORIGIN_TIMESTAMPING:
        rx.kind[i] = RowKind.STAMP
        rx.token[i] = stamped_token(int.from_bytes(more, sys.byteorder))
        return
    if origin in (c.ORIGIN_ICMP, c.ORIGIN_ICMP6):
        rx.kind[i] = RowKind.ERROR
        info = _REST.get((rx.version, kind), int)(info)
        offset, flags = _RFC4884.unpack(more)
        if offset and not flags & c.RFC4884_INVALID and ERROR_HEADER + offset + 4 <= rx.length[i]:
            rx.extension[i] = ERROR_HEADER + offset
    at, family = _OFFENDER[rx.version]
    if len(data) >= at + rx.width and int.from_bytes(data[16:18], sys.byteorder) == family:
        rx.reporter[i * rx.width : (i + 1) * rx.width] = data[at : at + rx.width]
    _HEADER.pack_into(rx.data, i * rx.slot, kind, code, 0, info)


_TIMESPEC = Struct("@ll")
_READERS: dict[tuple[int, int], tuple[int, Callable[[PacketBatch, int, Octets], None]]] = {
    (c.SOL_SOCKET, c.SO_TIMESTAMPING): (_TIMESPEC.size, _stamp),
    (c.SOL_IP, c.IP_TTL): (4, _hop_limit),
    # Linux's number, or that of the platform where the module knows it.
    (socket.IPPROTO_IPV6, getattr(socket, "IPV6_HOPLIMIT", c.IPV6_HOPLIMIT)): (4, _hop_limit),
    (c.SOL_IP, c.IP_RECVERR): (_EXTENDED.size, _error),
    (c.SOL_IPV6, c.IPV6_RECVERR): (_EXTENDED.size, _error),
}


def note(rx: PacketBatch, i: int, messages: Iterable[Message]) -> None:
    """Write what the control messages tell of a received row to its columns `when` and `hop_limit`."""
    rx.when[i] = 0
    rx.hop_limit[i] = UNSET
    for level, kind, data in messages:
        size, reader = _READERS.get((level, kind), (0, None))
        if reader is not None and len(data) >= size:
            reader(rx, i, data)


def note_error(rx: PacketBatch, i: int, payload: int, lane: int, messages: Iterable[Message]) -> None:
    """Make row i of an entry of the error queue whose payload stands in the row from ERROR_HEADER on.

    The caller writes `original`, its `scope`, and `truncated`. What the kernel delivers of an error
    that a datagram ICMP socket caused begins at the quoted ICMP header.
    """
    rx.length[i] = ERROR_HEADER + payload
    rx.start[i] = 0
    rx.kind[i] = RowKind.LOCAL_ERROR
    rx.lane[i] = lane
    rx.quoted[i] = Quoted.TRANSPORT
    rx.extension[i] = rx.interface[i] = rx.errno[i] = rx.has_local[i] = rx.plain[i] = 0
    rx.traffic_class[i] = rx.flow_label[i] = UNSET
    ours = slice(i * rx.width, (i + 1) * rx.width)
    rx.reporter[ours] = bytes(rx.width)
    rx.data[i * rx.slot : i * rx.slot + ERROR_HEADER] = bytes(ERROR_HEADER)
    note(rx, i, messages)
    rx.peer[ours] = rx.reporter[ours]


def past_header(rx: PacketBatch, i: int, length: int) -> None:
    """A row of this length begins with its IPv4 header: `start` goes behind it, two columns come from it.

    A row too short for its own header gets start == length: an empty message.
    """
    if length < IPV4:
        rx.start[i], rx.hop_limit[i], rx.traffic_class[i] = length, UNSET, UNSET
        return
    first, rx.traffic_class[i], rx.hop_limit[i] = _IPV4.unpack_from(rx.data, rx.slot * i)
    rx.start[i] = IPV4 if first == NO_OPTIONS else min((first & 15) * 4, length)


def message_kind(level: int, kind: int) -> bytes:
    """Level and type of a control message as they stand in its header, behind the length."""
    return pack("@ii", level, kind)


def stamp_key(token: int) -> int:
    """The bits of a token that `STAMP_TOKEN` names, as the 32 that the kernel keeps with a stamp."""
    return token >> 24 & 0xFF000000 | token & 0xFFFFFF


def stamped_token(key: int) -> int:
    """The bits of a token that a key of `stamp_key` holds."""
    return key >> 24 << 48 | key & 0xFFFFFF


def stamp_wish(token: int) -> tuple[tuple[int, int, bytes], tuple[int, int, bytes]]:
    """The control messages that have one packet stamped when it leaves, and its stamp named by the token.

    The second is SCM_TS_OPT_ID of Linux 6.13; with it counting the packets of a socket is not needed.
    """
    return (
        (c.SOL_SOCKET, c.SO_TIMESTAMPING, pack("@I", c.TX_SOFTWARE)),
        (c.SOL_SOCKET, c.SCM_TS_OPT_ID, pack("@I", stamp_key(token))),
    )


@lru_cache(maxsize=1024)
def messages_to_send(
    version: Version, hop_limit: int, traffic_class: int, flow_label: int, local: bytes, interface: int
) -> tuple[tuple[int, int, bytes], ...]:
    """The control messages that give one packet these fields; UNSET (interface: 0) leaves one out.

    A local address of zeros is the kernel's choice. A flow label of 0 is the kernel's choice too.
    """
    asked: list[tuple[int, int, bytes]] = []
    level, hop, tclass, info = _TO_SEND[version]
    if hop_limit != UNSET:
        asked.append((level, hop, pack("@i", hop_limit)))
    if traffic_class != UNSET:
        asked.append((level, tclass, pack("@i", traffic_class)))
    if flow_label != UNSET and version == 6:
        asked.append((level, c.IPV6_FLOWINFO, pack("!I", flow_label)))
    if interface or any(local):
        # struct in_pktinfo: interface, address to send from, address unused; struct in6_pktinfo.
        layout = pack("@i4s4x", interface, local) if version == 4 else pack("@16si", local, interface)
        asked.append((level, info, layout))
    return tuple(asked)


_TO_SEND = {
    4: (c.SOL_IP, c.IP_TTL, c.IP_TOS, c.IP_PKTINFO),
    6: (c.SOL_IPV6, c.IPV6_HOPLIMIT, c.IPV6_TCLASS, c.IPV6_PKTINFO),
}


@lru_cache(maxsize=1024)
def pack_messages(messages: tuple[tuple[int, int, bytes], ...]) -> bytes:
    """Control messages as one control buffer, padded as cmsg(3) wants them."""
    out = bytearray()
    for level, kind, data in messages:
        out += _CMSG.pack(_CMSG.size + len(data), level, kind) + data
        out += bytes(-len(out) & _ALIGN)
    return bytes(out)
