"""Each message on its byte constant: deconstruct, construct, decode, encode, and from a dirty buffer."""

from __future__ import annotations

import pickle
from ipaddress import IPv4Address, IPv6Address

import attrs
import pytest
from catalogue import CATALOGUE, Entry
from constants import MPLS_STRUCTURE, PADDED4, PADDED6, QUOTE4, SOURCE6, TARGET6, summed4

from anyicmp.wire import (
    DecodeError,
    DestinationUnreachable,
    EchoReply,
    Message,
    MplsLabel,
    MplsStack,
    MulticastAddressRecord,
    MulticastListenerReport2,
    PacketTooBig,
    QuotedDatagram,
    RawObject,
    RawOption,
    Redirect,
    RouterSolicitation6,
    TimeExceeded,
    Unknown,
    assemble_error,
    build_ipv4_header,
    build_ipv6_header,
    decode,
    decode_packet,
    encode,
    parse_extensions,
    parse_quoted,
)

everything = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)


def decoded(entry: Entry, data: bytes | bytearray | memoryview | None = None) -> Message:
    octets = entry.octets if data is None else data
    if entry.version == 4:
        return decode(octets, version=4)
    return decode(octets, version=6, source=SOURCE6, destination=TARGET6)


def encoded(message: Message) -> bytes:
    if message.version == 4:
        return encode(message)
    return encode(message, source=SOURCE6, destination=TARGET6)


@everything
def test_deconstruct(entry: Entry):
    message = decoded(entry)
    assert type(message) is type(entry.message)
    for field in attrs.fields(type(message)):
        assert getattr(message, field.name) == getattr(entry.message, field.name), field.name
    assert (message.version, message.type, message.code) == (entry.version, entry.octets[0], entry.octets[1])


@everything
def test_decode(entry: Entry):
    assert decoded(entry) == entry.message
    assert hash(decoded(entry)) == hash(entry.message)


@everything
def test_encode(entry: Entry):
    assert encoded(entry.message) == entry.octets


@everything
def test_a_dirty_buffer_leaves_no_trace(entry: Entry):
    buffer = bytearray(b"\xa5" * 3 + entry.octets + b"\x5a" * 5)
    message = decoded(entry, memoryview(buffer)[3:-5])
    buffer[:] = b"\xff" * len(buffer)
    assert message == entry.message
    assert decoded(entry, bytearray(entry.octets)) == entry.message


@everything
def test_a_wrong_checksum_is_refused_and_may_be_let_pass(entry: Entry):
    broken = bytearray(entry.octets)
    broken[3] ^= 1
    with pytest.raises(DecodeError, match="checksum"):
        decoded(entry, broken)
    assert decode(broken, version=entry.version, verify=False) == entry.message


@everything
def test_every_truncation_is_a_message_or_a_decode_error(entry: Entry):
    for size in range(len(entry.octets)):
        try:
            message = decode(entry.octets[:size], version=entry.version, verify=False)
        except DecodeError:
            continue
        assert isinstance(message, Message)
        message.explain()


@everything
def test_explain_is_one_sentence_with_its_document(entry: Entry):
    text = entry.message.explain()
    assert text[0].isupper()
    assert text.endswith(".")
    assert "RFC " in text or "no document" in text
    assert "\n" not in text


@everything
def test_messages_travel_by_pickle(entry: Entry):
    assert pickle.loads(pickle.dumps(entry.message)) == entry.message
    assert type(entry.message).__name__ in repr(entry.message)


@everything
def test_in_a_packet(entry: Entry):
    if entry.version == 4:
        header = build_ipv4_header(
            source=bytes((192, 0, 2, 9)),
            destination=bytes((192, 0, 2, 1)),
            protocol=1,
            payload_length=len(entry.octets),
            ttl=57,
        )
    else:
        header = build_ipv6_header(
            source=SOURCE6.packed,
            destination=TARGET6.packed,
            next_header=58,
            payload_length=len(entry.octets),
            hop_limit=57,
        )
    packet = decode_packet(header + entry.octets + b"link padding")
    assert packet.message == entry.message
    assert packet.ttl == 57
    assert packet.source in (SOURCE6, IPv4Address("192.0.2.9"))
    with pytest.raises(DecodeError):
        decode_packet((header + entry.octets)[:-1])


