"""Where a sweep is: what is noted, what is left, and the text of it."""

from __future__ import annotations

from array import array
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.position import Ended, SweepPosition


def left(position: SweepPosition, size: int) -> set[int]:
    """The targets that have no outcome, of so many."""
    return {first + k for first, count in position.left(0, size) for k in range(count)}


@given(
    size=st.integers(1, 300), seed=st.integers(0, 10_000), stop=st.integers(0, 300), batch=st.integers(1, 90)
)
def test_what_has_ended_and_what_is_left_are_all(size: int, seed: int, stop: int, batch: int) -> None:
    """In whatever order and batches they end; the same after a resumption, through its text."""
    order = list(range(size))
    Random(seed).shuffle(order)
    order = sorted(order, key=lambda i: i // 20) if seed % 2 else order
    done: set[int] = set()
    ended = Ended(SweepPosition())
    for at in range(0, min(stop, size), batch):
        ended.end(array("Q", order[at : at + batch]))
        done |= set(order[at : at + batch])
        if at // batch % 3 == 0:
            ended = Ended(SweepPosition.of(str(ended.position)))
        assert left(ended.position, size) == set(range(size)) - done
    position = ended.position
    assert SweepPosition.of(str(position)) == position
    assert all(a <= b for a, b in position.done)


@given(pieces=st.lists(st.integers(1, 40), max_size=20), done=st.sets(st.integers(0, 200)))
def test_what_is_left_of_parts_is_what_is_left_of_all(pieces: list[int], done: set[int]) -> None:
    ended = Ended(SweepPosition())
    for place in done:
        ended.end(array("Q", [place]))
    position, at, found = ended.position, 0, set()
    for size in pieces:
        for first, count in position.left(at, size):
            assert at <= first < first + count <= at + size
            found |= set(range(first, first + count))
        at += size
    assert found == set(range(at)) - done


def test_in_order_nothing_is_kept_but_a_number() -> None:
    ended = Ended(SweepPosition())
    for first in range(0, 64_000, 64):
        ended.end(array("Q", range(first, first + 64)))
    assert str(ended.position) == "64000"
    assert not ended._flags


def test_what_had_ended_before_may_be_as_large_as_it_likes() -> None:
    """It stays a range, until the start goes over it."""
    ended = Ended(SweepPosition(5, ((10, 1 << 40), (1 << 41, (1 << 56) - 1))))
    ended.end(array("Q", [7]))
    assert ended.position == SweepPosition(5, ((7, 7), (10, 1 << 40), (1 << 41, (1 << 56) - 1)))
    ended.end(array("Q", [5, 6]))
    ended.end(array("Q", [9]))
    assert str(ended.position) == f"8,9-{1 << 40},{1 << 41}-{(1 << 56) - 1}"
    ended.end(array("Q", [8]))
    assert ended.position == SweepPosition((1 << 40) + 1, ((1 << 41, (1 << 56) - 1),))


def test_the_text() -> None:
    position = SweepPosition(12, ((14, 14), (17, 20)))
    assert str(position) == "12,14,17-20"
    assert SweepPosition.of("12,14,17-20") == position


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "3,2", "3,3", "3,5-4", "3,5,5", "3,5-7,8", "3,9,7", "3,", "1-2", "3,4-", "1.5"]
)
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match="not a position in a sweep"):
        SweepPosition.of(text)
