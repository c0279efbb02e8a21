"""Replay: what was recorded comes back for the same calls, and for others as far as it fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import anyicmp
from anyicmp import DecodeError, Prober
from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.testing.recording import Recording
from anyicmp.wire import TimeExceeded, decode_packet
from anyicmp.wire.checksum import checksum
from anyicmp.wire.pcapng import CapturedPacket

# What can go wrong with an answer: lost, late, double, forged, cut off, corrupted, extended.
FAULTY = """\
seed = 7

[router.labels]
address = ["192.0.2.101", "2001:db8:9::1"]
mpls = [{ label = 16, ttl = 1 }, { label = 17, ttl = 255 }]

[router.short]
address = ["192.0.2.102", "2001:db8:9::2"]
quote = 8

[host.server]
address = ["203.0.113.80", "2001:db8:300::80"]
echo = { copies = 2, delay = "3 ms" }

[[link]]
path = ["client", "labels", "short", "server"]
delay = "5 ms"
jitter = "2 ms"
loss = "20 %"
corrupt = "10 %"
reorder = "10 %"
"""

NAT = """\
[client]
address = ["192.168.1.10", "fd00::10"]

[router.outside]
address = ["192.0.2.101", "2001:db8:9::1"]
nat = { address = ["203.0.113.1", "2001:db8:ca::1"], ports = true, undo = false }

[router.short]
address = ["192.0.2.102", "2001:db8:9::2"]
quote = 8

[host.server]
address = ["203.0.113.80", "2001:db8:300::80"]

[[link]]
path = ["client", "outside", "short", "server"]
delay = "5 ms"
"""

OPEN = """\
[host.server]
address = "203.0.113.80"
udp = { 7 = "answer" }
tcp = { 7 = "open" }

[[link]]
path = ["client", "server"]
delay = "5 ms"
"""

pytestmark = pytest.mark.anyio


async def measured(network: SimulatedNetwork, **options: Any) -> list[object]:
    found: list[object] = []
    async with Prober(network=network, **options) as prober:
        for target in ("203.0.113.80", "2001:db8:300::80"):
            found.append(await prober.ping(target, count=20, interval=0.01, timeout=0.1))
            found.append(await prober.traceroute(target))
        found.append(list(await prober.sweep(["203.0.113.72/29"], retries=2)))
        found.append(prober.statistics)
    return found


@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize("scenario", ["demo", FAULTY], ids=["demo", "faulty"])
async def test_the_same_calls_have_the_same_outcomes(scenario: str, privileged: bool, tmp_path: Path) -> None:
    """All fields, times included; of chance in the probes both have the same."""
    path = tmp_path / "recording.pcapng"
    network = SimulatedNetwork.from_toml(scenario, seed=7, privileged=privileged)
    recorded = await measured(network, record=path)
    replayed = await measured(SimulatedNetwork.replay(path, seed=7, privileged=privileged))
    assert replayed == recorded


async def traced(network: SimulatedNetwork, **options: Any) -> list[object]:
    found: list[object] = []
    async with Prober(network=network, **options) as prober:
        for target in ("203.0.113.80", "2001:db8:300::80"):
            options: dict[str, Any] = {"probes": 2, "timeout": 0.2}
            found += [await prober.traceroute(target, method=name, **options) for name in ("udp", "tcp")]
        found.append(prober.statistics)
    return found


@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize("scenario", ["demo", FAULTY, NAT], ids=["demo", "faulty", "nat"])
async def test_probes_with_ports_are_answered_as_recorded(
    scenario: str, privileged: bool, tmp_path: Path
) -> None:
    """All fields of the same probes; with another seed, other ports and numbers, the same of each hop."""
    path = tmp_path / "recording.pcapng"
    network = SimulatedNetwork.from_toml(scenario, seed=7, privileged=privileged)
    recorded = await traced(network, record=path)
    assert await traced(SimulatedNetwork.replay(path, seed=7, privileged=privileged)) == recorded
    replayed = await traced(SimulatedNetwork.replay(path, seed=8, privileged=privileged))
    assert replayed[-1] == recorded[-1]
    for old, new in zip(recorded[:-1], replayed[:-1], strict=True):
        assert new.flow != old.flow  # type: ignore[attr-defined]
        assert new.translations == old.translations  # type: ignore[attr-defined]
        for before, after in zip(old.hops, new.hops, strict=True):  # type: ignore[attr-defined]
            assert attrs.evolve(after, outcomes=()) == attrs.evolve(before, outcomes=())


async def test_an_open_port_answers_again(tmp_path: Path) -> None:
    """With what it was sent (echo over UDP), or with its acceptance."""
    path = tmp_path / "recording.pcapng"
    network = SimulatedNetwork.from_toml(OPEN, privileged=True)
    options: dict[str, Any] = {"port": 7, "probes": 1}

    async def ends(prober: Prober) -> list[tuple[str, str]]:
        found = [await prober.traceroute("203.0.113.80", method=name, **options) for name in ("udp", "tcp")]
        return [(trace.stopped_by.kind, str(trace.stopped_by.source)) for trace in found]  # type: ignore[union-attr]

    async with Prober(network=network, record=path) as prober:
        recorded = await ends(prober)
    async with Prober(network=SimulatedNetwork.replay(path, seed=9, privileged=True)) as prober:
        assert await ends(prober) == recorded == [("reply", "203.0.113.80")] * 2


async def test_other_identifiers_and_payloads_fit(tmp_path: Path) -> None:
    """Another seed draws other ones; no answer is taken for a stranger's."""
    path = tmp_path / "recording.pcapng"
    recorded = await measured(SimulatedNetwork.from_toml("demo"), record=path)
    replayed = await measured(SimulatedNetwork.replay(path, seed=99))
    assert replayed[0] == recorded[0]
    assert replayed[-1] == recorded[-1]
    for old, new in zip(recorded[1].hops, replayed[1].hops, strict=True):  # type: ignore[attr-defined]
        assert attrs.evolve(new, outcomes=()) == attrs.evolve(old, outcomes=())


