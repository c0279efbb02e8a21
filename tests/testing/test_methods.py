"""Traces with UDP and TCP: the scenarios of ICMP, in memory and behind a TUN device, as root and as nobody.

What must come of them is what comes of ICMP, but for the target's own answer. Where that is not so stands in
DIFFERENT, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from anyicmp import Prober
from anyicmp.testing import Internet, SimulatedNetwork
from anyicmp.testing.tun import behind_tun
from scenarios import playing
from scenarios.playing import HERE, NAMES, check_of

from namespaces import NOBODY, command, python

METHODS = ("udp", "tcp")
KINDS = {False: "datagram", True: "raw"}

BY_CHANCE = frozenset(
    {
        # Ports choose other ways than checksums do: see test_one_flow_takes_one_way.
        "trace_balanced_per_flow",
        "trace_balanced_per_flow_other",
        "trace_balanced_per_flow_v6",
        # Chance is drawn packet by packet, and one at a time they come in another order.
        "trace_unequal_paths",
    }
)

DIFFERENT: dict[tuple[str, str, str], tuple[str, list[str]]] = {
    ("trace_filtered", "tcp", "raw"): (
        "the firewall drops echo alone",
        ["4 2x reply from 10.0.0.1 ttl 61 size 0", "reached"],
    ),
    ("trace_filtered", "tcp", "datagram"): (
        "the firewall drops echo alone",
        ["4 2x reply from 10.0.0.1 ttl None size 0", "reached"],
    ),
    ("trace_nat_not_undone", "tcp", "datagram"): (
        "the kernel does not know a connection by an address that is not its own (tcp(7))",
        ["2 3x timeout", "3 3x timeout", "4 3x reply from 10.0.0.1 ttl None size 0", "reached"],
    ),
    ("trace_rate_limited", "tcp", "datagram"): (
        "one connection at a time is slower, and the router may send one error more",
        [
            "2 3x error 11/0 from 10.2.0.1 ttl 254, 1x timeout",
            "3 4x error 11/0 from 10.3.0.1 ttl 253",
            "4 4x reply from 10.0.0.1 ttl None size 0",
            "reached",
        ],
    ),
}
"""Scenario, method and kind of sockets: why, and what comes of it from the first hop on that differs."""

FLOWS = range(4)

TRACES = [name for name in NAMES if name.startswith("trace") and name not in BY_CHANCE]


def wanted(name: str, method: str, privileged: bool) -> list[str]:
    lines = playing.wanted(check_of(name), method, privileged=privileged)
    _, differ = DIFFERENT.get((name, method, KINDS[privileged]), ("", []))
    if differ:
        lines = lines[: int(differ[0].split()[0]) - 1] + differ
    return lines


async def play(name: str, method: str, privileged: bool) -> Any:
    network = SimulatedNetwork.from_toml(HERE / f"{name}.toml", privileged=privileged)
    async with Prober(network=network) as prober:
        return await playing.play(playing.with_method(check_of(name), method), prober)


async def in_memory(name: str, method: str, privileged: bool) -> dict[str, Any]:
    check, result = playing.with_method(check_of(name), method), await play(name, method, privileged)
    return {
        "lines": playing.lines(check, result),
        "quotes": playing.quotes(result),
        "milliseconds": playing.milliseconds(result),
        "fields": playing.fields(check, result),
    }


@pytest.mark.anyio
@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TRACES)
async def test_in_memory(name: str, method: str, privileged: bool) -> None:
    check, result = playing.with_method(check_of(name), method), await play(name, method, privileged)
    assert playing.lines(check, result) == wanted(name, method, privileged)


def test_what_differs_does_differ() -> None:
    """No exception outlives its reason."""
    for (name, method, kind), (reason, lines) in DIFFERENT.items():
        assert reason
        alike = playing.wanted(check_of(name), method, privileged=kind == "raw")
        assert alike[-len(lines) :] != lines


def play_behind(name: str, method: str, privileged: bool) -> dict[str, Any]:
    with behind_tun(Internet.from_toml(HERE / f"{name}.toml")) as network:
        argv = python("-m", "scenarios.playing", name, KINDS[privileged], method)
        argv = ["env", f"PYTHONPATH={HERE.parent}", *argv]
        done = command(network.namespace, argv, uid=None if privileged else NOBODY)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


FOR_EACH = (
    "trace_v6",
    "trace_nat_not_undone",
    "trace_mpls_short_quote",
    "trace_quotes",
    "trace_rejected",
    "trace_redirected",
)
"""Scenarios that are always played; the others behind the device are `slow`."""

BEHIND = [
    pytest.param(
        name,
        method,
        privileged,
        id=f"{name}-{method}-{KINDS[privileged]}",
        marks=() if name in FOR_EACH else pytest.mark.slow,
    )
    for privileged in (False, True)
    for method in METHODS
    for name in TRACES
]


@pytest.mark.once
@pytest.mark.parametrize(("name", "method", "privileged"), BEHIND)
def test_behind_a_tun_device(
    name: str, method: str, privileged: bool, behind_the_device: Callable[..., dict[str, Any]]
) -> None:
    """Root has raw sockets; nobody has the kernel's error queues. Both doors show the same, times aside."""
    found = behind_the_device(name, method, privileged)
    assert found["lines"] == wanted(name, method, privileged)
    expected = anyio.run(in_memory, name, method, privileged)
    assert found["fields"] == json.loads(json.dumps(expected["fields"]))
    assert found["quotes"] == expected["quotes"]


@pytest.mark.anyio
@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize("method", ["icmp", *METHODS])
@pytest.mark.parametrize("target", ["203.0.113.80", "2001:db8:300::80"])
async def test_one_flow_takes_one_way(target: str, method: str, privileged: bool) -> None:
    """A flow shows one address a hop, the same to another prober; several flows show a balancer's routers."""
    ways = []
    for options in ({"probes": 2}, {"probes": 1, "max_hops": 4}):
        network = SimulatedNetwork.from_toml("demo", privileged=privileged)
        async with Prober(network=network) as prober:
            traces = [await prober.traceroute(target, method=method, flow=flow, **options) for flow in FLOWS]
        # One router limits its errors.
        assert {len(hop.addresses) for trace in traces for hop in trace.hops} <= {0, 1}
        assert [trace.flow for trace in traces] == list(FLOWS)
        ways.append([trace.hops[3].addresses for trace in traces])
    assert ways[0] == ways[1]
    assert len(set(ways[0])) >= 2
