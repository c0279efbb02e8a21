"""Whatever the bytes: a message or a DecodeError, and a message that can be shown and encoded again."""

from __future__ import annotations

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
    try:
        decode_packet(first + data, verify=verify)
    except DecodeError:
        pass
