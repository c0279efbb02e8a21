"""A keyed permutation of 0 .. size - 1 with random access and no memory.

A Feistel network over the smallest square that holds the numbers, walked until it lands among them
(cycle walking: Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002). It spreads, it does not
encrypt.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["Permutation"]

ROUNDS = 4
_MASK = 0xFFFFFFFFFFFFFFFF


class Permutation:
    """`permutation[i]` for i in 0 .. size - 1 is each of these numbers once, in an order set by the seed."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._bits = max(1, ((size - 1).bit_length() + 1) // 2)
        self._half = (1 << self._bits) - 1
        digest = blake2b(repr(seed).encode(), digest_size=8 * ROUNDS).digest()
        self._keys = [int.from_bytes(digest[8 * i : 8 * i + 8], "big") | 1 for i in range(ROUNDS)]

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, i: int) -> int:
        if not 0 <= i < self._size:
            raise IndexError("no such position in the permutation")
        while True:
            left, right = i >> self._bits, i & self._half
            for key in self._keys:
                # A multiplication spreads the bits upwards, the shifts bring them down again.
                mixed = (right + key) * key & _MASK
                mixed ^= mixed >> 29
                mixed = mixed * 0xBF58476D1CE4E5B9 & _MASK
                left, right = right, left ^ (mixed >> 32) & self._half
            i = left << self._bits | right
            if i < self._size:
                return i
