"""UDP and TCP as probe methods: the bytes that leave, the flow that stays, and what any quote tells."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.methods import open_method
from anyicmp.methods.base import Answer, ProbeMethod, Told
from anyicmp.testing.internet.packet import build, intact, rewritten
from anyicmp.testing.topology import seal
from anyicmp.wire import parse_quoted
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind, Version
from anyicmp.wire.ports import ACK, RST, SYN, build_tcp, read_tcp

GENERATION = 0x12345678
OWN: dict[Version, bytes] = {4: ip_address("192.0.2.1").packed, 6: ip_address("2001:db8::1").packed}
NAT: dict[Version, bytes] = {4: ip_address("198.51.100.9").packed, 6: ip_address("2001:db8:9::9").packed}
TARGET: dict[Version, bytes] = {4: ip_address("10.0.0.1").packed, 6: ip_address("2001:db8:1::1").packed}
PROTOCOL = {"udp": 17, "tcp": 6}
EXCEEDED: dict[Version, int] = {4: 11, 6: 3}

both = pytest.mark.parametrize("version", [4, 6])
methods = pytest.mark.parametrize("name", ["udp", "tcp"])


def opened(name: str, version: Version) -> ProbeMethod:
    method = open_method(name, version)
    method.identify((40_000,), verify=False)
    return method


def stamped(method: ProbeMethod, n: int, *, first: int = 0, **options: int) -> PacketBatch:
    version = method.version
    tx = PacketBatch(version, capacity=n, slot=256)
    tx.nonce[:] = bytes((7 * i + 1) & 0xFF for i in range(4 * n))
    tx.local[:], tx.peer[:] = OWN[version] * n, TARGET[version] * n
    size = {"size": 56 if method.name == "udp" else 0, **options}
    method.stamp(tx, 0, n, GENERATION << 16 | first, method.template(**size))
    return tx


def packet(tx: PacketBatch, i: int, name: str) -> bytes:
    """Row i as a raw socket sends it."""
    header = build(PROTOCOL[name], bytes(tx.row(i)), OWN[tx.version], TARGET[tx.version])
    if tx.version == 4:
        header = header[:4] + tx.identification[i].to_bytes(2, "big") + header[6:]
    return header


def heard(version: Version, octets: bytes, kind: RowKind = RowKind.ICMP) -> PacketBatch:
    rx = PacketBatch(version, capacity=1, slot=1280)
    rx.data[: len(octets)] = octets
    rx.length[0], rx.kind[0] = len(octets), kind
    rx.peer[:] = TARGET[version]
    return rx


def about(version: Version, quoted: bytes) -> PacketBatch:
    """A router's error that quotes a packet, as a raw socket hears it."""
    return heard(
        version,
        seal(bytes((EXCEEDED[version], 0)) + bytes(6) + quoted, version, NAT[version], OWN[version]),
    )


@both
@methods
def test_probes_are_whole_and_belong_to_one_flow(name: str, version: Version) -> None:
    tx = stamped(opened(name, version), 200, first=65_400, flow=7)
    for i in range(200):
        assert intact(packet(tx, i, name)) or tx.token[i] & 0xFFFF == 0xFFFF
    assert {bytes(tx.row(i)[:4]) for i in range(200)} == {
        (1031).to_bytes(2, "big") + {"udp": 33_434, "tcp": 80}[name].to_bytes(2, "big")
    }
    assert len({bytes(tx.row(i)) for i in range(200)}) == 200


@methods
def test_the_flow_that_nobody_chose_is_the_socket_s(name: str) -> None:
    method = opened(name, 6)
    assert method.own_flow == 40_000 - 1024
    template = method.template(size=56 if name == "udp" else 0)
    assert (template.flow, template.own_port) == (38_976, 40_000)
    assert template.label == 38_977
    assert method.template(size=template.size, flow=0).label == 1, "label 0 would leave it to the kernel"


