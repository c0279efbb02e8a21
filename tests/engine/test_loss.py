"""Which of two hops loses more, beyond what chance does; and changes of a path that last."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from anyicmp.engine.changes import CONFIRMED, Changes
from anyicmp.engine.loss import loses_more
from anyicmp.paths import PathChange
from anyicmp.results import IPAddress


@pytest.mark.parametrize(
    ("counts", "probability"),
    [
        # Fisher's tea: 3 of 4 against 1 of 4.
        ((3, 4, 1, 4), 17 / 70),
        ((4, 4, 0, 4), 1 / 70),
        ((0, 10, 0, 10), 1.0),
        ((1, 1, 0, 1), 0.5),
        ((0, 5, 5, 5), 1.0),
        ((8, 10, 0, 10), 45 / 125_970),
    ],
)
def test_fisher_s_exact_test(counts: tuple[int, int, int, int], probability: float) -> None:
    assert loses_more(*counts) == pytest.approx(probability)


A, B, C = (ip_address(f"10.0.0.{i}") for i in (1, 2, 3))


def confirmed(*rounds: tuple[IPAddress, ...]) -> list[tuple[PathChange, ...]]:
    changes = Changes()
    return [changes.note({7: addresses}) for addresses in rounds]


def test_a_change_is_told_once_when_it_is_confirmed() -> None:
    found = confirmed((A,), *[(B,)] * (CONFIRMED + 2))
    assert found == [(), (), (), (PathChange(ttl=7, before=A, after=B),), (), ()]


@pytest.mark.parametrize(
    "rounds",
    [
        [(A,), (B,), (B,), (A,), (B,), (B,), (A,)],
        [(A,), (B, A), (B,), (B, A), (B,), (A,)],
        [(A,), (B,), (C,), (B,), (C,), (B,), (C,)],
        [(), (A,), (), (), (A,)],
    ],
    ids=["comes and goes", "balanced", "undecided", "silent"],
)
def test_what_comes_and_goes_is_no_change(rounds: list[tuple[IPAddress, ...]]) -> None:
    assert not any(confirmed(*rounds))


def test_silence_neither_confirms_nor_denies() -> None:
    assert confirmed((A,), (B,), (), (B,), (), (B,))[-1] == (PathChange(ttl=7, before=A, after=B),)
