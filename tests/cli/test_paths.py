"""`anyicmp paths`: a tree for people, the graph for Graphviz and Mermaid, one object for programs."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from anyicmp import ErrorReply, PathEdge, PathGraph, PathNode, SendFailure
from anyicmp.api.graph import diamonds_of
from anyicmp.cli import paths as module
from anyicmp.cli.__main__ import main
from anyicmp.cli.options import Setting
from anyicmp.cli.paths import paths_lines
from anyicmp.export import to_dict
from anyicmp.testing import SimulatedNetwork, VirtualTimeLoop
from anyicmp.wire import DestinationUnreachable
from cli.running import BACKENDS

TARGET = IPv4Address("10.0.0.9")
SCENARIOS = Path(__file__).parent.parent / "scenarios"
DEMO = ("server.demo", "-4", "--simulate", "demo")


def simulated(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    status = main(["paths", *options])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("backend", BACKENDS)
def test_ways_that_part_and_meet_are_a_tree(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = simulated(capsys, *DEMO, "--backend", backend)
    assert (status, err) == (0, "")
    assert re.sub(r"  [\d.]+ ms|\d+ probes", "", out).splitlines() == [
        "paths to server.demo (203.0.113.80), udp port 33434, 95% confidence",
        " 1  192.0.2.1",
        " 2  198.51.100.1",
        " 3  198.51.100.5  balances flows",
        " 4  ├─ 198.51.100.9",
        " 4  ├─ 198.51.100.13",
        " 4  └─ 198.51.100.17",
        " 5  198.51.100.21",
        " 6  203.0.113.1",
        " 7  203.0.113.5",
        " 8  203.0.113.33",
        " 9  203.0.113.80",
        "11 nodes, 12 links, 1 diamond, ",
    ]


@pytest.mark.parametrize("method", ["icmp", "tcp"])
def test_options_reach_the_library(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--method", method, "--confidence", "0.999", "--per-node", "--rule", "exact", "--lite"]
    status, out, err = simulated(capsys, *DEMO, *options)
    port = " port 80" if method == "tcp" else ""
    assert (status, err) == (0, "")
    assert out.startswith(
        f"paths to server.demo (203.0.113.80), {method}{port}, 99.9% confidence for each router\n"
    )
    found = json.loads(simulated(capsys, *DEMO, *options, "--json")[1])
    assert (found["method"], found["confidence"], found["per_node"], found["lite"]) == (
        method,
        pytest.approx(0.999),
        True,
        True,
    )


def test_json_is_one_object_and_the_graph_s_dict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results: list[Any] = []
    to_json = module.to_json
    monkeypatch.setattr(module, "to_json", lambda result: results.append(result) or to_json(result))
    status, out, err = simulated(capsys, *DEMO, "--json")
    assert (status, err, out.count("\n")) == (0, "", 1)
    (result,) = results
    assert json.loads(out) == to_dict(result)
    edge = json.loads(out)["edges"][0]
    assert edge.pop("flows") > 0
    assert edge == {"ttl": 1, "source": "192.0.2.1", "target": "198.51.100.1"}


@pytest.mark.parametrize(
    ("form", "first", "link"),
    [
        ("--dot", "digraph paths {", '  "1 192.0.2.1" -> "2 198.51.100.1";'),
        ("--mermaid", "flowchart LR", "  n0 --> n1"),
    ],
)
def test_other_programs_get_the_graph_alone(
    form: str, first: str, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = simulated(capsys, *DEMO, form)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == first
    assert link in out.splitlines()
    assert not out.endswith("\n\n")


def test_a_host_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = str(SCENARIOS / "ping_empty.toml")
    status, out, err = simulated(capsys, "10.0.0.77", "--simulate", scenario, "--method", "icmp", "-m", "4")
    assert (status, err) == (1, "")
    assert out.endswith("10.0.0.77 did not answer\n")


@pytest.mark.parametrize("form", ["tree", "json"])
def test_what_ctrl_c_stops_is_printed_as_far_as_it_is_known(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """That such an end has the status 130 is `test_ending.py`'s to show."""

    async def interrupted() -> int:
        setting = Setting(
            backend="asyncio", as_json=form == "json", prober={"network": SimulatedNetwork.from_toml("demo")}
        )
        stop, status = anyio.CancelScope(), [-1]

        async def stop_later() -> None:
            await anyio.sleep(0.015)
            stop.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(stop_later)
            status[0] = await module._paths(setting, "203.0.113.80", "tree", {}, stop)
        return status[0]

    status = anyio.run(interrupted, backend_options={"loop_factory": VirtualTimeLoop})
    out, err = capsys.readouterr()
    assert (status, err) == (1, "")
    if form == "json":
        found = json.loads(out)
        assert not found["complete"]
        assert {node["ttl"] for node in found["nodes"]} >= {1, 2, 3}
    else:
        assert " 3  198.51.100.5" in out
        assert out.splitlines()[-2] == "stopped before the search was complete: there may be more"