def test_no_length_rule_structure_at_octet_128():
    """RFC 4884 section 5.5: a sender from before the length field."""
    message = decode(summed4("0b00 0000 00000000", PADDED4.hex(), MPLS_STRUCTURE.hex()), version=4)
    assert isinstance(message, TimeExceeded)
    assert message.extensions == (MplsStack(labels=(MplsLabel(0x18960, 0, True, 1),)),)
    assert message.quoted.packet == PADDED4


def test_a_length_in_wrong_units_still_finds_octet_128():
    message = decode(summed4("0b00 0000 00800000", PADDED4.hex(), MPLS_STRUCTURE.hex()), version=4)
    assert isinstance(message, TimeExceeded)
    assert len(message.extensions) == 1


def test_a_zero_structure_checksum_is_not_computed():
    structure = b"\x20\0\0\0" + MPLS_STRUCTURE[4:]
    assert parse_extensions(structure) == parse_extensions(MPLS_STRUCTURE)


@pytest.mark.parametrize(
    "structure",
    [
        "",
        "2000dfff",
        "2000c55e 00080101 18960101",
        "1000d55f 00080101 18960101",
        "20000000 00060101 18960101",
        "20000000 00000101 18960101",
        "20000000 000c0101 18960101",
        "20000000 00080101 18960101 00",
        "20000000 00080101 18960101 0000",
    ],
    ids=[
        "empty",
        "no-object",
        "wrong-checksum",
        "wrong-version",
        "odd-length",
        "zero-length",
        "too-long",
        "odd-end",
        "short-end",
    ],
)
def test_a_structure_is_believed_whole_or_not_at_all(structure: str):
    assert parse_extensions(bytes.fromhex(structure)) == ()
    message = decode(summed4("0b00 0000 00200000", PADDED4.hex(), structure), version=4)
    assert isinstance(message, TimeExceeded)
    assert message.extensions == ()
    assert message.quoted.packet == PADDED4 + bytes.fromhex(structure)


def test_unknown_objects_keep_class_type_and_bytes():
    structure = bytes.fromhex("20000000 0008fe07 01020304 00040909")
    assert parse_extensions(structure) == (
        RawObject(class_number=254, sub_type=7, payload=b"\1\2\3\4"),
        RawObject(class_number=9, sub_type=9, payload=b""),
    )


def test_an_object_that_its_class_cannot_read_keeps_its_bytes():
    assert parse_extensions(bytes.fromhex("20000000 00040101")) == (RawObject(class_number=1, sub_type=1),)


def test_an_error_from_the_error_queue_has_no_ip_header():
    quoted = QuotedDatagram(destination=IPv4Address("198.51.100.7"), protocol=17, data=QUOTE4[20:])
    message = assemble_error(version=4, type=3, code=4, rest=b"\0\0\5\xdc", quoted=quoted)
    assert message == DestinationUnreachable(quoted=quoted, code=4, next_hop_mtu=1500)
    assert quoted.destination_port == 33434
    assert quoted.source is quoted.ttl is quoted.length is None
    with pytest.raises(ValueError, match="without its IP header"):
        encode(message)


def test_an_unknown_error_from_the_error_queue_keeps_its_bytes():
    quoted = parse_quoted(QUOTE4, 4)
    assert assemble_error(version=6, type=99, code=1, rest=b"abcd", quoted=quoted) == Unknown(
        version=6, type=99, code=1, body=b"abcd" + QUOTE4
    )


@pytest.mark.parametrize(
    "message",
    [
        EchoReply(identifier=70000),
        EchoReply(sequence=-1),
        EchoReply(code=256),
        EchoReply(version=5),  # type: ignore[arg-type]
        Unknown(version=5, type=44),  # type: ignore[arg-type]
        DestinationUnreachable(code=4),
        DestinationUnreachable(code=1, next_hop_mtu=1500),
        DestinationUnreachable(version=6, code=4, next_hop_mtu=1500),
        PacketTooBig(mtu=1 << 32),
        PacketTooBig(mtu=1500, extensions=(MplsStack(labels=(MplsLabel(1),)),)),
        TimeExceeded(extensions=(MplsStack(labels=(MplsLabel(1 << 20),)),)),
        TimeExceeded(extensions=(MplsStack(),)),
        TimeExceeded(quoted=parse_quoted(bytes(1024), 4), extensions=(MplsStack(labels=(MplsLabel(1),)),)),
        TimeExceeded(extensions=(RawObject(class_number=9, sub_type=9, payload=bytes(4096)),)),
        MulticastListenerReport2(
            records=(MulticastAddressRecord(type=1, group=IPv6Address("ff02::1")),) * 500
        ),
        RouterSolicitation6(options=(RawOption(number=200),) * 1153),
        RouterSolicitation6(options=(RawOption(number=200, payload=bytes(2046)),)),
        RouterSolicitation6(options=(RawOption(number=200, payload=b"1234567"),)),
        TimeExceeded(extensions=(RawObject(class_number=1, sub_type=300),)),
        TimeExceeded(extensions=(RawObject(class_number=1, sub_type=3, payload=b"abc"),)),
    ],
    ids=lambda message: repr(message)[:60],
)
def test_encode_refuses_what_does_not_fit(message: Message):
    with pytest.raises(ValueError, match=r"."):
        encode(message)


