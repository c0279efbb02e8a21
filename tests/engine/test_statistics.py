"""The figures are those of Python's own statistics module, and of RFC 3550."""

from __future__ import annotations

import statistics
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, OutcomeBatch
from anyicmp.engine.statistics import RECENT, Tally, quantile

rtts = st.lists(st.floats(1e-6, 60.0), min_size=1, max_size=200)


def batch(kind: int, values: list[float], *, first: int = 0) -> OutcomeBatch:
    made = OutcomeBatch(4)
    for i, rtt in enumerate(values, first):
        made.append(kind, target=bytes(4), scope=0, tag=i, sent_at=0.0, rtt=rtt)
    return made


def note(tally: Tally, values: list[float], *, first: int) -> None:
    """As a batch, but one that comes alone as pings tell it."""
    if len(values) == 1:
        tally.count(REPLY, values[0])
    else:
        tally.add(batch(REPLY, values, first=first))


def tally_of(values: list[float]) -> Tally:
    tally = Tally()
    tally.add(batch(REPLY, values))
    return tally


@given(rtts)
def test_figures_are_those_of_the_standard_library(values: list[float]) -> None:
    figures = tally_of(values).statistics()
    assert figures.minimum == min(values)
    assert figures.maximum == max(values)
    assert figures.last == values[-1]
    assert figures.average == pytest.approx(statistics.fmean(values), rel=1e-9)
    assert figures.median == pytest.approx(statistics.median(values), rel=1e-9)
    if len(values) > 1:
        # Squares of differences lose what the mean's last digits cannot hold.
        assert figures.stddev == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-9 * max(values))
        hundredths = statistics.quantiles(values, n=100, method="inclusive")
        assert figures.p95 == pytest.approx(hundredths[94], rel=1e-9)
        assert figures.p99 == pytest.approx(hundredths[98], rel=1e-9)
    else:
        assert figures.stddev is None
        assert figures.jitter is None
        assert figures.p95 == figures.p99 == values[0]


@given(rtts)
def test_jitter_is_that_of_rfc_3550(values: list[float]) -> None:
    jitter = 0.0
    for before, after in pairwise(values):
        jitter += (abs(after - before) - jitter) / 16
    expected = jitter if len(values) > 1 else None
    assert tally_of(values).statistics().jitter == pytest.approx(expected)


def test_jitter_of_a_known_series() -> None:
    """RFC 3550 section 6.4.1: 333, 123, 123 ms: 210 / 16, then that less a sixteenth."""
    assert tally_of([0.333, 0.123, 0.123]).statistics().jitter == pytest.approx(0.0123, abs=5e-5)


@given(rtts, st.integers(1, 20))
def test_it_does_not_matter_how_outcomes_are_batched(values: list[float], size: int) -> None:
    tally = Tally()
    for at in range(0, len(values), size):
        tally.add(batch(REPLY, values[at : at + size], first=at))
    assert tally.statistics() == tally_of(values).statistics()


def test_nothing_has_no_figures() -> None:
    figures = Tally().statistics()
    assert (figures.sent, figures.received, figures.loss) == (0, 0, None)
    assert figures.average is figures.median is figures.last is figures.stddev is figures.jitter is None


def test_counts_and_loss() -> None:
    tally, nothing = Tally(), float("nan")
    tally.add(batch(REPLY, [0.1, 0.2, 0.3]))
    tally.add(batch(ERROR, [0.5], first=3))
    tally.add(batch(TIMEOUT, [nothing] * 4, first=4))
    tally.add(batch(FAILED, [nothing] * 2, first=8))
    figures = tally.statistics()
    assert (figures.sent, figures.received, figures.errors, figures.failed) == (8, 3, 1, 2)
    assert figures.loss == pytest.approx(5 / 8)
    assert figures.maximum == 0.3, "an error's round trip is not the target's"
    assert tally.statistics(sent=20).sent == 20
    assert tally.statistics(sent=20).loss == figures.loss, "what is in flight is not lost"


def test_failures_alone_are_no_loss() -> None:
    tally = Tally()
    tally.add(batch(FAILED, [float("nan")]))
    assert tally.statistics().loss is None


def test_errors_answer_in_a_hop() -> None:
    tally = Tally(errors_answer=True)
    tally.add(batch(ERROR, [0.1, 0.3]))
    figures = tally.statistics()
    assert (figures.received, figures.errors, figures.loss) == (2, 2, 0.0)
    assert figures.average == pytest.approx(0.2)


def test_copies_and_late_answers_are_counted() -> None:
    tally, made = Tally(), batch(REPLY, [0.1])
    made.copies += [0, 0]
    made.late.append(0)
    tally.add(made)
    assert (tally.statistics().duplicates, tally.statistics().late) == (2, 1)


def test_a_broadcast_probe_is_received_once_and_timed_for_each_responder() -> None:
    tally, made = Tally(), OutcomeBatch(4)
    for rtt in (0.1, 0.2, 0.3):
        made.append(REPLY, target=bytes(4), scope=0, tag=5, sent_at=0.0, rtt=rtt)
    tally.add(made, many=True)
    figures = tally.statistics()
    assert (figures.sent, figures.received, figures.loss) == (1, 1, 0.0)
    assert figures.average == pytest.approx(0.2)


def test_quantiles_are_over_the_recent_ones() -> None:
    tally = Tally()
    tally.add(batch(REPLY, [9.0] * 100))
    tally.add(batch(REPLY, [1.0] * RECENT, first=100))
    figures = tally.statistics()
    assert (figures.p99, figures.maximum) == (1.0, 9.0)


def test_a_quantile_of_nothing() -> None:
    assert quantile([], 0.5) is None


@given(
    sizes=st.lists(st.just(1) | st.integers(1, 40), min_size=1, max_size=12),
    recent=st.integers(1, 30),
)
def test_what_is_kept_are_the_latest(sizes: list[int], recent: int) -> None:
    """However many come at once: one, a batch, or more than are kept."""
    with mock.patch("anyicmp.engine.statistics.RECENT", recent):
        tally, values = Tally(one_host=False), [float(i) for i in range(sum(sizes))]
        at = 0
        for size in sizes:
            note(tally, values[at : at + size], first=at)
            at += size
        kept = values[-recent:]
        assert tally.statistics().median == quantile(kept, 0.5)
        assert tally.statistics().p99 == quantile(kept, 0.99)


@example(values=[float(i) for i in range(1, 41)], sizes=[1], asked=8)
@given(
    values=st.lists(st.floats(1e-6, 60.0), min_size=2, max_size=150),
    sizes=st.lists(st.just(1) | st.integers(1, 40), min_size=1, max_size=8),
    asked=st.integers(0, 8),
)
def test_what_is_not_kept_still_counts(values: list[float], sizes: list[int], asked: int) -> None:
    """The moments are of all round trips, whenever these are folded: for want of room, or when asked for."""
    with mock.patch("anyicmp.engine.statistics.RECENT", 16):
        few, at = Tally(), 0
        for k in range(len(values)):
            size = sizes[k % len(sizes)]
            note(few, values[at : at + size], first=at)
            at += size
            if k == asked:
                few.statistics()
        found = few.statistics()
    all_of_them = tally_of(values).statistics()
    for name in ("received", "last", "minimum", "maximum"):
        assert getattr(found, name) == getattr(all_of_them, name)
    for name in ("average", "stddev", "jitter"):
        assert getattr(found, name) == pytest.approx(getattr(all_of_them, name), rel=1e-6, abs=1e-8)