async def test_another_size_is_answered_whole(tmp_path: Path) -> None:
    path = tmp_path / "recording.pcapng"
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(delay=0.01))
    await anyicmp.ping("10.0.0.1", count=2, size=56, network=network, record=path)
    replay = SimulatedNetwork.replay(path)
    for size in (100, 20):
        result = await anyicmp.ping("10.0.0.1", count=1, size=size, network=replay)
        assert [(outcome.kind, outcome.size) for outcome in result.outcomes] == [("reply", size)]


async def test_after_the_last_recorded_probe_there_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "recording.pcapng"
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(lost=frozenset({0})))
    await anyicmp.ping("10.0.0.1", count=3, network=network, record=path)
    replay = SimulatedNetwork.replay(path)
    replay.name("host.example", "10.0.0.1")
    result = await anyicmp.ping("host.example", count=5, network=replay)
    kinds = [outcome.kind for outcome in result.outcomes]
    assert kinds == ["timeout", "reply", "reply", "timeout", "timeout"]


async def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no recording at all")
    with pytest.raises(DecodeError, match="no pcapng file"):
        SimulatedNetwork.replay(tmp_path / "text")
    with pytest.raises(FileNotFoundError):
        SimulatedNetwork.replay(tmp_path / "none")


def test_any_packet_may_stand_in_a_recording() -> None:
    """Short ones, other protocols, errors about others: nothing raises, and nothing is made of them."""
    noise = [b"", b"E", b"\x45" * 28, b"\x60" * 48, bytes(60), b"\x45" + bytes(8) + b"\1" + bytes(18)]
    packets = [CapturedPacket(at=0, octets=octets, length=99) for octets in noise]
    recording = Recording(packets)
    for octets in noise:
        assert recording.inject(octets, 0) == []


async def test_what_is_replayed_is_well_formed(tmp_path: Path) -> None:
    """Its checksums are right again, that of a quoted IPv4 header too."""
    path = tmp_path / "recording.pcapng"
    await measured(SimulatedNetwork.from_toml("demo", privileged=True), record=path)
    replay = SimulatedNetwork.replay(path, seed=3, privileged=True)
    await measured(replay)
    recording = Recording.read(path)
    answers = [answer for packet in replay.sent for _, answer in recording.inject(packet, 0)]
    messages = [decode_packet(answer).message for answer in answers]
    quoted = [message.quoted.packet for message in messages if isinstance(message, TimeExceeded)]
    headers = [packet[:20] for packet in quoted if packet[0] == 0x45]
    assert len(headers) > 20
    assert {checksum(header) for header in headers} == {0}
