"""Identifiers for raw sockets, drawn at random; datagram sockets get theirs from the kernel.

Numbers alone: no socket is opened here, and what is random is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["draw_identifiers"]


def draw_identifiers(number: int, entropy: Callable[[int], bytes], taken: Iterable[int]) -> tuple[int, ...]:
    """So many identifiers from 1 to 65,535, all different and none of those that are taken."""
    drawn, used, found = entropy(2 * number), {0, *taken}, []
    for i in range(number):
        identifier = int.from_bytes(drawn[2 * i : 2 * i + 2], "big")
        while identifier in used:
            identifier = (identifier + 1) & 0xFFFF
        used.add(identifier)
        found.append(identifier)
    return tuple(found)
