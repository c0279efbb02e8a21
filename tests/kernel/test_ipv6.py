"""IPv6 over real links: scopes, hop limits, one flow label, several responders, and the errors of IPv4."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from anyicmp.testing import Internet, Topology
from anyicmp.testing.tun import behind_tun

from namespaces import NOBODY, Chain, chain, command, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

users = pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
loops = pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])


def link_local(namespace: str, device: str) -> str:
    """The link-local address of a device."""
    shown = command(namespace, ["ip", "-6", "-o", "addr", "show", "dev", device, "scope", "link"])
    return shown.stdout.split()[3].split("/")[0]


@pytest.fixture(scope="module")
def lab() -> Iterator[Chain]:
    """A client, three routers, a target."""
    with chain(routers=3) as built:
        yield built


async def the_neighbour(peer: str) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        pinged = await prober.ping(peer, count=2, interval=0)
        swept = await prober.sweep([peer])
        traced = await prober.traceroute(peer, probes=1)
        counted = prober.statistics
    rows = [*pinged, *swept, *traced.hops[0].outcomes]
    return {
        "targets": sorted({str(row.target) for row in rows}),
        "sources": sorted({str(row.source) for row in rows}),
        "ttls": sorted({row.ttl for row in rows}),
        "kinds": [row.kind for row in rows],
        "reached": traced.reached,
        "foreign": counted.foreign,
    }


@users
@loops
def test_a_link_local_target_keeps_its_scope_in_every_result(
    lab: Chain, uid: int | None, backend: str
) -> None:
    peer = f"{link_local(lab.routers[0], 'left')}%right"
    found = run_in(lab.client, the_neighbour, peer, uid=uid, backend=backend)
    assert found == {
        "targets": [peer],
        "sources": [peer],
        "ttls": [64],
        "kinds": ["reply"] * 4,
        "reached": True,
        "foreign": 0,
    }


async def hop_limits(target: str) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        rows = [(await prober.ping(target, count=1, ttl=ttl)).outcomes[0] for ttl in (1, 2, 3, 4, 64)]
    return [[row.kind, str(row.source), row.ttl] for row in rows]


@users
def test_hop_limits_are_sent_and_received(lab: Chain, uid: int | None) -> None:
    """Where each error or reply comes from, and how far it had come."""
    found = run_in(lab.client, hop_limits, lab.target6, uid=uid)
    errors = [["error", hop, 64 - far] for far, hop in enumerate(lab.hops6)]
    assert found == [*errors, *[["reply", lab.target6, 61]] * 2]


# Runs in the first router: it notes the flow label of each echo request that comes in, until told to stop.
WATCH = """
import json, socket, sys
labels = []
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86DD)) as s:
    s.bind(("left", 0x86DD))
    print("ready", flush=True)
    sys.stdin.readline()
    s.setblocking(False)
    try:
        while True:
            packet, where = s.recvfrom(2048)
            if where[2] != socket.PACKET_OUTGOING and packet[6] == 58 and packet[40] == 128:
                labels.append(int.from_bytes(packet[:4], "big") & 0xFFFFF)
    except BlockingIOError:
        print(json.dumps(labels))
