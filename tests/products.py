"""Which products of a test's parameters run anyway: so few that every two values still meet.

The others are `slow`: further combinations, which run where ANYICMP_SLOW is in the environment. Nothing is
collected or run here.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _pytest.mark import ParameterSet


def paired(*columns: Sequence[Any]) -> list[ParameterSet]:
    """All combinations as parameters; slow are those without which every two values still meet.

    There are three columns, and the first one is the shortest.
    """
    many = len(columns[0])
    combinations = itertools.product(*(list(enumerate(column)) for column in columns))
    return [
        pytest.param(
            *(value for _, value in places),
            id="-".join("root" if value is None else str(value) for _, value in places),
            marks=pytest.mark.slow if sum(at for at, _ in places) % many else (),
        )
        for places in combinations
    ]


def shared(rows: Sequence[tuple[str, ...]]) -> Iterator[int]:
    """Numbers of the rows that are needed if the loops share them.

    A row is a loop and a value of each parameter. Without the others each combination of values is still on a
    loop, and each value on each loop. Of one parameter, and of none, all are needed.
    """
    orders = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]

    def shift(number: int) -> int:
        """Nought for one loop of each combination: the next value is on the next loop."""
        loop, *values = (order.index(each) for order, each in zip(orders, rows[number], strict=True))
        return (loop - sum(values)) % len(orders[0])

    met: set[tuple[object, ...]] = set()
    for number in sorted(range(len(rows)), key=shift):
        loop, *values = rows[number]
        brings = {("all", *values), ("loop", loop)} | {(at, each, loop) for at, each in enumerate(values)}
        if not brings <= met:
            met |= brings
            yield number
