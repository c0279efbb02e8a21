"""Traces with UDP and TCP over real routers, as root and as nobody; what they leave behind; other tools."""

from __future__ import annotations

import errno
import re
import shutil
import socket
from collections.abc import Iterator

import attrs
import pytest

from anyicmp.errors import SocketPermissionError
from anyicmp.net.transport import SocketSpec, open_transport
from anyicmp.testing import Internet
from anyicmp.testing.tun import TunNetwork, behind_tun

from namespaces import NOBODY, Chain, chain, command, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

USERS = {"root": None, "nobody": NOBODY}
METHODS = pytest.mark.parametrize("method", ["icmp", "udp", "tcp"])
FAMILIES = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(scope="module")
def lab() -> Iterator[Chain]:
    """A client, six routers, a target."""
    with chain(routers=6) as built:
        yield built


@pytest.fixture(params=list(USERS))
def uid(request: pytest.FixtureRequest) -> int | None:
    """Who the child is."""
    return USERS[request.param]


async def trace(target: str, method: str) -> object:
    import anyicmp

    found = await anyicmp.traceroute(target, method=method)
    last = found.hops[-1].outcomes
    return {
        "hops": [[str(address) for address in hop.addresses] for hop in found.hops],
        "received": [hop.statistics.received for hop in found.hops],
        "quoted": sorted({hop.quoted_ttl or 0 for hop in found.hops[:-1]}),
        "nat": [hop.nat for hop in found.hops[:-1]],
        "clocks": sorted({outcome.clock for hop in found.hops[:-1] for outcome in hop.outcomes}),
        "kinds": sorted({outcome.kind for outcome in last}),
        "reached": found.reached,
    }


@FAMILIES
@METHODS
@pytest.mark.parametrize(
    "backend",
    [
        "asyncio",
        pytest.param("asyncio+uvloop", marks=pytest.mark.slow),
        pytest.param("trio", marks=pytest.mark.slow),
    ],
)
def test_each_method_lists_the_routers_and_the_target(
    lab: Chain, uid: int | None, method: str, family: int, backend: str
) -> None:
    hops, target = (lab.hops4, lab.target4) if family == 4 else (lab.hops6, lab.target6)
    found = run_in(lab.client, trace, target, method, uid=uid, backend=backend)
    assert found["hops"] == [[hop] for hop in (*hops, target)]
    assert found["received"] == [3] * 7
    assert found["quoted"] == ([1] if uid is None else [0])
    assert found["nat"] == [False if uid is None else None] * 6
    assert found["clocks"] == ["kernel"]
    assert found["kinds"] == ["error" if method == "udp" else "reply"]
    assert found["reached"]


def counters(namespace: str) -> dict[str, int]:
    """What the kernel counted of TCP (RFC 4022)."""
    shown = command(namespace, ["cat", "/proc/net/snmp"]).stdout
    names, values = (line.split()[1:] for line in shown.splitlines() if line.startswith("Tcp:"))
    return dict(zip(names, map(int, values), strict=True))


@pytest.mark.usefixtures("needs_tun")
@pytest.mark.parametrize("target", ["203.0.113.80", "2001:db8:300::80"])
def test_no_connection_is_left_half_open(uid: int | None, target: str) -> None:
    """Whatever the target accepted is reset, and no request is sent a second time."""
    with behind_tun(Internet.from_toml("demo")) as network:
        before = counters(network.namespace)
        found = run_in(network.namespace, trace, target, "tcp", uid=uid)
        after = counters(network.namespace)
        sockets = command(network.namespace, ["cat", "/proc/net/tcp", "/proc/net/tcp6"]).stdout
    assert found["reached"]
    assert after["OutRsts"] - before["OutRsts"] >= 3
    assert after["RetransSegs"] == before["RetransSegs"]
    assert after["CurrEstab"] == 0
    assert len([line for line in sockets.splitlines() if re.match(r"\s*\d+:", line)]) == 0


