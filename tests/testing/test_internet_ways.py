"""The ways through the simulated internet: balancers, translation, and chance that does not spread.

Packets in, packets out, and no socket anywhere.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from random import Random
from struct import pack
from typing import Any

import pytest

from anyicmp.testing import Internet, Topology
from anyicmp.testing.internet.packet import intact, with_hop_limit
from anyicmp.wire import (
    EchoReply,
    decode_packet,
)
from anyicmp.wire.batch import Version
from testing.probes import FAR, MS, OWN, both, chain, datagram, echo, only, segment


def fan(**options: Any) -> Internet:
    topology = Topology(seed=2).router("a", "10.1.0.1", "2001:db8:1::1", **options)
    for number in range(1, 5):
        topology.router(f"b{number}", f"10.2.{number}.1", f"2001:db8:2:{number}::1")
    topology.router("c", "10.3.0.1", "2001:db8:3::1").host("target", "10.0.0.0/24", "2001:db8:f::/64")
    topology.link("client", "a")
    for number in range(1, 5):
        topology.link("a", f"b{number}", "c")
    return Internet(topology.link("c", "target"))


def hop(internet: Internet, packet: bytes) -> str:
    return str(decode_packet(only(internet, packet)).source)


VARIED = {
    "checksum": lambda version, i: echo(version, ttl=2, data=bytes((i,))),
    "sequence, same checksum": lambda version, i: echo(
        version, ttl=2, sequence=i, data=pack("!H", 0x100 - i)
    ),
    "label": lambda version, i: echo(version, ttl=2, flow_label=i),
    "class": lambda version, i: echo(version, ttl=2, traffic_class=i),
    "ports": lambda version, i: datagram(version, ttl=2, port=1000 + i),
    "destination": lambda version, i: echo(
        version, ttl=2, to=f"10.0.0.{i + 1}" if version == 4 else f"2001:db8:f::{i + 1:x}"
    ),
}
"""What each of forty probes differs in."""


@both
@pytest.mark.parametrize(
    ("how", "flow", "spread"),
    [
        ("flow", ["ports", "icmp", "label"], {"checksum", "label", "ports", "destination"}),
        ("flow", ["ports"], {"ports", "destination"}),
        ("flow", ["class"], {"class", "destination"}),
        ("flow", [], {"destination"}),
        ("destination", ["ports"], {"destination"}),
        ("packet", [], set(VARIED)),
        (None, [], set()),
    ],
)
def test_what_a_balancer_looks_at(
    version: Version, how: str | None, flow: list[str], spread: set[str]
) -> None:
    internet = fan(balance=how, flow=flow)
    for what, probe in VARIED.items():
        if what == "label" and version == 4:
            continue
        seen = {hop(internet, probe(version, i)) for i in range(40)}
        # The destination is in the checksum of ICMPv6, and never apart from it.
        assert len(seen) == (4 if what in spread else 1), what


def test_weights_are_kept() -> None:
    """Of 4,000 packets 3, 1, 1 and 5 of ten each: within four deviations of the binomial."""
    internet = fan(balance="packet", weights={"b1": 3, "b4": 5})
    seen = Counter(hop(internet, echo(ttl=2)) for _ in range(4000))
    for number, weight in enumerate((3, 1, 1, 5), 1):
        share = weight / 10
        assert abs(seen[f"10.2.{number}.1"] - 4000 * share) < 4 * (4000 * share * (1 - share)) ** 0.5


# Address translation.


@both
@pytest.mark.parametrize("ports", [False, True])
@pytest.mark.parametrize("undo", [True, False])
def test_a_nat_rewrites_and_undoes_it(version: Version, ports: bool, undo: bool) -> None:
    nat = {"address": ["203.0.113.1", "2001:db8:ca::1"], "undo": undo, "ports": ports}
    topology = Topology().router("a", "10.1.0.1", "2001:db8:1::1", "203.0.113.1", "2001:db8:ca::1", nat=nat)
    topology.router("b", "10.2.0.1", "2001:db8:2::1").host(
        "target", "10.0.0.1", "2001:db8:f::1", udp={"53": "answer"}
    )
    internet = Internet(topology.link("client", "a", "b", "target"))
    for probe in (echo(version), datagram(version, port=53)):
        answer = only(internet, probe)
        assert answer[16:20] == OWN[4] if version == 4 else answer[24:40] == OWN[6]
    reply = decode_packet(only(internet, echo(version))).message
    assert reply == EchoReply(version=version, identifier=7, sequence=1, data=b"x" * 56)
    for probe in (echo(version, ttl=2), datagram(version, ttl=2), datagram(version)):
        quoted = decode_packet(only(internet, probe)).message.quoted  # type: ignore[attr-defined]
        outside = ip_address("203.0.113.1" if version == 4 else "2001:db8:ca::1")
        assert quoted.source == (ip_address(OWN[version]) if undo else outside)
        if undo:
            assert quoted.packet == with_hop_limit(probe, quoted.ttl or 0)
            assert intact(quoted.packet)
        elif ports:
            assert 7 != quoted.identifier != 4321 != quoted.source_port
    assert isinstance(decode_packet(only(internet, echo(version, to=str(outside)))).message, EchoReply)


# Chance, patterns, text.


def test_equal_seeds_give_equal_octets() -> None:
    def run(seed: int) -> list[list[tuple[int, bytes]]]:
        faults = dict.fromkeys(("loss", "duplicate", "reorder", "corrupt", "truncate"), "20 %")
        internet = chain(jitter="3 ms", **faults, back=faults)
        internet = Internet(internet.topology, seed=seed)
        return [internet.inject(echo(sequence=i), i * MS) for i in range(300)]

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_what_happens_on_one_link_does_not_change_what_happens_on_another() -> None:
    """Two hosts; whether the first is asked too does not change the second's losses."""

    def lost(asked: bool) -> list[bool]:
        topology = Topology(seed=3).router("a", "10.1.0.1").host("x", "10.0.0.1").host("y", "10.0.0.2")
        internet = Internet(topology.link("client", "a").link("a", "x", loss=0.5).link("a", "y", loss=0.5))
        found = []
        for _ in range(50):
            if asked:
                internet.inject(echo(), 0)
            found.append(not internet.inject(echo(to="10.0.0.2"), 0))
        return found

    assert lost(True) == lost(False)


