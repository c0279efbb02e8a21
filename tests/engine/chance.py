"""How often the Multipath Detection Algorithm misses something by its rules, without a plan or a packet.

The same urn three times: as exact chances, as a game with dice, and as the sum of its stopping points.
`bench/multipath.py` and the tests compare the plan with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from math import exp, lgamma, log, log1p
from random import Random

__all__ = ["Enough", "Link", "game", "interval", "links_of", "missed", "missed_two_in_a_row", "points"]

Enough = Callable[[int, int], int]
"""A number of next hops and of balancers to the number of flows that refute them."""

Link = tuple[int, str, str]
"""Hop limit of the nearer end, and both names."""

NEGLIGIBLE = 1e-10
"""States that are less likely than this are left out: for 16 ways that makes 0.00034234 of 0.00034235."""


def game(ways: int, enough: Enough, dice: Random) -> bool:
    """One balancer of so many ways that meet again; returns whether a way was missed.

    Flows that come by the balancer are sent to its next hops, until so many were as refute one way more. Each
    next hop is a router whose own next hops are looked for: that takes two ways refuted, by flows that
    reach it. Where these are too few, further flows are sent there by chance. They don't count for the
    balancer, but for one that shows a new way: it is looked up where that comes from.
    """
    flows: Counter[int] = Counter()
    counted = 0
    while True:
        known = len(flows)
        each = enough(2, 2) if known > 1 else enough(2, 1)
        behind_the_balancer = counted < enough(max(2, known + 1), 1)
        if not behind_the_balancer and min(flows.values()) >= each:
            return known < ways
        way = dice.randrange(ways)
        counted += behind_the_balancer or way not in flows
        flows[way] += 1


def missed(ways: int, enough: Enough) -> float:
    """The exact chance of the `game`.

    A state is how many flows count, and how many of the next hops were reached by 1, 2, ... flows, where
    it stops counting at as many as a next hop needs.
    """
    each = enough(2, 2)
    layer: dict[tuple[int, ...], float] = {(1, *[0] * (each - 1)): 1.0}
    counted, failed = 1, 0.0
    while layer:
        later: dict[tuple[int, ...], float] = {}
        waiting = [(sum(n * h for h, n in enumerate(state)), state) for state in layer]
        by_hits: dict[int, set[tuple[int, ...]]] = {}
        for hits, state in waiting:
            by_hits.setdefault(hits, set()).add(state)
        while by_hits:
            hits = min(by_hits)
            for state in by_hits.pop(hits):
                chance, known = layer[state], sum(state)
                if chance < NEGLIGIBLE:
                    continue
                counts = counted < enough(max(2, known + 1), 1)
                # A next hop that has enough flows is no news, where no flow counts for the balancer.
                full = each if known > 1 else enough(2, 1)
                open_ones = [(h, n) for h, n in enumerate(state) if n and (counts or h + 1 < full)]
                if not open_ones:
                    failed += chance
                    continue
                total = ways - known + sum(n for _, n in open_ones)
                if known + 1 < ways:
                    found = (state[0] + 1, *state[1:])
                    later[found] = later.get(found, 0.0) + chance * (ways - known) / total
                for h, n in open_ones:
                    after = list(state)
                    after[h] -= 1
                    after[min(h + 1, each - 1)] += 1
                    moved, share = tuple(after), chance * n / total
                    if counts:
                        later[moved] = later.get(moved, 0.0) + share
                    else:
                        layer[moved] = layer.get(moved, 0.0) + share
                        by_hits.setdefault(hits + 1, set()).add(moved)
        layer, counted = later, counted + 1
    return failed


def missed_two_in_a_row(enough: Enough) -> float:
    """The chance that two diamonds in a row, of two ways each, are not found whole.

    One of two ways is missed if all flows take the other: half a chance for each but the first. A balancer
    that looks like none needs as many flows as for one balancer more than were found.
    """
    alone, beside = 0.5 ** (enough(2, 1) - 1), 0.5 ** (enough(2, 2) - 1)
    return 2 * beside * (1 - alone) + alone**2


def links_of(ways: Iterable[Iterable[str]]) -> set[Link]:
    """The links of ways, each the names from the first hop to the target."""
    return {(ttl, nearer, farther) for way in ways for ttl, (nearer, farther) in enumerate(pairwise(way), 1)}


def points(links: set[Link], enough: Enough) -> int:
    """The sum of the stopping points: this host's, all routers', and that of one flow which is sent again."""
    degrees = Counter((ttl, nearer) for ttl, nearer, _ in links).values()
    balancers = sum(degree > 1 for degree in degrees)
    alone = enough(2, balancers + 1)
    return alone + sum(
        enough(degree + 1, balancers) + enough(2, balancers) if degree > 1 else alone for degree in degrees
    )


def interval(runs: int, chance: float, doubt: float = 0.001) -> tuple[int, int]:
    """Counts outside of which a binomial falls with a chance of `doubt` at most, half on each side."""
    weights = [
        exp(
            lgamma(runs + 1)
            - lgamma(k + 1)
            - lgamma(runs - k + 1)
            + k * log(chance)
            + (runs - k) * log1p(-chance)
        )
        for k in range(runs + 1)
    ]
    low, below = 0, weights[0]
    while below <= doubt / 2:
        low += 1
        below += weights[low]
    high, above = runs, weights[runs]
    while above <= doubt / 2:
        high -= 1
        above += weights[high]
    return low, high
