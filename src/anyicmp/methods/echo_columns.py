"""Replies by columns: what all whole replies to a template's probes have in common, what each brings back.

A shortcut of `echo.py` for many rows: whole columns of octets are compared, none is looked at alone. Who the
replies are for, and whether they are awaited, is the engine's to say.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from struct import Struct
from sys import byteorder
from typing import Literal

from anyicmp.methods.base import Replies
from anyicmp.wire.batch import PacketBatch
from anyicmp.wire.wide import counting, ones

__all__ = ["Alike", "complement", "sequences_from"]

# Where in the message the parts of the token stand.
SEQUENCE, GENERATION, NONCE = 6, 8, 12
GENERATION_COMPLEMENT, NONCE_COMPLEMENT, SEQUENCE_COMPLEMENT = 16, 20, 24
TOKEN_END = 26

MANY = 128
"""Octets behind the token from which on they are cut out of the rows: by columns there would be too many."""

FULL = 0xFFFFFFFF

Code = Literal["B", "H", "I", "Q"]
SIZES: tuple[tuple[Code, int], ...] = (("Q", 8), ("I", 4), ("H", 2), ("B", 1))


@lru_cache(maxsize=64)
def _tails(at: int, octets: int, slot: int) -> Struct:
    """So many octets of each row, from an offset on."""
    return Struct(f"{at}x{octets}s{slot - at - octets}x")


def complement(octets: bytes | bytearray) -> bytes:
    """All bits turned over."""
    full = (1 << 8 * len(octets)) - 1
    return (int.from_bytes(octets, "big") ^ full).to_bytes(len(octets), "big")


def sequences_from(first: int, n: int) -> bytes:
    """n sequence numbers in a row as a column in network order."""
    return (first * ones(n, 2) + counting(n, 2, "big")).to_bytes(2 * n, "big")


def _native(code: str, octets: bytes) -> array[int]:
    """A column of numbers in network order."""
    numbers = array(code, octets)
    if byteorder == "little":
        numbers.byteswap()
    return numbers


class Alike:
    """What is alike in all replies that one lane hears to probes of one length, in batches of one form."""

    def __init__(
        self, rx: PacketBatch, lane: int, start: int, *, head: bytes, rest: bytes, verify: bool
    ) -> None:
        """`head`: the message's first six octets, `rest`: those behind the token.

        `start`: where the message begins in each row. `verify`: the kernel has not verified the checksum.
        """
        self.lane, self.verify = lane, verify
        self.size = TOKEN_END - 8 + len(rest)
        self._start, self._slot = start, rx.slot
        self._rest = rest if verify and len(rest) >= MANY else b""
        # With the checksum right, what is behind the token is what was sent.
        parts = [(0, head[:2]), (4, head[4:])]
        if verify:
            parts = [(0, head)] if self._rest else [(0, head), (TOKEN_END, rest)]
        self._columns: list[tuple[Code, int, int, memoryview[int]]] = [
            (code, begin // size, rx.slot // size, memoryview(octets * rx.capacity).cast(code))
            for at, part in parts
            for code, size, begin, octets in _pieces(part, start + at, rx.slot)
        ]

    def replies(self, rx: PacketBatch, n: int) -> Replies | None:
        """The first n rows; None if one of them is anything else."""
        start, slot = self._start, self._slot
        arena = memoryview(rx.data)[: n * slot]
        halves, words = arena.cast("H"), arena.cast("I")
        views: dict[Code, memoryview[int]] = {"H": halves, "I": words, "B": arena}
        for code, at, step, expected in self._columns:
            view = views.get(code)
            if view is None:
                view = views[code] = arena.cast(code)
            if view[at::step] != expected[:n]:
                return None
        half, word = slot // 2, slot // 4

        sequences = halves[(start + SEQUENCE) // 2 :: half].tobytes()
        nonces = words[(start + NONCE) // 4 :: word].tobytes()
        generation = words[(start + GENERATION) // 4]
        turned = memoryview(complement(sequences)).cast("H")
        if halves[(start + SEQUENCE_COMPLEMENT) // 2 :: half] != turned or (
            words[(start + GENERATION) // 4 :: word] != array("I", [generation]) * n
        ):
            return None
        if self.verify:
            # Every octet is what was sent and the checksum what goes with it: no sum needs computing.
            turned = memoryview(complement(nonces)).cast("I")
            if (
                words[(start + GENERATION_COMPLEMENT) // 4 :: word] != array("I", [generation ^ FULL]) * n
                or words[(start + NONCE_COMPLEMENT) // 4 :: word] != turned
            ):
                return None
            if self._rest:
                tails = _tails(start + TOKEN_END, len(self._rest), slot).iter_unpack(arena)
                if list(tails).count((self._rest,)) != n:
                    return None
        numbers = _native("H", sequences)
        return Replies(
            lane=self.lane,
            sequences=numbers,
            in_a_row=numbers[-1] - numbers[0] == n - 1 and sequences == sequences_from(numbers[0], n),
            generation=int.from_bytes(generation.to_bytes(4, byteorder), "big"),
            nonces=_native("I", nonces),
            size=self.size,
        )


def _pieces(octets: bytes, at: int, slot: int) -> list[tuple[Code, int, int, bytes]]:
    """Octets of a row, from an offset in it on, as numbers as large as can be: code, size, offset, octets."""
    found: list[tuple[Code, int, int, bytes]] = []
    begin, end = at, at + len(octets)
    while begin < end:
        fits = [each for each in SIZES if not (begin % each[1] or slot % each[1]) and begin + each[1] <= end]
        code, size = fits[0]
        found.append((code, size, begin, octets[begin - at : begin - at + size]))
        begin += size
    return found
