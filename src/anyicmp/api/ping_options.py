"""The options of a ping, checked once for all calls with the same, and the way to what they are part of.

No ping begins here.
"""

from __future__ import annotations

import attrs

from anyicmp.api.options import at_least, check_payload, nanoseconds
from anyicmp.api.owner import SocketOwner
from anyicmp.api.pings import Kind, Pings
from anyicmp.api.resolve import Destination
from anyicmp.api.route import Route, checked_route
from anyicmp.results import IPAddress
from anyicmp.wire.batch import Version

__all__ = ["PingOptions", "ping_options"]


@attrs.frozen(kw_only=True, eq=False)
class PingOptions:
    """The options of a ping, checked, for one prober; times in nanoseconds.

    Attributes:
        pings: what such pings began in, by `Destination.sort`: the way there is asked for once.
    """

    count: int | None
    interval: int
    kind: Kind
    pings: dict[tuple[Version, bool], Pings] = attrs.field(factory=dict, init=False)

    def pings_of(self, prober: SocketOwner, to: Destination) -> Pings:
        """Where to begin. Raises as `SocketOwner.pings`."""
        found = self.pings.get(to.sort)
        if found is None or found.driver.closed or not prober.loop.is_current():
            found = prober.pings(to, self.kind)
            if not self.kind.route.new_identifier:
                self.pings[to.sort] = found
        return found


def ping_options(
    default: Route,
    count: int | None,
    interval: float,
    timeout: float,
    size: int | None,
    payload: bytes | None,
    family: int | None,
    source: str | IPAddress | None,
    interface: str | None,
    mark: int | None,
    ttl: int | None,
    dscp: int | None,
    dont_fragment: bool | None,
    broadcast: bool,
    anycast: bool,
    new_identifier: bool,
) -> PingOptions:
    """The options of a call, for a prober with this route; by position, which is what they are remembered by.

    Raises ValueError or TypeError for what is out of range.
    """
    own = (family, source, interface, mark, ttl, dscp, dont_fragment, broadcast, anycast)
    route = checked_route(default, *own, False, False, new_identifier)
    octets, data = check_payload(size, payload)
    return PingOptions(
        count=None if count is None else at_least("count", count, 1),
        interval=nanoseconds("interval", interval, zero=True),
        kind=Kind(route, octets, data, nanoseconds("timeout", timeout)),
    )
