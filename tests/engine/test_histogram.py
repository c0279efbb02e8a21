"""Durations in classes: counted right, told right to the width of a class, and in little room."""

from __future__ import annotations

import sys
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.histogram import BASE, HIGHEST, LOWEST, PER_OCTAVE, Histogram

durations = st.lists(st.floats(2e-6, 40.0), min_size=1, max_size=100)


def made(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(durations, st.sampled_from([0.0, 0.25, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_right_to_half_a_class(values: list[float], share: float) -> None:
    found = made(values).quantile(share)
    true = sorted(values)[max(0, ceil(share * len(values)) - 1)]
    assert found == pytest.approx(true, rel=2 ** (0.5 / PER_OCTAVE) - 1 + 1e-9)


@given(durations)
def test_doublings_are_cumulated_and_their_bounds_belong_to_them(values: list[float]) -> None:
    bounds = [BASE * 2**k for k in range(20)]
    values = [*values, *bounds]
    assert made(values).up_to(20) == tuple(sum(value <= bound for value in values) for bound in bounds)


def test_what_is_beyond_counts_at_the_end() -> None:
    histogram = made([0.0, 1e-9, 1e9])
    assert histogram.total == 3
    assert histogram.up_to(20) == (2,) * 20
    assert histogram.quantile(1.0) == pytest.approx(BASE * 2 ** (HIGHEST / PER_OCTAVE), rel=0.03)


def test_nothing_was_counted() -> None:
    assert (Histogram().total, Histogram().quantile(0.5), Histogram().up_to(2)) == (0, None, (0, 0))


def test_it_takes_the_room_of_what_it_has_seen() -> None:
    one_host = made([0.02 + i * 1e-4 for i in range(100)])
    assert sys.getsizeof(one_host._counts) < 200
    everything = made([1e-9, 1e9])
    assert sys.getsizeof(everything._counts) < 4 * (HIGHEST - LOWEST + 1) + 100


def test_it_counts_for_centuries() -> None:
    histogram = Histogram()
    for _ in range(3):
        histogram.add(0.02, 2_000_000_000)
    histogram.add(0.2)
    histogram.add(0.002)
    assert histogram.total == 6_000_000_002
    assert histogram.up_to(20)[-1] == 6_000_000_002
