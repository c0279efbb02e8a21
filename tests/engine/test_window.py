"""The last probes of a target, and all of them: figures as Python's own statistics have them."""

from __future__ import annotations

import statistics
import sys
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT
from anyicmp.engine.statistics import Tally
from anyicmp.engine.window import KINDS, Totals, Window

kinds = st.sampled_from([REPLY, ERROR, TIMEOUT, FAILED])
ends = st.lists(st.tuples(kinds, st.floats(1e-5, 2.0)), max_size=60)
sizes = st.integers(1, 20)


def value(kind: int, rtt: float) -> float:
    return rtt if kind == REPLY else nan


@settings(max_examples=60)
@given(ends, st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=60, max_size=60), sizes)
def test_a_window_is_the_tally_of_its_slots(
    probes: list[tuple[int, float]], order: list[tuple[int, bool]], size: int
) -> None:
    """Whatever was missed, and though probes in flight together end in any order."""
    slots, slot = [], 0
    for (kind, rtt), (step, _) in zip(probes, order, strict=False):
        slot += step
        slots.append((slot, kind, rtt))
    told = list(slots)
    for i in range(0, len(told) - 1, 2):
        if order[i][1]:
            told[i], told[i + 1] = told[i + 1], told[i]
    window, half = Window(size), len(told) // 2
    for slot, kind, rtt in told[:half]:
        window.note(slot, kind, value(kind, rtt))
    judged_from = max((slot for slot, _, _ in told[:half]), default=-1) + 1
    window.judge_from(judged_from)
    for slot, kind, rtt in told[half:]:
        window.note(slot, kind, value(kind, rtt))
    newest = max((slot for slot, _, _ in slots), default=-1)
    inside = [(slot, kind, rtt) for slot, kind, rtt in slots if slot > newest - size]
    tally = Tally()
    for _, kind, rtt in inside:
        tally.count(kind, value(kind, rtt))
    assert window.statistics() == tally.statistics()
    judged = [kind for slot, kind, _ in inside if slot >= judged_from and kind != FAILED]
    assert window.ended == len(judged)
    assert window.lost == sum(kind != REPLY for kind in judged)


def test_after_a_gap_that_is_longer_than_the_window() -> None:
    window = Window(1)
    window.note(1, REPLY, 0.01)
    window.judge_from(2)
    window.note(3, TIMEOUT, nan)
    assert (window.ended, window.lost) == (1, 1)


def test_copies_and_late_answers_leave_with_their_probe() -> None:
    window = Window(3)
    for slot in range(3):
        window.note(slot, REPLY, 0.01)
    window.note_copy(0)
    window.note_copy(2)
    window.note_late(1)
    assert (window.statistics().duplicates, window.statistics().late) == (2, 1)
    window.note(3, REPLY, 0.01)
    assert (window.statistics().duplicates, window.statistics().late) == (1, 1)
    window.note(5, REPLY, 0.01)
    assert (window.statistics().duplicates, window.statistics().late) == (0, 0)
    window.note_copy(1)  # a copy of what is forgotten
    assert window.statistics().duplicates == 0
    for _ in range(70_000):
        window.note_copy(5)
    assert window.statistics().duplicates == 0xFFFF


def test_an_outcome_older_than_the_window_changes_nothing() -> None:
    window = Window(2)
    window.note(9, REPLY, 0.01)
    before = window.statistics()
    window.note(7, TIMEOUT, nan)
    assert window.statistics() == before


@given(ends)
def test_totals_are_those_of_the_standard_library(probes: list[tuple[int, float]]) -> None:
    totals, rtts = Totals(), []
    for kind, rtt in probes:
        if kind == REPLY:
            rtts.append(rtt)
            totals.note_reply(rtt)
        elif kind == ERROR:
            totals.note_error(3, 1)
        elif kind == FAILED:
            totals.note_failure(101)
        else:
            totals.kinds[TIMEOUT] += 1
    figures = totals.statistics(sent=len(probes))
    ways = [kind for kind, _ in probes]
    ended = len(ways) - ways.count(FAILED)
    assert (figures.received, figures.errors, figures.failed) == (
        len(rtts),
        ways.count(ERROR),
        ways.count(FAILED),
    )
    assert figures.loss == (1 - len(rtts) / ended if ended else None)
    assert (totals.errors or {}) == ({(3, 1): ways.count(ERROR)} if ERROR in ways else {})
    assert (totals.failures or {}) == ({101: ways.count(FAILED)} if FAILED in ways else {})
    if not rtts:
        assert figures.average is figures.median is figures.jitter is figures.last is None
        return
    assert (figures.minimum, figures.maximum, figures.last) == (min(rtts), max(rtts), rtts[-1])
    assert figures.average == pytest.approx(statistics.fmean(rtts), rel=1e-9)
    assert figures.median is not None
    assert min(rtts) <= figures.median <= max(rtts)
    assert totals.total_rtt == pytest.approx(sum(rtts), rel=1e-9)
    if len(rtts) > 1:
        assert figures.stddev == pytest.approx(statistics.stdev(rtts), rel=1e-6, abs=1e-12)
        tally = Tally()
        for rtt in rtts:
            tally.count(REPLY, rtt)
        assert figures.jitter == pytest.approx(tally.statistics().jitter, rel=1e-9)


def test_however_many_kinds_of_errors_a_forger_sends_few_are_kept() -> None:
    totals = Totals()
    for code in range(256):
        totals.note_error(3, code)
    assert totals.kinds[ERROR] == 256
    assert totals.errors is not None
    assert len(totals.errors) == KINDS
    totals.note_error(3, 0)
    assert totals.errors[3, 0] == 2


def test_a_window_takes_eight_octets_a_probe() -> None:
    assert sys.getsizeof(Window(1000)._slots) < 8 * 1000 + 100
