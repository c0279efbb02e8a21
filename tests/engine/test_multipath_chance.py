"""A multipath trace misses something as often as its rules have it: its plan among routers with dice.

Chances are computed in `chance.py`; here they are held against games, and the plan against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest

from anyicmp.engine.heard import ErrorBytes
from anyicmp.engine.multipath import MultipathPlan
from anyicmp.engine.outcome import ERROR, REPLY, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.engine.stopping import share, veitch
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch, Quoted
from engine.chance import Enough, Link, game, interval, links_of, missed, missed_two_in_a_row

Ways = Sequence[str]
"""Ways as texts, a letter a router; the last is the target."""

pytestmark = pytest.mark.once

EXCEEDED = ErrorBytes(
    data=bytes([11]) + bytes(7), quoted=Quoted.TRANSPORT, extension=0, original=bytes(4), protocol=17
)
MESH = ["dacgt", "daegt", "dbegt", "dbfgt"]
LOPSIDED = ["dacgt", "dbegt", "dbfgt", "dbhgt"]
UNEQUAL = ["dagt", "dbcgt"]


def diamond(ways: int) -> Ways:
    return [f"d{chr(ord('A') + way)}ct" for way in range(ways)]


def enough(confidence: float, *, early: bool = False) -> Enough:
    alpha = round(1 - confidence, 12)
    return lambda ways, balancers: veitch(ways, share(alpha, balancers)) - early


def template(flow: int) -> Template:
    return Template(data=b"", octets=8, size=0, flow=flow, carries_token=True)


class Network:
    """Routers that dice for each new flow, and remember; an answer takes as long as its hop is far."""

    def __init__(self, ways: Ways, seed: int) -> None:
        self._next: dict[str, list[str]] = {}
        for _, nearer, farther in sorted(links_of(ways)):
            if farther not in self._next.setdefault(nearer, []):
                self._next[nearer].append(farther)
        self._first, self._dice = ways[0][0], Random(seed)
        self._chosen: dict[tuple[str, int], str] = {}

    def reached(self, flow: int, ttl: int) -> str:
        node = self._first
        for _ in range(ttl - 1):
            if node in self._next:
                if (node, flow) not in self._chosen:
                    self._chosen[node, flow] = self._dice.choice(self._next[node])
                node = self._chosen[node, flow]
        return node

    def leaves(self, plan: MultipathPlan, flow: int, ttl: int) -> None:
        """A probe leaves."""

    def play(self, plan: MultipathPlan) -> int:
        """Answer all probes of a plan; returns how many of one flow were under way at once."""
        tx, order, now, most = PacketBatch(4), count(), 0, 0
        flows: Counter[int] = Counter()
        flow_of: dict[int, int] = {}
        due: list[tuple[int, int, int, str]] = []
        while not plan.done:
            while n := plan.take(tx, 0, tx.capacity, now):
                flow = plan.template.flow
                assert flow is not None
                flows[flow] += n
                most = max(most, flows[flow])
                for i in range(n):
                    self.leaves(plan, flow, tx.hop_limit[i])
                    flow_of[tx.tag[i]] = flow
                    node = self.reached(flow, tx.hop_limit[i])
                    heappush(due, (now + tx.hop_limit[i], next(order), tx.tag[i], node))
            now, batch = due[0][0], OutcomeBatch(4)
            while due and due[0][0] == now:
                _, _, tag, node = heappop(due)
                flows[flow_of[tag]] -= 1
                final = node not in self._next
                if not final:
                    batch.errors[len(batch)] = EXCEEDED
                address = bytes([10, 0, 0, ord(node)])
                kind = REPLY if final else ERROR
                batch.append(kind, target=bytes(4), scope=0, tag=tag, sent_at=0.0, rtt=1.0, source=address)
            plan.heard(batch)
        return most


def search(ways: Ways, seed: int, flows: Enough, *, lite: bool = False) -> tuple[MultipathPlan, set[Link]]:
    """A plan that has come to its end, and the links that it found."""
    plan = MultipathPlan(
        Probe(peer=bytes(4)), template, enough=flows, max_hops=10, timeout=1, attempts=1, lite=lite
    )
    Network(ways, seed).play(plan)
    names = [{v: chr((v.address or b"?")[-1]) for v in hop.values()} for hop in plan.hops]
    return plan, {
        (ttl, names[ttl][nearer], names[ttl + 1][farther])
        for ttl, hop in enumerate(plan.hops[1:-1], 1)
        for nearer in hop.values()
        for farther in nearer.next
    }


def incomplete(ways: Ways, runs: int, flows: Enough, *, lite: bool = False) -> int:
    """In how many runs something is missing; the seed is the run's number. Nothing is ever invented."""
    real, missing = links_of(ways), 0
    for seed in range(runs):
        found = search(ways, seed, flows, lite=lite)[1]
        assert found <= real
        missing += found != real
    return missing


@pytest.mark.parametrize("ways", [2, 3, 6])
def test_the_exact_chance_is_that_of_the_game(ways: int) -> None:
    flows, dice = enough(0.5), Random(ways)
    low, high = interval(1000, missed(ways, flows))
    assert low <= sum(game(ways, flows, dice) for _ in range(1000)) <= high


