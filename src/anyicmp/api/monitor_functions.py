"""The door to monitors as a function: it opens a Prober for its one call. Options as the Prober's method.

Nothing is decided here; whoever probes more than once keeps a Prober instead.
"""

from __future__ import annotations

from typing import Unpack

from anyicmp.api.monitor import Monitor
from anyicmp.api.monitor_options import Targets
from anyicmp.api.prober import Prober
from anyicmp.api.prober_options import ProberOptions
from anyicmp.results import IPAddress

__all__ = ["open_monitor"]


def open_monitor(
    targets: Targets = (),
    *,
    interval: float = 1.0,
    window: float = 60.0,
    timeout: float = 1.0,
    down_after: int = 3,
    up_after: int = 2,
    degraded_loss: float = 0.2,
    degraded_rtt: float | None = None,
    path_changes: bool = True,
    resolve_interval: float = 1800.0,
    size: int | None = None,
    payload: bytes | None = None,
    ttl: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> Monitor:
    """Watch many hosts; see `Prober.open_monitor` and, for the other options, `Prober`."""
    prober = Prober(family=family, **options)
    prober.owned = True
    return prober.open_monitor(
        targets,
        interval=interval,
        window=window,
        timeout=timeout,
        down_after=down_after,
        up_after=up_after,
        degraded_loss=degraded_loss,
        degraded_rtt=degraded_rtt,
        path_changes=path_changes,
        resolve_interval=resolve_interval,
        size=size,
        payload=payload,
        ttl=ttl,
        dscp=dscp,
        dont_fragment=dont_fragment,
        source=source,
        interface=interface,
        mark=mark,
    )
