"""Whatever the bytes: a message or a DecodeError, and a message that can be shown and encoded again."""

from __future__ import annotations

from contextlib import suppress
from time import process_time

import pytest
from catalogue import CATALOGUE
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.wire import DecodeError, decode, decode_packet, encode

versions = st.sampled_from([4, 6])


@given(st.binary(max_size=300), versions)
def test_noise(data: bytes, version: int):
    try:
        message = decode(data, version=version, verify=False)
    except DecodeError:
        return
    message.explain()
    repr(message)
    again = encode(message)
    assert decode(again, version=version, verify=False) == message


@given(st.sampled_from(CATALOGUE), st.data())
def test_damaged_messages(entry, data):
    octets = bytearray(entry.octets)
    for _ in range(data.draw(st.integers(0, 4))):
        octets[data.draw(st.integers(1, len(octets) - 1))] = data.draw(st.integers(0, 255))
    octets += data.draw(st.binary(max_size=20))
    try:
        message = decode(octets, version=entry.version, verify=False)
    except DecodeError:
        return
    message.explain()
    assert decode(encode(message), version=entry.version, verify=False) == message


@given(st.binary(max_size=100), st.sampled_from([b"", b"\x45\0", b"\x60\0"]), st.booleans())
def test_noise_in_packets(data: bytes, first: bytes, verify: bool):
    with suppress(DecodeError):
        decode_packet(first + data, verify=verify)


def largest_inputs() -> dict[str, tuple[int, bytes]]:
    """Inputs of 64 KiB that ask for as much work as their bytes can."""
    room = 65536 - 160
    stack = b"\x20\0\0\0"
    return {
        "echo": (4, bytes((0, 0)) + bytes(65534)),
        "objects without payload": (
            4,
            b"\x0b\0\0\0\0\x20\0\0" + bytes(128) + stack + b"\0\4\xfe\1" * (room // 4),
        ),
        "most objects believed": (
            4,
            b"\x0b\0\0\0\0\x20\0\0" + bytes(128) + stack + b"\0\4\xfe\1" * 1023,
        ),
        "one label stack": (4, b"\x0b\0\0\0\0\x20\0\0" + bytes(128) + stack + b"\x0f\xfc\1\1" + bytes(4088)),
        "interface objects": (
            4,
            b"\x0b\0\0\0\0\x20\0\0" + bytes(128) + stack + b"\0\x08\2\x08\0\0\0\1" * 511,
        ),
        "extension headers in the quote": (
            6,
            b"\3\0\0\0\0\0\0\0" + b"\x60" + bytes(5) + b"\0\1" + bytes(32) + bytes(65480),
        ),
        "options": (6, bytes((133, 0)) + bytes(6) + b"\x0e\1\0\0\0\0\0\0" * 8190),
        "most options believed": (6, bytes((133, 0)) + bytes(6) + b"\x0e\1\0\0\0\0\0\0" * 1152),
        "prefixes": (6, bytes((134, 0)) + bytes(14) + (b"\3\4" + bytes(30)) * 288),
        "servers": (6, bytes((134, 0)) + bytes(14) + (b"\x19\xff" + bytes(2038)) * 4),
        "records": (6, bytes((143, 0)) + b"\0\0\0\0\x0c\xcc" + (b"\1" + bytes(19)) * 3276),
        "most records believed": (6, bytes((143, 0)) + b"\0\0\0\0\1\xcc" + (b"\1" + bytes(19)) * 460),
        "sources": (6, bytes((130, 0)) + bytes(24) + b"\x0f\xfe" + bytes(65500)),
        "most sources believed": (6, bytes((130, 0)) + bytes(24) + b"\2\x3e" + bytes(9184)),
        "routers": (4, b"\x09\0\0\0\xff\x40\0\0" + bytes(65500)),
        "names": (6, bytes((140, 0)) + b"\0\0\0\2" + bytes(14) + b"\1a\0" * 21800),
    }


LARGEST = largest_inputs()


@pytest.mark.parametrize("name", LARGEST)
def test_no_input_of_64_kib_takes_longer_than_5_ms(name: str):
    version, data = LARGEST[name]

    def once() -> float:
        begin = process_time()
        with suppress(DecodeError):
            decode(data, version=version, verify=False)
        return process_time() - begin

    # The least of some runs: what the input costs, not what else the machine does.
    assert min(once() for _ in range(10)) < 0.005
