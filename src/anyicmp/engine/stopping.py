"""Stopping points: how many flows must agree before a balancer has no further next hop, with what confidence.

Two rules on the same urn, as pure functions. Which flows are sent is for the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import ceil, comb, log

__all__ = ["RULES", "exact", "share", "veitch"]

SEQUENTIAL = 64
"""Up to so many next hops the sequence of decisions is followed; beyond, it changes no number any more."""


def share(alpha: float, balancers: int) -> float:
    """The chance of failure that each of so many balancers may have, if all together may have `alpha`."""
    return float(1 - (1 - alpha) ** (1 / balancers))


@cache
def exact(ways: int, alpha: float) -> int:
    """Flows after which one of `ways` equally likely next hops is unseen with a chance of `alpha` at most.

    The least n with a sum over i of (-1)^(i+1) C(k, i) ((k - i) / k)^n that is not above alpha: the rule of
    the Multipath Detection Algorithm (Augustin, Friedman, Teixeira 2007). At least 1, for a single way.
    """
    if ways < 2:
        return 1
    # The first term alone is too large: from its stopping point on it only goes down.
    n = max(ways, ceil(log(alpha / ways) / log((ways - 1) / ways)))
    while n > ways and _unseen(ways, n - 1) <= alpha:
        n -= 1
    return n


def _unseen(ways: int, n: int) -> float:
    return sum(comb(ways, i) * ((ways - i) / ways) ** n * (1 if i % 2 else -1) for i in range(1, ways))


@cache
def veitch(ways: int, alpha: float) -> int:
    """The same, where stopping at an earlier point counts as a failure too.

    Veitch, Augustin, Teixeira, Friedman: Failure Control in Multipath Route Tracing (2009). So the chance to
    miss any next hop is `alpha` at most, however many there are.
    """
    if ways < 2:
        return 1
    if ways > SEQUENTIAL:
        return exact(ways, alpha)
    points = {veitch(k, alpha): k - 1 for k in range(2, ways)}
    failed, n = 0.0, 1
    seen = [0.0] * (ways + 1)
    seen[1] = 1.0
    while True:
        if n in points:
            failed += seen[points[n]]
            seen[points[n]] = 0.0
        if n >= ways and not any(n < point for point in points) and failed + seen[ways - 1] <= alpha:
            return n
        n += 1
        for j in range(min(n, ways), 0, -1):
            seen[j] = seen[j] * j / ways + seen[j - 1] * (ways - j + 1) / ways


RULES: dict[str, Callable[[int, float], int]] = {"exact": exact, "veitch": veitch}
"""Name of a rule to the number of flows for a hypothesis of so many ways at a chance of failure."""
