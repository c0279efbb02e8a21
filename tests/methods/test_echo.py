"""Echo as a probe method: the bytes that leave, the flow that stays, and noise that harms nobody."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp.methods import METHODS, open_method
from anyicmp.methods.base import Answer
from anyicmp.methods.echo import EchoMethod
from anyicmp.wire import EchoRequest, checksum, decode
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind, Version

GENERATION = 0x12345678


def stamped(
    version: Version, n: int, *, first: int = 0, flow: int | None = None, size: int = 56
) -> PacketBatch:
    method = EchoMethod(version)
    method.identify((0x1234,), verify=False)
    tx = PacketBatch(version, capacity=n, slot=max(64, (size + 11) & ~3))
    tx.nonce[:] = bytes((7 * i + 1) & 0xFF for i in range(4 * n))
    method.stamp(tx, 0, n, GENERATION << 16 | first, method.template(size=size, flow=flow))
    return tx


@pytest.mark.parametrize("version", [4, 6])
def test_probes_are_echo_requests(version: Version) -> None:
    tx = stamped(version, 3, first=65_533)
    for i in range(3):
        message = decode(bytes(tx.row(i)), version=version, verify=version == 4)
        assert isinstance(message, EchoRequest)
        assert (message.identifier, message.sequence) == (0x1234, 65_533 + i)
        assert len(message.data) == 56
        assert tx.token[i] == GENERATION << 16 | 65_533 + i
        assert tx.lane[i] == 0
        assert message.data[:8] == GENERATION.to_bytes(4, "big") + bytes(tx.nonce[4 * i : 4 * i + 4])


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [20, 21, 56, 57, 1400])
def test_all_probes_of_a_template_have_one_checksum(version: Version, size: int) -> None:
    """Balancers hash the first octets of the ICMP header: type, code, checksum."""
    tx = stamped(version, 200, size=size)
    assert len({bytes(tx.row(i)[:6]) for i in range(200)}) == 1


@given(st.integers(0, 0xFFFE), st.integers(20, 100))
def test_the_flow_is_the_checksum(flow: int, size: int) -> None:
    tx = stamped(4, 3, flow=flow, size=size)
    for i in range(3):
        row = bytes(tx.row(i))
        assert int.from_bytes(row[2:4], "big") == flow
        # In one's complement a sum of all ones is zero too.
        assert checksum(row[:2] + b"\0\0" + row[4:]) % 0xFFFF == flow % 0xFFFF


@pytest.mark.parametrize("size", range(25))
def test_every_size_has_a_right_checksum(size: int) -> None:
    tx = stamped(4, 5, size=size)
    assert all(checksum(tx.row(i)) == 0 for i in range(5))


@pytest.mark.parametrize("size", [-1, 65_508])
def test_sizes_have_limits(size: int) -> None:
    with pytest.raises(ValueError, match="size must be 0 to 65507"):
        EchoMethod(4).template(size=size)


def test_lanes_have_their_own_identifiers() -> None:
    method = EchoMethod(4)
    method.identify((1, 2), verify=False)
    tx, template = PacketBatch(4, capacity=2), method.template(size=56)
    method.stamp(tx, 0, 1, 0, template)
    method.stamp(tx, 1, 2, 1 << 48, template)
    assert [bytes(tx.row(i)[4:6]) for i in (0, 1)] == [b"\0\1", b"\0\2"]
    assert list(tx.lane) == [0, 1]
    assert [checksum(tx.row(i)) for i in (0, 1)] == [0, 0]


@settings(max_examples=60)
@given(
    size=st.sampled_from([20, 21, 30, 56, 57, 120, 145, 146, 192]),
    start=st.sampled_from([0, 20, 24]),
    slot=st.sampled_from([256, 268, 1344]),
    row=st.integers(0, 39),
    at=st.integers(0, 1 << 20),
)
def test_an_octet_of_one_reply_decides_for_all(size: int, start: int, slot: int, row: int, at: int) -> None:
    """Many replies are taken at once if every octet of them is as it must be, and only then."""
    n, method = 40, EchoMethod(4)
    method.identify((0x1234,), verify=True)
    tx, rx = (PacketBatch(4, capacity=n, slot=slot) for _ in range(2))
    tx.nonce[:] = bytes((7 * i + 1) & 0xFF for i in range(4 * n))
    method.stamp(tx, 0, n, GENERATION << 16 | 65530 - n, method.template(size=size))
    for i in range(n):
        reply = bytes(2) + bytes(2) + tx.row(i)[4:]
        begin = i * slot + start
        rx.data[begin : begin + len(reply)] = reply[:2] + checksum(reply).to_bytes(2, "big") + reply[4:]
        rx.start[i], rx.length[i] = start, start + len(reply)
    found = method.replies(rx, n)
    assert found is not None
    assert (found.generation, found.size, found.in_a_row) == (GENERATION, size, True)
    assert list(found.sequences) == list(range(65530 - n, 65530))
    assert b"".join(nonce.to_bytes(4, "big") for nonce in found.nonces) == tx.nonce
    rx.data[row * slot + start + at % (8 + size)] ^= 1 << at % 8
    assert method.replies(rx, n) is None


@given(
    version=st.sampled_from([4, 6]),
    octets=st.binary(max_size=200),
    head=st.sampled_from([b"", b"\0\0", b"\3\1", b"\x0b\0", b"\x81\0", b"\1\4", b"\5\0"]),
    kind=st.sampled_from(list(RowKind)),
    quoted=st.sampled_from(list(Quoted)),
    start=st.integers(0, 250),
    verify=st.booleans(),
)
def test_no_bytes_raise(
    version: Version, octets: bytes, head: bytes, kind: RowKind, quoted: Quoted, start: int, verify: bool
) -> None:
    method = EchoMethod(version)
    method.identify((0,), verify=verify)
    rx, row = PacketBatch(version, capacity=2, slot=256), head + octets
    rx.data[: len(row)] = row
    rx.length[0], rx.start[0] = len(row), min(start, len(row))
    rx.kind[0], rx.quoted[0] = kind, quoted
    answers = method.tokens(rx, 1)
    assert Answer.FOREIGN <= answers.kinds[0] <= Answer.MALFORMED
    assert len(answers.kinds) == len(answers.tokens) == len(answers.nonces) == 1


def test_methods_are_found_by_name() -> None:
    assert set(METHODS) == {"icmp", "udp", "tcp"}
    assert open_method("icmp", 6).version == 6
    with pytest.raises(ValueError, match="no such method: 'carrier-pigeon'"):
        open_method("carrier-pigeon", 4)
