"""All load-balanced ways with the real kernel: the graph that is there, as root and as nobody."""

from __future__ import annotations

from typing import Any

import pytest

from anyicmp.testing import Internet
from anyicmp.testing.tun import behind_tun
from api.ways import TARGET, diamonds, links

from namespaces import NOBODY, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces", "needs_tun"), pytest.mark.once]

METHODS = ("udp", "icmp", "tcp")


async def found(targets: dict[str, str], methods: list[str]) -> Any:
    import anyicmp

    graphs = {}
    async with anyicmp.Prober() as prober:
        for version, target in targets.items():
            for method in methods:
                for lite in (False, True):
                    graph = await prober.multipath(target, method=method, confidence=0.9999, lite=lite)
                    graphs[f"{method} {version} {lite}"] = {
                        "links": [[str(edge.source), str(edge.target)] for edge in graph.edges],
                        "balances": sorted({node.balances for node in graph.nodes if node.balances}),
                        "reached": graph.reached,
                        "complete": graph.complete,
                        "end": graph.stopped_by.kind,
                    }
    return graphs


@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_the_graph_that_is_there_is_found(uid: int | None) -> None:
    targets = {str(version): target for version, target in TARGET.items()}
    with behind_tun(Internet(diamonds(3, 2, seed=1))) as network:
        graphs = run_in(network.namespace, found, targets, list(METHODS), uid=uid)
    assert len(graphs) == 12
    for name, graph in graphs.items():
        method, version, _ = name.split()
        assert {tuple(link) for link in graph["links"]} == links(3, 2, version=int(version)), name
        assert graph["balances"] == ["flow"], name
        assert (graph["reached"], graph["complete"]) == (True, True), name
        assert graph["end"] == ("error" if method == "udp" else "reply"), name
