"""Reading one socket, one datagram a call: its packets and its error queue as rows of a batch.

By the standard library's socket alone. What control messages mean is in `ancillary.py`; which sockets there
are, and when they are read, is for the transports.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from anyicmp.net import constants as c
from anyicmp.net.ancillary import ERROR_HEADER, note, note_error, past_header
from anyicmp.net.lanes import ATTEMPTS
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind

__all__ = ["WAITS_NEVER", "read_errors", "read_rows"]

CONTROL = 256
RECEIVES_CONTROL = hasattr(socket.socket, "recvmsg_into")
WAITS_NEVER: int = getattr(socket, "MSG_DONTWAIT", 0)
TRUNCATED: int = getattr(socket, "MSG_TRUNC", 0)

Received = tuple[int, list[tuple[int, int, bytes]], int, Any]


def read_rows(
    sock: socket.socket, rx: PacketBatch, at: int, lane: int, kind: RowKind, *, has_header: bool
) -> int:
    """Write what has arrived to rows from `at` on; returns the row behind the last.

    `has_header`: the socket delivers the IPv4 header too. Of what a socket with ports receives, the row says
    the sender's; a sticky error is consumed.
    """

    def write(i: int, received: Received) -> None:
        length, messages, flags, name = received
        rx.length[i], rx.start[i], rx.lane[i] = length, 0, lane
        rx.kind[i] = kind
        rx.truncated[i] = bool(flags & TRUNCATED)
        rx.quoted[i] = rx.has_local[i] = rx.plain[i] = 0
        rx.extension[i] = rx.interface[i] = rx.errno[i] = 0
        rx.traffic_class[i] = rx.flow_label[i] = UNSET
        _name(rx, i, rx.peer, name)
        rx.scope[i] = name[3] if rx.version == 6 else 0
        rx.port[i] = name[1] if kind == RowKind.DATA else 0
        width = rx.width
        rx.reporter[i * width : (i + 1) * width] = rx.peer[i * width : (i + 1) * width]
        note(rx, i, messages)
        if has_header:
            past_header(rx, i, length)

    return _drain(sock, rx, at, 0, 0, write)


def read_errors(sock: socket.socket, rx: PacketBatch, at: int, lane: int, *, raw: bool = False) -> int:
    """Write the entries of a socket's error queue to rows from `at` on; returns the row behind the last.

    `raw`: what routers reported comes as packets too, so that here it ends no probe.
    """

    def write(i: int, received: Received) -> None:
        length, messages, flags, name = received
        note_error(rx, i, length, lane, messages)
        rx.truncated[i] = bool(flags & TRUNCATED)
        if raw and rx.kind[i] == RowKind.ERROR:
            rx.kind[i] = RowKind.LOCAL_ERROR
        rx.scope[i] = rx.port[i] = 0
        if name:
            _name(rx, i, rx.original, name)
            rx.port[i] = name[1]
            rx.scope[i] = name[3] if rx.version == 6 else 0

    return _drain(sock, rx, at, c.MSG_ERRQUEUE, ERROR_HEADER, write)


def _drain(
    sock: socket.socket,
    rx: PacketBatch,
    at: int,
    flags: int,
    skip: int,
    write: Callable[[int, Received], None],
) -> int:
    slot, arena, stale = rx.slot, memoryview(rx.data), 0
    while at < rx.capacity and stale < ATTEMPTS:
        room = arena[at * slot + skip : (at + 1) * slot]
        try:
            if RECEIVES_CONTROL:
                received: Received = sock.recvmsg_into([room], CONTROL, flags | WAITS_NEVER)
            else:
                octets, name = sock.recvfrom_into(room)
                received = octets, [], 0, name
        except BlockingIOError:
            break
        except OSError:
            stale += 1  # a sticky error, which this call has consumed
            continue
        write(at, received)
        at += 1
    return at


def _name(rx: PacketBatch, i: int, column: bytearray, name: Any) -> None:
    # Link-local addresses come with "%interface" behind them.
    family = socket.AF_INET if rx.version == 4 else socket.AF_INET6
    packed = socket.inet_pton(family, name[0].partition("%")[0])
    column[i * rx.width : (i + 1) * rx.width] = packed
