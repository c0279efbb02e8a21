"""All load-balanced ways: what is found, what is never invented, and how often something is missed."""

from __future__ import annotations

import errno
import sys
from ipaddress import ip_address
from math import comb
from types import SimpleNamespace
from typing import Any

import anyio
import attrs
import pytest

from anyicmp import PathGraph, Prober, SendFailure
from anyicmp.engine.stopping import RULES, share, veitch
from anyicmp.testing import Host, Internet, SimulatedNetwork, Topology, VirtualTimeLoop

TARGET = {4: "10.0.0.1", 6: "2001:db8:f::1"}
EVERYWHERE = pytest.mark.parametrize(
    ("method", "version", "privileged"),
    [(m, v, p) for m in ("udp", "icmp") for v in (4, 6) for p in (False, True)],
)


def addresses(place: int, number: int) -> tuple[str, str]:
    return f"10.{place}.{number // 200}.{number % 200 + 1}", f"2001:db8:{place}::{number + 1:x}"


def diamonds(*ways: int, seed: int = 0, **balancer: Any) -> Topology:
    """Diamonds in a row, each of so many ways: a balancer, its ways, and where they meet."""
    topology, last = Topology(seed=seed), "client"
    balancer = {"balance": "flow", "flow": ["ports", "icmp"], **balancer}
    for i, width in enumerate(ways, 1):
        topology.router(f"d{i}", *addresses(i, 0), **balancer).router(f"c{i}", *addresses(i, 200))
        topology.link(last, f"d{i}", delay="1 ms")
        for k in range(width):
            topology.router(f"w{i}.{k}", *addresses(i, k + 1))
            topology.link(f"d{i}", f"w{i}.{k}", f"c{i}", delay="1 ms")
        last = f"c{i}"
    return topology.host("target", TARGET[4], TARGET[6]).link(last, "target", delay="1 ms")


def links(*ways: int, version: int = 4) -> set[tuple[str, str]]:
    """The links behind the first router of such a network."""
    which, found, last = version == 6, set(), ""
    for i, width in enumerate(ways, 1):
        first, meeting = addresses(i, 0)[which], addresses(i, 200)[which]
        found |= {(last, first)} if last else set()
        for k in range(width):
            way = addresses(i, k + 1)[which]
            found |= {(first, way), (way, meeting)}
        last = meeting
    return found | {(last, TARGET[version])}


def seen(graph: PathGraph) -> set[tuple[str, str]]:
    return {(str(edge.source or "*"), str(edge.target or "*")) for edge in graph.edges}


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
async def test_no_link_is_invented(balance: str) -> None:
    d, a, b, c, e, f, g = (addresses(1, number)[0] for number in range(7))
    real = {(d, a), (d, b), (a, c), (a, e), (b, e), (b, f), (c, g), (e, g), (f, g), (g, TARGET[4])}
    for seed in range(10):
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
        ({"method": "tcp"}, "method must be"),
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
async def test_a_graph_has_three_forms_for_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = diamonds(2, seed=2)
    topology.nodes["c1"] = attrs.evolve(topology.nodes["c1"], silent=True)
    graph = await search(topology, confidence=0.999)
    dot, mermaid = graph.to_dot().splitlines(), graph.to_mermaid().splitlines()
    assert dot[0] == "digraph paths {"
    assert '  "2 10.1.0.2" -> "3 *";' in dot
    assert sum("->" in line for line in dot) == len(graph.edges) == 5
    assert mermaid[:2] == ["flowchart LR", '  n0["10.1.0.1"]']
    assert mermaid[-5:] == ["  n0 --> n1", "  n0 --> n2", "  n1 --> n3", "  n2 --> n3", "  n3 --> n4"]

    class DiGraph:
        def __init__(self) -> None:
            self.nodes: dict[Any, Any] = {}
            self.edges: set[Any] = set()

        def add_node(self, key: Any, **options: Any) -> None:
            self.nodes[key] = options

        def add_edges_from(self, edges: Any) -> None:
            self.edges |= set(edges)

    monkeypatch.setitem(sys.modules, "networkx", SimpleNamespace(DiGraph=DiGraph))
    made = graph.to_networkx()
    assert [options["node"] for options in made.nodes.values()] == list(graph.nodes)
    assert ((3, None), (4, ip_address(TARGET[4]))) in made.edges
    assert {end for edge in made.edges for end in edge} == set(made.nodes)


def interval(runs: int, chance: float, doubt: float = 0.001) -> tuple[int, int]:
    """Counts outside of which a binomial falls with a chance of `doubt` at most, half on each side."""
    weights = [comb(runs, k) * chance**k * (1 - chance) ** (runs - k) for k in range(runs + 1)]
    low = next(k for k in range(runs + 1) if sum(weights[: k + 1]) > doubt / 2)
    high = next(k for k in range(runs, -1, -1) if sum(weights[k:]) > doubt / 2)
    return low, high


def incomplete(*ways: int, runs: int, **options: Any) -> int:
    """In how many runs something is missing; the seed is the run's number."""
    whole, count = links(*ways), 0
    for seed in range(runs):
        graph = anyio.run(lambda seed=seed: search(diamonds(*ways, seed=seed), **options))
        assert seen(graph) <= whole
        count += seen(graph) != whole
    return count


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("ways", [(2,), (2, 2)], ids=str)
def test_something_is_missed_as_often_as_theory_says(
    ways: tuple[int, ...], early: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two ways is missed if all flows take the other: half a chance for each but the first.

    At 75 % that is three flows for one balancer. For two, it is three flows where the other was missed too,
    else four. Whoever stops one flow early is found out.
    """
    points = 3, 4
    chances = {(2,): 2**-2, (2, 2): 2 * 2**-3 * (1 - 2**-2) + 2**-4}
    assert [veitch(2, share(0.25, balancers)) for balancers in (1, 2)] == list(points)
    monkeypatch.setitem(RULES, "veitch", lambda ways, alpha: veitch(ways, alpha) - early)
    low, high = interval(100, chances[ways])
    assert (low <= incomplete(*ways, runs=100, confidence=0.75) <= high) is not early
