"""Prober: what an application keeps for its lifetime, and the doors to all that it measures.

Each door checks its options and hands over to the file that does the work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from anyicmp.api.diagnoser import Diagnoser
from anyicmp.api.mapper import Mapper
from anyicmp.api.names import AsnLookup
from anyicmp.api.options import remembered
from anyicmp.api.owner import MOST_PINGS
from anyicmp.api.ping import PingStream, begin, begin_named, ping_within
from anyicmp.api.ping_options import PingOptions, ping_options
from anyicmp.api.watcher import Watcher
from anyicmp.paths import PathMtu, Trace
from anyicmp.results import IPAddress, PingResult

if TYPE_CHECKING:
    from anyicmp.api.path_mtu import Progress
    from anyicmp.api.trace import TraceStream

__all__ = ["Prober"]


class Prober(Diagnoser, Mapper, Watcher):
    """Sends probes and hears the answers, for as many concurrent calls of one event loop as you like.

    It opens its echo socket on entering (or `open`) and closes all on leaving (or `aclose`), from any
    task of the loop. Everything still in flight then ends with ClosedError.
    """

    @cached_property
    def _ping_options(self) -> Callable[..., PingOptions]:
        return remembered(partial(ping_options, self._route), MOST_PINGS)

    async def ping(
        self,
        host: str | IPAddress,
        *,
        count: int = 4,
        interval: float = 1.0,
        timeout: float = 1.0,
        size: int | None = None,
        payload: bytes | None = None,
        ttl: int | None = None,
        dscp: int | None = None,
        dont_fragment: bool | None = None,
        broadcast: bool = False,
        anycast: bool = False,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
        time_limit: float | None = None,
    ) -> PingResult:
        """Send echo requests to one host and wait for what becomes of them.

        Args:
            host: name or address.
            count: number of probes.
            interval: seconds between probes.
            timeout: seconds that each probe waits for its answer.
            size: octets of echo data, 0 to 65,507; None means 56.
            payload: the echo data itself, instead of `size`.
            ttl: hop limit, 1 to 255.
            dscp: differentiated services code point, 0 to 63 (RFC 2474).
            dont_fragment: True sets DF.
            broadcast: allow a broadcast address; each responder is then a reply.
            anycast: the address is shared, and whoever has it answers from an address of its own (RFC 4291
                section 2.6); each responder is a reply.
            family, source, interface, mark: for this call, instead of the prober's.
            new_identifier: the call gets a socket of its own, closed with it, whose identifier is new: a
                translator or balancer on the way has no old entry for it.
            time_limit: seconds for the whole call, after which it returns what has ended.

        Raises:
            ValueError, TypeError: an option is out of range; nothing was sent.
            NameLookupError: the name leads to no address.
            SocketPermissionError, UnsupportedError: no such socket may be opened.
            ClosedError: the prober is closed, or was meanwhile.
        """
        if count is None:
            raise TypeError("count must be a whole number: open_ping goes on without end")
        options = self._ping_options(
            count,
            interval,
            timeout,
            size,
            payload,
            family,
            source,
            interface,
            mark,
            ttl,
            dscp,
            dont_fragment,
            broadcast,
            anycast,
            new_identifier,
        )
        if time_limit is not None:
            return await ping_within(self, host, options, time_limit)
        rows = begin(self, host, options)
        if rows is None:
            rows = await begin_named(self, host, options)
        try:
            await rows.ending()
        finally:
            rows.leave()
        return rows.result()

    def open_ping(
        self,
        host: str | IPAddress,
        *,
        count: int | None = None,
        interval: float = 1.0,
        timeout: float = 1.0,
        size: int | None = None,
        payload: bytes | None = None,
        ttl: int | None = None,
        dscp: int | None = None,
        dont_fragment: bool | None = None,
        broadcast: bool = False,
        anycast: bool = False,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
    ) -> PingStream:
        """Ping a host and yield each outcome as it happens; without `count`, until the block is left.

        Options and exceptions as in `ping`; names are looked up and sockets opened on entering.
        """
        options = self._ping_options(
            count,
            interval,
            timeout,
            size,
            payload,
            family,
            source,
            interface,
            mark,
            ttl,
            dscp,
            dont_fragment,
            broadcast,
            anycast,
            new_identifier,
        )
        return PingStream(self, host, options, owns=self.owned)

    async def traceroute(
        self,
        host: str | IPAddress,
        *,
        method: str = "icmp",
        max_hops: int = 30,
        first_hop: int = 1,
        probes: int = 3,
        timeout: float = 1.0,
        flow: int | None = None,
        port: int | None = None,
        size: int | None = None,
        names: bool = False,
        asn: AsnLookup | None = None,
        dscp: int | None = None,
        dont_fragment: bool | None = None,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
        time_limit: float | None = None,
    ) -> Trace:
        """Find the routers on the way to a host, several hops at once, all probes of one flow.

        Args:
            method: "icmp" (echo), "udp", or "tcp" (a connection request).
            max_hops, first_hop: hop limits to probe, 1 to 255.
            probes: probes to each hop.
            timeout: seconds that each probe waits.
            flow: what balancers hash: of echo the checksum, 0 to 65,534; else this host's port less 1,024, 0
                to 64,511; over IPv6 the flow label too. None: the prober's own.
            port: the target's, 1 to 65,535; None: 33,434 of UDP, 80 of TCP.
            names: also look up the names of all who answer.
            asn: from an address to the number of its autonomous system, or None: see `PrefixTable`.
            size: octets of data: of echo 20 to 65,507, of UDP from 12 on, of TCP none; None: 56.
            dscp, dont_fragment, source, interface, mark, new_identifier, time_limit: as in `ping`, which
                raises the same.
        """
        from anyicmp.api.trace import TraceOptions, traceroute

        options = TraceOptions.check(
            self,
            method=method,
            first_hop=first_hop,
            max_hops=max_hops,
            probes=probes,
            timeout=timeout,
            flow=flow,
            port=port,
            size=size,
            names=names,
            asn=asn,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            dscp=dscp,
            dont_fragment=dont_fragment,
            new_identifier=new_identifier,
        )
        return await traceroute(self, host, options, time_limit=time_limit)

    def open_traceroute(
        self,
        host: str | IPAddress,
        *,
        rounds: int | None = None,
        interval: float = 1.0,
        method: str = "icmp",
        max_hops: int = 30,
        first_hop: int = 1,
        probes: int = 1,
        timeout: float = 1.0,
        flow: int | None = None,
        port: int | None = None,
        size: int | None = None,
        names: bool = False,
        asn: AsnLookup | None = None,
        dscp: int | None = None,
        dont_fragment: bool | None = None,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
    ) -> TraceStream:
        """Trace the way to a host again and again, and yield a snapshot after each round.

        Args:
            rounds: how many, None: until the block is left.
            interval: seconds from the beginning of a round to that of the next, if it takes no longer.
            probes: probes to each hop and round; routers limit how many errors they send.

        A hop's `outcomes` are the last round's, its `statistics` all rounds'. The rest as in `traceroute`.
        """
        from anyicmp.api.trace import TraceOptions, TraceStream

        options = TraceOptions.check(
            self,
            method=method,
            first_hop=first_hop,
            max_hops=max_hops,
            probes=probes,
            timeout=timeout,
            flow=flow,
            port=port,
            size=size,
            names=names,
            asn=asn,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            dscp=dscp,
            dont_fragment=dont_fragment,
            new_identifier=new_identifier,
            rounds=rounds,
            interval=interval,
        )
        return TraceStream(self, host, options, owns=self.owned)

    async def path_mtu(
        self,
        host: str | IPAddress,
        *,
        timeout: float = 1.0,
        probes: int = 3,
        max_hops: int = 30,
        dscp: int | None = None,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
        time_limit: float | None = None,
        on_progress: Progress | None = None,
    ) -> PathMtu:
        """Find the largest packet that reaches a host in one piece, and who limits it.

        By what routers report (RFC 1191, RFC 8201), and by size where they do not (as RFC 8899). All probes
        forbid fragmentation; what this host's kernel knows of the path is not used.

        Args:
            host: name or address.
            timeout: seconds that each probe waits for its answer.
            probes: how often a size is tried before its silence counts.
            max_hops: how far away a router that reports nothing is looked for, 1 to 255.
            on_progress: called with what is known by now, whenever more is.
            dscp, source, interface, mark, new_identifier, time_limit: as in `ping`, which raises the same;
                UnsupportedError on other systems than Linux.
        """
        from anyicmp.api.path_mtu import PathMtuOptions, path_mtu

        options = PathMtuOptions.check(
            self,
            probes=probes,
            max_hops=max_hops,
            timeout=timeout,
            dscp=dscp,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            new_identifier=new_identifier,
        )
        return await path_mtu(self, host, options, time_limit=time_limit, on_progress=on_progress)
