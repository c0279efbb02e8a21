"""pcapng blocks: what is written is read back, in either byte order, and damage is told of."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.errors import DecodeError
from anyicmp.wire.pcapng import CapturedPacket, interface_block, packet_block, read_packets, section_block

packets = st.builds(
    CapturedPacket,
    at=st.integers(0, 2**64 - 1),
    octets=st.binary(max_size=99),
    length=st.integers(0, 2**32 - 1),
    outbound=st.booleans(),
    comment=st.none() | st.text(min_size=1, max_size=20),
)


def written(found: list[CapturedPacket]) -> bytes:
    blocks = [section_block("a test"), interface_block("any", "raw")]
    for packet in found:
        assert packet.outbound is not None
        blocks.append(
            packet_block(
                0,
                packet.at,
                packet.octets,
                length=packet.length,
                outbound=packet.outbound,
                comment=packet.comment or "",
            )
        )
    return b"".join(blocks)


@given(st.lists(packets, max_size=5))
def test_what_is_written_is_read_back(found: list[CapturedPacket]) -> None:
    assert list(read_packets(written(found))) == found


@given(packets, st.data())
def test_a_damaged_file_raises_one_error_only(packet: CapturedPacket, data: st.DataObject) -> None:
    file = bytearray(written([packet, packet]))
    for _ in range(3):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    del file[data.draw(st.integers(0, len(file))) :]
    with contextlib.suppress(DecodeError):
        assert len(list(read_packets(bytes(file)))) <= len(file) // 32


def block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "second"), [(b"\x06", 10**6), (b"\x03", 1000), (b"\x8a", 1024), (b"", 10**6)]
)
def test_another_program_s_file(order: str, resolution: bytes, second: int) -> None:
    """Its byte order, its unit of time (the default is a microsecond), blocks and options unknown here."""
    option = struct.pack(order + "HH", 9, 1) + resolution + bytes(3) if resolution else b""
    offset = struct.pack(order + "HHq", 14, 8, 7)
    unknown = struct.pack(order + "HH", 2988, 3) + b"abc\0"
    file = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    file += block(order, 5, bytes(8))
    file += block(order, 1, struct.pack(order + "HHI", 101, 0, 0) + unknown + option + offset)
    file += block(order, 6, struct.pack(order + "IIIII", 0, 0, 5 * second, 4, 20) + b"E\0\0\x14" + unknown)
    assert list(read_packets(file)) == [
        CapturedPacket(at=12 * 10**9, octets=b"E\0\0\x14", length=20, outbound=None, comment=None)
    ]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"\xd4\xc3\xb2\xa1" + bytes(20), "this is no pcapng file"),
        (section_block("a")[:-1], "damaged at octet 0"),
        (section_block("a") + block("<", 1, struct.pack("<HHI", 1, 0, 0)), "link type 1: raw IP"),
        (section_block("a") + block("<", 6, bytes(20)), "damaged"),
        (written([])[:-4] + b"\0\0\0\0" + bytes(8), "a block of 0 octets"),
    ],
)
def test_what_cannot_be_read_is_named(file: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        list(read_packets(file))


def test_an_empty_file_has_no_packets() -> None:
    assert list(read_packets(b"")) == []
