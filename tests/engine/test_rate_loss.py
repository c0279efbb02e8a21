"""The statistics behind "loss rises with the rate": exact, and hardly ever wrong by chance."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.outcome import REPLY, TIMEOUT, OutcomeBatch
from anyicmp.engine.rate_loss import IMPROBABLE, Recheck, Sample, Sampled, chance_of

NOWHERE = Sampled(4, 0, 0)


def probability(n: int, k: int, share: Fraction) -> Fraction:
    """Of k among n."""
    return comb(n, k) * share**k * (1 - share) ** (n - k)


@given(n=st.integers(0, 300), data=st.data(), share=st.fractions(Fraction(1, 1000), Fraction(999, 1000)))
def test_the_chance_is_the_tail_of_a_binomial_distribution(
    n: int, data: st.DataObject, share: Fraction
) -> None:
    recovered = data.draw(st.integers(0, n))
    exact = float(sum(probability(n, k, share) for k in range(recovered, n + 1)))
    assert chance_of(recovered, n - recovered, float(share)) == pytest.approx(exact, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("share", [Fraction(1, 100), Fraction(1, 4), Fraction(1, 2), Fraction(9, 10)])
def test_a_false_alarm_is_as_improbable_as_it_says(share: Fraction) -> None:
    """If the rate makes no difference, all that would raise an alarm is together this improbable."""
    for n in range(1, 120):
        alarms = [k for k in range(n + 1) if chance_of(k, n - k, float(share)) < IMPROBABLE]
        assert float(sum(probability(n, k, share) for k in alarms)) < IMPROBABLE


def test_twenty_that_recovered_are_no_chance() -> None:
    assert chance_of(20, 0, 0.5) < IMPROBABLE < chance_of(19, 0, 0.5)


@pytest.mark.parametrize("step", [1, 7, 256, 65536])
def test_a_sample_is_spread_over_all(step: int) -> None:
    """Whatever pattern the numbers have: about a tenth from each tenth."""
    sample = Sample(1000)
    for i in range(20_000):
        sample.add(i * step, Sampled(4, i, 0))
    assert sample.count == 20_000
    kept = [target.first for target in sample.first(1000)]
    assert len(set(kept)) == 1000
    tenths = [sum(k <= i / 2000 < k + 1 for i in kept) for k in range(10)]
    assert all(60 <= n <= 145 for n in tenths), tenths
    assert sample.first(10) == sample.first(1000)[:10]


def test_a_smaller_number_of_targets_is_taken_whole() -> None:
    sample = Sample(10)
    for i in range(4):
        sample.add(i, Sampled(4, i, 0))
    assert {target.first for target in sample.first(10)} == {0, 1, 2, 3}


def found(silent: int, answered: int, *, size: int = 100) -> Recheck:
    """A sweep of a second."""
    recheck, batch = Recheck(size), OutcomeBatch(4)
    n = silent + answered
    for i in range(n):
        kind = TIMEOUT if i < silent else REPLY
        batch.append(kind, target=i.to_bytes(4, "big"), scope=0, tag=i, sent_at=100 + i / (n - 1))
    recheck.add(batch)
    return recheck


def test_what_was_hidden_is_estimated_from_the_sample() -> None:
    """A tenth of the silent was asked again and 30 answered: 300 were hidden."""
    recheck = found(1000, 700)
    loss = recheck.compare(17.0, [REPLY] * 30 + [TIMEOUT] * 70, [REPLY] * 99 + [TIMEOUT])
    assert loss is not None
    assert (loss.silent, loss.recovered, loss.answered, loss.lost) == (100, 30, 100, 1)
    assert loss.rate == pytest.approx(1699)
    assert loss.loss == pytest.approx(0.3)
    assert loss.slow_loss == pytest.approx(0.01)
    assert loss.rises


def test_as_much_loss_at_either_rate_is_no_alarm() -> None:
    """1,000 hosts of which each probe loses a tenth: 90 recover, 90 of those that answered are silent now."""
    recheck = found(100, 900, size=1000)
    loss = recheck.compare(1.0, [REPLY] * 90 + [TIMEOUT] * 10, [REPLY] * 810 + [TIMEOUT] * 90)
    assert loss is not None
    assert not loss.rises
    assert 0.3 < loss.chance < 0.7


def test_where_nobody_answered_a_few_that_do_now_are_enough() -> None:
    recheck = found(10_000, 0)
    loss = recheck.compare(1.0, [REPLY] * 4 + [TIMEOUT] * 96, [])
    assert loss is not None
    assert (loss.loss, loss.slow_loss, loss.rises) == (1.0, None, True)


def test_where_nothing_was_silent_there_is_nothing_to_say() -> None:
    assert found(0, 100).compare(1.0, [], [REPLY] * 100) is None
