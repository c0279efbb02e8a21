"""Control messages and columns, without any socket: what the kernel may write, whole and cut short."""

from __future__ import annotations

import socket
import struct
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp.net import ancillary
from anyicmp.wire.batch import STAMP_TOKEN, UNSET, PacketBatch, RowKind

LEVEL = {4: (0, 11), 6: (41, 25)}


def cmsg(level: int, kind: int, data: bytes) -> bytes:
    header = struct.pack("@Nii", 16 + len(data), level, kind) + data
    return header + bytes(-len(header) % 8)


def extended(
    version: int,
    kind: int,
    code: int,
    info: int,
    *,
    errno: int = 113,
    origin: int | None = None,
    data: bytes = bytes(4),
    offender: str = "",
) -> tuple[int, int, bytes]:
    origin = {4: 2, 6: 3}[version] if origin is None else origin
    octets = struct.pack("=IBBBxI4s", errno, origin, kind, code, info, data)
    if version == 4:
        octets += struct.pack("=HH4s8x", 2, 0, socket.inet_aton(offender or "0.0.0.0"))
    else:
        octets += struct.pack("=HHI16sI", 10, 0, 0, socket.inet_pton(socket.AF_INET6, offender or "::"), 0)
    return (*LEVEL[version], octets)


def error_row(version: Literal[4, 6], message: tuple[int, int, bytes], payload: int = 40) -> PacketBatch:
    rx = PacketBatch(version, capacity=2, slot=256)
    rx.data[256:] = b"\xee" * 256
    rx.errno[1] = rx.extension[1] = 99
    ancillary.note_error(rx, 1, payload, 3, [message])
    return rx


@pytest.mark.parametrize(
    ("version", "kind", "code", "info", "rest"),
    [
        (4, 3, 4, 1300, b"\0\0\x05\x14"),
        (4, 3, 3, 0, bytes(4)),
        (4, 5, 1, 0x0A000001, b"\x0a\0\0\x01"),
        (4, 12, 0, 20, b"\x14\0\0\0"),
        (4, 11, 0, 0, bytes(4)),
        (6, 2, 0, 1280, b"\0\0\x05\0"),
        (6, 3, 0, 0x10000000, b"\x10\0\0\0"),
        (6, 4, 1, 40, b"\0\0\0\x28"),
    ],
)
def test_the_header_of_an_error_is_rebuilt(
    version: Literal[4, 6], kind: int, code: int, info: int, rest: bytes
) -> None:
    offender = "10.1.2.3" if version == 4 else "2001:db8::3"
    rx = error_row(version, extended(version, kind, code, info, offender=offender))
    assert bytes(rx.message(1)) == bytes((kind, code, 0, 0)) + rest + b"\xee" * 40
    assert (rx.kind[1], rx.errno[1], rx.lane[1], rx.extension[1]) == (RowKind.ERROR, 113, 3, 0)
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    assert rx.address(rx.reporter, 1) == rx.address(rx.peer, 1) == socket.inet_pton(family, offender)


@pytest.mark.parametrize(
    ("length", "flags", "payload", "offset"),
    [(108, 0, 160, 116), (108, 1, 160, 0), (0, 0, 160, 0), (157, 0, 160, 0), (156, 0, 160, 164)],
)
def test_an_extension_is_named_where_the_kernel_vouches_for_it(
    length: int, flags: int, payload: int, offset: int
) -> None:
    message = extended(4, 11, 0, 0, data=struct.pack("=HBx", length, flags))
    assert error_row(4, message, payload).extension[1] == offset


def test_errors_of_our_own_kernel_and_transmit_stamps_are_told_apart() -> None:
    local = error_row(4, extended(4, 0, 0, 1500, errno=90, origin=1), payload=0)
    assert (local.kind[1], local.errno[1], local.length[1]) == (RowKind.LOCAL_ERROR, 90, 8)
    stamp = error_row(6, extended(6, 0, 0, 0, errno=42, origin=4, data=struct.pack("@I", 0xCAFE0001)))
    assert (stamp.kind[1], stamp.token[1]) == (RowKind.STAMP, 0xCA << 48 | 0xFE0001)


@given(st.integers(0, (1 << 56) - 1))
def test_what_a_stamp_is_named_by_fits_into_32_bits(token: int) -> None:
    key = ancillary.stamp_key(token)
    assert 0 <= key < 1 << 32
    assert ancillary.stamped_token(key) == token & STAMP_TOKEN


