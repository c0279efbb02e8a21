"""Route: what a call asks of the sockets and the IP header of its probes.

Checked here, and only carried on: who opens sockets is in `owner.py`.
"""

from __future__ import annotations

import attrs

from anyicmp.api.options import header_byte, interface_name, remembered, source_address, traffic_class
from anyicmp.results import IPAddress
from anyicmp.wire.batch import UNSET

__all__ = ["Route", "checked_route"]


@attrs.frozen(kw_only=True, cache_hash=True)
class Route:
    """What a call asks of the sockets and the IP header of its probes, checked.

    Attributes:
        source: local address to send from, None: the kernel chooses.
        interface: name of the interface to send through, None: the routing table chooses.
        hop_limit, traffic_class: UNSET leaves them to the kernel.
        dont_fragment: whether the packets carry DF.
        hop_limited: routers will answer: the probes get sockets of their own.
        broadcast: allow a broadcast address as destination.
        anycast: the destination is shared; whoever has it answers from another address.
    """

    source: IPAddress | None = None
    interface: str | None = None
    hop_limit: int = UNSET
    traffic_class: int = UNSET
    dont_fragment: bool | None = None
    hop_limited: bool = False
    broadcast: bool = False
    anycast: bool = False

    @property
    def any_source(self) -> bool:
        """Whether answers may come from another address than the destination."""
        return self.broadcast or self.anycast


@remembered
def checked_route(
    source: str | IPAddress | None,
    interface: str | None,
    ttl: int | None,
    dscp: int | None,
    dont_fragment: bool | None,
    broadcast: bool,
    anycast: bool,
    hop_limited: bool,
) -> Route:
    """A call's options as a route. Raises ValueError or TypeError."""
    return Route(
        source=source_address(source),
        interface=interface_name(interface),
        hop_limit=header_byte("ttl", ttl),
        traffic_class=traffic_class(dscp),
        dont_fragment=dont_fragment,
        hop_limited=hop_limited or ttl is not None,
        broadcast=broadcast,
        anycast=anycast,
    )
