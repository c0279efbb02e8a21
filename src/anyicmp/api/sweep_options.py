"""The options of a sweep, checked before anything is sent.

What is in range and what is not, and in which units the sweep has it. Nothing is probed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import attrs

from anyicmp.api.options import at_least, check_payload, nanoseconds, number, whole
from anyicmp.api.route import Route
from anyicmp.api.targets import excluded
from anyicmp.engine.per_network import PerNetwork
from anyicmp.engine.position import SweepPosition
from anyicmp.engine.segments import ATTEMPTS, InOrder, Segments
from anyicmp.engine.targets import Span, Target
from anyicmp.wire.batch import Version

__all__ = ["SweepOptions"]

SLOWEST, FASTEST = 1 / (365 * 86400), 1e9
"""Packets a second: time is counted in nanoseconds, and no duration is longer than a year."""

STEEPEST = 10
"""Times by which a timeout may grow from probe to probe."""

MOST_RECHECKED = 100_000
"""Targets of each kind that are kept to be probed again."""


@attrs.frozen(kw_only=True)
class SweepOptions:
    """The options of a sweep, checked; times in nanoseconds."""

    timeout: int
    retries: int
    backoff: float
    rate: float | None
    per_network_rate: float | None
    network_prefixes: tuple[int, int]
    in_flight: int | None
    size: int
    payload: bytes | None
    exclude: tuple[Span, ...]
    shuffle: int | None
    shard: tuple[int, int]
    resume: SweepPosition
    recheck: int
    route: Route

    @classmethod
    def check(
        cls,
        *,
        timeout: float,
        retries: int,
        backoff: float,
        rate: float | None,
        per_network_rate: float | None,
        network_prefixes: tuple[int, int],
        in_flight: int | None,
        size: int | None,
        payload: bytes | None,
        exclude: Target | Iterable[Target],
        shuffle: int | None,
        shard: tuple[int, int] | None,
        resume: SweepPosition | str | None,
        recheck: int,
        route: Route,
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range."""
        octets, data = check_payload(size, payload)
        for name, value in (("rate", rate), ("per_network_rate", per_network_rate)):
            if value is not None and not SLOWEST <= number(name, value) <= FASTEST:
                limits = f"above 0 packets a second, at least one a year and at most {FASTEST:g}"
                raise ValueError(f"{name} must be {limits}, not {value}")
        if not 1 <= number("backoff", backoff) <= STEEPEST:
            raise ValueError(f"backoff must be 1 to {STEEPEST}, not {backoff}")
        try:
            v4, v6 = network_prefixes
        except (TypeError, ValueError):
            given = f"a prefix length for IPv4 and one for IPv6, not {network_prefixes!r}"
            raise ValueError(f"network_prefixes must be {given}") from None
        try:
            index, of = (0, 1) if shard is None else shard
        except (TypeError, ValueError):
            raise ValueError(f"shard must be a pair (index, of), not {shard!r}") from None
        at_least("of in shard=(index, of)", of, 1)
        return cls(
            shuffle=None if shuffle is None else whole("shuffle", shuffle, -(1 << 63), (1 << 63) - 1),
            shard=(whole("index in shard=(index, of)", index, 0, of - 1), of),
            resume=_position(resume),
            recheck=whole("recheck", recheck, 0, MOST_RECHECKED),
            timeout=nanoseconds("timeout", timeout),
            retries=whole("retries", retries, 0, ATTEMPTS - 1),
            backoff=backoff,
            rate=rate,
            per_network_rate=per_network_rate,
            network_prefixes=(
                whole("IPv4's of network_prefixes", v4, 0, 32),
                whole("IPv6's of network_prefixes", v6, 0, 128),
            ),
            in_flight=None if in_flight is None else at_least("in_flight", in_flight, 1),
            size=octets,
            payload=data,
            exclude=excluded(exclude),
            route=route,
        )

    def segments(self, version: Version) -> Segments:
        """In which order the addresses of one version are probed, and how fast."""
        if self.per_network_rate is None:
            return InOrder()
        v4, v6 = self.network_prefixes
        return PerNetwork(self.per_network_rate, 32 - v4 if version == 4 else 128 - v6)


def _position(resume: object) -> SweepPosition:
    """Where to go on. Raises ValueError or TypeError for what is no position."""
    if isinstance(resume, str):
        return SweepPosition.of(resume)
    if resume is not None and not isinstance(resume, SweepPosition):
        raise TypeError(f"resume must be a position in a sweep, not {resume!r}")
    return resume or SweepPosition()
