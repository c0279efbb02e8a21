"""Columns as one wide integer say what the same done lane by lane says."""

from __future__ import annotations

from array import array
from sys import byteorder
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from anyicmp.wire.wide import all_at_least, column_of, counting, differences, ones, wide

numbers = st.integers(0, (1 << 63) - 1)
pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40)


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=40))
def test_a_column_comes_back(column: list[int]) -> None:
    assert list(column_of(wide(array("q", column)), len(column))) == column


@given(first=st.integers(0, 1 << 60), step=st.integers(0, 1 << 50), n=st.integers(1, 300))
def test_evenly_spread(first: int, step: int, n: int) -> None:
    assert list(column_of(first * ones(n) + step * counting(n), n)) == [first + step * i for i in range(n)]


@given(first=st.integers(0, 65_000), n=st.integers(1, 300))
def test_numbers_of_16_bits_in_either_order(first: int, n: int) -> None:
    expected = array("H", range(first, first + n))
    assert wide(expected) == first * ones(n, 2) + counting(n, 2)
    if byteorder == "little":
        expected.byteswap()
    network = (first * ones(n, 2) + counting(n, 2, "big")).to_bytes(2 * n, "big")
    assert network == expected.tobytes()


@given(pairs)
def test_comparisons_and_differences(both: list[tuple[int, int]]) -> None:
    n = len(both)
    high, low = (wide(array("q", column)) for column in zip(*both, strict=True))
    assert all_at_least(high, low, n) == all(a >= b for a, b in both)
    assert list(column_of(differences(high, low, n), n)) == [max(0, a - b) for a, b in both]


@given(pairs, numbers)
def test_one_lane_decides(both: list[tuple[int, int]], extra: int) -> None:
    """All lanes but the last are equal: neighbours do not make up for it, nor spoil it."""
    high = [a for a, _ in both]
    for last in (extra, extra + 1):
        low = [*high, last]
        assert all_at_least(wide(array("Q", [*high, extra])), wide(array("Q", low)), len(low)) == (
            last == extra
        )


@given(n=st.integers(0, 300), octets=st.sampled_from([2, 4, 8, 16]), order=st.sampled_from(["little", "big"]))
def test_counting_in_lanes_of_any_width(n: int, octets: int, order: Literal["little", "big"]) -> None:
    expected = b"".join(i.to_bytes(octets, order) for i in range(n))
    assert counting(n, octets, order).to_bytes(octets * n, order) == expected