def test_a_flow_whose_port_another_holds_is_no_flow_of_ours(lab: Chain, uid: int | None) -> None:
    source = """
    import socket, json, asyncio
    def main(target):
        held = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        for sock in held:
            sock.bind(("0.0.0.0", 0) if sock is held[0] else held[0].getsockname())
        held[1].listen()
        import anyicmp
        async def traces():
            async with anyicmp.Prober() as prober:
                options = {"flow": held[0].getsockname()[1] - 1024, "max_hops": 3, "probes": 1}
                return [await prober.traceroute(target, method=m, **options) for m in ("udp", "tcp")]
        found = [[t.stopped_by.kind, t.stopped_by.errno] for t in asyncio.run(traces())]
        for sock in held:
            sock.close()
        return found
    """
    assert run_in(lab.client, source, lab.target4, uid=uid) == [["failed", errno.EADDRINUSE]] * 2


@pytest.mark.usefixtures("needs_root")
@pytest.mark.parametrize("method", ["udp", "tcp"])
def test_a_raw_transport_holds_its_port(method: str) -> None:
    transport = open_transport(SocketSpec(version=4, method=method, privileged=True))
    try:
        (port,) = transport.identifiers
        kind = socket.SOCK_DGRAM if method == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
    finally:
        transport.close()
        transport.close()
    assert transport.fileno() == -1


def test_raw_sockets_are_refused_to_those_who_may_not(lab: Chain) -> None:
    async def refused() -> object:
        import anyicmp

        try:
            await anyicmp.traceroute("10.77.0.2", method="udp", privileged=True)
        except anyicmp.SocketPermissionError as error:
            return str(error)
        return None

    assert "CAP_NET_RAW" in run_in(lab.client, refused, uid=NOBODY)
    assert issubclass(SocketPermissionError, PermissionError)


# Other tools over the same routers.

TOOLS = {
    "icmp": ["traceroute", "-n", "-q", "1", "-I"],
    "udp": ["traceroute", "-n", "-q", "1"],
    "tcp": ["traceroute", "-n", "-q", "1", "-T", "-p", "80"],
}


@pytest.mark.skipif(shutil.which("traceroute") is None, reason="needs the program traceroute")
@FAMILIES
@METHODS
@pytest.mark.waits
def test_traceroute_sees_the_same_hops(lab: Chain, method: str, family: int) -> None:
    target = lab.target4 if family == 4 else lab.target6
    ours = run_in(lab.client, trace, target, method)
    theirs = command(lab.client, [*TOOLS[method], f"-{family}", target]).stdout
    lines = [line.split() for line in theirs.splitlines()[1:]]
    assert [[words[1]] for words in lines] == ours["hops"]


SCRIPT = """
def main(target, methods):
    import asyncio, anyicmp
    async def traces():
        async with anyicmp.Prober() as prober:
            # One flow for all tools: the demo has balancers.
            options = {"icmp": {}, "udp": {"flow": 5, "port": 33434}, "tcp": {"flow": 5}}
            found = {m: await prober.traceroute(target, method=m, **options[m]) for m in methods}
        return {
            method: [
                [str(h.addresses[0]), [m.label for m in h.mpls], h.statistics.minimum * 1000]
                for h in trace.hops
            ]
            for method, trace in found.items()
        }
    return asyncio.run(traces())
"""
DELAY = 1.0
"""Milliseconds of each link, there and back."""

NOISE = 3.0
"""Milliseconds that a best round trip may differ from what the links take."""


@pytest.fixture(scope="module")
def demo(needs_tun: None) -> Iterator[TunNetwork]:
    """The same delay by each way, for the tools take different ones, and none that chance chooses."""
    topology = Internet.from_toml("demo").topology
    faults = attrs.evolve(topology.links[0].there, delay=f"{DELAY} ms")
    topology.links[:] = [attrs.evolve(link, there=faults, back=faults) for link in topology.links]
    with behind_tun(Internet(topology)) as network:
        yield network


Hops = list[tuple[str, list[int], float]]
"""Address, labels and best round trip in milliseconds of each hop."""


def read_hops(lines: list[str], rtt: str) -> Hops:
    """What a tool printed: a line a hop, and lines with labels, or further routers, below."""
    hops: Hops = []
    for line in lines:
        if re.match(r"\s*\d+[. ]", line):
            hops.append((line.split()[1], [], min(map(float, re.findall(rtt, line)))))
        hops[-1][1].extend(int(label) for label in re.findall(r"MPLS:L=(\d+)", line))
    return hops