@both
@methods
@pytest.mark.parametrize("first", [0, 1, 77, 65_533])
def test_eight_quoted_octets_tell_the_probe(name: str, version: Version, first: int) -> None:
    method = opened(name, version)
    tx = stamped(method, 2, first=first)
    for i in range(2):
        header = 20 if version == 4 else 40
        rx = about(version, packet(tx, i, name)[: header + 8])
        answers = method.tokens(rx, 1)
        assert (answers.kinds[0], answers.tokens[0] & 0xFFFF) == (Answer.ERROR, first + i)
        assert answers.ports[0] == {"udp": 33_434, "tcp": 80}[name]
        assert answers.whole[0] == {"udp": Told.SEQUENCE, "tcp": Told.HALF}[name]
        assert rx.address(rx.original, 0) == TARGET[version]


@both
def test_a_quoted_payload_tells_generation_and_nonce(version: Version) -> None:
    method = opened("udp", version)
    tx = stamped(method, 1, first=0xFFFF)
    whole = method.tokens(about(version, packet(tx, 0, "udp")), 1)
    assert whole.tokens[0] == GENERATION << 16 | 0xFFFF, "the one sequence that the header cannot tell"
    assert (whole.whole[0], whole.nonces[0]) == (Told.WHOLE, int.from_bytes(tx.nonce, "big"))


@both
def test_an_error_queue_tells_what_it_can(version: Version) -> None:
    method = opened("udp", version)
    tx = stamped(method, 1, first=9)
    for keep, told in ((56, Told.WHOLE), (12, Told.WHOLE), (11, Told.FLOW), (0, Told.FLOW)):
        payload = bytes(tx.row(0)[8 : 8 + keep])
        rx = heard(version, bytes((EXCEEDED[version], 0)) + bytes(6) + payload, RowKind.ERROR)
        rx.quoted[0], rx.port[0], rx.own_port[0] = Quoted.PAYLOAD, 33_434, 40_000
        answers = method.tokens(rx, 1)
        assert (answers.kinds[0], answers.whole[0]) == (Answer.ERROR, told)
        assert (answers.ports[0], answers.own_ports[0]) == (33_434, 40_000)
        assert (answers.tokens[0] & 0xFFFF == 9) is (told == Told.WHOLE)
    # Zeros up to the extensions are no payload (RFC 4884 section 3).
    rx = heard(version, bytes((EXCEEDED[version], 0)) + bytes(6) + bytes(100) + b"extension", RowKind.ERROR)
    rx.quoted[0], rx.extension[0] = Quoted.PAYLOAD, 108
    assert method.tokens(rx, 1).whole[0] == Told.FLOW


@both
def test_a_target_s_own_answer_tells_the_flow_and_its_echo_the_probe(version: Version) -> None:
    method = opened("udp", version)
    tx = stamped(method, 1, first=9)
    for payload, told in (
        (bytes(tx.row(0)[8:]), Told.WHOLE),
        (b"no such name" * 4, Told.FLOW),
        (b"", Told.FLOW),
    ):
        answers = method.tokens(heard(version, payload, RowKind.DATA), 1)
        assert (answers.kinds[0], answers.whole[0], answers.sizes[0]) == (Answer.REPLY, told, len(payload))


@both
@pytest.mark.parametrize("flags", [SYN | ACK, RST | ACK])
def test_a_target_accepts_or_refuses_a_connection(version: Version, flags: int) -> None:
    method = opened("tcp", version)
    tx = stamped(method, 1, first=9)
    request = read_tcp(tx.data, 0, tx.length[0])
    assert request is not None
    answer = build_tcp(
        80,
        40_000,
        sequence=5,
        acknowledgment=request.sequence + 1 & 0xFFFFFFFF,
        flags=flags,
        source=TARGET[version],
        destination=OWN[version],
    )
    answers = method.tokens(heard(version, answer, RowKind.DATA), 1)
    assert (answers.kinds[0], answers.tokens[0] & 0xFFFF, answers.ports[0]) == (Answer.REPLY, 9, 80)
    assert answers.nonces[0] >> 16 == int.from_bytes(tx.nonce[:2], "big")
    assert method.tokens(heard(version, answer[:19], RowKind.DATA), 1).kinds[0] == Answer.MALFORMED
    other = answer[:13] + bytes((ACK,)) + answer[14:]
    assert method.tokens(heard(version, other, RowKind.DATA), 1).kinds[0] == Answer.FOREIGN


