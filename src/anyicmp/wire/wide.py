"""Columns of numbers as one wide integer: a whole column is shifted or compared by one operation.

A lane is one number of the column. What lanes mean is for those who have columns; as long as each lane's
result fits into its bits, no lane touches its neighbour.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from sys import byteorder
from typing import Literal

__all__ = ["all_at_least", "column_of", "counting", "differences", "ones", "ramp", "wide"]

Order = Literal["little", "big"]
Buffer = bytes | bytearray | memoryview | array  # type: ignore[type-arg] # of any numbers

SIGN = 1 << 63
CODES = {2: ("H", 1), 4: ("I", 1), 8: ("Q", 1), 16: ("Q", 2)}
"""Type of the arrays whose numbers have so many octets, and how many of its words one takes."""


def wide(column: Buffer) -> int:
    """A column of this machine's numbers as one integer."""
    return int.from_bytes(column, byteorder)


def column_of(lanes: int, n: int) -> array[int]:
    """n lanes of 64 bits as a column of signed numbers. Raises OverflowError where they do not fit."""
    return array("q", lanes.to_bytes(8 * n, byteorder))


@lru_cache(maxsize=1024)
def ones(n: int, octets: int = 8) -> int:
    """1 in each of n lanes of so many octets; times a number it is the number in each lane."""
    return int.from_bytes((1).to_bytes(octets, byteorder) * n, byteorder)


@lru_cache(maxsize=1024)
def counting(n: int, octets: int = 8, order: Order = byteorder) -> int:
    """0, 1, 2 and so on in n lanes of so many octets; `order` is that of the octets in the column."""
    code, words = CODES[octets]
    numbers = array(code, bytes(octets * n))
    numbers[words - 1 if order == "big" else 0 :: words] = array(code, range(n))
    if order != byteorder:
        numbers.byteswap()
    return int.from_bytes(numbers, order)


def ramp(first: int, step: int, n: int) -> int:
    """first, first + step, first + 2 * step and so on in n lanes of 64 bits."""
    return first * ones(n) + step * counting(n)


def differences(high: int, low: int, n: int) -> int:
    """high - low, lane by lane of 64 bits, and 0 where that is negative; both from 0 to 2^63 - 1."""
    signs = SIGN * ones(n)
    apart = high - low + signs
    kept = apart & signs  # the top bit is left where nothing had to be borrowed
    return apart & (kept - (kept >> 63))


def all_at_least(high: int, low: int, n: int) -> bool:
    """Whether each lane of 64 bits is at least its counterpart; both from 0 to 2^63 - 1."""
    signs = SIGN * ones(n)
    return (high - low + signs) & signs == signs
