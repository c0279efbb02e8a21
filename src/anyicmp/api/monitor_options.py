"""The options of a monitor and of its targets, checked, and joined to what one target is probed with.

What is out of range raises here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from math import ceil
from typing import Self, TypeVar

import attrs

from anyicmp.api.options import at_least, check_payload, nanoseconds, number, seconds, yes_no
from anyicmp.api.owner import SocketOwner
from anyicmp.api.resolve import literal
from anyicmp.api.route import Route
from anyicmp.engine.standing import Thresholds
from anyicmp.results import IPAddress
from anyicmp.states import MonitorTarget

__all__ = ["MonitorOptions", "Targets", "Watching"]

Targets = Iterable[str | IPAddress | MonitorTarget] | str | IPAddress | MonitorTarget
"""Hosts and targets, or one of them."""

Value = TypeVar("Value")

SHORTEST = 0.01
MOST_SLOTS = 100_000
"""Probes that a window may hold: 8 octets each are kept."""


@attrs.frozen(kw_only=True)
class Watching:
    """What one target is probed with and judged by; times in nanoseconds.

    Attributes:
        target: as it was given.
        slots: times in a window that it is due.
    """

    target: MonitorTarget
    interval: int
    slots: int
    timeout: int
    size: int
    payload: bytes | None
    route: Route
    limits: Thresholds


@attrs.frozen(kw_only=True)
class MonitorOptions:
    """What holds for all targets that say nothing else. Times in seconds, as given."""

    prober: SocketOwner
    usual: MonitorTarget
    resolve_interval: float
    path_changes: bool

    @classmethod
    def check(
        cls, prober: SocketOwner, usual: MonitorTarget, *, resolve_interval: float, path_changes: bool
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range."""
        options = cls(
            prober=prober,
            usual=usual,
            resolve_interval=seconds("resolve_interval", resolve_interval),
            path_changes=bool(yes_no("path_changes", path_changes)),
        )
        options.watching(usual)
        return options

    def all(self, targets: Targets) -> dict[str, Watching]:
        """What to watch, by key. Raises ValueError for two of one key."""
        found: dict[str, Watching] = {}
        if isinstance(targets, (str, IPv4Address, IPv6Address, MonitorTarget)):
            targets = (targets,)
        for target in targets:
            watching = self.watching(target)
            key = watching.target.name
            if key in found:
                raise ValueError(f"two targets have the key {key!r}: give one of them another")
            found[key] = watching
        return found

    def watching(self, given: str | IPAddress | MonitorTarget) -> Watching:
        """What a target is probed with. Raises ValueError or TypeError for what is out of range."""
        target = given if isinstance(given, MonitorTarget) else MonitorTarget(given)
        _check_host(target)
        usual = self.usual
        interval = seconds("interval", _first(target.interval, usual.interval))
        if interval < SHORTEST:
            raise ValueError(f"interval must be {SHORTEST} seconds or more, not {interval:g}")
        slots = ceil(round(seconds("window", _first(target.window, usual.window)) / interval, 6))
        if slots > MOST_SLOTS:
            raise ValueError(f"a window holds at most {MOST_SLOTS} probes, not {slots}: make it shorter")
        sized = target if target.size is not None or target.payload is not None else usual
        size, payload = check_payload(sized.size, sized.payload)
        return Watching(
            target=target,
            interval=nanoseconds("interval", interval),
            slots=max(1, slots),
            timeout=nanoseconds("timeout", _first(target.timeout, usual.timeout)),
            size=size,
            payload=payload,
            route=self.prober.route(
                family=_first(target.family, usual.family),
                source=_first(target.source, usual.source),
                interface=_first(target.interface, usual.interface),
                mark=_first(target.mark, usual.mark),
                ttl=_first(target.ttl, usual.ttl),
                dscp=_first(target.dscp, usual.dscp),
                dont_fragment=_first(target.dont_fragment, usual.dont_fragment),
            ),
            limits=self._limits(target),
        )

    def _limits(self, target: MonitorTarget) -> Thresholds:
        usual = self.usual
        loss = number("degraded_loss", _first(target.degraded_loss, usual.degraded_loss))
        if not 0 < loss <= 1:
            raise ValueError(f"degraded_loss must be above 0, at most 1, not {loss:g}")
        rtt = _first(target.degraded_rtt, usual.degraded_rtt)
        return Thresholds(
            down_after=at_least("down_after", _first(target.down_after, usual.down_after), 1),
            up_after=at_least("up_after", _first(target.up_after, usual.up_after), 1),
            degraded_loss=loss,
            degraded_rtt=None if rtt is None else seconds("degraded_rtt", rtt),
            path_changes=self.path_changes,
        )


def _first(own: Value | None, usual: Value) -> Value:
    return usual if own is None else own


def _check_host(target: MonitorTarget) -> None:
    host, key = target.host, target.key
    address = literal(host)
    if address is None and not isinstance(host, str):
        raise TypeError(f"a host is text or an address, not {type(host).__name__}: {host!r}")
    if isinstance(host, str) and not host.strip():
        raise ValueError("a host must not be empty")
    if address is not None and address.is_multicast:
        raise ValueError(f"{address} is a group, not a host that is up or down")
    if key is not None and not isinstance(key, str):
        raise TypeError(f"a key is text, not {type(key).__name__}: {key!r}")
