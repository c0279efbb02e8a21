"""The doors of paths as functions, beside those of `functions.py`: each opens a Prober for its one call.

Nothing is decided here; whoever probes more than once keeps a Prober instead.
"""

from __future__ import annotations

from typing import Unpack

from anyicmp.api.multipath import MultipathStream, Rule
from anyicmp.api.path_mtu import Progress
from anyicmp.api.prober import Prober
from anyicmp.api.prober_options import ProberOptions
from anyicmp.paths import PathGraph, PathMtu
from anyicmp.results import IPAddress

__all__ = ["multipath", "open_multipath", "path_mtu"]


async def multipath(
    host: str | IPAddress,
    *,
    method: str = "udp",
    confidence: float = 0.95,
    max_hops: int = 30,
    per_node: bool = False,
    lite: bool = False,
    rule: Rule = "veitch",
    attempts: int = 3,
    timeout: float = 1.0,
    port: int | None = None,
    size: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    time_limit: float | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> PathGraph:
    """Find all load-balanced ways to a host; see `Prober.multipath` and, for other options, `Prober`."""
    async with Prober(family=family, **options) as prober:
        return await prober.multipath(
            host,
            method=method,
            confidence=confidence,
            max_hops=max_hops,
            per_node=per_node,
            lite=lite,
            rule=rule,
            attempts=attempts,
            timeout=timeout,
            port=port,
            size=size,
            dscp=dscp,
            dont_fragment=dont_fragment,
            source=source,
            interface=interface,
            mark=mark,
            time_limit=time_limit,
        )


def open_multipath(
    host: str | IPAddress,
    *,
    method: str = "udp",
    confidence: float = 0.95,
    max_hops: int = 30,
    per_node: bool = False,
    lite: bool = False,
    rule: Rule = "veitch",
    attempts: int = 3,
    timeout: float = 1.0,
    port: int | None = None,
    size: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> MultipathStream:
    """Find all ways as they show; see `Prober.open_multipath` and, for other options, `Prober`."""
    prober = Prober(family=family, **options)
    prober.owned = True
    return prober.open_multipath(
        host,
        method=method,
        confidence=confidence,
        max_hops=max_hops,
        per_node=per_node,
        lite=lite,
        rule=rule,
        attempts=attempts,
        timeout=timeout,
        port=port,
        size=size,
        dscp=dscp,
        dont_fragment=dont_fragment,
        source=source,
        interface=interface,
        mark=mark,
    )


async def path_mtu(
    host: str | IPAddress,
    *,
    timeout: float = 1.0,
    probes: int = 3,
    max_hops: int = 30,
    dscp: int | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    time_limit: float | None = None,
    on_progress: Progress | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> PathMtu:
    """Find how large a packet may be; see `Prober.path_mtu` and, for the other options, `Prober`."""
    async with Prober(family=family, **options) as prober:
        return await prober.path_mtu(
            host,
            timeout=timeout,
            probes=probes,
            max_hops=max_hops,
            dscp=dscp,
            source=source,
            interface=interface,
            mark=mark,
            time_limit=time_limit,
            on_progress=on_progress,
        )