def test_an_entry_without_its_control_message_is_still_a_row() -> None:
    rx = PacketBatch(4, capacity=1)
    rx.data[:] = b"\xee" * len(rx.data)
    ancillary.note_error(rx, 0, 20, 0, [])
    assert (rx.kind[0], rx.length[0], rx.errno[0], rx.when[0]) == (RowKind.LOCAL_ERROR, 28, 0, 0)
    assert bytes(rx.message(0)[:8]) == bytes(8)


def test_stamp_and_hop_limit_reach_their_columns() -> None:
    control = memoryview(
        cmsg(1, 37, struct.pack("@llllll", 12, 34, 0, 0, 0, 0)) + cmsg(0, 2, struct.pack("@i", 61))
    )
    rx = PacketBatch(4, capacity=1)
    ancillary.note(rx, 0, ancillary.walk(control, 0, len(control)))
    assert (rx.when[0], rx.hop_limit[0]) == (12_000_000_034, 61)
    ancillary.note(rx, 0, ancillary.walk(control, 0, 72))  # the second one is cut
    assert (rx.when[0], rx.hop_limit[0]) == (12_000_000_034, UNSET)
    ancillary.note(rx, 0, [])
    assert (rx.when[0], rx.hop_limit[0]) == (0, UNSET)


@settings(database=None, deadline=None)  # the tests may run where nothing can be written
@given(st.binary(max_size=200))
def test_a_walk_over_anything_ends(octets: bytes) -> None:
    control = memoryview(octets)
    for _, _, data in ancillary.walk(control, 0, len(control)):
        assert len(data) <= len(octets) - 16


@settings(database=None, deadline=None)  # the tests may run where nothing can be written
@given(st.binary(max_size=64), st.sampled_from([(1, 35), (0, 2), (41, 52), (0, 11), (41, 25), (1, 37)]))
def test_a_control_message_of_any_length_raises_nothing(data: bytes, which: tuple[int, int]) -> None:
    if which in ((0, 2), (41, 52)) and len(data) >= 4:
        data = struct.pack("@i", data[0]) + data[4:]  # the kernel's hop limits are octets
    if which[0] == 1 and len(data) >= 16:
        data = struct.pack("@ll", data[0], data[1]) + data[16:]
    rx = PacketBatch(6, capacity=1)
    ancillary.note_error(rx, 0, 8, 0, [(*which, data)])


@pytest.mark.parametrize(
    ("octets", "start", "hop_limit"),
    [
        (b"\x45" + bytes(7) + b"\x09" + bytes(19), 20, 9),
        (b"\x4f" + bytes(7) + b"\x09" + bytes(60), 60, 9),
        (b"\x4f" + bytes(7) + b"\x09" + bytes(30), 39, 9),
        (b"\x45" + bytes(18), 19, UNSET),
        (b"", 0, UNSET),
    ],
)
def test_a_row_begins_behind_its_header_however_malformed(octets: bytes, start: int, hop_limit: int) -> None:
    rx = PacketBatch(4, capacity=1)
    rx.data[: len(octets)] = octets
    rx.length[0] = len(octets)
    ancillary.past_header(rx, 0, len(octets))
    assert (rx.start[0], rx.hop_limit[0]) == (start, hop_limit)
    assert len(rx.message(0)) == len(octets) - start


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert ancillary.messages_to_send(4, UNSET, UNSET, UNSET, bytes(4), 0) == ()
    assert ancillary.messages_to_send(4, UNSET, UNSET, 5, bytes(4), 0) == ()  # IPv4 has no flow label
    assert ancillary.messages_to_send(6, 3, UNSET, 5, bytes(16), 2) == (
        (41, 52, struct.pack("@i", 3)),
        (41, 11, b"\0\0\0\5"),
        (41, 50, bytes(16) + struct.pack("@i", 2)),
    )
    packed = ancillary.pack_messages(ancillary.messages_to_send(4, 3, 0, UNSET, b"\x0a\0\0\1", 0))
    messages = [(level, kind, bytes(data)) for level, kind, data in ancillary.walk(memoryview(packed), 0, 80)]
    assert len(packed) == 80
    assert messages == list(ancillary.messages_to_send(4, 3, 0, UNSET, b"\x0a\0\0\1", 0))
