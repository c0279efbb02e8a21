"""The contract of a plan: a measurement that decides what to probe next.

Ping, sweep and trace are plans. A plan yields rows and takes outcomes; it never sees a socket, a clock
or the bytes of a probe, and no plan knows another.
"""

from __future__ import annotations

from typing import Protocol

from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["PatientPlan", "Plan"]


class Plan(Protocol):
    """Which destination, hop limit and tag next.

    Attributes:
        template: what the method made for this plan's payload and flow.
        timeout: nanoseconds that the rows of the last `take` wait for an answer.
        many: a probe may have several answers (broadcast, multicast): each is an outcome, and the probe
            ends at its timeout.
        responsive: what it hears may change when its next row is due.
        patient: it may be told some milliseconds later what came of its probes, and is a `PatientPlan`.
        waiting: its probes in flight, 0 at first; the table keeps count.
        done: all is sent and heard; the plan is not asked again.
    """

    template: Template
    timeout: int
    many: bool
    responsive: bool
    patient: bool
    waiting: int

    @property
    def done(self) -> bool: ...

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        """Write up to stop - start probes to rows from `start` on; returns how many.

        Writes peer, scope, hop_limit, traffic_class, flow_label, local with has_local, interface, header
        and tag; the rest is the exchange's and the method's. The tag comes back untouched with the outcome.
        """
        ...

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        """Take the outcomes of this plan's probes; returns those that people should see.

        `outcomes.tags` are those of `take`; the plan sets `outcomes.sequences`. What it means to probe
        again it leaves out.
        """
        ...

    def wake_at(self, now: int) -> int | None:
        """When the next row is due, in nanoseconds; None: not before something is heard."""
        ...


class PatientPlan(Plan, Protocol):
    """One that is told when its probes leave."""

    def left(self, start: int, stop: int, now: int) -> None:
        """Rows from `start` to before `stop`, which it wrote, were handed to the kernel at `now`."""
        ...
