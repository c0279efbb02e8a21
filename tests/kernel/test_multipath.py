"""All load-balanced ways with the real kernel: the graph that is there, as root and as nobody."""

from __future__ import annotations

import pytest

from anyicmp.testing import Internet
from anyicmp.testing.tun import behind_tun
from api.ways import TARGET, diamonds, links

from namespaces import NOBODY, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces", "needs_tun"), pytest.mark.once]

SEARCHES = [
    ("udp", 4, False),
    ("udp", 6, True),
    ("icmp", 4, True),
    ("icmp", 6, False),
    ("tcp", 4, False),
    ("tcp", 6, True),
]


async def found(searches: list[tuple[str, str, bool]]) -> object:
    import anyicmp

    graphs = []
    async with anyicmp.Prober() as prober:
        for method, target, lite in searches:
            # The kernel chooses the first port: each run has other flows, and none may miss a way.
            graph = await prober.multipath(target, method=method, confidence=0.99999, lite=lite)
            graphs.append(
                {
                    "links": [[str(edge.source), str(edge.target)] for edge in graph.edges],
                    "balances": [node.balances for node in graph.nodes if node.balances],
                    "lite": graph.lite,
                    "whole": graph.reached and graph.complete,
                    "end": graph.stopped_by.kind,
                }
            )
    return graphs


@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_the_graph_that_is_there_is_found(uid: int | None) -> None:
    searches = [(method, TARGET[version], lite) for method, version, lite in SEARCHES]
    with behind_tun(Internet(diamonds(3, seed=1))) as network:
        graphs = run_in(network.namespace, found, searches, uid=uid)
    for (method, version, lite), graph in zip(SEARCHES, graphs, strict=True):
        assert {tuple(link) for link in graph["links"]} == links(3, version=version), (method, version)
        assert graph["balances"] == ["flow"], (method, version)
        assert (graph["whole"], graph["lite"]) == (True, lite), (method, version)
        assert graph["end"] == ("error" if method == "udp" else "reply"), (method, version)
