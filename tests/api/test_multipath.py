"""All load-balanced ways: what is found, what is never invented, and how often something is missed."""

from __future__ import annotations

import errno
import sys
from ipaddress import ip_address
from typing import Any

import anyio
import attrs
import pytest

from anyicmp import ClosedError, PathGraph, Prober, SendFailure, open_multipath
from anyicmp.engine.stopping import RULES, share, veitch
from anyicmp.testing import Host, Internet, SimulatedNetwork, Topology, VirtualTimeLoop
from api.ways import TARGET, addresses, diamonds, links, seen
from engine.chance import interval, missed_two_in_a_row

from conftest import LOOPS

EVERYWHERE = pytest.mark.parametrize(
    ("method", "version", "privileged"),
    [(m, v, p) for m in ("udp", "icmp") for v in (4, 6) for p in (False, True)],
)


async def search(
    topology: Topology, *, version: int = 4, privileged: bool = False, **options: Any
) -> PathGraph:
    network = SimulatedNetwork(internet=Internet(topology), privileged=privileged)
    async with Prober(network=network) as prober:
        return await prober.multipath(TARGET[version], **options)


@pytest.mark.anyio
@pytest.mark.parametrize("ways", [(2,), (6,), (16,), (2, 2)], ids=str)
@EVERYWHERE
async def test_all_ways_are_found(ways: tuple[int, ...], method: str, version: int, privileged: bool) -> None:
    graph = await search(
        diamonds(*ways, seed=1), version=version, privileged=privileged, method=method, confidence=0.999
    )
    assert seen(graph) == links(*ways, version=version)
    assert graph.reached
    assert graph.complete
    assert [diamond.width for diamond in graph.diamonds] == list(ways)
    assert [diamond.length for diamond in graph.diamonds] == [2] * len(ways)
    assert sum(node.balances == "flow" for node in graph.nodes) == len(ways)
    assert not any(node.balances == "packet" for node in graph.nodes)
    (end,) = (node for node in graph.nodes if node.final)
    assert end.address == ip_address(TARGET[version])


@pytest.mark.anyio
@pytest.mark.parametrize("privileged", [False, True])
@pytest.mark.parametrize("version", [4, 6])
async def test_connection_requests_find_them_too(version: int, privileged: bool) -> None:
    """Without rights the kernel makes one connection of a flow at a time, and refuses a second one."""
    options = {"version": version, "privileged": privileged, "method": "tcp", "confidence": 0.999}
    graph = await search(diamonds(6, 2, seed=1), port=443, **options)
    assert seen(graph) == links(6, 2, version=version)
    assert (graph.reached, graph.complete) == (True, True)
    assert (graph.method, graph.port) == ("tcp", 443)
    assert graph.stopped_by is not None
    assert graph.stopped_by.kind == "reply"


@pytest.mark.anyio
async def test_a_balancer_of_packets_is_told_from_one_of_flows() -> None:
    graph = await search(diamonds(3, 2, seed=3, balance="packet"), confidence=0.999)
    assert [node.ttl for node in graph.nodes if node.balances == "packet"] == [1, 4]
    assert not any(node.balances == "flow" for node in graph.nodes)
    assert seen(graph) == links(3, 2)


def mesh(seed: int, balance: str) -> Topology:
    """Two routers, each linked with both behind it on one side alone."""
    topology = Topology(seed=seed)
    options = {"balance": balance, "flow": ["ports"]}
    for name, number in (("d", 0), ("a", 1), ("b", 2), ("c", 3), ("e", 4), ("f", 5), ("g", 6)):
        topology.router(name, *addresses(1, number), **options)
    topology.link("client", "d", delay="1 ms")
    for way in (("d", "a", "c", "g"), ("d", "b", "e", "g"), ("b", "f", "g")):
        topology.link(*way, delay="1 ms")
    topology.link("a", "e", delay="1 ms")
    return topology.host("target", TARGET[4]).link("g", "target", delay="1 ms")


@pytest.mark.anyio
@pytest.mark.parametrize("balance", ["flow", "packet"])
async def test_no_link_is_invented(balance: str, anyio_backend: tuple[str, Any]) -> None:
    """Each loop has seeds of its own."""
    d, a, b, c, e, f, g = (addresses(1, number)[0] for number in range(7))
    real = {(d, a), (d, b), (a, c), (a, e), (b, e), (b, f), (c, g), (e, g), (f, g), (g, TARGET[4])}
    for seed in range(list(LOOPS.values()).index(anyio_backend), 10, len(LOOPS)):
        graph = await search(mesh(seed, balance), confidence=0.99)
        assert seen(graph) <= real
        assert {str(node.address) for node in graph.nodes} == {d, a, b, c, e, f, g, TARGET[4]}
        if balance == "flow":
            assert seen(graph) == real


