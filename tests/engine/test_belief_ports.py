"""What is believed of answers to UDP and TCP probes: ports, half a nonce, a token that a transport tells."""

from __future__ import annotations

from errno import ECONNREFUSED
from typing import Any

import pytest

from anyicmp.engine.exchange import Exchange
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.engine.room import Room
from anyicmp.engine.trace import TracePlan
from anyicmp.methods import open_method
from anyicmp.testing.internet.packet import build
from anyicmp.testing.topology import seal
from anyicmp.wire.batch import PacketBatch, RowKind, Version
from anyicmp.wire.ports import ACK, SYN, build_tcp, read_tcp
from engine.rig import EXCEEDED, OTHER, OWN, ROUTER, SECOND, TARGET


class Scene:
    """One probe of a method in flight."""

    def __init__(self, name: str, version: Version) -> None:
        self.version: Version = version
        self.method = open_method(name, version)
        self.method.identify((40_000,), verify=False)
        self.exchange = Exchange(self.method, Room(1 << 22, version=version))
        size = 56 if name == "udp" else 0
        self.plan = TracePlan(
            Probe(peer=TARGET[version], local=OWN[version]),
            self.method.template(size=size),
            first_hop=1,
            max_hops=1,
            probes=1,
            timeout=SECOND,
        )
        self.exchange.start(self.plan, 0)
        self.tx, self.rx = PacketBatch(version, capacity=4), PacketBatch(version, capacity=4, slot=512)
        self.tx.nonce[:4] = b"\x12\x34\x56\x78"
        assert self.exchange.fill(self.tx, 0) == 1
        self.tx.before = self.tx.after = self.tx.real = 1
        self.exchange.sent(self.tx, 0, 1)
        self.probe = bytes(self.tx.row(0))

    def hear(self, octets: bytes, kind: RowKind, **columns: int) -> list[OutcomeBatch]:
        rx, width = self.rx, self.rx.width
        rx.data[: len(octets)] = octets
        rx.length[0], rx.kind[0] = len(octets), kind
        rx.peer[:width] = ROUTER[self.version] if kind == RowKind.ICMP else TARGET[self.version]
        for name, value in columns.items():
            getattr(rx, name)[0] = value
        rx.after = rx.real = 1000
        return [batch for _, batch in self.exchange.feed(rx, 1) if len(batch)]

    def error(self, quoted: bytes, target: bytes | None = None) -> list[OutcomeBatch]:
        version, protocol = self.version, self.method.protocol
        packet = build(protocol, quoted, OWN[version], target or TARGET[version])
        if version == 4:
            packet = packet[:4] + self.tx.identification[0].to_bytes(2, "big") + packet[6:]
        head = bytes((EXCEEDED[version], 0)) + bytes(6)
        return self.hear(seal(head + packet, version, ROUTER[version], OWN[version]), RowKind.ICMP)


SCENES = pytest.mark.parametrize(("name", "version"), [(n, v) for n in ("udp", "tcp") for v in (4, 6)])


@SCENES
def test_an_error_about_another_port_or_target_is_foreign(name: str, version: Any) -> None:
    scene = Scene(name, version)
    probe = scene.probe
    assert scene.error(probe[:2] + b"\0\x35" + probe[4:8]) == []
    assert scene.error(probe[:8], target=OTHER[version]) == []
    assert scene.exchange.counts.foreign == 2
    assert scene.plan.waiting == 1
    # A translator may have changed our own port.
    assert len(scene.error(b"\xab\xcd" + probe[2:8])) == 1


@pytest.mark.parametrize("version", [4, 6])
def test_half_a_nonce_is_compared(version: Any) -> None:
    scene = Scene("tcp", version)
    forged = scene.probe[:4] + b"\x12\x35" + scene.probe[6:8]
    assert scene.error(forged) == []
    request = read_tcp(scene.probe, 0, len(scene.probe))
    assert request is not None

    def accepted(number: int) -> list[OutcomeBatch]:
        segment = build_tcp(
            80,
            40_000,
            sequence=1,
            acknowledgment=number,
            flags=SYN | ACK,
            source=TARGET[version],
            destination=OWN[version],
        )
        return scene.hear(segment, RowKind.DATA)

    assert accepted(request.sequence + 1 ^ 1 << 16) == []
    assert scene.exchange.counts.foreign == 2
    (batch,) = accepted(request.sequence + 1)
    assert [outcome.kind for outcome in batch] == ["reply"]


@pytest.mark.parametrize("version", [4, 6])
def test_quoted_data_must_bring_generation_and_nonce_back(version: Any) -> None:
    scene = Scene("udp", version)
    probe = bytearray(scene.probe)
    for at in (12, 16):
        probe[at] ^= 1
        assert scene.error(bytes(probe)) == []
        probe[at] ^= 1
    assert len(scene.error(bytes(probe))) == 1


@pytest.mark.parametrize("errno", [0, ECONNREFUSED])
def test_a_connection_is_the_probe_s_whose_token_it_has(errno: int) -> None:
    scene = Scene("tcp", 4)
    token = scene.tx.token[0]
    for wrong in ({"token": token ^ 1 << 16}, {"port": 81}, {"errno": 110}):
        told = {"token": token, "port": 80, "errno": errno, **wrong}
        assert scene.hear(b"", RowKind.CONNECTION, **told) == []
    assert scene.exchange.counts.foreign == 3
    (batch,) = scene.hear(b"", RowKind.CONNECTION, token=token, port=80, errno=errno)
    assert [outcome.kind for outcome in batch] == ["reply"]
