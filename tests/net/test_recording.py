"""Recordings: each packet that was sent or heard stands in the file, and what of it is rebuilt is said.

tshark is the oracle where it is installed.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
from collections import Counter
from errno import EHOSTUNREACH
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest

import anyicmp
from anyicmp.net.recorder import Recorder
from anyicmp.net.transport import SocketSpec, Transport
from anyicmp.testing import Host, Router, SimulatedNetwork
from anyicmp.testing.checks import CHECKS, Check, Setting
from anyicmp.wire import ErrorMessage, decode_packet, find_transport
from anyicmp.wire.batch import Version
from anyicmp.wire.pcapng import CapturedPacket, read_packets

from namespaces import NOBODY, Chain, chain, run_in

SENT_4 = "the IP header is rebuilt, not known to the socket: source, TTL, traffic class, identification, DF"
HEARD_4 = "the IP header is rebuilt, not known to the socket: traffic class, identification, DF"
HEARD_6 = "the IP header is rebuilt, not known to the socket: traffic class, flow label"
QUOTE = "; so are the ICMP checksum and the quoted IP header, of which only the destination is known"


def read(path: Path) -> list[CapturedPacket]:
    return list(read_packets(path.read_bytes()))


async def probe_demo(network: SimulatedNetwork, path: Path) -> None:
    async with anyicmp.Prober(network=network, record=path) as prober:
        for family in (4, 6):
            await prober.ping("server.demo", count=3) if family == 4 else None
            target = (await prober.resolve("server.demo", family=family))[0]
            await prober.traceroute(target, probes=1)


@pytest.fixture(params=[False, True], ids=["datagram", "raw"])
def privileged(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def recorded(tmp_path: Path, privileged: bool) -> tuple[SimulatedNetwork, Path]:
    """The demo, pinged and traced in both families, and the recording of it."""
    network = SimulatedNetwork.from_toml("demo", privileged=privileged)
    anyio.run(probe_demo, network, tmp_path / "demo.pcapng")
    return network, tmp_path / "demo.pcapng"


def test_the_packets_that_left_stand_in_the_file(recorded: tuple[SimulatedNetwork, Path]) -> None:
    """Byte by byte: what the sockets were not told, the simulated kernel takes from the same defaults."""
    network, path = recorded
    packets = read(path)
    sent = [packet for packet in packets if packet.outbound]
    assert [packet.octets for packet in sent] == network.sent
    assert [packet.at for packet in packets] == sorted(packet.at for packet in packets)
    assert all(packet.length == len(packet.octets) for packet in packets)
    # The time of a reply is exact to the nanosecond: 31 ms and a jitter in virtual time.
    assert sent[0].at % 10**9 == 0


def test_what_is_rebuilt_is_said(recorded: tuple[SimulatedNetwork, Path], privileged: bool) -> None:
    packets = read(recorded[1])
    heard = Counter(packet.comment for packet in packets if not packet.outbound)
    if privileged:
        assert set(heard) == {None, HEARD_6}
        assert all(packet.octets[0] >> 4 == 6 for packet in packets if packet.comment == HEARD_6)
    else:
        assert set(heard) == {HEARD_4, HEARD_4 + QUOTE, HEARD_6, HEARD_6 + QUOTE}
    assert next(packet for packet in packets if packet.outbound).comment == SENT_4


def test_every_packet_decodes_with_its_checksums(recorded: tuple[SimulatedNetwork, Path]) -> None:
    """The extensions stand where RFC 4884 says, behind a quote with or without its own IP header."""
    messages = [decode_packet(packet.octets).message for packet in read(recorded[1])]
    labelled = [message for message in messages if getattr(message, "extensions", ())]
    assert len(labelled) == 4  # MPLS and interface information, in both families
    assert {type(message).__name__ for message in messages} == {"EchoRequest", "EchoReply", "TimeExceeded"}


TSHARK = shutil.which("tshark")


def shown(path: Path) -> list[dict[str, list[str]]]:
    """What tshark makes of each packet, checksums verified; no time, direction or comment is another one."""
    fields = ["frame.time_epoch", "frame.packet_flags_direction", "frame.comment", "_ws.expert.severity"]
    fields += ["_ws.malformed", "icmp.mpls.label", "ip.proto", "ipv6.nxt", "tcp.flags", "udp.srcport"]
    command = [str(TSHARK), "-n", "-r", str(path), "-T", "json"]
    for protocol in ("ip", "udp", "tcp"):
        command += ["-o", f"{protocol}.check_checksum:TRUE"]
    for field in fields:
        command += ["-e", field]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [packet["_source"]["layers"] for packet in json.loads(shown)]
    packets = read(path)
    assert len(rows) == len(packets)
    for row, packet in zip(rows, packets, strict=True):
        seconds, _, fraction = row["frame.time_epoch"][0].partition(".")
        assert int(seconds + fraction) == packet.at
        assert int(row["frame.packet_flags_direction"][0], 16) == (2 if packet.outbound else 1)
        assert row.get("frame.comment", [None])[0] == packet.comment
        assert "_ws.malformed" not in row
        # "Error" is what a wrong checksum is; a TTL of 1 is a note.
        assert str(0x00800000) not in row.get("_ws.expert.severity", [])
    return rows


@pytest.mark.programs
@pytest.mark.skipif(TSHARK is None, reason="needs the program tshark")
def test_tshark_reads_it(recorded: tuple[SimulatedNetwork, Path]) -> None:
    """Times to the nanosecond, directions, comments; no checksum is wrong and no packet malformed."""
    assert sum("icmp.mpls.label" in row for row in shown(recorded[1])) >= 1


@pytest.mark.programs
@pytest.mark.skipif(TSHARK is None, reason="needs the program tshark")
def test_tshark_reads_probes_with_ports(tmp_path: Path, privileged: bool) -> None:
    path = tmp_path / "ports.pcapng"

    async def probe() -> None:
        network = SimulatedNetwork.from_toml("demo", privileged=privileged)
        async with anyicmp.Prober(network=network, record=path) as prober:
            for target in ("203.0.113.80", "2001:db8:300::80"):
                for method in ("udp", "tcp"):
                    await prober.traceroute(target, method=method, probes=1)

    anyio.run(probe)
    rows = shown(path)
    protocols = Counter((row.get("ip.proto") or row["ipv6.nxt"])[0] for row in rows)
    assert set(protocols) == {"1", "58", "6", "17"}
    heard = [row["tcp.flags"][-1] for row in rows if "tcp.flags" in row and len(row["tcp.flags"]) == 1]
    # Connection requests, and what the target says to them: accepted, or refused.
    assert {int(flags, 16) for flags in heard} >= {0x002, 0x012} or {int(f, 16) for f in heard} >= {2, 0x014}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("version", [4, 6])
def test_a_recorded_transport_keeps_the_contract(
    check: Check, version: Version, privileged: bool, tmp_path: Path
) -> None:
    network = SimulatedNetwork(privileged=privileged)
    network.stamps_sending = True
    base = "10.0.0.{}" if version == 4 else "2001:db8:1::{}"
    answering, refused, beyond, router = (ip_address(base.format(i)) for i in (1, 2, 3, 4))
    network.stamps_sending = True
    network.add(answering)
    network.add(refused, Host(errno=EHOSTUNREACH))
    network.add(beyond, Host(path=(Router(address=router),)))
    recorder = Recorder(tmp_path / "checks.pcapng")

    def opened(spec: SocketSpec) -> Transport:
        return recorder.wrap(network.open_transport(spec), network.clocks.real, network.own_address)

    missing = check(
        Setting(
            open=opened,
            version=version,
            privileged=privileged,
            answering=answering.packed,
            wait=lambda _: network.clocks.advance(0.01),
            real=network.clocks.real,
            refused=refused.packed,
            beyond=beyond.packed,
        )
    )
    recorder.close()
    recorder.close()
    assert missing is None
    sent = [packet.octets for packet in read(tmp_path / "checks.pcapng") if packet.outbound]
    assert sent == network.sent


def test_a_full_disk_ends_the_recording_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    network = SimulatedNetwork()
    network.add("10.0.0.1")

    async def main() -> int:
        async with anyicmp.Prober(network=network, record="/dev/full") as prober:
            return (await prober.ping("10.0.0.1")).statistics.received

    with caplog.at_level(logging.ERROR, "anyicmp"):
        assert anyio.run(main) == 4
    assert [record.message for record in caplog.records] == [
        "the recording /dev/full ends here: [Errno 28] No space left on device"
    ]


@pytest.mark.anyio
async def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    prober = anyicmp.Prober(network=SimulatedNetwork(), record=tmp_path / "none" / "file")
    with pytest.raises(FileNotFoundError):
        await prober.open()


@pytest.mark.usefixtures("needs_icmp_socket")
def test_real_sockets_know_which_address_they_have(tmp_path: Path) -> None:
    path = tmp_path / "real.pcapng"
    anyio.run(lambda: anyicmp.ping("127.0.0.2", count=2, interval=0.01, record=path))
    packets = [(captured.outbound, decode_packet(captured.octets)) for captured in read(path)]
    addresses = Counter((sent, str(packet.source), str(packet.destination)) for sent, packet in packets)
    assert [where for where in addresses if where[0]] == [(True, "127.0.0.1", "127.0.0.2")]
    # A raw socket hears the answers of others too.
    assert addresses[False, "127.0.0.2", "127.0.0.1"] >= 2


async def trace_recorded(path: str, *targets: str) -> None:
    import anyicmp

    async with anyicmp.Prober(record=path) as prober:
        for target in targets:
            await prober.traceroute(target, probes=1)


@pytest.mark.usefixtures("needs_namespaces")
@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_errors_of_real_routers_are_whole(tmp_path: Path, uid: int | None) -> None:
    """As nobody the quotes came without their IP headers, through the error queue."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    lab: Chain
    with chain(routers=2) as lab:
        run_in(lab.client, trace_recorded, str(folder / "t.pcapng"), lab.target4, lab.target6, uid=uid)
    for version, hops, target in ((4, lab.hops4, lab.target4), (6, lab.hops6, lab.target6)):
        packets = [packet for packet in read(folder / "t.pcapng") if packet.octets[0] >> 4 == version]
        heard = [decode_packet(packet.octets) for packet in packets if not packet.outbound]
        assert {str(packet.source) for packet in heard} == {*hops, target}
        for packet in heard:
            quoted = getattr(packet.message, "quoted", None)
            if quoted is not None:
                assert str(quoted.destination) == target
                assert quoted.source == packet.destination
                assert quoted.ttl == (1 if uid is None else 0)


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["udp", "tcp"])
@pytest.mark.parametrize("target", ["203.0.113.80", "2001:db8:300::80"])
async def test_probes_with_ports_are_recorded_too(
    tmp_path: Path, privileged: bool, method: str, target: str
) -> None:
    """Sent as they were, where the method writes the header; heard with a sound header, whole or rebuilt."""
    network = SimulatedNetwork.from_toml("demo", privileged=privileged)
    path = tmp_path / "ports.pcapng"
    async with anyicmp.Prober(network=network, record=path) as prober:
        trace = await prober.traceroute(target, method=method, probes=1)
    packets = read(path)
    probes = [packet.octets for packet in packets if packet.outbound]
    # The kernel numbers its own connections, and resets what was accepted.
    if privileged or method == "udp":
        assert [octets for octets in network.sent if octets in probes] == probes
    reporters = set()
    for packet in packets:
        found = find_transport(packet.octets, 0, len(packet.octets))
        assert found is not None
        if packet.outbound or found[0] not in (1, 58):
            continue
        heard = decode_packet(packet.octets)
        reporters.add(heard.source)
        assert isinstance(heard.message, ErrorMessage)
        quoted = heard.message.quoted
        assert (str(quoted.destination), quoted.protocol) == (target, {"udp": 17, "tcp": 6}[method])
        assert quoted.destination_port == trace.port
        assert quoted.source_port == trace.flow + 1024
    assert reporters >= {hop.addresses[0] for hop in trace.hops[:-1]}
