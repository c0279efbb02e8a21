"""The pacer keeps its rate exactly, and time lost in a stall is not made up for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.pacer import Pacer

SECOND = 1_000_000_000


def run(pacer: Pacer, start: int, stop: int) -> list[int]:
    """Take all that is allowed whenever it is due; the time of each packet."""
    sent, now = [], start
    while (now := pacer.due(now)) < stop:
        n = pacer.allowance(now)
        assert n >= 1, "due, yet nothing is allowed"
        pacer.spend(n)
        sent += [now] * n
    return sent


@pytest.mark.parametrize("rate", [0.5, 1, 3, 7, 100, 999, 12_345, 50_000])
def test_as_many_packets_leave_as_the_rate_says(rate: float) -> None:
    seconds = 20 if rate < 1000 else 2
    assert abs(len(run(Pacer(rate), 10**12, 10**12 + seconds * SECOND)) - rate * seconds) <= 1


@pytest.mark.parametrize("rate", [10, 11, 99, 1000, 3333, 12_345, 99_999, 200_000])
def test_the_rate_is_exact_over_every_window_of_a_hundred_packets(rate: float) -> None:
    """And of more: within 1 %."""
    sent = run(Pacer(rate), 10**12, 10**12 + 1500 * SECOND // rate)
    assert len(sent) == pytest.approx(1500, abs=1)
    for packets in (100, 101, 350, 1000):
        for first, last in zip(sent, sent[packets:], strict=False):
            assert last - first == pytest.approx(packets * SECOND / rate, rel=0.01)


def test_packets_are_spread_evenly() -> None:
    sent = run(Pacer(100), 0, SECOND)
    assert {b - a for a, b in itertools.pairwise(sent)} == {SECOND // 100}


def test_a_stall_is_not_made_up_for() -> None:
    pacer = Pacer(10)
    run(pacer, 0, SECOND)
    later = 100 * SECOND
    sent = run(pacer, later, later + SECOND)
    assert len(sent) <= 11
    assert len([at for at in sent if at == later]) == 1


def test_a_burst_after_a_stall_is_twenty_milliseconds_worth() -> None:
    pacer = Pacer(50_000)
    pacer.spend(pacer.allowance(0))
    assert pacer.allowance(3600 * SECOND) == 1 + 50_000 * 0.02


@pytest.mark.parametrize("rate", [10, 100, 1000, 50_000])
def test_turns_that_come_late_do_not_lower_the_rate(rate: float) -> None:
    """An event loop's timer is late each time, by up to 19 ms here: within 1 % of the rate all the same."""
    pacer, now, sent = Pacer(rate), 0, 0
    for late in itertools.cycle((0, 19_000_000, 1_000_000, 7_000_000)):
        now = pacer.due(now) + late
        if now > 60 * SECOND:
            break
        n = pacer.allowance(now)
        pacer.spend(n)
        sent += n
    assert sent == pytest.approx(60 * rate, rel=0.01)


def test_nothing_is_allowed_before_it_is_due() -> None:
    pacer = Pacer(10)
    assert pacer.allowance(0) == 1
    pacer.spend(1)
    assert pacer.due(0) == SECOND // 10
    assert pacer.allowance(SECOND // 10 - 1) == 0
    assert pacer.allowance(SECOND // 10) == 1


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_is_above_zero_and_finite(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be above 0"):
        Pacer(rate)


@given(
    rate=st.floats(0.1, 1e6),
    pauses=st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=50),
)
def test_no_window_sees_more_than_rate_and_burst(rate: float, pauses: list[int]) -> None:
    """However unevenly the caller comes: within any span of time rate * span + burst is the most."""
    pacer, now, sent = Pacer(rate), 0, []
    burst = 1 + rate * 0.02
    for pause in pauses:
        now += pause
        n = pacer.allowance(now)
        pacer.spend(n)
        sent.append((now, n))
    for i in range(len(sent)):
        total = 0
        for now, n in sent[i:]:
            total += n
            # Each rounding of a span to nanoseconds may cost half a nanosecond.
            slack = 1 + rate * len(sent) / SECOND
            assert total <= rate * (now - sent[i][0]) / SECOND + burst + slack
