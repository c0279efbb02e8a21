"""Probing some targets of a sweep again, slowly, when all have had their outcome.

It moves no outcome to the sweep's consumer. What the comparison says is computed in the engine.
"""

from __future__ import annotations

from itertools import zip_longest

from anyicmp.api.driver import Driver
from anyicmp.api.inbox import Inbox
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.rate_loss import Recheck
from anyicmp.engine.segments import Segment
from anyicmp.engine.sweep import SweepPlan
from anyicmp.results import RateLoss
from anyicmp.wire.batch import Version

__all__ = ["probe_again", "slow"]

SLOWER = 10
"""How many times slower than the sweep the targets are probed again, ..."""

FASTEST = 1000.0
"""... and at most so many a second: no bottleneck worth the name is below."""

SECONDS = 10
"""As many targets are probed again as this takes, at most."""


def slow(rate: float) -> float:
    """The rate at which targets of a sweep of this rate are probed again."""
    return min(rate / SLOWER, FASTEST)


async def probe_again(found: Recheck, plans: dict[Version, tuple[Driver, SweepPlan]]) -> RateLoss | None:
    """Send the samples through new plans of the same drivers, and compare; None: there is nothing to."""
    rate = slow(found.rate)
    most = int(SECONDS * rate / 2)
    if not most or not found.silent.count:
        return None
    silent, answered = found.silent.first(most), found.answered.first(most)
    sampled = silent + answered
    kinds: dict[int, int] = {}

    def look(batch: OutcomeBatch) -> None:
        kinds.update(zip(batch.sequences, batch.kinds, strict=True))

    inbox, pacer = Inbox(look=look), Pacer(rate)
    inbox.ended(None)
    # Both kinds take turns, so that what happens meanwhile happens to both.
    pairs = zip_longest(range(len(silent)), range(len(silent), len(silent) + len(answered)))
    order = [i for pair in pairs for i in pair if i is not None]
    try:
        for version, (driver, plan) in plans.items():
            numbers = [i for i in order if sampled[i].version == version]
            if numbers:
                for i in numbers:
                    plan.add(Segment(sampled[i].first, 1, i, sampled[i].scope))
                plan.finish()
                inbox.expect()
                driver.start(plan, inbox, pacer)
        while await inbox.next() is not None:
            pass
    finally:
        for driver, plan in plans.values():
            driver.stop(plan)
    of_silent = [kinds[i] for i in range(len(silent))]
    return found.compare(rate, of_silent, [kinds[i] for i in range(len(silent), len(order))])
