"""The options of a diagnosis, checked, and what they mean for the traces and the search that it makes.

Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import attrs

from anyicmp.api.options import seconds, whole
from anyicmp.api.owner import SocketOwner
from anyicmp.api.path_mtu import PathMtuOptions
from anyicmp.api.route import Route
from anyicmp.api.trace import TraceOptions
from anyicmp.results import IPAddress

__all__ = ["DiagnoseOptions"]

TRACE_PROBES, MTU_PROBES = 2, 3


@attrs.frozen(kw_only=True)
class DiagnoseOptions:
    """The options of a diagnosis, checked; times in seconds."""

    ports: tuple[int, ...]
    timeout: float
    max_hops: int
    probe: Route
    family: int | None
    source: str | IPAddress | None
    interface: str | None
    mark: int | None
    dscp: int | None

    @classmethod
    def check(
        cls,
        prober: SocketOwner,
        *,
        ports: Iterable[int],
        timeout: float,
        max_hops: int,
        dscp: int | None,
        family: int | None,
        source: str | IPAddress | None,
        interface: str | None,
        mark: int | None,
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range."""
        probe = prober.route(
            family=family, source=source, interface=interface, mark=mark, dscp=dscp, new_identifier=True
        )
        return cls(
            ports=tuple(whole("port", port, 1, 65_535) for port in dict.fromkeys(ports)),
            timeout=seconds("timeout", timeout),
            max_hops=whole("max_hops", max_hops, 1, 255),
            probe=probe,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            dscp=dscp,
        )

    def trace(
        self, prober: SocketOwner, method: str, port: int | None, *, max_hops: int, first_hop: int = 1
    ) -> TraceOptions:
        """Those of a trace. Raises as `check`."""
        return TraceOptions.check(
            prober,
            method=method,
            first_hop=first_hop,
            max_hops=max_hops,
            probes=TRACE_PROBES,
            timeout=self.timeout,
            flow=None,
            port=port,
            size=None,
            names=False,
            asn=None,
            family=self.family,
            source=self.source,
            interface=self.interface,
            mark=self.mark,
            dscp=self.dscp,
            dont_fragment=None,
            new_identifier=False,
        )

    def search(self, prober: SocketOwner, timeout: float) -> PathMtuOptions:
        """Those of a search for the path's MTU. Raises as `check`."""
        return PathMtuOptions.check(
            prober,
            probes=MTU_PROBES,
            max_hops=self.max_hops,
            timeout=timeout,
            dscp=self.dscp,
            family=self.family,
            source=self.source,
            interface=self.interface,
            mark=self.mark,
            new_identifier=False,
        )
