"""Watcher: the door to monitors, a part of the prober.

It checks the options and hands over to the file that does the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from anyicmp.api.owner import SocketOwner
from anyicmp.api.wake import Wake
from anyicmp.results import IPAddress
from anyicmp.states import MonitorTarget

if TYPE_CHECKING:
    from anyicmp.api.monitor import Monitor
    from anyicmp.api.monitor_options import Targets

__all__ = ["Watcher"]


class Watcher(SocketOwner):
    """Watches targets; see `Prober`."""

    def open_monitor(
        self,
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
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
    ) -> Monitor:
        """Watch many hosts, each with a probe an interval, and yield what changes until the block is left.

        A target is "down" or "unreachable" after `down_after` probes in a row without an answer, and up again
        after `up_after` answers in a row; an outage is told once. While it answers it is "degraded" by too
        much loss or too long round trips, and well again at 0.8 times of that.

        Args:
            targets: hosts and instances of `MonitorTarget`, or one of them. A name that leads nowhere is an
                unreachable target, and is looked up again.
            interval: seconds between the probes to a target, 0.01 or more. The targets' phases are spread
                evenly; each is probed for the first time within the interval, at most 10 seconds.
            window: seconds that `TargetStatus.statistics` cover, at least one probe and at most 100,000.
            timeout: seconds that each probe waits for its answer.
            down_after, up_after: probes in a row.
            degraded_loss: share of the probes in the window, of ten at least; 1: never.
            degraded_rtt: smoothed round trip in seconds (RFC 6298), None: never.
            path_changes: also tell of answers with another hop limit, three in a row, and of names that lead
                to another address; `state` and `previous` are equal then.
            resolve_interval: seconds after which a name is looked up again; at once when the target falls
                silent, and every 5 minutes while it is; sooner where a lookup failed. An address is kept as
                long as it is among those found, and while none is found.
            size, payload, ttl, dscp, dont_fragment, family, source, interface, mark: as in
                `ping`.

        Raises:
            ValueError, TypeError: an option is out of range, or two targets have one key.
        """
        from anyicmp.api.monitor import Monitor
        from anyicmp.api.monitor_options import MonitorOptions

        usual = MonitorTarget(
            "127.0.0.1",
            interval=interval,
            window=window,
            timeout=timeout,
            down_after=down_after,
            up_after=up_after,
            degraded_loss=degraded_loss,
            degraded_rtt=degraded_rtt,
            size=size,
            payload=payload,
            ttl=ttl,
            dscp=dscp,
            dont_fragment=dont_fragment,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
        )
        options = MonitorOptions.check(
            self, usual, resolve_interval=resolve_interval, path_changes=path_changes
        )
        return Monitor(
            self,
            targets,
            options,
            open_timer=self._open_timer,
            now=self._monotonic,
            heard=lambda: self._drivers.statistics(look=False),
            observer=self._observer,
            owns=self.owned,
        )

    def _monotonic(self) -> int:
        return self._clocks.monotonic()

    def _open_timer(self, turn: Callable[[bool], None]) -> Wake:
        return self._environment.open_wake(turn, -1)
