"""Which router answers at which hop for some time now: changes of a path that last.

Rounds in, changes out. Balancers that send each packet another way change nothing here, nor does silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anyicmp.paths import PathChange
from anyicmp.results import IPAddress

__all__ = ["CONFIRMED", "Changes"]

CONFIRMED = 3
"""Rounds in a row in which another router must answer, and the old one not."""


class Changes:
    """The path as it is settled, hop by hop."""

    def __init__(self) -> None:
        self._settled: dict[int, IPAddress] = {}
        self._candidates: dict[int, tuple[IPAddress, int]] = {}

    def note(self, answered: Mapping[int, Sequence[IPAddress]]) -> tuple[PathChange, ...]:
        """Take who answered at each hop in a round; returns the changes that it confirms."""
        found = []
        for ttl, addresses in sorted(answered.items()):
            if not addresses:
                continue
            settled = self._settled.setdefault(ttl, addresses[0])
            if settled in addresses:
                self._candidates.pop(ttl, None)
                continue
            before, times = self._candidates.get(ttl, (addresses[0], 0))
            candidate, times = (before, times + 1) if before in addresses else (addresses[0], 1)
            self._candidates[ttl] = candidate, times
            if times >= CONFIRMED:
                found.append(PathChange(ttl=ttl, before=settled, after=candidate))
                self._settled[ttl] = candidate
                del self._candidates[ttl]
        return tuple(found)
