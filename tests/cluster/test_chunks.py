"""The division of a sweep: each target once, no rate exceeded, whatever dies; all in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import Simulation

from anyicmp import SweepPosition
from anyicmp.cluster.chunks import ATTEMPTS, BEYOND, LANES, SENDING, Chunk, Division

pytestmark = pytest.mark.anybody


def numbers_of(chunk: Chunk) -> list[int]:
    return [n for first, count in chunk.left() for n in range(first, first + count)]


def finish(division: Division, chunk: Chunk, run: str = "a") -> None:
    numbers = numbers_of(chunk)
    division.take(chunk.number, run, numbers, sent=len(numbers), position=str(BEYOND + 1), over=True)


@st.composite
def positions(draw: st.DrawFn) -> SweepPosition:
    edges = sorted(draw(st.sets(st.integers(0, 120), min_size=1, max_size=9)))
    start, *rest = edges
    return SweepPosition(start, tuple((a, b - 1) for a, b in zip(rest[::2], rest[1::2], strict=False)))


@given(positions(), st.integers(1, 130), st.integers(1, 40))
def test_chunks_are_disjoint_and_together_what_is_left(resume: SweepPosition, total: int, size: int) -> None:
    division = Division(total, size=size, resume=resume, limited=False)
    wanted = [n for first, count in resume.left(0, total) for n in range(first, first + count)]
    found: list[int] = []
    while (chunk := division.next(1000)) is not None:
        assert SweepPosition.of(str(chunk.position)) == chunk.position
        found += numbers_of(chunk)
    assert found == wanted
    assert division.total == len(wanted)
    left = [n for first, count in division.position.left(0, total) for n in range(first, first + count)]
    assert left == wanted


def test_a_repeated_chunk_brings_what_is_new_and_the_rest_is_counted() -> None:
    division = Division(10, size=10, resume=SweepPosition(), limited=False)
    chunk = division.next(1)
    assert chunk is not None
    assert division.take(0, "a", [0, 1, 2], sent=6, position=f"3,10-{BEYOND}", over=False) is None
    assert division.position == SweepPosition(3)
    # Its worker died; the next one had not heard of the third outcome.
    assert division.take(0, "b", [2, 3], sent=4, position=f"4,10-{BEYOND}", over=False) == [1]
    assert division.take(0, "b", list(range(4, 10)), sent=8, position=str(BEYOND + 1), over=True) is not None
    assert (division.done, division.over, division.sent, division.sent_again) == (10, True, 14, 3)
    # Whoever was only cut off speaks again.
    assert division.take(0, "a", [5], sent=9, position=f"6,10-{BEYOND}", over=False) == []
    assert division.done == 10


def test_what_fails_again_and_again_is_given_up_and_the_rest_goes_on() -> None:
    division = Division(30, size=10, resume=SweepPosition(), limited=False)
    chunks = [division.next(1) for _ in range(3)]
    assert all(chunks)
    for attempt in range(ATTEMPTS):
        division.fail(1, "no buffer")
        if attempt < ATTEMPTS - 1:
            again = division.next(1)
            assert again is chunks[1]
            division.take(1, "a", [10], sent=1, position=f"11,20-{BEYOND}", over=False)
    for number in (0, 2):
        chunk = chunks[number]
        assert chunk is not None
        finish(division, chunk)
    assert division.over
    (given_up,) = division.given_up
    assert (given_up.first, given_up.count, given_up.reason) == (11, 9, "no buffer")
    assert division.position == SweepPosition(11, ((20, 29),))


def test_a_rate_is_divided_and_divided_anew() -> None:
    division = Division(1000, size=10, resume=SweepPosition(), limited=True)
    first = [division.next(2) for _ in range(5)]
    shares = [chunk.share for chunk in first if chunk is not None]
    assert shares == [1 / (2 * SENDING)] * (2 * SENDING)
    # One has sent all and waits for its answers: its share is free.
    assert first[0] is not None
    assert division.take(0, "a", [], sent=10, position=str(first[0].position), over=False) is None
    assert division.next(2) is not None
    assert division.next(2) is None
    # A worker leaves: with half of the chunks ended, the other half of the rate is one worker's.
    for chunk in first[1:4]:
        assert chunk is not None
        finish(division, chunk)
    alone = division.next(1)
    assert alone is not None
    assert alone.share == 1 / SENDING
    assert division.next(1) is None


def test_without_a_rate_each_worker_has_its_lanes() -> None:
    division = Division(1000, size=10, resume=SweepPosition(), limited=False)
    assert sum(division.next(4) is not None for _ in range(20)) == 4 * LANES


@pytest.mark.parametrize(("life", "in_a_row"), [(None, 0), (600.0, 1), (60.0, 2)])
def test_a_hundred_workers_that_die_bring_each_target_once(life: float | None, in_a_row: int) -> None:
    report = Simulation(1 << 17, 100, 10_000.0, size=250, life=life, seed=7).run()
    assert report.given_up == 0
    assert set(report.outcomes) == {1}
    # What a chunk had sent before its worker died has a share no more when another sends it again.
    assert report.fastest <= 10_000.0 * (1.0001 if life is None else 1.02)
    assert bool(report.deaths) == (life is not None)
    again = report.sent - len(report.outcomes)
    assert report.sent_again <= again <= report.deaths * LANES * 250
    # 13.1 s at the whole rate, one chunk (5 s) that begins when others have ended, and for each death of one
    # chunk in a row, until it was noticed (22 s), a chunk and its last answers.
    assert report.seconds < 13.1 + 5.0 + in_a_row * (22.0 + 5.0 + 2.0)
