"""The keyed permutation: complete, keyed, spread; shards of it are disjoint and complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.permutation import Permutation


@given(size=st.integers(1, 2000), seed=st.integers())
def test_each_number_comes_once(size: int, seed: int) -> None:
    """A permutation of 0 .. size - 1, whatever size and seed."""
    permutation = Permutation(size, seed)
    assert sorted(permutation[i] for i in range(size)) == list(range(size))


@given(size=st.integers(1, 2000), shards=st.integers(1, 20), seed=st.integers())
def test_shards_are_disjoint_and_complete(size: int, shards: int, seed: int) -> None:
    """Every n-th position, from each start, covers everything without overlap."""
    permutation = Permutation(size, seed)
    parts = [[permutation[i] for i in range(shard, size, shards)] for shard in range(shards)]
    assert sorted(number for part in parts for number in part) == list(range(size))


@given(
    size=st.integers(1, 1 << 56),
    shards=st.integers(1, 1 << 40),
    seed=st.integers(),
    data=st.data(),
)
def test_of_any_size_and_any_count_no_two_shards_share_a_target(
    size: int, shards: int, seed: int, data: st.DataObject
) -> None:
    """Too many to list: whatever two positions, of one shard or two, have two targets, both there."""
    permutation = Permutation(size, seed)
    picked = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=30, unique=True))
    targets = [permutation[position] for position in picked]
    assert len(set(targets)) == len(picked)
    assert all(0 <= target < size for target in targets)
    # A position is in the shard of its remainder, and in no other.
    for position in picked:
        index = position % shards
        assert position in range(index, size, shards)
        assert index + 1 >= shards or position not in range(index + 1, size, shards)


def test_a_seed_gives_its_own_order() -> None:
    """Same seed, same order; another seed, another; neither the order of the numbers."""
    first, again, other = ([Permutation(1000, seed)[i] for i in range(1000)] for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first != sorted(first)


def test_neighbours_are_spread() -> None:
    """Neighbouring positions lie far apart: about as far as for a random order."""
    size = 65536
    permutation = Permutation(size, 7)
    steps = [abs(permutation[i] - permutation[i + 1]) for i in range(2000)]
    assert 0.8 * size / 3 < sum(steps) / len(steps) < 1.2 * size / 3


def test_outside_is_an_index_error() -> None:
    """There is no position before the first or behind the last."""
    with pytest.raises(IndexError):
        Permutation(3, 0)[3]
    with pytest.raises(IndexError):
        Permutation(3, 0)[-1]
