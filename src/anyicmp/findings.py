"""The rows that people get of what this host heard, and of what a diagnosis found out.

Frozen values and nothing else, as in `results.py`: no I/O, no clock, no algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from anyicmp.results import IPAddress
from anyicmp.shown import as_html, as_rich

if TYPE_CHECKING:
    from anyicmp.wire import Message

__all__ = ["STEPS", "Diagnosis", "DiagnosisStep", "Received", "Status", "StepName"]

StepName = Literal["name", "route", "neighbor", "echo", "path", "mtu"]
Status = Literal["ok", "failed", "skipped"]

STEPS: tuple[StepName, ...] = ("name", "route", "neighbor", "echo", "path", "mtu")
"""The steps of a diagnosis, in their order."""


@attrs.frozen(kw_only=True, order=False)
class Received:
    """An ICMP message that has reached this host.

    Attributes:
        message: the message, decoded.
        source, destination: addresses of its IP header.
        interface: name of the interface that it came in by, None where it is not known.
        ttl: its hop limit as it arrived, None where it is not known.
        received_at: Unix time in seconds, of the kernel's timestamp, of the reading where there is none.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    message: Message
    source: IPAddress
    destination: IPAddress
    interface: str | None = None
    ttl: int | None = None
    received_at: float


@attrs.frozen(kw_only=True, order=False)
class DiagnosisStep:
    """One step of a diagnosis.

    Attributes:
        name: which.
        status: "ok"; "failed": here something is wrong; "skipped": not looked at, `detail` says why.
        detail: what was found, a sentence for people.
        data: the same for programs, as plain values and addresses. A failed step has `address` (of whoever
            is to blame, or has reported the fault), `type` and `code` (of the ICMP message that says so),
            each None where there is none.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    name: StepName
    status: Status
    detail: str
    data: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, order=False)
class Diagnosis:
    """Whether one can talk with a host, and if not, which step fails and where.

    Attributes:
        host: as asked.
        target: the address that was tried, None where the name leads to none.
        steps: all six, in their order.
        verdict: the culprit and the next thing to do, in words.
        culprit: address of whoever is to blame or has reported the fault; None where nothing failed, and
            where the fault has no address.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    host: str
    target: IPAddress | None
    steps: tuple[DiagnosisStep, ...]
    verdict: str
    culprit: IPAddress | None = None

    @property
    def ok(self) -> bool:
        """Whether no step failed, and the host answered."""
        return all(step.status != "failed" for step in self.steps) and self.step("echo").status == "ok"

    def step(self, name: StepName) -> DiagnosisStep:
        """The step of a name."""
        return next(step for step in self.steps if step.name == name)

    def __iter__(self) -> Iterator[DiagnosisStep]:
        return iter(self.steps)
