"""How often a multipath trace misses something, beside what theory says:

    python bench/multipath.py [RUNS] [TOPOLOGY...] [--early] [--lite]

Each topology, or those named, on the simulated internet, as often as asked; the seed is the run's number, and
balancers send flows all ways alike. Printed are how many graphs miss a node or a link and how many may: for
diamonds the two-sided 99.9 % binomial interval of the exact chance (`tests/engine/chance.py`); for what has
no such chance the most that the confidence allows, one-sided. Then the probes a graph beside the sum of the
stopping points, and the time. `--early` stops one flow before each stopping point: lines must say "NOT as
expected" then. A link that is not there ends the script. `--lite` does it with MDA-Lite, which promises
something for plain diamonds alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio

from anyicmp import Prober
from anyicmp.engine.stopping import RULES, share, veitch
from anyicmp.testing import Internet, SimulatedNetwork, Topology

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "engine"))
from chance import Enough, Link, interval, links_of, missed, missed_two_in_a_row, points

CONFIDENCE = 0.95
DOUBT = 0.001
TARGET = "10.0.0.1"

Ways = list[list[str]]


def diamond(ways: int) -> Ways:
    """A balancer, its ways, and where they meet."""
    return [["d", f"w{way}", "c", "target"] for way in range(ways)]


def split(*ways: str) -> Ways:
    """Ways as texts, a letter a router."""
    return [[*way, "target"] for way in ways]


# Name to the ways, whether they are plain diamonds, and the exact chance to miss something, if it is known.
TOPOLOGIES: dict[str, tuple[Ways, bool, Callable[[Enough], float] | None]] = {
    "2 ways": (diamond(2), True, lambda enough: missed(2, enough)),
    "6 ways": (diamond(6), True, lambda enough: missed(6, enough)),
    "2 ways, and 2 again": (split("dacDAC", "dacDBC", "dbcDAC", "dbcDBC"), True, missed_two_in_a_row),
    "16 ways": (diamond(16), True, lambda enough: missed(16, enough)),
    "mesh": (split("dacg", "daeg", "dbeg", "dbfg"), False, None),
    "lopsided": (split("dacg", "dbeg", "dbfg", "dbhg"), False, None),
    "unequal lengths": (split("dag", "dbcg"), False, None),
}


def enough(ways: int, balancers: int) -> int:
    """The rule in use."""
    return veitch(ways, share(round(1 - CONFIDENCE, 12), balancers))


def build(ways: Ways, seed: int) -> tuple[Topology, dict[str, str]]:
    """The topology, and names by address."""
    topology, names = Topology(seed=seed).host("target", TARGET), {TARGET: "target"}
    routes: dict[str, list[str]] = {}
    for _, nearer, farther in sorted(links_of(ways)):
        if farther not in routes.setdefault(nearer, []):
            routes[nearer].append(farther)
    for number, (name, hops) in enumerate(routes.items(), 1):
        names[f"10.1.0.{number}"] = name
        topology.router(name, f"10.1.0.{number}", balance="flow", routes={"target": hops})
    topology.link("client", "d", delay="1 ms")
    for name, hops in routes.items():
        for hop in hops:
            topology.link(name, hop, delay="1 ms")
    return topology, names


async def search(ways: Ways, seed: int, lite: bool) -> tuple[set[Link], int]:
    """The links found, and how many probes that took."""
    topology, names = build(ways, seed)
    async with Prober(network=SimulatedNetwork(internet=Internet(topology))) as prober:
        graph = await prober.multipath(TARGET, confidence=CONFIDENCE, lite=lite)
    return {(e.ttl, names[str(e.source)], names[str(e.target)]) for e in graph.edges}, graph.probes


def measure(name: str, runs: int, lite: bool) -> bool:
    """Print a topology's line; returns whether the count is where it belongs."""
    ways, plain, chance = TOPOLOGIES[name]
    links, began, failed, probes = links_of(ways), time.perf_counter(), 0, 0
    for seed in range(runs):
        found, sent = anyio.run(search, ways, seed, lite)
        if not found <= links:
            raise SystemExit(f"{name}, seed {seed}: there is no link {sorted(found - links)}")
        failed += found != links
        probes += sent
    if chance is None or lite:
        low, high = 0, interval(runs, 1 - CONFIDENCE, 2 * DOUBT)[1]
        exact = f"{1 - CONFIDENCE:.2%} at most"
    else:
        share_missed = chance(enough)
        low, high = interval(runs, share_missed, DOUBT)
        exact = f"{share_missed:.3%}"
    as_expected = low <= failed <= high
    verdict = "as expected" if as_expected else "NOT as expected"
    if lite and not plain:
        verdict = "nothing is promised"
    print(
        f"{name}: {failed} of {runs} miss something, {low} to {high} expected ({exact}): {verdict}; "
        f"{probes / runs:.0f} probes a graph, {points(links, enough)} by the sum of stopping points; "
        f"{time.perf_counter() - began:.0f} s",
        flush=True,
    )
    return as_expected or (lite and not plain)


def main(words: list[str]) -> int:
    """Measure; the exit status is 0 if all counts are where they belong."""
    if "--early" in words:
        RULES["veitch"] = lambda ways, alpha: veitch(ways, alpha) - 1
    number = next((int(word) for word in words if word.isdigit()), 1000)
    chosen = [name for name in TOPOLOGIES if name in words] or list(TOPOLOGIES)
    fine = [measure(name, number, "--lite" in words) for name in chosen]
    return int(not all(fine))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