@pytest.mark.anyio
async def test_ways_of_unequal_length_end_each_in_its_place() -> None:
    """The target answers at every hop limit beyond its own distance: that is no place on any way."""
    d, a, b, c, g = (addresses(1, number)[0] for number in range(5))
    topology = Topology(seed=1).router("d", d, balance="flow", routes={"target": ["a", "b"]})
    for name, address in zip("abcg", (a, b, c, g), strict=True):
        topology.router(name, address)
    topology.link("client", "d", "a", "g", delay="1 ms").link("d", "b", "c", "g", delay="1 ms")
    topology.host("target", TARGET[4]).link("g", "target", delay="1 ms")
    graph = await search(topology, confidence=0.999)
    assert {(edge.ttl, str(edge.source), str(edge.target)) for edge in graph.edges} == {
        (1, d, a),
        (1, d, b),
        (2, a, g),
        (2, b, c),
        (3, g, TARGET[4]),
        (3, c, g),
        (4, g, TARGET[4]),
    }


@pytest.mark.anyio
async def test_a_silent_router_has_a_place_and_a_silent_end_has_none() -> None:
    topology = diamonds(2, seed=2)
    topology.nodes["c1"] = attrs.evolve(topology.nodes["c1"], silent=True)
    graph = await search(topology, confidence=0.999)
    assert [node.ttl for node in graph.nodes if node.address is None] == [3]
    assert {edge for edge in seen(graph) if "*" in edge} == {
        (addresses(1, 1)[0], "*"),
        (addresses(1, 2)[0], "*"),
        ("*", TARGET[4]),
    }
    topology.nodes["target"] = attrs.evolve(topology.nodes["target"], silent=True)
    graph = await search(topology, method="icmp", confidence=0.999)
    assert max(node.ttl for node in graph.nodes) == 2
    assert not graph.reached
    assert graph.stopped_by is None


def test_a_time_limit_leaves_what_was_found() -> None:
    async def within() -> PathGraph:
        return await search(diamonds(16, seed=1), time_limit=0.005)

    # The limit is the application's time, and how far a search comes in real time is the machine's affair.
    graph = anyio.run(within, backend_options={"loop_factory": VirtualTimeLoop})
    assert not graph.complete
    assert [node.ttl for node in graph.nodes[:1]] == [1]


@pytest.mark.anyio
async def test_where_nothing_leaves_the_failure_is_told() -> None:
    network = SimulatedNetwork()
    network.add(TARGET[4], Host(errno=errno.ENETUNREACH))
    async with Prober(network=network) as prober:
        graph = await prober.multipath(TARGET[4])
    assert isinstance(graph.stopped_by, SendFailure)
    assert graph.stopped_by.errno == errno.ENETUNREACH
    assert graph.nodes == graph.edges == ()
    assert not graph.complete
    assert graph.probes < 50


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "smoke"}, "method must be"),
        ({"method": "tcp", "size": 8}, "no data"),
        ({"confidence": 1.0}, "less than 1"),
        ({"confidence": 0}, "more than 0"),
        ({"rule": "guess"}, "rule must be"),
        ({"method": "icmp", "port": 7}, "port belongs"),
    ],
)
async def test_what_is_out_of_range_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await search(diamonds(2), **options)


@pytest.mark.anyio
async def test_a_graph_has_forms_for_other_programs() -> None:
    topology = diamonds(2, seed=2)
    topology.nodes["c1"] = attrs.evolve(topology.nodes["c1"], silent=True)
    graph = await search(topology, confidence=0.999)
    dot, mermaid = graph.to_dot().splitlines(), graph.to_mermaid().splitlines()
    assert dot[0] == "digraph paths {"
    assert '  "2 10.1.0.2" -> "3 *";' in dot
    assert sum("->" in line for line in dot) == len(graph.edges) == 5
    assert mermaid[:2] == ["flowchart LR", '  n0["10.1.0.1"]']
    assert mermaid[-5:] == ["  n0 --> n1", "  n0 --> n2", "  n1 --> n3", "  n2 --> n3", "  n3 --> n4"]


