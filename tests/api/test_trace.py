"""Traceroute through a simulated network."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise
from typing import Any

import anyio
import pytest

import anyicmp
from anyicmp import ErrorReply, MplsLabel, Prober, Reply, SendFailure
from anyicmp.testing import Host, Internet, SimulatedNetwork, Topology
from api.scene import let_others_run, routers

pytestmark = pytest.mark.anyio

FAR = {4: "10.0.0.3", 6: "2001:db8:1::3"}
versions = pytest.mark.parametrize("version", [4, 6])


@versions
async def test_six_routers_and_the_target(either_network: SimulatedNetwork, version: int) -> None:
    async with Prober(network=either_network) as prober:
        trace = await prober.traceroute(FAR[version])
    target = ip_address(FAR[version])
    assert trace.reached
    assert trace.method == "icmp"
    assert [hop.ttl for hop in trace.hops] == list(range(1, 8))
    expected = [(router.address,) for router in routers(version, 6)] + [(target,)]
    assert [hop.addresses for hop in trace.hops] == expected
    for hop in trace.hops:
        assert len(hop.outcomes) == 3
        assert (hop.statistics.sent, hop.statistics.received, hop.statistics.loss) == (3, 3, 0.0)
        assert hop.quoted_ttl in (None, 1)
    assert trace.hops[2].statistics.average == pytest.approx(0.003)
    assert isinstance(trace.stopped_by, Reply)
    assert trace.stopped_by.source == target


async def test_all_probes_belong_to_one_flow(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        trace = await prober.traceroute(FAR[4])
        assert {int.from_bytes(packet[22:24], "big") for packet in network.sent} == {trace.flow}
        again = await prober.traceroute(FAR[4])
        assert again.flow == trace.flow
        del network.sent[:]
        other = await prober.traceroute(FAR[4], flow=0x1234)
        assert {int.from_bytes(packet[22:24], "big") for packet in network.sent} == {0x1234} == {other.flow}


async def test_silent_hops_keep_their_place(network: SimulatedNetwork) -> None:
    path = routers(4, 4)
    path[1].silent = path[2].silent = True
    network.add("10.0.0.50", Host(path=path))
    trace = await anyicmp.traceroute("10.0.0.50", network=network, timeout=0.5)
    assert [bool(hop.addresses) for hop in trace.hops] == [True, False, False, True, True]
    assert trace.hops[1].statistics.loss == 1.0
    assert trace.reached


@versions
async def test_an_unreachable_ends_the_way(either_network: SimulatedNetwork, version: int) -> None:
    target = "10.0.0.51" if version == 4 else "2001:db8:1::51"
    either_network.add(target, Host(path=routers(version, 3), unreachable=0))
    async with Prober(network=either_network) as prober:
        trace = await prober.traceroute(target)
    assert not trace.reached
    assert isinstance(trace.stopped_by, ErrorReply)
    assert trace.stopped_by.source == routers(version, 3)[-1].address
    assert len(trace.hops) == 4


async def test_a_silent_target_is_probed_to_the_last_hop(network: SimulatedNetwork) -> None:
    network.add("10.0.0.52", Host(path=routers(4, 2), silent=True))
    trace = await anyicmp.traceroute("10.0.0.52", network=network, max_hops=9, probes=1)
    assert (len(trace.hops), trace.reached, trace.stopped_by) == (9, False, None)


async def time_of(network: SimulatedNetwork, **options: Any) -> float:
    began = network.clocks.monotonic()
    await anyicmp.traceroute("10.0.0.1", network=network, **options)
    return (network.clocks.monotonic() - began) / 1e9


def row_of_routers(
    number: int, *, delay: str, silent: range = range(0), target: bool = True
) -> SimulatedNetwork:
    """Routers with a target behind them; those in the range, and the target, may be silent."""
    topology, names = Topology(), [f"r{i}" for i in range(1, number + 1)]
    for i, name in enumerate(names, 1):
        topology.router(name, f"10.9.{i}.1", silent=i in silent)
    topology.host("target", "10.0.0.1", silent=not target)
    topology.link("client", *names, "target", delay=delay)
    return SimulatedNetwork(internet=Internet(topology))


@pytest.mark.parametrize("method", ["icmp", "udp"])
@pytest.mark.parametrize("answering", [0, 2, 14])
@pytest.mark.parametrize("timeout", [0.5, 1.0, 4.0])
async def test_silent_hops_cost_one_timeout_together(method: str, answering: int, timeout: float) -> None:
    """And at most a fifth of one more, for the eight probes that may go past a target."""
    scene = row_of_routers(20, delay="1 ms", silent=range(answering + 1, 21), target=False)
    took = await time_of(scene, method=method, timeout=timeout)
    assert timeout <= took <= 1.19 * timeout + 3 * 0.002 * answering


@pytest.mark.parametrize("silent", [range(3, 6), range(2, 12), range(1, 15)])
async def test_silent_hops_on_the_way_cost_one_timeout_together(silent: range) -> None:
    took = await time_of(row_of_routers(14, delay="0.2 ms", silent=silent))
    assert 1.0 <= took <= 1.19 + 0.02


@pytest.mark.parametrize("method", ["icmp", "udp", "tcp"])
async def test_a_target_near_by_takes_three_round_trips(method: str) -> None:
    """Fifteen hops and ten milliseconds away; and no more than eight probes go past it."""
    scene = row_of_routers(14, delay="0.3333 ms")
    scene.privileged = True
    took = await time_of(scene, method=method)
    assert took <= 3 * 0.010
    assert sum(packet[8] > 15 for packet in scene.sent) <= 8


async def test_first_hop_and_probes(network: SimulatedNetwork) -> None:
    trace = await anyicmp.traceroute(FAR[4], network=network, first_hop=5, probes=1)
    assert [hop.ttl for hop in trace.hops] == [5, 6, 7]
    assert [len(hop.outcomes) for hop in trace.hops] == [1, 1, 1]


async def test_mpls_labels(either_network: SimulatedNetwork) -> None:
    labels = (MplsLabel(24001, 5, False, 1), MplsLabel(17, 0, True, 1))
    path = routers(4, 3)
    path[1].labels = labels
    either_network.add("10.0.0.53", Host(path=path))
    async with Prober(network=either_network) as prober:
        trace = await prober.traceroute("10.0.0.53", size=200)
    assert [hop.mpls for hop in trace.hops] == [(), labels, (), ()]


async def test_routers_that_quote_little(either_network: SimulatedNetwork) -> None:
    path = routers(4, 3)
    for router in path:
        router.quotes = 28
    either_network.add("10.0.0.54", Host(path=path))
    async with Prober(network=either_network) as prober:
        trace = await prober.traceroute("10.0.0.54")
    assert [len(hop.addresses) for hop in trace.hops] == [1, 1, 1, 1]


async def test_a_trace_that_cannot_begin(network: SimulatedNetwork) -> None:
    network.add("10.0.0.55", Host(errno=101))
    trace = await anyicmp.traceroute("10.0.0.55", network=network)
    assert isinstance(trace.stopped_by, SendFailure)
    assert not trace.reached


async def test_errors_of_a_trace_do_not_touch_pings(network: SimulatedNetwork) -> None:
    """Hop-limited probes have a socket of their own."""
    async with Prober(network=network) as prober:
        await prober.traceroute(FAR[4])
        await prober.ping("10.0.0.1", count=1)
    assert [transport.spec.hop_limited for transport in network.transports] == [False, True]


async def test_rounds_as_they_end(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        async with prober.open_traceroute(FAR[4], rounds=3, interval=2.0) as stream:
            traces = [trace async for trace in stream]
        assert stream.dropped == 0
    assert len(traces) == 3
    assert all(trace.reached for trace in traces)
    assert [len(hop.outcomes) for hop in traces[-1].hops] == [len(hop.outcomes) for hop in traces[0].hops]
    per_round = traces[0].hops[0].statistics.sent
    assert [trace.hops[0].statistics.sent for trace in traces] == [per_round, 2 * per_round, 3 * per_round]
    began = [trace.hops[0].outcomes[0].sent_at for trace in traces]
    assert [later - earlier for earlier, later in pairwise(began)] == [2.0, 2.0]


async def test_a_path_that_changes_between_rounds(network: SimulatedNetwork) -> None:
    host = network.add("10.0.0.56", Host(path=routers(4, 3)))
    async with (
        Prober(network=network) as prober,
        prober.open_traceroute("10.0.0.56", rounds=2, interval=1.0) as stream,
    ):
        before = await anext(stream)
        host.path = routers(4, 5)[2:]
        after = await anext(stream)
    assert [str(hop.addresses[0]) for hop in before.hops[:3]] == ["10.9.1.1", "10.9.2.1", "10.9.3.1"]
    assert [str(hop.addresses[0]) for hop in after.hops[:3]] == ["10.9.3.1", "10.9.4.1", "10.9.5.1"]


async def test_a_slow_consumer_of_rounds_gets_the_newest(network: SimulatedNetwork) -> None:
    async with (
        Prober(network=network) as prober,
        prober.open_traceroute(FAR[4], rounds=None, interval=1.0) as stream,
    ):
        await anext(stream)
        later = anyio.Event()
        network.clocks.after(10.0, later.set)
        await later.wait()
        newest = await anext(stream)
        assert stream.dropped >= 8
        assert newest.hops[0].statistics.sent >= 10


async def test_the_time_limit_returns_the_path_so_far(network: SimulatedNetwork) -> None:
    network.turns.automatic = False
    async with Prober(network=network) as prober, anyio.create_task_group() as tasks:
        found = []

        async def trace() -> None:
            found.append(await prober.traceroute(FAR[4], time_limit=0.2))

        tasks.start_soon(trace)
        for seconds in (0.0, 0.0035):
            network.clocks.advance(seconds)
            await let_others_run()
    (trace_so_far,) = found
    assert [hop.ttl for hop in trace_so_far.hops] == [1, 2, 3]
    assert not trace_so_far.reached