"""


async def trace(target: str) -> object:
    import anyicmp

    found = await anyicmp.traceroute(target)
    quoted = {
        outcome.message.quoted.flow_label
        for hop in found.hops
        for outcome in hop.outcomes
        if outcome.kind == "error"
    }
    return [found.reached, len(found.hops), sorted(quoted, key=str)]


@users
@loops
def test_a_trace_is_one_flow(lab: Chain, uid: int | None, backend: str) -> None:
    """All probes have one label, as a router sees them on the wire and quotes them."""
    argv = ["ip", "netns", "exec", lab.routers[0], sys.executable, "-c", WATCH]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        watch.stdout.readline()
        reached, hops, quoted = run_in(lab.client, trace, lab.target6, uid=uid, backend=backend)
        labels = json.loads(watch.communicate("\n", timeout=10)[0])
    assert (reached, hops) == (True, 4)
    assert len(labels) >= 12
    assert len(set(labels)) == 1
    assert quoted == ([labels[0]] if uid is None else [None])


ERRORS = {
    "no-route": (1, 0),
    "admin-prohibited": (1, 1),
    "addr-unreachable": (1, 3),
    "port-unreachable": (1, 4),
    "policy-fail": (1, 5),
    "reject-route": (1, 6),
}


async def errors(targets: list[str], prefix: str) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        rows = [(await prober.ping(target, count=1)).outcomes[0] for target in targets]
        (big,) = await prober.ping(prefix, count=1, size=1400, dont_fragment=True)
    return [
        *([row.kind, str(row.source), row.type, row.code] for row in rows),
        [big.kind, str(big.source), big.type, big.code, big.message.mtu],
    ]


@users
@pytest.mark.waits
@pytest.mark.usefixtures("needs_nftables")
def test_real_routers_errors_are_told_as_those_of_ipv4(uid: int | None) -> None:
    """Each that nftables knows, from the second router; and a link too small, from the third."""
    with chain(routers=3, mtus={3: 1300}) as lab:
        targets = [f"fd77:99::{number}" for number in range(1, len(ERRORS) + 1)]
        rules = [
            f"ip6 daddr {target} reject with icmpv6 type {name};"
            for target, name in zip(targets, ERRORS, strict=True)
        ]
        table = f"table ip6 t {{ chain c {{ type filter hook forward priority 0; {' '.join(rules)} }}; }}"
        done = command(lab.routers[1], ["nft", "-f", "-"], stdin=table)
        assert done.returncode == 0, done.stderr
        found = run_in(lab.client, errors, targets, lab.target6, uid=uid)
    assert found == [
        *(["error", lab.hops6[1], *kind] for kind in ERRORS.values()),
        ["error", lab.hops6[2], 2, 0, 1300],
    ]


async def anycast(target: str) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        plain = await prober.ping(target, count=2, interval=0.01, timeout=0.3)
        foreign = prober.statistics.foreign
        named = await prober.ping(target, count=2, interval=0.01, timeout=0.3, anycast=True)
    return [
        [row.kind for row in plain],
        foreign,
        [[row.kind, str(row.target), str(row.source)] for row in named],
        [named.statistics.sent, named.statistics.received, named.statistics.loss],
    ]


@users
def test_a_router_answers_for_its_anycast_address_in_its_own_name(lab: Chain, uid: int | None) -> None:
    """The subnet-router anycast address (RFC 4291 section 2.6.1) is never the source of a reply."""
    found = run_in(lab.client, anycast, "fd77:1::", uid=uid)
    named = ["reply", "fd77:1::", lab.hops6[0]]
    assert found == [["timeout", "timeout"], 2, [named, named], [2, 2, 0.0]]


@contextlib.contextmanager
def bridged(neighbours: int) -> Iterator[tuple[str, list[str]]]:
    """A namespace with the bridge "lan", and others with an end "eth0" in it: name, link-local addresses."""
    roles = [f"host{number}" for number in range(neighbours)]
    with namespaces("hub", *roles) as (hub, *hosts):
        for line in ("link add lan type bridge", "link set lan up"):
            assert command(hub, ["ip", *line.split()]).returncode == 0
        for number, host in enumerate(hosts):
            for line in (
                f"link add port{number} type veth peer name eth0 netns {host}",
                f"link set port{number} master lan up",
            ):
                assert command(hub, ["ip", *line.split()]).returncode == 0
            assert command(host, ["ip", "link", "set", "eth0", "up"]).returncode == 0
        yield hub, [link_local(host, "eth0") for host in hosts]


async def everyone(target: str) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        result = await prober.ping(target, count=2, interval=0.05, timeout=0.5, broadcast=True)
    counted = result.statistics
    return {
        "kinds": sorted({row.kind for row in result}),
        "sources": [sorted(str(row.source) for row in result if row.sequence == n) for n in range(2)],
        "targets": sorted({str(row.target) for row in result}),
        "counted": [counted.sent, counted.received, counted.duplicates, counted.loss],
    }


@users
@loops
@pytest.mark.waits
def test_each_responder_of_a_multicast_is_named(uid: int | None, backend: str) -> None:
    with bridged(3) as (hub, hosts):
        found = run_in(hub, everyone, "ff02::1%lan", uid=uid, backend=backend)
        own = link_local(hub, "lan")
    responders = sorted(f"{host}%lan" for host in (*hosts, own))
    assert found == {
        "kinds": ["reply"],
        "sources": [responders, responders],
        "targets": ["ff02::1%lan"],
        "counted": [2, 2, 0, 0.0],
    }


@users
@pytest.mark.waits
@pytest.mark.usefixtures("needs_tun")
@pytest.mark.parametrize("target", ["ff05::42", "10.64.0.255"])
def test_the_same_responder_twice_is_a_duplicate(uid: int | None, target: str) -> None:
    """Three answer each of two probes, and each of them twice."""
    senders = ["2001:db8:2::1", "2001:db8:2::2", "2001:db8:2::3", "10.64.0.1", "10.64.0.2", "10.64.0.3"]
    # Beside each other, for a multicast leaves with a hop limit of 1 (RFC 3493 section 5.2).
    topology = Topology().host("everyone", "ff05::42", "10.64.0.255", echo={"source": senders, "copies": 2})
    topology.link("client", "everyone")
    with behind_tun(Internet(topology)) as network:
        found = run_in(network.namespace, everyone, target, uid=uid)
    version = ip_address(target).version
    named = [sender for sender in senders if ip_address(sender).version == version]
    assert found == {
        "kinds": ["reply"],
        "sources": [named, named],
        "targets": [target],
        "counted": [2, 2, 6, 0.0],
    }
