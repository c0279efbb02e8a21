"""Traceroute with each method: how long it takes, what goes past the target, and what is left behind."""

from __future__ import annotations

import errno
from itertools import count
from typing import Any

import anyio
import pytest

from anyicmp import ErrorReply, NoReply, Prober, Reply, SendFailure, Trace
from anyicmp.testing import Internet, SimulatedNetwork, Topology
from anyicmp.testing.flows import SimulatedTcp
from anyicmp.wire.ports import RST, SYN, read_tcp
from api.scene import let_others_run

pytestmark = pytest.mark.anyio

TARGET = {4: "10.0.0.1", 6: "2001:db8:f::1"}
KINDS = pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
METHODS = pytest.mark.parametrize("method", ["icmp", "udp", "tcp"])
PARALLEL = pytest.mark.parametrize(
    ("method", "privileged"),
    [(method, privileged) for method in ("icmp", "udp") for privileged in (False, True)] + [("tcp", True)],
)
"""All but connections that the kernel makes, which are one at a time."""
VERSIONS = pytest.mark.parametrize("version", [4, 6])


def line(routers: int, *, delay: str, first: str | None = None, **options: Any) -> Topology:
    """A client, so many routers in a row, and the target; `options` by the routers' numbers from 1."""
    topology = Topology()
    for i in range(1, routers + 1):
        topology.router(f"r{i}", f"10.9.{i}.1", f"2001:db8:9:{i}::1", **options.get(f"r{i}", {}))
    topology.host("target", TARGET[4], TARGET[6], **options.get("target", {}))
    names = [f"r{i}" for i in range(1, routers + 1)]
    topology.link("client", names[0], delay=first or delay)
    return topology.link(*names, "target", delay=delay)


def network_of(topology: Topology, *, privileged: bool = False) -> SimulatedNetwork:
    return SimulatedNetwork(internet=Internet(topology), privileged=privileged)


async def timed(network: SimulatedNetwork, target: str, **options: Any) -> tuple[Trace, float]:
    async with Prober(network=network) as prober:
        began = network.clocks.monotonic()
        trace = await prober.traceroute(target, **options)
        return trace, (network.clocks.monotonic() - began) / 1e9


def hop_limits(network: SimulatedNetwork) -> list[int]:
    return [packet[8] if packet[0] >> 4 == 4 else packet[7] for packet in network.sent]


@PARALLEL
@VERSIONS
@pytest.mark.parametrize("where", ["evenly", "at once"])
async def test_fifteen_hops_take_three_round_trips(
    version: int, method: str, privileged: bool, where: str
) -> None:
    """The delay lies on all links, or all on the first: then every hop is as far away as the target."""
    delay, first = ("333.333 us", "333.333 us") if where == "evenly" else ("0 ms", "5 ms")
    network = network_of(line(14, delay=delay, first=first), privileged=privileged)
    trace, took = await timed(network, TARGET[version], method=method)
    assert trace.reached
    assert [len(hop.outcomes) for hop in trace.hops] == [3] * 15
    assert took <= 0.0301
    probes = [ttl for ttl in hop_limits(network) if ttl <= 30]
    assert sum(ttl > 15 for ttl in probes) <= 8


@VERSIONS
async def test_connections_are_made_one_at_a_time(version: int) -> None:
    """Each probe costs its own round trip, and none goes past the target."""
    network = network_of(line(14, delay="333.333 us"))
    trace, took = await timed(network, TARGET[version], method="tcp")
    assert trace.reached
    assert took == pytest.approx(3 * sum(hop * 0.010 / 15 for hop in range(1, 16)), rel=0.01)
    probes = [packet for packet in network.sent if not _flags(packet) & RST]
    assert len(probes) == 45


def _flags(packet: bytes) -> int:
    header = read_tcp(packet, 20 if packet[0] >> 4 == 4 else 40, len(packet))
    assert header is not None
    return header.flags


@PARALLEL
async def test_silent_hops_wait_together(method: str, privileged: bool) -> None:
    silent = {f"r{i}": {"silent": True} for i in (2, 4, 5, 6, 9)}
    network = network_of(line(10, delay="0.5 ms", **silent), privileged=privileged)
    trace, took = await timed(network, TARGET[4], method=method)
    assert trace.reached
    assert [bool(hop.addresses) for hop in trace.hops] == [i not in (2, 4, 5, 6, 9) for i in range(1, 12)]
    assert took < 1.05


@KINDS
@pytest.mark.parametrize("method", ["icmp", "udp"])
async def test_into_silence_a_trace_takes_one_timeout_and_a_half(method: str, privileged: bool) -> None:
    topology = line(3, delay="1 ms", r3={"reject": [{"to": TARGET[4]}]})
    trace, took = await timed(network_of(topology, privileged=privileged), TARGET[4], method=method)
    assert [bool(hop.addresses) for hop in trace.hops] == [True] * 3 + [False] * 27
    assert trace.stopped_by is None
    assert took < 1.52


