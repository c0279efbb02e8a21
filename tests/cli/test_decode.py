"""`anyicmp decode`: hex and capture files to JSON Lines and sentences, damaged ones as far as they go."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from pathlib import Path

import pytest
from catalogue import CATALOGUE
from constants import QUOTE4, SOURCE6, TARGET6, summed4, summed6

from anyicmp.cli.capture import CaptureError, ip_packet, is_capture, read_capture
from anyicmp.cli.decode import decode_capture, decode_hex
from anyicmp.wire import EchoRequest, build_ipv4_header, build_ipv6_header
from cli.running import COMMAND, run

pytestmark = pytest.mark.anybody

ECHO = summed4("08 00 0000", "1234 0007", "61626364")
ECHO6 = summed6("80 00 0000", "1234 0007", "61626364")
PACKET4 = (
    build_ipv4_header(
        source=bytes((192, 0, 2, 1)), destination=bytes((198, 51, 100, 7)), protocol=1, payload_length=12
    )
    + ECHO
)
PACKET6 = (
    build_ipv6_header(source=SOURCE6.packed, destination=TARGET6.packed, next_header=58, payload_length=12)
    + ECHO6
)
NOT_ICMP = QUOTE4
MACS = bytes(12)


def pcap(
    link_type: int, packets: list[bytes], *, order: str = "<", nano: bool = False, cut: int = 0
) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)]
    for number, packet in enumerate(packets):
        kept = packet[: len(packet) - cut]
        fraction = 500_000_000 if nano else 500_000
        parts += (struct.pack(order + "IIII", 1000 + number, fraction, len(kept), len(packet)), kept)
    return b"".join(parts)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link_type: int, options: bytes = b"") -> bytes:
    return block(order, 1, struct.pack(order + "HHI", link_type, 0, 0) + options)


def enhanced(order: str, which: int, time: int, packet: bytes) -> bytes:
    head = struct.pack(order + "IIIII", which, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet))
    return block(order, 6, head + packet)


def messages(data: bytes) -> list[tuple[int, float | None, object]]:
    return [(each.number, each.at, each.message) for each in decode_capture(io.BytesIO(data))]


WANTED = EchoRequest(identifier=0x1234, sequence=7, data=b"abcd")
WANTED6 = EchoRequest(version=6, identifier=0x1234, sequence=7, data=b"abcd")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_of_both_byte_orders_and_units(order: str, nano: bool):
    data = pcap(101, [PACKET4, NOT_ICMP, PACKET6], order=order, nano=nano)
    assert messages(data) == [(1, 1000.5, WANTED), (3, 1002.5, WANTED6)]


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        (1, MACS + b"\x08\x00"),
        (1, MACS + b"\x81\x00\x00\x05\x08\x00"),
        (1, MACS + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00"),
        (101, b""),
        (228, b""),
        (113, bytes(14) + b"\x08\x00"),
        (276, b"\x08\x00" + bytes(18)),
    ],
    ids=["ethernet", "vlan", "two vlans", "raw", "ipv4", "cooked", "cooked 2"],
)
def test_link_types(link_type: int, header: bytes):
    assert messages(pcap(link_type, [header + PACKET4])) == [(1, 1000.5, WANTED)]


def test_other_protocols_and_link_types():
    assert messages(pcap(1, [MACS + b"\x08\x06" + bytes(28), b""])) == []
    with pytest.raises(CaptureError, match="link type 105"):
        messages(pcap(105, [PACKET4]))


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(order: str):
    """Sections of both orders, interfaces of two kinds, units of time, a simple and an unknown block."""
    nano = struct.pack(order + "HHB3x", 9, 1, 9) + struct.pack(order + "HHq", 14, 8, 100) + bytes(4)
    binary = struct.pack(order + "HHB3x", 9, 1, 0x80 | 10)
    other = ">" if order == "<" else "<"
    data = (
        section(order)
        + interface(order, 1)
        + interface(order, 101, nano)
        + interface(order, 101, binary)
        + enhanced(order, 0, 1000_500_000, MACS + b"\x86\xdd" + PACKET6)
        + block(order, 0x0BAD, b"what nobody knows")
        + enhanced(order, 1, 1_000_500_000_000, PACKET4)
        + enhanced(order, 2, 1536, PACKET4)
        + section(other)
        + interface(other, 101)
        + block(other, 3, struct.pack(other + "I", len(PACKET4)) + PACKET4)
        + block(other, 2, struct.pack(other + "HHIIII", 0, 0, 0, 7_000_000, 32, 32) + PACKET4)
    )
    assert is_capture(data)
    assert messages(data) == [
        (1, 1000.5, WANTED6),
        (2, 1100.5, WANTED),
        (3, 1.5, WANTED),
        (4, None, WANTED),
        (5, 7.0, WANTED),
    ]


@pytest.mark.parametrize(
    "whole", [pcap(101, [PACKET4] * 3), section("<") + interface("<", 101) + enhanced("<", 0, 0, PACKET4) * 3]
)
def test_a_file_cut_off_anywhere_yields_what_is_whole(whole: bytes):
    for size in range(4, len(whole)):
        packets = []
        try:
            for packet in read_capture(io.BytesIO(whole[:size])):
                packets.append(packet)  # noqa: PERF402 - what came before the error counts
        except CaptureError as error:
            assert "ends in the middle" in str(error)  # noqa: PT017 - no error at the end of a packet
        assert len(packets) <= 3
        assert all(ip_packet(packet) == PACKET4 for packet in packets)
    assert len(list(read_capture(io.BytesIO(whole)))) == 3


@pytest.mark.parametrize(
    ("damaged", "match"),
    [
        (b"", "neither"),
        (b"GIF89a", "neither"),
        (pcap(101, []) + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30), "claims"),
        (section("<")[:8] + b"\0\0\0\0" + bytes(16), "without a byte order"),
        (section("<") + block("<", 6, bytes(20) + PACKET4), "malformed"),
        (section("<") + interface("<", 101) + block("<", 6, bytes(12) + b"\xff" * 8), "malformed"),
        (section("<") + block("<", 1, b""), "malformed"),
        (section("<") + struct.pack("<II", 7, 8), "has 8 octets"),
        (section("<") + struct.pack("<III", 7, 12, 13), "two lengths"),
        (section("<") + interface("<", 101, struct.pack("<HHI", 9, 0, 0)), "malformed"),
    ],
)
def test_damage_is_named(damaged: bytes, match: str):
    with pytest.raises(CaptureError, match=match):
        list(read_capture(io.BytesIO(damaged)))


def test_a_packet_captured_in_part_is_decoded_without_its_checksum():
    (decoded,) = decode_capture(io.BytesIO(pcap(101, [PACKET4], cut=2)))
    assert decoded.message == EchoRequest(identifier=0x1234, sequence=7, data=b"ab")


def test_every_message_survives_the_way_through_hex():
    for entry in CATALOGUE:
        (decoded,) = decode_hex([entry.octets.hex(" ")], version=entry.version)
        assert decoded.message == entry.message
        assert decoded.explanation == entry.message.explain()


def test_hex_on_the_command_line():
    done = run("decode", PACKET4.hex(), "0x" + PACKET6.hex(":"), "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr, len(rows)) == (0, "", 2)
    assert rows[0]["source"] == "192.0.2.1"
    assert rows[0]["message"]["identifier"] == 0x1234
    assert rows[0]["message"]["data"] == b"abcd".hex()
    assert (rows[1]["number"], rows[1]["destination"], rows[1]["ttl"]) == (2, str(TARGET6), 64)
    assert "RFC 4443" in rows[1]["explanation"]


def test_hex_from_standard_input():
    done = run("decode", "-4", stdin=f"{ECHO.hex(' ')}\n\n{'00' * 8}\n")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "Echo request" in lines[0]
    assert "wrong ICMP checksum" in lines[1]
    assert "wrong" not in run("decode", "-4", "--no-verify", "00" * 8).stdout


def test_a_capture_file_and_standard_input(tmp_path: Path):
    file = tmp_path / "some.pcap"
    file.write_bytes(pcap(101, [PACKET4, PACKET6]))
    named = run("decode", str(file), "--json")
    piped = subprocess.run(
        [*COMMAND, "decode", "--json"], input=file.read_bytes(), capture_output=True, check=True, timeout=60
    )
    assert named.stdout == piped.stdout.decode()
    assert [json.loads(line)["at"] for line in named.stdout.splitlines()] == [1000.5, 1001.5]


def test_a_damaged_file_shows_its_readable_part_and_a_clear_error(tmp_path: Path):
    file = tmp_path / "damaged.pcap"
    file.write_bytes(pcap(101, [PACKET4, PACKET6])[:-3])
    done = run("decode", str(file))
    assert done.returncode == 2
    assert done.stdout.startswith(
        "1 1970-01-01 00:16:40.500000 192.0.2.1 > 198.51.100.7 ttl=64 type=8 code=0: Echo"
    )
    assert done.stderr == "anyicmp: the file ends in the middle of packet 2\n"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["decode", "no such file"], 2, "neither a file nor hex digits"),
        (["decode", "4500"], 1, ""),
        (["decode", "-5", "00"], 2, "-5"),
    ],
)
def test_wrong_input(arguments: list[str], status: int, words: str):
    done = run(*arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_files_that_another_program_wrote(tmp_path: Path):
    utils = pytest.importorskip("scapy.utils", reason="scapy is not installed (extra: test)")
    plist = pytest.importorskip("scapy.layers.inet", reason="scapy is not installed (extra: test)")
    packet = plist.IP(PACKET4)
    for name, writer in (("a.pcap", utils.PcapWriter), ("a.pcapng", utils.PcapNgWriter)):
        with writer(str(tmp_path / name)) as out:
            out.write(packet)
            out.write(packet)
        with (tmp_path / name).open("rb") as file:
            assert [each.message for each in decode_capture(file)] == [WANTED, WANTED]
