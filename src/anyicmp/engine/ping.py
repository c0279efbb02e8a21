"""The plan of a ping: echo requests to one address, one every interval.

It knows when the next one is due and how many have ended; what came of them it passes on.
"""

from __future__ import annotations

from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["PingPlan"]


class PingPlan:
    """`number` probes (None: without end), one every `interval` nanoseconds; see `plan.Plan`.

    The tag of a probe is its number, `taken` how many there were. After a stall the next probe leaves
    at once and the one after it
    a whole interval later: missed probes are not made up for.
    """

    bulk = False

    def __init__(
        self,
        probe: Probe,
        template: Template,
        *,
        number: int | None,
        interval: int,
        timeout: int,
        many: bool = False,
    ) -> None:
        self.template = template
        self.timeout = timeout
        self.many = many
        self._probe = probe
        self._number = number
        self._interval = interval
        self.taken = 0
        self._ended = 0
        self._next = 0

    @property
    def done(self) -> bool:
        return self._number is not None and self._ended >= self._number

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        if stop <= start or now < self._next or self.taken == self._number:
            return 0
        self._probe.write(tx, start)
        tx.tag[start] = self.taken
        self.taken += 1
        due = (self._next or now) + self._interval
        self._next = due if due > now else now + self._interval
        return 1

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        self._ended += outcomes.endings(self.many)
        return outcomes

    def wake_at(self, now: int) -> int | None:
        if self.taken == self._number:
            return None
        return max(self._next, now)