def with_other_tools(namespace: str, target: str) -> dict[str, Hops]:
    """What each tool, we first, tells of each method."""
    found = {
        f"ours {method}": [(address, labels, rtt) for address, labels, rtt in hops]
        for method, hops in run_in(namespace, SCRIPT, target, ["icmp", "udp", "tcp"], timed=True).items()
    }
    quick = ["traceroute", "-n", "-e", "-q", "2", "-w", "1"]
    calls = {
        "icmp": [*quick, "-I"],
        "udp": [*quick, "-U", "-p", "33434", "--sport=1029"],
        "tcp": [*quick, "-T", "-p", "80", "--sport=1029", "-N", "1"],
    }
    for method, call in calls.items():
        lines = command(namespace, [*call, target], timed=True).stdout.splitlines()[1:]
        found[f"traceroute {method}"] = read_hops(lines, r"([\d.]+) ms")
    report = ["mtr", "-n", "-r", "-c", "1", "-i", "0.2", "-G", "0.5", "-o", "B"]
    for method, more in {"icmp": [], "udp": ["-u"], "tcp": ["-T", "-P", "80"]}.items():
        lines = command(namespace, [*report, *more, target], timed=True).stdout.splitlines()[2:]
        found[f"mtr {method}"] = read_hops(lines, r"([\d.]+)\s*$")
    return found


@pytest.mark.skipif(shutil.which("traceroute") is None, reason="needs the program traceroute")
@pytest.mark.skipif(shutil.which("mtr") is None, reason="needs the program mtr")
@pytest.mark.parametrize("target", ["203.0.113.80", "2001:db8:300::80"])
def test_other_tools_see_the_same_labels_and_times(demo: TunNetwork, target: str) -> None:
    """Through the TUN device. The best round trips are those of the links; a machine may stall for a try."""
    best: dict[str, list[float]] = {}
    for _ in range(5):
        found = with_other_tools(demo.namespace, target)
        for name, hops in found.items():
            method = name.split()[1]
            assert len(hops) == 9
            for number, (theirs, ours) in enumerate(zip(hops, found[f"ours {method}"], strict=True), 1):
                # The fourth hop is balanced, and not every tool can be told the flow.
                assert theirs[0] == ours[0] or number == 4, name
                assert theirs[1][:1] == ours[1][:1] or name.startswith("mtr"), name
            times = [rtt for _, _, rtt in hops]
            best[name] = list(map(min, times, best.get(name, times)))
        times_of = [pair for times in best.values() for pair in enumerate(times, 1)]
        off = [abs(rtt - 2 * DELAY * number) for number, rtt in times_of]
        if max(off) < NOISE:
            break
    assert max(off) < NOISE
    labels = {label for _, shown, _ in found["ours icmp"] for label in shown}
    assert len(labels) == 1
    # The reports of mtr have no labels; its screen has.
    screen = f"mtr -n -e -t -c 1 -i 0.2 -G 0.5 {target}"
    drawn = command(demo.namespace, ["script", "-qec", screen, "/dev/null"]).stdout
    assert set(map(int, re.findall(r"MPLS: Lbl (\d+)", drawn))) == labels


@pytest.mark.skipif(shutil.which("mtr") is None, reason="needs the program mtr")
@FAMILIES
@METHODS
@pytest.mark.waits
def test_mtr_sees_the_same_hops(lab: Chain, method: str, family: int) -> None:
    target = lab.target4 if family == 4 else lab.target6
    ours = run_in(lab.client, trace, target, method)
    how = {"icmp": [], "udp": ["-u"], "tcp": ["-T", "-P", "80"]}[method]
    theirs = command(
        lab.client, ["mtr", "-n", "-c", "1", "-i", "0.2", "-G", "0.5", "-C", *how, target]
    ).stdout
    lines = [line.split(",") for line in theirs.splitlines()[1:]]
    assert [[words[5]] for words in lines] == ours["hops"]
