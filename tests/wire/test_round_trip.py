"""Value to bytes and back for any value; bytes to value and back, byte for byte or by the list.

The list below is what encoding normalises: whoever needs the very bytes keeps them.
"""

from __future__ import annotations

import pytest
from constants import MPLS_STRUCTURE, PADDED4, SOURCE6, TARGET6, octets, structure
from hypothesis import given
from hypothesis import strategies as st
from strategies import BY_CLASS

from anyicmp.wire import (
    MESSAGES,
    DecodeError,
    Message,
    Opaque,
    Unknown,
    decode,
    encode,
    message_class,
)
from anyicmp.wire.registry import SOURCES

CLASSES = {message_class(version, number) for version in (4, 6) for number in range(256)}

# (version, type) to {octet: bits} that are reserved: a sender sets them to zero and a receiver ignores
# them, so that they are dropped on decode and zero on encode. The checksum stands apart.
RESERVED: dict[tuple[int, int], dict[int, int]] = {
    (4, 3): {4: 0xFF},  # RFC 4884 section 4.1; octets 6 and 7 unless the code is 4 (RFC 1191)
    (4, 4): {4: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 792: unused
    (4, 10): {4: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 1256 section 3
    (4, 11): {4: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 4884 section 4.2
    (4, 12): {6: 0xFF, 7: 0xFF},  # RFC 4884 section 4.3
    (4, 42): {7: 0xFE},  # RFC 8335 section 2
    (4, 43): {7: 0x18},  # RFC 8335 section 3
    (6, 1): {5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 4884 section 4.4
    (6, 3): {5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 4884 section 4.5
    (6, 130): {6: 0xFF, 7: 0xFF, 24: 0xF0},  # RFC 2710 section 3, RFC 9777 section 5.1
    (6, 131): {6: 0xFF, 7: 0xFF},  # RFC 2710 section 3
    (6, 132): {6: 0xFF, 7: 0xFF},  # RFC 2710 section 3
    (6, 133): {4: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 4861 section 4.1
    (6, 135): {4: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 4861 section 4.3
    (6, 136): {4: 0x1F, 5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 4861 section 4.4
    (6, 137): {4: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF},  # RFC 4861 section 4.5
    (6, 143): {4: 0xFF, 5: 0xFF},  # RFC 9777 section 5.2
    (6, 160): {7: 0xFE},  # RFC 8335 section 2
    (6, 161): {7: 0x18},  # RFC 8335 section 3
}
# The octet of the RFC 4884 length field: zero on encode unless extensions follow.
LENGTH = {(4, 3): 5, (4, 11): 5, (4, 12): 5, (6, 1): 4, (6, 3): 4}
# Messages that end where their last field ends: octets behind it are dropped.
DROPPED_TAIL = {
    (4, 10),
    *((4, n) for n in range(13, 19)),
    (4, 43),
    (6, 130),
    (6, 131),
    (6, 132),
    (6, 143),
    (6, 161),
}
# Messages whose later parts have reserved bits, padding or more than one form of their own: options of
# neighbour discovery (reserved bits; a route information longer than its prefix needs), and the entries
# of an ICMP router advertisement (more than two words each).
FORMS_OF_THEIR_OWN = {(4, 9), *((6, n) for n in range(133, 138))}

NORMALISED = [
    (
        "length of a quote without extensions becomes 0: RFC 4884 section 3 gives it meaning for them only",
        4,
        octets("0b000000 00050000 4500001c 00000000 01110000 c0000201 c6336407"),
        octets("0b000000 00000000 4500001c 00000000 01110000 c0000201 c6336407"),
    ),
    (
        "length missing before extensions is added: the structure was found at octet 128",
        4,
        octets("0b000000 00000000", PADDED4.hex(), MPLS_STRUCTURE.hex()),
        octets("0b000000 00200000", PADDED4.hex(), MPLS_STRUCTURE.hex()),
    ),
    (
        "zero extension checksum is computed",
        4,
        octets("0b000000 00200000", PADDED4.hex(), "20000000 00080101 18960101"),
        octets("0b000000 00200000", PADDED4.hex(), MPLS_STRUCTURE.hex()),
    ),
    (
        "reserved bits of the extension header become 0",
        4,
        octets("0b000000 00200000", PADDED4.hex(), "2fff0000 00080101 18960101"),
        octets("0b000000 00200000", PADDED4.hex(), MPLS_STRUCTURE.hex()),
    ),
    (
        "reserved bits of an interface information object become 0",
        4,
        octets("2a000000 00010201", "20000000 00080238 00000007"),
        octets("2a000000 00010201", structure("00080208 00000007")),
    ),
    (
        "interface name of unneeded length is padded to four octets only",
        4,
        octets("2a000000 00010201", "20000000 000c0202 0865746800000000"),
        octets("2a000000 00010201", structure("00080202 04657468")),
    ),
    (
        "interface identification by a name of unneeded length is padded to four octets only",
        4,
        octets("2a000000 00010201", "20000000 000c0301 65746800 00000000"),
        octets("2a000000 00010201", structure("00080301 65746800")),
    ),
    (
        "octets behind a message of fixed length are dropped",
        4,
        octets("0f000000 00010002 ffff"),
        octets("0f000000 00010002"),
    ),
    (
        "router advertisement with entries of three words gets entries of two",
        4,
        octets("09000000 01030708 c0000201 00000000 ffffffff"),
        octets("09000000 01020708 c0000201 00000000"),
    ),
    (
        "route information longer than its prefix needs is shortened",
        6,
        octets("85000000 00000000 18034000 00000e10 20010db800010000 0000000000000000"),
        octets("85000000 00000000 18024000 00000e10 20010db800010000"),
    ),
]


@pytest.mark.parametrize("cls", sorted(CLASSES, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_value_to_bytes_and_back(cls: type[Message], data: st.DataObject):
    message = data.draw(BY_CLASS[cls])
    if message.version == 4:
        assert decode(encode(message), version=4) == message
    else:
        octets = encode(message, source=SOURCE6, destination=TARGET6)
        assert decode(octets, version=6, source=SOURCE6, destination=TARGET6) == message
    message.explain()


def test_every_class_has_a_strategy():
    assert set(BY_CLASS) == CLASSES
    assert {cls.__name__ for cls in CLASSES} - {"Opaque", "Unknown"} == {
        where.partition(":")[2] for where in MESSAGES.values()
    }


@pytest.mark.parametrize(("reason", "version", "before", "after"), NORMALISED, ids=lambda x: str(x)[:50])
def test_what_encoding_normalises(reason: str, version: int, before: bytes, after: bytes):
    message = decode(before, version=version, verify=False)
    encoded = encode(message)
    assert encoded[:2] + b"\0\0" + encoded[4:] == after
    assert before != after


def differences(before: bytes, after: bytes) -> dict[int, int]:
    return {i: a ^ b for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b}


@given(
    kind=st.sampled_from([(v, n) for v in (4, 6) for n in sorted({*SOURCES[v], 44})]),
    code=st.integers(0, 20),
    rest=st.binary(min_size=4, max_size=160),
)
def test_bytes_to_value_and_back(kind: tuple[int, int], code: int, rest: bytes):
    """Byte for byte, but for the checksum and what the lists above say."""
    version, number = kind
    before = bytes((number, code, 0, 0)) + rest
    try:
        message = decode(before, version=version, verify=False)
    except DecodeError:
        return
    after = encode(message)
    assert decode(after, version=version, verify=False) == message
    if getattr(message, "extensions", ()) or kind in FORMS_OF_THEIR_OWN:
        assert encode(decode(after, version=version, verify=False)) == after
        return
    allowed = {2: 0xFF, 3: 0xFF, **RESERVED.get(kind, {})}
    if kind in LENGTH:
        allowed[LENGTH[kind]] = 0xFF
    if kind == (4, 3) and code != 4:
        allowed |= {6: 0xFF, 7: 0xFF}
    if kind == (6, 143):  # reserved octets there stand in front of the records only
        allowed = {2: 0xFF, 3: 0xFF, 4: 0xFF, 5: 0xFF}
    assert all(bits & ~allowed.get(i, 0) == 0 for i, bits in differences(before, after).items())
    assert len(after) == len(before) or (kind in DROPPED_TAIL and len(after) < len(before))


@given(version=st.sampled_from([4, 6]), number=st.integers(0, 255), rest=st.binary(max_size=80))
def test_types_without_a_reader_keep_every_octet(version: int, number: int, rest: bytes):
    cls = message_class(version, number)
    if cls not in (Opaque, Unknown):
        return
    message = decode(bytes((number, 7, 0, 0)) + rest, version=version, verify=False)
    encoded = encode(message)
    assert (encoded[:2], encoded[4:]) == (bytes((number, 7)), rest)
