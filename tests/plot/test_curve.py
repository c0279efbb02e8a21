"""The Hilbert curve and the image: invariants."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.plot.curve import hilbert, png
from plot.drawn import pixels

ORDERS = range(8)


@pytest.mark.parametrize("order", ORDERS)
def test_each_place_is_visited_once(order: int) -> None:
    side = range(1 << order)
    assert set(hilbert(order)) == {(x, y) for x in side for y in side}
    assert len(hilbert(order)) == 4**order


@pytest.mark.parametrize("order", ORDERS)
def test_neighbours_on_the_curve_are_neighbours_on_the_map(order: int) -> None:
    places = hilbert(order)
    steps = [abs(a - c) + abs(b - d) for (a, b), (c, d) in itertools.pairwise(places)]
    assert set(steps) <= {1}


@given(st.integers(2, 7), st.integers(0, 7), st.data())
def test_an_aligned_network_is_a_square(order: int, half: int, data: st.DataObject) -> None:
    """And it lies where the map's borders say: the coarse curve does not depend on how fine the map is."""
    inner = min(half, order)
    block = data.draw(st.integers(0, 4 ** (order - inner) - 1))
    places = hilbert(order)[block * 4**inner : (block + 1) * 4**inner]
    assert {(x >> inner, y >> inner) for x, y in places} == {hilbert(order - inner)[block]}


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_an_image_has_the_pixels_that_it_was_given(width: int, height: int, data: st.DataObject) -> None:
    size = width * height
    wanted = data.draw(st.lists(st.integers(0, 15), min_size=size, max_size=size))
    assert pixels(png(bytes(wanted), width, [(i, i, i, 255) for i in range(16)])) == (width, wanted)