def test_wrong_arguments():
    data = encode(EchoReply())
    with pytest.raises(TypeError):
        decode("text", version=4)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        decode(8, version=4)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        encode(data)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="version"):
        decode(data, version=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="or neither"):
        decode(data, version=6, source=SOURCE6)
    with pytest.raises(ValueError, match="no address of IP version 4"):
        encode(EchoReply(), source=SOURCE6, destination=TARGET6)
    with pytest.raises(TypeError):
        encode(EchoReply(version=6), source=1, destination=2)  # type: ignore[arg-type]


def test_icmpv6_without_addresses():
    """The checksum is left to the kernel on encode and cannot be verified on decode."""
    data = encode(EchoReply(version=6, data=b"x"))
    assert data[2:4] == b"\0\0"
    assert decode(data, version=6) == EchoReply(version=6, data=b"x")
    with pytest.raises(DecodeError, match="checksum"):
        decode(data, version=6, source=str(SOURCE6), destination=str(TARGET6))


@pytest.mark.parametrize(
    ("packet", "match"),
    [
        (b"", "header"),
        (QUOTE4, "protocol 17"),
        (b"\x45\0\0\x1c\0\0\x20\0\x40\1\0\0" + bytes(16), "fragment"),
        (b"\x45\0\0\x1c\0\0\0\2\x40\1\0\0" + bytes(16), "fragment"),
        (b"\x45\0\0\x1c\0\0\0\0\x40\1\0\1" + bytes(16), "header checksum"),
        (b"\x45\0\0\x10\0\0\0\0\x40\1\0\0" + bytes(16), "16 octets"),
    ],
)
def test_what_is_no_icmp_packet(packet: bytes, match: str):
    with pytest.raises(DecodeError, match=match):
        decode_packet(packet)


def test_redirect_names_its_gateway():
    message = Redirect(gateway=IPv4Address("192.0.2.254"), code=1)
    assert "192.0.2.254" in message.explain()


def test_padded_quotes_of_icmpv6_count_in_eight_octets():
    message = TimeExceeded(
        version=6, quoted=parse_quoted(PADDED6, 6), extensions=(MplsStack(labels=(MplsLabel(5),)),)
    )
    assert encode(message)[4] == 16
    assert decode(encode(message), version=6) == message


@pytest.mark.parametrize(("segments_left", "verified"), [(0, True), (1, False)])
def test_a_packet_on_its_way_through_a_routing_header(segments_left: int, verified: bool):
    """The checksum covers the final destination, which such a packet does not have yet."""
    message = EchoReply(version=6, data=b"x")
    octets = encode(message, source=SOURCE6, destination=TARGET6)
    chain = (
        bytes((51, 0, 0, 0, 0, 0, 0, 0))  # hop-by-hop options
        + bytes((43, 4)) + bytes(22)  # authentication
        + bytes((44, 2, 2, segments_left)) + bytes(4) + TARGET6.packed  # routing
        + bytes((58, 0, 0, 0, 0, 0, 0, 1))  # a fragment that is the whole
    )  # fmt: skip
    on_its_way = IPv6Address("2001:db8::99")
    header = build_ipv6_header(
        source=SOURCE6.packed,
        destination=(TARGET6 if verified else on_its_way).packed,
        next_header=0,
        payload_length=len(chain) + len(octets),
    )
    assert decode_packet(header + chain + octets).message == message
    if verified:
        with pytest.raises(DecodeError, match="checksum"):
            decode_packet(header + chain + octets[:-1] + b"y")
