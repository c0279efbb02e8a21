"""Stopping points: the numbers of other tools, and what the rules promise."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, log

import pytest

from anyicmp.engine.stopping import exact, share, veitch

# What scamper (tracelb) and libparistraceroute have for 2, 3, ... 17 ways.
SCAMPER = {
    0.05: [6, 11, 16, 21, 27, 33, 38, 44, 51, 57, 63, 70, 76, 83, 90, 96],
    0.01: [8, 15, 21, 28, 36, 43, 51, 58, 66, 74, 82, 90, 98, 106, 115, 123],
}
PARIS = {
    1: [6, 11, 16, 21, 27, 33, 39, 45, 51, 57, 63, 70, 76, 83, 90, 96],
    5: [8, 15, 21, 28, 36, 43, 50, 58, 66, 74, 82, 90, 98, 106, 114, 123],
    16: [10, 17, 25, 33, 42, 50, 59, 68, 77, 86, 95, 104, 114, 123, 132, 142],
    30: [11, 19, 27, 36, 45, 54, 64, 73, 83, 93, 102, 112, 122, 132, 142, 152],
}


@pytest.mark.parametrize("alpha", SCAMPER)
def test_the_exact_rule_has_the_numbers_of_scamper(alpha: float) -> None:
    assert [exact(ways, alpha) for ways in range(2, 18)] == SCAMPER[alpha]


@pytest.mark.parametrize("balancers", PARIS)
def test_the_sequential_rule_has_the_numbers_of_libparistraceroute(balancers: int) -> None:
    assert [veitch(ways, share(0.05, balancers)) for ways in range(2, 18)] == PARIS[balancers]


@pytest.mark.parametrize("ways", [2, 3, 4])
def test_the_exact_rule_counts_sequences(ways: int) -> None:
    """All sequences of flows, one by one: at the point few enough miss a way, one flow before too many do."""
    alpha = Fraction(1, 2)
    n = exact(ways, float(alpha))
    for flows, enough in ((n, True), (n - 1, False)):
        missing = sum(len(set(seen)) < ways for seen in product(range(ways), repeat=flows))
        assert (Fraction(missing, ways**flows) <= alpha) is enough


@pytest.mark.parametrize("ways", [2, 6, 16, 40])
def test_stopping_early_is_a_failure_that_is_counted(ways: int) -> None:
    """The chance to stop with too few ways, over all points, is at most alpha; one flow less, it is above."""
    points = [veitch(k, 0.05) for k in range(2, ways + 1)]
    assert failure(ways, points) <= 0.05
    assert failure(ways, [*points[:-1], points[-1] - 1]) > 0.05


def failure(ways: int, points: list[int]) -> float:
    """Chance to be at a stopping point (for 2, 3, ... ways) with one way less than it asks about."""
    seen, failed = {1: 1.0}, 0.0
    for n in range(1, points[-1] + 1):
        if n > 1:
            after: dict[int, float] = {}
            for j, chance in seen.items():
                after[j] = after.get(j, 0.0) + chance * j / ways
                after[j + 1] = after.get(j + 1, 0.0) + chance * (ways - j) / ways
            seen = after
        for k, point in enumerate(points, 2):
            if point == n:
                failed += seen.pop(k - 1, 0.0)
    return failed


@pytest.mark.parametrize("ways", [2, 17, 64, 65, 300, 1000])
def test_no_rule_asks_for_more_than_the_union_bound(ways: int) -> None:
    bound = ceil(log(0.05 / ways) / log((ways - 1) / ways))
    assert exact(ways, 0.05) <= veitch(ways, 0.05) <= bound
    # The union counts twice what misses two ways: at 5 % that makes little of a difference.
    assert exact(ways, 0.05) >= ceil(log(0.053 / ways) / log((ways - 1) / ways))


def test_one_way_needs_one_flow() -> None:
    assert exact(1, 0.05) == veitch(1, 0.05) == 1