def graph(*ways: str, **options: Any) -> PathGraph:
    """A graph of ways, a digit a router of 10.0.0.0/24, `*` one that is silent."""

    def address(digit: str) -> IPv4Address | None:
        return None if digit == "*" else IPv4Address(f"10.0.0.{digit}")

    nodes = {(ttl, digit): PathNode(ttl, address(digit)) for way in ways for ttl, digit in enumerate(way, 1)}
    edges = {
        (ttl, *pair): PathEdge(ttl, *map(address, pair))
        for way in ways
        for ttl, pair in enumerate(pairwise(way), 1)
    }
    given: dict[str, Any] = {"target": TARGET, "reached": True, "confidence": 0.95, "complete": True}
    given |= {"method": "icmp", "probes": 1, "diamonds": (), **options}
    return PathGraph(nodes=tuple(nodes.values()), edges=tuple(edges.values()), **given)


def tree(*ways: str, **options: Any) -> list[str]:
    nodes = graph(*ways).nodes
    lines = list(paths_lines(graph(*ways, diamonds=diamonds_of(nodes), **options)))
    return [line.replace("10.0.0.", "") for line in lines[1:-1]]


def test_branches_go_on_to_where_all_meet() -> None:
    assert tree("12459", "12469", "13579") == [
        " 1  1",
        " 2  ├─ 2",
        " 3  │  4",
        " 4  │  ├─ 5",
        " 4  │  └─ 6",
        " 2  └─ 3",
        " 3     5",
        " 4     7",
        " 5  9",
    ]


def test_in_a_mesh_a_node_is_shown_in_full_once() -> None:
    assert tree("1249", "1259", "1359", "1369") == [
        " 1  1",
        " 2  ├─ 2",
        " 3  │  ├─ 4",
        " 3  │  └─ 5",
        " 2  └─ 3",
        " 3     ├─ 5 (see above)",
        " 3     └─ 6",
        " 4  9",
    ]


def test_this_host_may_be_the_balancer_and_ways_may_end_apart() -> None:
    assert tree("13", "2*") == [" 1  ├─ 1", " 2  │  3", " 1  └─ 2", " 2     *"]


def test_a_node_of_which_no_link_is_known_is_shown() -> None:
    """As behind a balancer of packets."""
    whole = graph("1249", "1359")
    diamonds = diamonds_of(whole.nodes)
    links = tuple(edge for edge in whole.edges if edge.ttl != 2)
    lines = list(paths_lines(attrs.evolve(whole, edges=links, diamonds=diamonds)))
    assert [line.replace("10.0.0.", "") for line in lines[1:-1]] == [
        " 1  1",
        " 2  ├─ 2",
        " 2  ├─ 3",
        " 3  ├─ 4",
        " 3  └─ 5",
        " 4  9",
    ]


def test_the_end_of_a_way_that_is_not_the_target_is_explained() -> None:
    unreachable = DestinationUnreachable(code=1)
    end = ErrorReply(
        target=TARGET,
        sequence=0,
        sent_at=0.0,
        source=IPv4Address("10.0.0.2"),
        rtt=0.001,
        message=unreachable,
        type=3,
        code=1,
        reason=unreachable.explain(),
    )
    whole = graph("12", reached=False, stopped_by=end)
    found = attrs.evolve(whole, nodes=(whole.nodes[0], attrs.evolve(whole.nodes[1], final=True)))
    assert list(paths_lines(found))[2:] == [
        " 2  10.0.0.2  ends here",
        "2 nodes, 1 link, 0 diamonds, 1 probe",
        f"10.0.0.2: {unreachable.explain()}",
        "10.0.0.9 did not answer",
    ]


def test_what_could_not_be_sent_is_told_from_silence() -> None:
    failure = SendFailure(target=TARGET, sequence=0, sent_at=0.0, errno=13, reason="denied")
    found = graph(reached=False, stopped_by=failure)
    assert list(paths_lines(found))[1:] == ["0 nodes, 0 links, 0 diamonds, 1 probe", "not sent: denied"]
