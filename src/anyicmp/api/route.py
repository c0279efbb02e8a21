"""Route: what a call asks of the sockets and the IP header of its probes.

Checked here, and turned into the specification of sockets: who opens them is in `owner.py`.
"""

from __future__ import annotations

import attrs

from anyicmp.api.options import (
    check_family,
    header_byte,
    interface_name,
    remembered,
    source_address,
    traffic_class,
    whole,
    yes_no,
)
from anyicmp.api.resolve import literal
from anyicmp.engine.room import NEIGHBORS, SMALL
from anyicmp.methods import METHODS
from anyicmp.net.transport import SocketSpec
from anyicmp.results import IPAddress
from anyicmp.wire.batch import UNSET, Version

__all__ = ["Route", "checked_route"]


@attrs.frozen(kw_only=True, cache_hash=True)
class Route:
    """What a call asks of the sockets and the IP header of its probes, checked.

    Attributes:
        family: 4 or 6, the IP version of what is probed; None: either.
        source: local address to send from, None: the kernel chooses.
        interface: name of the interface to send through, None: the routing table chooses.
        mark: firewall mark of the packets, None: none.
        hop_limit, traffic_class: UNSET leaves them to the kernel.
        dont_fragment: whether the packets carry DF.
        hop_limited: routers will answer: the probes get sockets of their own.
        broadcast: allow a broadcast address as destination.
        anycast: the destination is shared; whoever has it answers from another address.
        bulk: very many probes: they get sockets of their own, so that they hold up no others, and as many
            as it takes for a link full of silent hosts.
        method: name of the probe method.
        new_identifier: the call gets a socket of its own, with an identifier that none had before it.
        exact: each of very many probes will be stamped when it leaves: they get sockets of their own.
    """

    family: int | None = None
    source: IPAddress | None = None
    interface: str | None = None
    mark: int | None = None
    hop_limit: int = UNSET
    traffic_class: int = UNSET
    dont_fragment: bool | None = None
    hop_limited: bool = False
    broadcast: bool = False
    anycast: bool = False
    bulk: bool = False
    new_identifier: bool = False
    method: str = "icmp"
    exact: bool = False

    @property
    def any_source(self) -> bool:
        """Whether answers may come from another address than the destination."""
        return self.broadcast or self.anycast

    def family_of(self, host: str | IPAddress) -> int | None:
        """What a host is looked up in: names in what the source can reach."""
        if self.family is None and self.source is not None and literal(host) is None:
            return self.source.version
        return self.family

    def check(self, version: Version) -> None:
        """Raises ValueError where the family or the source forbids this IP version."""
        if self.family not in (None, version):
            raise ValueError(f"not an IPv{self.family} address, and no others are asked for (family)")
        if self.source is not None and self.source.version != version:
            raise ValueError(f"source {self.source} and target are of different IP versions")

    def spec(
        self,
        version: Version,
        *,
        session: int,
        privileged: bool | None,
        receive_buffer: int | None,
        batched: bool | None,
    ) -> SocketSpec:
        """The sockets that are right for it."""
        source = self.source
        return SocketSpec(
            version=version,
            method=self.method,
            privileged=privileged,
            # A link-local source is one of its link alone.
            interface=self.interface or getattr(source, "scope_id", None),
            source=source.packed if source is not None and source.version == version else None,
            mark=self.mark,
            dont_fragment=self.dont_fragment,
            hop_limited=self.hop_limited,
            broadcast=self.broadcast,
            # Each silent neighbour's packet, and the error that tells of it when nobody waits any longer.
            buffers=2 * NEIGHBORS * SMALL if self.bulk else 0,
            session=session,
            stamped=self.exact,
            receive_buffer=receive_buffer,
            batched=batched,
        )


@remembered
def checked_route(
    default: Route,
    family: int | None,
    source: str | IPAddress | None,
    interface: str | None,
    mark: int | None,
    ttl: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    broadcast: bool = False,
    anycast: bool = False,
    hop_limited: bool = False,
    bulk: bool = False,
    new_identifier: bool = False,
    method: str = "icmp",
    exact: bool = False,
) -> Route:
    """A call's options as a route; the default's family, source, interface and mark where it has none.

    A source of its own takes the place of the default's family.

    Raises ValueError or TypeError.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    check_family(family)
    own = source_address(source)
    if family is None and own is None:
        family = default.family
    return Route(
        family=family,
        source=own or default.source,
        interface=interface_name(interface) or default.interface,
        mark=default.mark if mark is None else whole("mark", mark, 0, 0xFFFFFFFF),
        hop_limit=header_byte("ttl", ttl),
        traffic_class=traffic_class(dscp),
        dont_fragment=yes_no("dont_fragment", dont_fragment),
        hop_limited=hop_limited or ttl is not None,
        broadcast=broadcast,
        anycast=anycast,
        bulk=bulk,
        new_identifier=bool(yes_no("new_identifier", new_identifier)),
        method=method,
        exact=bool(yes_no("exact", exact)),
    )
