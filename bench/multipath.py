"""How often a multipath trace misses something, beside what theory says:

    python bench/multipath.py [RUNS] [--early]

Each topology on the simulated internet, as often as asked; the seed is the run's number. Printed are how many
graphs miss a node or a link, the 99.9 % binomial interval of the exact chance where there is a closed form,
else the most that the confidence allows, and probes a graph. `--early` stops one flow before each stopping
point: the lines with a closed form must then say so. A link that is not there ends the script.
"""

from __future__ import annotations

import sys
import time
from math import comb

import anyio

from anyicmp import Prober
from anyicmp.engine.stopping import RULES, veitch
from anyicmp.testing import Internet, SimulatedNetwork, Topology

TARGET = "10.0.0.1"
CONFIDENCE = 0.95
# Two balancers: six flows where the other was missed too, else seven (half a chance for each but the first).
TOPOLOGIES: dict[tuple[int, ...], float | None] = {
    (2,): 2**-5,
    (2, 2): 2 * 2**-6 * (1 - 2**-5) + 2**-10,
    (6,): None,
    (16,): None,
}


def diamonds(ways: tuple[int, ...], seed: int) -> tuple[Topology, set[tuple[str, str]]]:
    """Diamonds in a row, and the links behind their first router."""
    topology, links, last = Topology(seed=seed), set(), "client"
    for i, width in enumerate(ways, 1):
        topology.router(f"d{i}", f"10.{i}.0.1", balance="flow").router(f"c{i}", f"10.{i}.0.2")
        topology.link(last, f"d{i}", delay="1 ms")
        if i > 1:
            links.add((f"10.{i - 1}.0.2", f"10.{i}.0.1"))
        for k in range(1, width + 1):
            topology.router(f"w{i}.{k}", f"10.{i}.1.{k}").link(f"d{i}", f"w{i}.{k}", f"c{i}", delay="1 ms")
            links |= {(f"10.{i}.0.1", f"10.{i}.1.{k}"), (f"10.{i}.1.{k}", f"10.{i}.0.2")}
        last = f"c{i}"
    links.add((f"10.{len(ways)}.0.2", TARGET))
    return topology.host("target", TARGET).link(last, "target", delay="1 ms"), links


async def search(ways: tuple[int, ...], seed: int) -> tuple[bool, int]:
    """Whether something is missing, and how many probes that took."""
    topology, links = diamonds(ways, seed)
    async with Prober(network=SimulatedNetwork(internet=Internet(topology))) as prober:
        graph = await prober.multipath(TARGET, confidence=CONFIDENCE)
    found = {(str(edge.source), str(edge.target)) for edge in graph.edges}
    if not found <= links:
        raise SystemExit(f"{ways}, seed {seed}: there is no link {found - links}")
    return found != links, graph.probes


def interval(runs: int, chance: float) -> tuple[int, int]:
    """Counts outside of which a binomial falls in one case of a thousand."""
    weights = [comb(runs, k) * chance**k * (1 - chance) ** (runs - k) for k in range(runs + 1)]
    low = next(k for k in range(runs + 1) if sum(weights[: k + 1]) > 0.0005)
    return low, next(k for k in range(runs, -1, -1) if sum(weights[k:]) > 0.0005)


def main(runs: int, early: bool) -> bool:
    """Print a line a topology; returns whether all counts are where they belong."""
    if early:
        RULES["veitch"] = lambda ways, alpha: veitch(ways, alpha) - 1
    fine = True
    for ways, chance in TOPOLOGIES.items():
        began = time.perf_counter()
        results = [anyio.run(search, ways, seed) for seed in range(runs)]
        missed, probes = sum(miss for miss, _ in results), sum(n for _, n in results) / runs
        low, high = interval(runs, 1 - CONFIDENCE if chance is None else chance)
        low = 0 if chance is None else low
        fine &= low <= missed <= high
        took = time.perf_counter() - began
        verdict = "as expected" if low <= missed <= high else "NOT as expected"
        print(f"{ways}: {missed} of {runs} miss something, {low} to {high} allowed: {verdict}; ", end="")
        print(f"{probes:.0f} probes a graph, {took:.0f} s", flush=True)
    return fine


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--early"]
    sys.exit(0 if main(int(words[0]) if words else 1000, "--early" in sys.argv) else 1)
