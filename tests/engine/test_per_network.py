"""No network gets more probes a second than it is to have, none waits for another, all get theirs."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.pacer import LAG
from anyicmp.engine.per_network import PerNetwork
from anyicmp.engine.segments import Segment

SECOND = 1_000_000_000
START = 10**12
BITS = 8


def run(segments: PerNetwork, *, most: int = 64, until: int | None = None) -> list[tuple[int, int, int]]:
    """Take all that is due whenever it is; (time, address, number) of each."""
    now, taken = START, []
    while (due := segments.due(now)) is not None and (until is None or due < until):
        now = due
        while (segment := segments.take(most, now)) is not None:
            taken += [(now, segment.first + k, segment.sequence + k) for k in range(segment.count)]
    return taken


def by_network(taken: list[tuple[int, int, int]]) -> dict[int, list[int]]:
    """The times of each network's probes."""
    times: dict[int, list[int]] = {}
    for at, address, _ in taken:
        times.setdefault(address >> BITS, []).append(at)
    return times


spans = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 600)), min_size=1, max_size=8)


@given(spans=spans, rate=st.sampled_from([1.0, 7.0, 100.0, 3333.0]), in_play=st.integers(1, 12))
def test_each_address_comes_once_and_each_network_keeps_its_rate(
    spans: list[tuple[int, int]], rate: float, in_play: int
) -> None:
    """Whatever overlaps, however few networks may be in play."""
    segments, number, expected = PerNetwork(rate, BITS, in_play=in_play), 0, []
    for first, count in spans:
        segments.add(Segment(first, count, number))
        expected += [(first + k, number + k) for k in range(count)]
        number += count
    taken = run(segments)
    assert sorted((address, number) for _, address, number in taken) == sorted(expected)
    assert len(segments) == 0
    assert len(segments._networks) <= in_play
    for times in by_network(taken).values():
        n = len(times)
        assert times[-1] - times[0] >= (n - 1) * SECOND / rate - n


@pytest.mark.parametrize("rate", [0.5, 10, 100, 2500, 50_000])
def test_the_rate_of_a_network_is_exact(rate: float) -> None:
    """Within 1 % over every window of 100 packets, with 40 networks in play."""
    segments = PerNetwork(rate, BITS)
    segments.add(Segment(0, 40 << BITS, 0))
    times = by_network(run(segments))
    assert len(times) == 40
    for sent in times.values():
        assert len(sent) == 256
        for i in range(156):
            assert sent[i + 100] - sent[i] == pytest.approx(100 * SECOND / rate, rel=0.01)


def test_a_network_that_waits_holds_up_no_other() -> None:
    segments = PerNetwork(10, BITS)
    segments.add(Segment(0, 256, 0))
    for k in range(1, 100):
        segments.add(Segment(k << BITS, 1, 255 + k))
    taken = run(segments)
    assert [at for at, address, _ in taken if address >> BITS] == [START] * 99
    assert taken[-1][0] == START + 255 * SECOND // 10


def test_networks_come_into_play_when_none_is_due() -> None:
    """Of sixteen million addresses only so many networks are held as it takes to be busy."""
    segments = PerNetwork(100, BITS)
    segments.add(Segment(0, 1 << 24, 0))
    now = START
    for _ in range(3000):
        taken = segments.take(1, now)
        assert taken is not None
        now += SECOND // 1000
    assert len(segments._networks) <= 12


def test_where_too_many_are_in_play_the_next_wait_for_them() -> None:
    segments = PerNetwork(10, BITS, in_play=3)
    segments.add(Segment(0, 5 << BITS, 0))
    taken = run(segments, until=START + SECOND)
    assert {address >> BITS for _, address, _ in taken} == {0, 1, 2}
    assert len(taken) == 30


def test_what_is_probed_again_goes_first_and_keeps_the_rate() -> None:
    segments = PerNetwork(10, BITS)
    segments.add(Segment(0, 5, 0))
    first = segments.take(64, START)
    assert first is not None
    segments.add(Segment(0, 1, 0, mark=1))
    taken = run(segments)
    assert [(at, number) for at, _, number in taken[:2]] == [
        (START + SECOND // 10, 0),
        (START + 2 * SECOND // 10, 1),
    ]
    assert {b - a for a, b in pairwise(at for at, _, _ in taken)} == {SECOND // 10}


@given(pauses=st.lists(st.integers(1, 2 * SECOND), min_size=1, max_size=60))
def test_whoever_comes_late_does_not_burst(pauses: list[int]) -> None:
    """In no window more than the rate and what a turn that is 20 ms late may make up for."""
    segments, now, sent, rate = PerNetwork(200, BITS), START, [], 200
    segments.add(Segment(0, 256, 0))
    for pause in pauses:
        now += pause
        while (segment := segments.take(64, now)) is not None:
            sent += [now] * segment.count
    for i, begin in enumerate(sent):
        for end in {begin, begin + SECOND // 10, begin + SECOND}:
            inside = bisect_left(sent, end + 1) - i
            assert inside <= 2 + rate * (end - begin + LAG) / SECOND


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf")])
def test_a_rate_is_above_zero_and_finite(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be above 0"):
        PerNetwork(rate, BITS)
