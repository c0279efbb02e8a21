"""Whether a sweep lost answers because it was fast: some of its targets, probed again slowly.

The sample and the statistics. Who probes again, and how slowly, is the sweep's door.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappush, heappushpop
from math import exp, lgamma, log

import attrs

from anyicmp.engine.outcome import REPLY, TIMEOUT, OutcomeBatch
from anyicmp.results import RateLoss
from anyicmp.wire.batch import Version

__all__ = ["IMPROBABLE", "Recheck", "Sample", "Sampled", "chance_of"]

IMPROBABLE = 1e-6
"""What chance alone does less often than this is not called chance."""

_MASK = 0xFFFFFFFFFFFFFFFF


@attrs.frozen
class Sampled:
    """One target, as it is probed again."""

    version: Version
    first: int
    scope: int


class Sample:
    """At most `size` of all that is added, each subset as likely as another; it counts all."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self._size = size
        self._kept: list[tuple[int, int, Sampled]] = []

    def add(self, number: int, target: Sampled) -> None:
        """One more; `number` is its own alone."""
        # Those with the smallest images under a mixing of the number (splitmix64) are as good as drawn.
        mixed = (number + 1) * 0x9E3779B97F4A7C15 & _MASK
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
        self.count += 1
        row = (-(mixed ^ mixed >> 31), number, target)
        if len(self._kept) < self._size:
            heappush(self._kept, row)
        elif row > self._kept[0]:
            heappushpop(self._kept, row)

    def first(self, most: int) -> list[Sampled]:
        """The sample, or a smaller one of at most so many."""
        return [target for _, _, target in sorted(self._kept, reverse=True)[:most]]


class Recheck:
    """What a sweep found, and what its sample said when it was asked again.

    Attributes:
        silent, answered: samples of the targets that stayed silent and of those that answered.
    """

    def __init__(self, size: int) -> None:
        self.silent, self.answered = Sample(size), Sample(size)
        self._earliest = float("inf")
        self._latest = 0.0

    def add(self, batch: OutcomeBatch) -> None:
        """Outcomes of the sweep."""
        width = 4 if batch.version == 4 else 16
        for i, kind in enumerate(batch.kinds):
            if kind in (REPLY, TIMEOUT):
                first = int.from_bytes(batch.packed[i * width : (i + 1) * width], "big")
                target = Sampled(batch.version, first, batch.scopes[i])
                (self.answered if kind == REPLY else self.silent).add(batch.sequences[i], target)
                self._earliest = min(self._earliest, batch.sent_at[i])
                self._latest = max(self._latest, batch.sent_at[i])

    @property
    def rate(self) -> float:
        """Targets a second, on average; 0 where there were too few to say."""
        targets, span = self.silent.count + self.answered.count, self._latest - self._earliest
        return (targets - 1) / span if span > 0 else 0.0

    def compare(self, slow_rate: float, silent: Iterable[int], answered: Iterable[int]) -> RateLoss | None:
        """The kinds of outcome of those that had been silent, and of those that had answered."""
        of_silent, of_answered = list(silent), list(answered)
        if not of_silent:
            return None
        recovered = of_silent.count(REPLY)
        lost = len(of_answered) - of_answered.count(REPLY)
        share_of_silent = len(of_silent) / self.silent.count
        share_of_answered = len(of_answered) / self.answered.count if of_answered else 1.0
        hidden = recovered / share_of_silent
        chance = chance_of(recovered, lost, share_of_silent / (share_of_silent + share_of_answered))
        return RateLoss(
            rate=self.rate,
            slow_rate=slow_rate,
            silent=len(of_silent),
            recovered=recovered,
            answered=len(of_answered),
            lost=lost,
            loss=hidden / (hidden + self.answered.count) if hidden else 0.0,
            slow_loss=lost / len(of_answered) if of_answered else None,
            chance=chance,
            rises=chance < IMPROBABLE,
        )


def chance_of(recovered: int, lost: int, share: float) -> float:
    """How probable it is that at least so many of recovered + lost recovered, each with this probability.

    McNemar's test (1947) in its exact form, for pairs of which not all are looked at.
    """
    n = recovered + lost
    if not recovered:
        return 1.0
    terms = (
        lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(share) + (n - k) * log(1 - share)
        for k in range(recovered, n + 1)
    )
    return min(1.0, sum(map(exp, terms)))
