"""The Internet checksum against the plain loop of RFC 1071 section 4.1."""

from __future__ import annotations

from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from anyicmp.wire import checksum, compensator, pseudo_header_v6, update

RFC_1071_EXAMPLE = bytes.fromhex("0001f203f4f5f6f7")


def plain_loop(data: bytes) -> int:
    total = 0
    for i in range(0, len(data) - 1, 2):
        total += data[i] << 8 | data[i + 1]
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_the_example_of_rfc_1071_section_3():
    assert checksum(RFC_1071_EXAMPLE) == 0xFFFF - 0xDDF2


def test_the_two_zeros():
    assert checksum(b"") == 0xFFFF
    assert checksum(bytes(9)) == 0xFFFF
    assert checksum(b"\xff\xff") == 0
    assert checksum(b"\xff\xff" * 3) == 0


@given(st.binary(max_size=200))
def test_any_data_equals_the_plain_loop(data: bytes):
    assert checksum(data) == plain_loop(data)
    assert checksum(bytearray(data)) == checksum(memoryview(data)) == plain_loop(data)


@given(st.binary(max_size=99))
def test_data_with_its_own_checksum_sums_to_nothing(data: bytes):
    own = checksum(b"\0\0" + data)
    assert checksum(own.to_bytes(2, "big") + data) == 0


@given(st.binary(min_size=2, max_size=64), st.integers(0, 31), st.integers(0, 0xFFFF))
def test_update_equals_a_new_sum(data: bytes, word: int, new: int):
    at = word % (len(data) // 2) * 2
    changed = data[:at] + new.to_bytes(2, "big") + data[at + 2 :]
    updated = update(checksum(data), int.from_bytes(data[at : at + 2], "big"), new)
    # 0 and 0xFFFF are the same number in one's complement; data of zeros alone is the exception.
    assert updated % 0xFFFF == checksum(changed) % 0xFFFF
    if any(changed):
        assert updated == checksum(changed)


@given(st.binary(max_size=64), st.integers(0, 0xFFFE))
def test_the_compensator_gives_the_wished_checksum(data: bytes, wished: int):
    word = compensator(b"\0\0" + data, wished)
    whole = word.to_bytes(2, "big") + data
    assert checksum(whole) == wished or not any(whole)


def test_pseudo_header():
    source, destination = IPv6Address("2001:db8::1").packed, IPv6Address("2001:db8::2").packed
    assert pseudo_header_v6(source, destination, 64, 58) == source + destination + bytes.fromhex(
        "00000040 0000003a"
    )