@VERSIONS
async def test_what_is_quoted_without_its_payload_is_sent_again_alone(version: int) -> None:
    """A datagram socket cannot tell such answers apart: all wait once, then come one by one."""
    short = {f"r{i}": {"quote": 8} for i in (2, 3, 5)}
    network = network_of(line(6, delay="1 ms", r4={"silent": True}, **short))
    trace, took = await timed(network, TARGET[version], method="udp")
    assert trace.reached
    assert [len(hop.addresses) for hop in trace.hops] == [1, 1, 1, 0, 1, 1, 1]
    for hop in trace.hops:
        for outcome in hop.outcomes:
            if hop.ttl == 4:
                assert isinstance(outcome, NoReply)
            else:
                assert isinstance(outcome, ErrorReply)
                assert outcome.rtt == pytest.approx(0.002 * hop.ttl, rel=0.01)
    assert [outcome.sequence for hop in trace.hops for outcome in hop.outcomes] == list(range(21))
    # One timeout for all, one of the silent hop alone, and nine short round trips.
    assert took < 2.2


@pytest.mark.parametrize("keep", [8, 30])
@VERSIONS
async def test_raw_sockets_need_nothing_sent_again(version: int, keep: int) -> None:
    network = network_of(line(6, delay="1 ms", r2={"quote": keep}, r3={"quote": keep}), privileged=True)
    trace, took = await timed(network, TARGET[version], method="udp")
    assert [len(hop.addresses) for hop in trace.hops] == [1] * 7
    assert took < 0.05


@VERSIONS
async def test_answers_of_a_udp_service_are_the_target_s(version: int) -> None:
    """It need not send the data back: with one probe in flight the ports tell enough."""
    topology = line(2, delay="1 ms", target={"udp": {53: "answer"}})
    trace, _ = await timed(network_of(topology), TARGET[version], method="udp", port=53)
    assert trace.port == 53
    assert isinstance(trace.stopped_by, Reply)
    assert {outcome.size for outcome in trace.hops[-1].outcomes} == {56}


@KINDS
@VERSIONS
@pytest.mark.parametrize("port", [443, 444])
async def test_an_accepted_connection_is_reset(version: int, port: int, privileged: bool) -> None:
    topology = line(2, delay="1 ms", target={"tcp": {443: "open"}})
    network = network_of(topology, privileged=privileged)
    trace, _ = await timed(network, TARGET[version], method="tcp", port=port)
    assert isinstance(trace.stopped_by, Reply)
    flags = [_flags(packet) for packet in network.sent]
    answered = sum(ttl >= 3 and flag & SYN > 0 for ttl, flag in zip(hop_limits(network), flags, strict=True))
    assert sum(flag & RST > 0 for flag in flags) == (answered if port == 443 else 0)


async def test_a_trace_that_is_left_leaves_no_connection() -> None:
    network = network_of(line(2, delay="1 ms", target={"tcp": {"others": "silent"}}))
    network.turns.automatic = False
    async with Prober(network=network) as prober:
        async with prober.open_traceroute(TARGET[4], method="tcp", rounds=None) as stream:
            for _ in range(50):
                network.clocks.advance(0.001)
                await let_others_run()
            (transport,) = (t for t in network.transports if isinstance(t, SimulatedTcp))
            assert len(transport._open) == 1
            assert [hop.ttl for hop in stream.trace.hops] == [1, 2]
        assert not transport._open


async def test_traces_to_one_target_at_once_have_flows_of_their_own() -> None:
    network = network_of(line(3, delay="1 ms"))
    async with Prober(network=network) as prober:
        traces: list[Trace] = []

        async def trace(**options: Any) -> None:
            traces.append(await prober.traceroute(TARGET[4], method="tcp", **options))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(trace)
        assert all(found.reached for found in traces)
        first = min(found.flow for found in traces)
        assert sorted(found.flow for found in traces) == [first, first + 1, first + 2]
        # Afterwards the first one is free again.
        await trace()
        assert traces[-1].flow == first
        # Who insists on a flow that another trace has is told.
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(lambda: trace(flow=9))
    assert sorted(found.reached for found in traces[-2:]) == [False, True]
    (failed,) = (found.stopped_by for found in traces[-2:] if not found.reached)
    assert isinstance(failed, SendFailure)
    assert failed.errno == errno.EADDRNOTAVAIL


@KINDS
@METHODS
async def test_forty_traces_at_once(method: str, privileged: bool) -> None:
    topology = Topology().router("r1", "10.9.1.1").router("r2", "10.9.2.1")
    topology.host("targets", "10.0.0.0/24").link("client", "r1", "r2", "targets", delay="1 ms")
    network = network_of(topology, privileged=privileged)
    async with Prober(network=network) as prober:
        numbers, traces = count(1), []

        async def trace() -> None:
            traces.append(await prober.traceroute(f"10.0.0.{next(numbers)}", method=method, probes=1))

        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(trace)
    assert all(found.reached for found in traces)
    assert {tuple(map(str, found.hops[1].addresses)) for found in traces} == {("10.9.2.1",)}
    assert len(network.transports) == 2, "all through the sockets of one kind"