@methods
def test_an_error_with_a_wrong_checksum_is_malformed(name: str) -> None:
    method = opened(name, 4)
    rx = about(4, packet(stamped(method, 1), 0, name))
    rx.data[30] ^= 1
    assert method.tokens(rx, 1).kinds[0] == Answer.MALFORMED


@both
@methods
def test_a_translator_shows_in_what_is_quoted(name: str, version: Version) -> None:
    method = opened(name, version)
    template = method.template(size=56 if name == "udp" else 0)
    tx = stamped(method, 1, first=9)
    sent = packet(tx, 0, name)
    ends = template, OWN[version], TARGET[version]

    def shows(octets: bytes) -> tuple[str, ...] | None:
        return method.rewritten(parse_quoted(octets, version), *ends)

    header = 20 if version == 4 else 40
    assert shows(sent) == ()
    assert shows(sent[: header + 8]) == ()
    assert shows(sent[: header + 8] + bytes(120)) == (), "a short quote, padded for extensions behind it"
    assert shows(sent[: header + 7]) is None
    assert shows(rewritten(sent, source=NAT[version])) == ("source", "checksum")
    assert shows(rewritten(sent, port_at=0, port=4711)) == ("source port", "checksum")
    # Undone in the quote, but not in the checksum, or in the identification.
    changed = rewritten(sent, source=NAT[version], port_at=0, port=4711)
    undone = changed[: header + 2].replace(NAT[version], OWN[version])[:header] + sent[header : header + 4]
    assert shows(undone + changed[header + 4 :]) == ("checksum",)
    if version == 4:
        assert shows(sent[:4] + b"\xab\xcd" + sent[6:]) == ("identification",)
    if name == "udp" and version == 4:
        assert shows((undone + changed[header + 4 :])[: header + 8]) == ("checksum",), "8 octets suffice"


@given(
    version=st.sampled_from([4, 6]),
    name=st.sampled_from(["udp", "tcp"]),
    octets=st.binary(max_size=200),
    head=st.sampled_from([b"", b"\3\1", b"\x0b\0", b"\1\4", b"\5\0", b"\x89\0"]),
    kind=st.sampled_from(list(RowKind)),
    quoted=st.sampled_from(list(Quoted)),
    start=st.integers(0, 250),
    extension=st.integers(0, 250),
    errno=st.integers(0, 200),
)
def test_no_bytes_raise(
    version: Version,
    name: str,
    octets: bytes,
    head: bytes,
    kind: RowKind,
    quoted: Quoted,
    start: int,
    extension: int,
    errno: int,
) -> None:
    method = opened(name, version)
    rx, row = PacketBatch(version, capacity=2, slot=256), head + octets
    rx.data[: len(row)] = row
    rx.length[0], rx.start[0] = len(row), min(start, len(row))
    rx.kind[0], rx.quoted[0], rx.extension[0], rx.errno[0] = kind, quoted, extension, errno
    answers = method.tokens(rx, 1)
    assert Answer.FOREIGN <= answers.kinds[0] <= Answer.MALFORMED
    assert Told.SEQUENCE <= answers.whole[0] <= Told.FLOW
    assert method.reply(rx, 0) is None
    assert method.replies(rx, 1) is None
    assert not method.echoes(rx, 0, method.template(size=56 if name == "udp" else 0))
    method.rewritten(
        parse_quoted(row, version),
        method.template(size=12 if name == "udp" else 0),
        OWN[version],
        TARGET[version],
    )


@methods
def test_what_a_method_cannot_carry_is_refused(name: str) -> None:
    method = opened(name, 4)
    with pytest.raises(ValueError, match="payload"):
        method.template(size=0, payload=b"mine")
    with pytest.raises(ValueError, match=r"size must be 12|no payload"):
        method.template(size=5)