@pytest.mark.parametrize("confidence", [0.5, 0.75, 0.95, 0.99])
def test_for_two_ways_it_is_a_power_of_a_half(confidence: float) -> None:
    flows = enough(confidence)
    assert missed(2, flows) == pytest.approx(0.5 ** (flows(2, 1) - 1), abs=1e-12)


CHANCES: dict[str, tuple[Ways, Callable[[Enough], float]]] = {
    "2": (diamond(2), lambda flows: missed(2, flows)),
    "6": (diamond(6), lambda flows: missed(6, flows)),
    "16": (diamond(16), lambda flows: missed(16, flows)),
    "2, 2": (["dacDACt", "dacDBCt", "dbcDACt", "dbcDBCt"], missed_two_in_a_row),
}


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("name", CHANCES)
def test_something_is_missed_as_often_as_theory_says(name: str, early: bool) -> None:
    """With little confidence, so that it happens often. Whoever stops one flow early is found out."""
    ways, chance = CHANCES[name]
    confidence = 0.75 if name != "16" else 0.5
    low, high = interval(RUNS[name], chance(enough(confidence)))
    assert (low <= incomplete(ways, RUNS[name], enough(confidence, early=early)) <= high) is not early


RUNS = {"2": 300, "6": 400, "16": 150, "2, 2": 300}


@pytest.mark.parametrize("ways", [MESH, LOPSIDED, UNEQUAL], ids=["mesh", "lopsided", "unequal"])
def test_where_routers_are_unlike_not_more_is_missed_than_confidence_allows(ways: Ways) -> None:
    _, high = interval(200, 0.25, 0.002)
    assert incomplete(ways, 200, enough(0.75)) <= high


class Watched(Network):
    """It looks at each new flow that is sent where nobody knows yet what else will be."""

    def __init__(self, ways: Ways, seed: int) -> None:
        super().__init__(ways, seed)
        self.flows: set[int] = set()

    def leaves(self, plan: MultipathPlan, flow: int, ttl: int) -> None:
        if flow not in self.flows and ttl > 1:
            assert all(vertex.before for vertex in plan.hops[ttl].values())
        self.flows.add(flow)


def test_no_flow_is_sought_while_it_is_looked_up_where_a_new_router_comes_from() -> None:
    """The router before it has one next hop more, and so needs flows that will do for that as well."""
    for seed in range(50):
        plan = MultipathPlan(
            Probe(peer=bytes(4)), template, enough=enough(0.75), max_hops=10, timeout=1, attempts=1
        )
        network = Watched(diamond(6), seed)
        network.play(plan)
        assert network.flows


@pytest.mark.parametrize("one_per_flow", [True, False])
def test_where_it_must_be_one_probe_of_a_flow_is_under_way_at_a_time(one_per_flow: bool) -> None:
    plan = MultipathPlan(
        Probe(peer=bytes(4)),
        template,
        enough=enough(0.95),
        max_hops=10,
        timeout=1,
        attempts=1,
        one_per_flow=one_per_flow,
    )
    assert (Network(MESH, 1).play(plan) == 1) is one_per_flow
    assert plan.complete


# MDA-Lite.


@pytest.mark.parametrize("ways", [diamond(2), diamond(6), ["dacegt", "dbcfgt"]], ids=["2", "6", "in a row"])
def test_mda_lite_misses_not_more_in_uniform_diamonds(ways: Ways) -> None:
    _, high = interval(300, 0.25, 0.002)
    assert incomplete(ways, 300, enough(0.75), lite=True) <= high


def test_mda_lite_needs_far_fewer_probes() -> None:
    full, lite = (
        sum(search(diamond(16), seed, enough(0.95), lite=lite)[0].sent for seed in range(5))
        for lite in (False, True)
    )
    assert lite < full / 3


@pytest.mark.parametrize(
    ("ways", "plain"),
    [
        (diamond(6), True),
        (["daegt", "dbfgt"], True),  # two ways side by side
        (["daegt", "dafgt", "dbhgt", "dbigt"], True),  # each of two parts again
        (["dx", *diamond(5)], True),  # a way that ends before the others
        (UNEQUAL, True),
        (MESH, False),
        (LOPSIDED, False),
        (["daegt", "daegt", "dafgt", "dbegt", "dbfgt"], False),  # each with each
    ],
    ids=["diamond", "side by side", "tree", "early end", "unequal", "mesh", "lopsided", "each with each"],
)
def test_mda_lite_goes_on_in_full_where_hops_are_not_plain(ways: Ways, plain: bool) -> None:
    """So sure that nothing is missed in any of these runs, which are always the same."""
    for seed in range(10):
        plan, found = search(ways, seed, enough(0.9999), lite=True)
        assert plan.lite is plain
        assert found == links_of(ways)


def test_in_mda_lite_two_flows_tell_of_each_router_between_wide_hops() -> None:
    for seed in range(50):
        plan, _ = search(["daegt", "dafgt", "dbhgt", "dbigt"], seed, enough(0.5), lite=True)
        wide = [hop.values() for hop in plan.hops[1:5] if len(hop) > 1]
        if plan.lite and len(wide) == 2:
            assert min(vertex.asked for vertex in wide[0]) > 1
            assert min(sum(vertex.before.values()) for vertex in wide[1]) > 1