def odd(random: Random) -> bytes:
    """A probe with a few octets changed, or cut off."""
    version: Version = random.choice((4, 6))
    ttl = random.randrange(8)
    packet = bytearray(
        random.choice(
            (
                echo(version, ttl=ttl, data=bytes(random.randrange(80))),
                datagram(version, port=random.choice((53, 9)), ttl=ttl),
                segment(version, port=random.choice((25, 443, 80)), flags=random.randrange(64), ttl=ttl),
            )
        )
    )
    for _ in range(random.choice((0, 0, 1, 3))):
        packet[random.randrange(len(packet))] = random.randrange(256)
    return bytes(packet if random.random() < 0.8 else packet[: random.randrange(len(packet))])


@pytest.mark.parametrize("ports", [False, True])
@pytest.mark.parametrize("undo", [False, True])
def test_odd_packets_in_an_odd_internet_do_no_harm(ports: bool, undo: bool) -> None:
    """Whatever comes in, answers come in order of time, and nothing raises."""
    nat = {"address": ["203.0.113.1", "2001:db8:ca::1"], "undo": undo, "ports": ports}
    faults = dict.fromkeys(("loss", "duplicate", "reorder", "corrupt", "truncate"), "20 %")
    kinds = ("reply", "unreachable", "time exceeded", "foreign")
    topology = Topology(seed=5)
    topology.router("a", "10.1.0.1", "2001:db8:1::1", "203.0.113.1", "2001:db8:ca::1", nat=nat)
    topology.router("b", "10.2.0.1", "2001:db8:2::1", balance="flow", mpls=[1], quote=8, zero_ttl=True)
    topology.router("c", "10.3.0.1", "2001:db8:3::1", reject=[{"protocol": "tcp", "code": "reset"}])
    topology.router(
        "d", "10.4.0.1", "2001:db8:4::1", hidden=True, redirect=[{"gateway": ["10.9.9.9", "fe80::1"]}]
    )
    topology.host(
        "target",
        "10.0.0.1",
        "2001:db8:f::1",
        udp={53: "answer"},
        tcp={443: "open"},
        echo={"truncate": 3, "alter": "all", "options": "94040000"},
        forged=[{"source": ["10.66.6.6", "2001:db8:66::6"], "kind": kind} for kind in kinds],
    )
    topology.link("client", "a", "b", jitter="1 ms", truncate_to=3, **faults, back=faults)
    internet = Internet(topology.link("b", "c", "target", mtu=60).link("b", "d", "target", **faults))
    random, heard = Random(ports * 2 + undo), 0
    for number in range(2000):
        answers = internet.inject(odd(random), number * MS)
        assert [when for when, _ in answers] == sorted(when for when, _ in answers)
        heard += len(answers)
    assert heard > 500


