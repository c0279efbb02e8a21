"""Links: what may happen to packets between two nodes, one direction at a time.

`Link` and `Faults` describe, `Leg` does it. Where packets go is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Literal

import attrs

from anyicmp.testing.internet.packet import cut, flip
from anyicmp.testing.internet.tables import ScenarioError, read
from anyicmp.testing.internet.values import NEVER, Draw, Nanoseconds, Occurrence, duration, occurrence

__all__ = ["Faults", "Leg", "Link"]

BOTH_WAYS = ("delay", "jitter", "distribution", "mtu", "black_hole", "cost")


@attrs.frozen(kw_only=True)
class Faults:
    """One direction of a link.

    Attributes:
        delay: time on the way.
        jitter: added to it, drawn for each packet: up to so much ("uniform"), or with this mean
            ("exponential"), or the absolute value of a normal one with this deviation ("normal").
        loss: packets that vanish.
        duplicate, duplicate_after: packets that come twice, the second so much later.
        reorder, reorder_by: packets that are held back so long while others pass.
        corrupt: packets of which one bit behind the IP header is inverted.
        truncate, truncate_to: packets of which only so many octets behind the IP header remain.
        mtu: largest IP packet in octets, None: any.
        black_hole: what is too large vanishes, and nobody reports it.
        cost: what routing counts for it.
    """

    delay: int = attrs.field(default=0, converter=duration)
    jitter: int = attrs.field(default=0, converter=duration)
    distribution: Literal["uniform", "normal", "exponential"] = attrs.field(
        default="uniform", validator=attrs.validators.in_(("uniform", "normal", "exponential"))
    )
    loss: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    duplicate: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    duplicate_after: int = attrs.field(default=0, converter=duration)
    reorder: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    reorder_by: int = attrs.field(default=Nanoseconds(10_000_000), converter=duration)
    corrupt: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    truncate: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    truncate_to: int = 12
    mtu: int | None = None
    black_hole: bool = False
    cost: int = 1


@attrs.frozen
class Link:
    """Two nodes joined.

    Attributes:
        source, target: names of the nodes.
        there, back: `Faults` on the way from source to target, and on the way back.
    """

    source: str
    target: str
    there: Faults
    back: Faults

    @classmethod
    def make(cls, source: str, target: str, *, back: Mapping[str, Any] | None = None, **there: Any) -> Link:
        """A link by the keywords of `Faults`. Raises ScenarioError.

        Delay, jitter, MTU and cost hold both ways where `back` does not say otherwise; losses and the
        like happen from source to target only.
        """
        both = {key: value for key, value in there.items() if key in BOTH_WAYS}
        if back is not None and not isinstance(back, Mapping):
            raise ScenarioError("back", f"a table is wanted here, not {back!r}")
        forward = read(Faults, there)
        try:
            return cls(source, target, forward, read(Faults, {**both, **(back or {})}))
        except ScenarioError as error:
            raise error.below("back") from error


NOBODYS = Random(0)
"""For those who draw nothing: to seed one takes longer than all else about a link."""


def _no() -> bool:
    return False


class Leg:
    """One direction of a link at work: it counts and draws.

    Attributes:
        target: name of the node at its end.
        faults: its `Faults`.
        plain: nothing but delay and MTU is to be heeded.
    """

    __slots__ = (
        "_corrupt",
        "_duplicate",
        "_loss",
        "_random",
        "_reorder",
        "_truncate",
        "faults",
        "plain",
        "target",
    )

    def __init__(self, target: str, faults: Faults, seed: str) -> None:
        self.target = target
        self.faults = faults
        kinds = (faults.loss, faults.duplicate, faults.reorder, faults.corrupt, faults.truncate)
        self.plain = not faults.jitter and all(kind == NEVER for kind in kinds)
        self._random = random = NOBODYS if self.plain else Random(seed)
        self._loss, self._duplicate, self._reorder, self._corrupt, self._truncate = (
            _no if kind == NEVER else Draw(kind, random) for kind in kinds
        )

    def carry(self, now: int, octets: bytes) -> list[tuple[int, bytes]]:
        """What arrives of an IP packet, and when: (nanoseconds, IP packet) each."""
        faults = self.faults
        when = now + faults.delay
        if self.plain:
            return [(when, octets)]
        if self._loss():
            return []
        if faults.jitter:
            when += self._jitter(faults)
        if self._reorder():
            when += faults.reorder_by
        if self._corrupt():
            octets = flip(octets, self._random)
        if self._truncate():
            octets = cut(octets, faults.truncate_to)
        arrivals = [(when, octets)]
        if self._duplicate():
            arrivals.append((when + faults.duplicate_after, octets))
        return arrivals

    def _jitter(self, faults: Faults) -> int:
        random = self._random
        if faults.distribution == "uniform":
            return int(random.random() * faults.jitter)
        if faults.distribution == "normal":
            return int(abs(random.gauss(0, faults.jitter)))
        return int(random.expovariate(1 / faults.jitter))