@pytest.mark.anyio
async def test_a_graph_is_given_to_networkx() -> None:
    networkx = pytest.importorskip("networkx")
    graph = await search(diamonds(2), confidence=0.999)
    made = graph.to_networkx()
    assert isinstance(made, networkx.DiGraph)
    assert [made.nodes[key]["node"] for key in made] == list(graph.nodes)
    first, target = (1, ip_address(addresses(1, 0)[0])), (4, ip_address(TARGET[4]))
    assert len(list(networkx.all_simple_paths(made, first, target))) == 2
    assert made.number_of_edges() == len(graph.edges)


@pytest.mark.anyio
async def test_without_networkx_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = await search(diamonds(2))
    monkeypatch.setitem(sys.modules, "networkx", None)  # what a failed import leaves behind
    with pytest.raises(ImportError, match=r"anyicmp\[networkx\]"):
        graph.to_networkx()


# A graph that grows.


@pytest.mark.anyio
async def test_a_graph_can_be_watched_as_it_grows() -> None:
    network = SimulatedNetwork(internet=Internet(diamonds(3, 2, seed=1)))
    async with Prober(network=network) as prober:
        whole = await prober.multipath(TARGET[4], confidence=0.999)
        async with prober.open_multipath(TARGET[4], confidence=0.999) as stream:
            assert stream.graph.nodes == ()
            graphs = [graph async for graph in stream]
            assert await anext(stream, None) is None
    sizes = [len(graph.nodes) + len(graph.edges) for graph in graphs]
    assert sizes[:-1] == sorted(set(sizes[:-1]))
    assert [graph.complete for graph in graphs] == [False] * (len(graphs) - 1) + [True]
    assert seen(graphs[-1]) == seen(whole) == links(3, 2)
    assert stream.graph == graphs[-1]


@pytest.mark.anyio
async def test_a_search_that_is_left_keeps_what_it_found() -> None:
    network = SimulatedNetwork(internet=Internet(diamonds(6, seed=1)))
    with network.activate():
        stream = open_multipath(TARGET[4])
        with pytest.raises(ClosedError):
            _ = stream.graph
        async with stream:
            async for graph in stream:
                if len(graph.nodes) > 2:
                    break
    assert stream.graph == graph
    assert not graph.complete
    with pytest.raises(ClosedError):
        await stream.__aenter__()


# MDA-Lite.


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "version", "privileged"), [("udp", 4, False), ("tcp", 6, True)])
async def test_mda_lite_finds_plain_diamonds_with_fewer_probes(
    method: str, version: int, privileged: bool
) -> None:
    options = {"version": version, "privileged": privileged, "method": method, "confidence": 0.999}
    full, lite = [await search(diamonds(6, 3, seed=2), lite=lite, **options) for lite in (False, True)]
    assert (full.lite, lite.lite) == (False, True)
    assert seen(lite) == seen(full) == links(6, 3, version=version)
    assert [node.balances for node in lite.nodes] == [node.balances for node in full.nodes]
    assert lite.probes < full.probes * 0.7


@pytest.mark.anyio
@pytest.mark.parametrize("balance", ["flow", "packet"])
async def test_mda_lite_goes_on_in_full_in_a_mesh(balance: str) -> None:
    full, lite = [await search(mesh(1, balance), confidence=0.999, lite=lite) for lite in (False, True)]
    assert not lite.lite
    assert {node.address for node in lite.nodes} == {node.address for node in full.nodes}
    if balance == "flow":
        assert seen(lite) == seen(full)


# How often something is missed; `engine/test_multipath_chance.py` has more of it.


@pytest.mark.once
@pytest.mark.parametrize("early", [False, True])
def test_something_is_missed_as_often_as_theory_says(early: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the simulated internet; the seed is the run's number. Whoever stops one flow early is found out."""
    runs, rule = 60, veitch

    def enough(ways: int, balancers: int) -> int:
        return rule(ways, share(0.25, balancers))

    low, high = interval(runs, missed_two_in_a_row(enough))
    monkeypatch.setitem(RULES, "veitch", lambda ways, alpha: rule(ways, alpha) - early)
    count = 0
    for seed in range(runs):
        graph = anyio.run(lambda seed=seed: search(diamonds(2, 2, seed=seed), confidence=0.75))
        assert seen(graph) <= links(2, 2)
        count += seen(graph) != links(2, 2)
    assert (low <= count <= high) is not early