class OneByOne(Internet):
    """Passes each router on its own."""

    def _find_stretch(self, first: str, to: bytes) -> list[tuple[int, str, str]]:
        return []


FAULTS = {"duplicate": "30 %", "jitter": "2 ms", "loss": "10 %"}


@pytest.mark.parametrize("link", [{}, FAULTS], ids=["plain", "faulty"])
def test_routers_that_only_pass_packets_on_are_passed_at_once(link: dict[str, Any]) -> None:
    """Octets, times and chance are those of one after the other; one has a route to an address of its own."""
    topology = Topology(seed=3)
    special: dict[str, dict[str, Any]] = {
        "d": {"balance": "packet"},
        "g": {"balance": "flow", "rate_limit": {"rate": 100, "burst": 2}},
        "j": {"routes": {"10.10.0.0/16": ["k"]}},
        "k": {"silent": "30 %", "zero_ttl": True},
    }
    for number, name in enumerate("abcdefghijkl", 1):
        topology.router(name, f"10.{number}.0.1", f"2001:db8:{number}::1", **special.get(name, {}))
    topology.host("target", FAR[4], FAR[6], "10.10.0.0/16").link("client", *"abcdfghijk", delay="1 ms")
    topology.link("d", "e", "g", delay="1 ms").link("g", "l", "i", delay="1 ms").link("k", "target", **link)
    fast, slow = Internet(topology), OneByOne(topology)
    random, heard = Random(4), 0
    for number in range(1000):
        made = [echo(ttl=number % 16, to=f"10.{random.randrange(1, 13)}.0.1"), odd(random), odd(random)]
        for packet in made:
            answers = fast.inject(packet, number * MS)
            assert answers == slow.inject(packet, number * MS)
            heard += len(answers)
    assert heard > 500
    assert max(map(len, fast._stretches.values())) >= 4


def test_copies_on_ways_of_their_own_come_in_order_of_time() -> None:
    """The first copy takes the slow way of two, the second one overtakes it: the target answers that one."""
    topology = Topology(seed=1).router("a", "10.1.0.1", balance="packet")
    for number in range(1, 7):
        topology.router("bcdefg"[number - 1], f"10.2.{number}.1")
    topology.host("target", FAR[4], echo={"lost": "2nd"})
    topology.link("client", "a", duplicate="all", duplicate_after="2 ms")
    topology.link("a", "b", "c", "d", "target", delay="1 ms")
    topology.link("a", "e", delay="1 ms").link("e", "f", "g", "target", delay="4 ms")
    internet = Internet(topology)
    assert [when for when, _ in internet.inject(echo(), 0)] == [(2 + 4 + 4) * MS]
