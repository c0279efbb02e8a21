"""The products of parameters that run anyway: whatever they leave out, every two values have met."""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import LOOPS, loop_and_values
from products import shared

pytestmark = pytest.mark.virtual_time

NAMES = tuple(LOOPS)
columns_of_names = st.lists(st.integers(1, 5), max_size=3).map(
    lambda sizes: [[f"{at}.{number}" for number in range(size)] for at, size in enumerate(sizes)]
)


@settings(max_examples=30)
@given(columns=columns_of_names, loops=st.sampled_from([NAMES, NAMES[:1]]))
def test_each_product_runs_and_each_value_meets_each_loop(columns: list[list[str]], loops: list[str]) -> None:
    rows = list(product(loops, *columns))
    kept = [rows[number] for number in shared(rows)]
    assert len(set(kept)) == len(kept)
    assert {row[0] for row in kept} == set(loops)
    assert {row[1:] for row in kept} == set(product(*columns))
    for at, column in enumerate(columns, 1):
        assert {(row[at], row[0]) for row in kept} == set(product(column, loops))
    if len(columns) < 2:
        assert sorted(kept) == sorted(rows)


@pytest.mark.parametrize(
    ("sizes", "count"), [([], 3), ([5], 15), ([89, 2], 267), ([2, 90], 270), ([35, 2, 2], 140), ([8, 4], 32)]
)
def test_no_more_run_than_that_takes(sizes: list[int], count: int) -> None:
    rows = list(product(NAMES, *(list(map(str, range(size))) for size in sizes)))
    assert len(list(shared(rows))) == count


@pytest.mark.anyio
@pytest.mark.parametrize("color", ["red", "green"])
@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize(("form", "corners"), [("circle", 0), ("square", 4), ("triangle", 3)])
async def test_a_product_of_three(color: str, size: str, form: str, corners: int) -> None:
    """Twelve, not thirty-six; the next test looks at it, as at all others that were collected."""


def test_all_that_was_collected_has_all_pairs(request: pytest.FixtureRequest) -> None:
    tests = defaultdict(set)
    for item in request.session.items:
        if item.get_closest_marker("virtual_time") and (row := loop_and_values(item)):
            tests[item.nodeid.partition("[")[0]].add(row)
    for name, rows in tests.items():
        loops, *columns = (set(column) for column in zip(*rows, strict=True))
        assert {row[1:] for row in rows} == set(product(*columns)), name
        for at, column in enumerate(columns, 1):
            assert {(row[at], row[0]) for row in rows} == set(product(column, loops)), name
        if len(columns) < 2:
            assert len(rows) == prod(map(len, columns), start=len(loops)), name
    of_three = tests["tests/test_products.py::test_a_product_of_three"]
    whole = "ANYICMP_SLOW" in os.environ or os.environ.get("ANYICMP_CI_PASS") == "wheel"
    assert len(of_three) == (36 if whole else 12)
