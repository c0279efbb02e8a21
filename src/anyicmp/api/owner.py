"""SocketOwner: the sockets of a prober, one driver for each kind, opened lazily.

What all front doors share: options that hold for every call, the way from a host to a driver and to a
probe's header, the life cycle. What is measured stands in the files beside this one.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs

from anyicmp.api.clock import SystemClocks
from anyicmp.api.driver import Driver
from anyicmp.api.drivers import Drivers
from anyicmp.api.environment import Network, Resolver, active_environment
from anyicmp.api.fork import leave_to_parent
from anyicmp.api.inbox import Ending
from anyicmp.api.loop import Loop, this_loop
from anyicmp.api.names import Names
from anyicmp.api.observer import Observer
from anyicmp.api.options import whole, yes_no
from anyicmp.api.pings import Kind, Pings
from anyicmp.api.resolve import Destination, addresses_of
from anyicmp.api.route import Route, checked_route
from anyicmp.engine.ping import PingPlan
from anyicmp.engine.probe import Probe
from anyicmp.errors import ClosedError, UnsupportedError
from anyicmp.net.transport import Transport
from anyicmp.results import Capabilities, IPAddress, ProberStatistics
from anyicmp.wire.batch import Version

if TYPE_CHECKING:
    from anyicmp.net.recorder import Recorder

__all__ = ["MOST_PINGS", "SocketOwner"]

MOST_PINGS = 64
"""Kinds of pings that are kept for the next that is alike, although none of them runs."""

LARGEST_BUFFER = (1 << 31) - 1
"""Octets: socket options are C ints (socket(7))."""


class SocketOwner:
    """Opens and closes the sockets of a prober, and finds the right ones for a call.

    Attributes:
        loop: the event loop that it was opened in.
        owned: it lives for one call, whose stream opens and closes it.
        flows: driver, target and flow of each trace under way.
    """

    owned = False

    def __init__(
        self,
        *,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        privileged: bool | None = None,
        resolver: Resolver | None = None,
        network: Network | None = None,
        observer: Observer | None = None,
        receive_buffer: int | None = None,
        batched: bool | None = None,
        record: str | os.PathLike[str] | None = None,
        transmit_stamps: bool = True,
    ) -> None:
        """Check and keep the options; nothing is opened yet.

        Args:
            family: 4 or 6 to look names up and probe in that family alone, None for either.
            source: local address to send from.
            interface: name of the interface to send through.
            mark: firewall mark of the packets (socket(7), SO_MARK); needs the capability CAP_NET_ADMIN.
            privileged: True insists on raw sockets, False on datagram ones, None takes the best allowed.
            resolver: `async (host, family) -> addresses`, instead of the system's.
            network: where to probe instead of the real network.
            observer: is told of all that is sent and of every outcome.
            receive_buffer: octets of receive buffer to ask for, None for as much as is useful.
            batched: False moves one packet a system call, None takes the platform's batched calls.
            record: pcapng file to write what is sent and heard to, from opening to closing; one that is
                there is replaced. What a socket does not tell of a packet is rebuilt, and a comment says so.
            transmit_stamps: round trips of ping and traceroute begin when the kernel hands the probe to the
                device, where it tells (Linux 6.13). False: with the system call, as those of a sweep do.

        Raises:
            ValueError, TypeError: an option is out of its range.
        """
        route = checked_route(Route(), family, source, interface, mark)
        if route.family is None and route.source is not None:
            route = attrs.evolve(route, family=route.source.version)
        self._route = route
        self._privileged = yes_no("privileged", privileged)
        self._network = network
        self._observer = observer
        self._given_resolver = resolver
        self._receive_buffer = (
            None if receive_buffer is None else whole("receive_buffer", receive_buffer, 1024, LARGEST_BUFFER)
        )
        self._batched = yes_no("batched", batched)
        self._transmit_stamps = bool(yes_no("transmit_stamps", transmit_stamps))
        self._record = record
        self._recorder: Recorder | None = None
        self._pings: dict[tuple[Kind, tuple[Version, bool]], Pings] = {}
        self._names: Names | None = None
        self.flows: list[tuple[Driver, IPAddress, int]] = []
        self._settle()
        self._watchers: set[Ending] = set()
        self.loop: Loop
        self._state = "new"

    def _settle(self) -> None:
        """Live in the network that was given, or in what is the default now."""
        self._environment = self._network or active_environment()
        self._clocks = self._environment.clocks or SystemClocks()
        self._resolver = self._given_resolver or self._environment.resolve
        self._drivers = Drivers(self._environment, self._observer, transmit_stamps=self._transmit_stamps)

    # Life cycle.

    async def open(self) -> None:
        """Open the echo socket. Raises SocketPermissionError where none is allowed; it says what helps.
        Raises OSError for a `record` that cannot be written.

        Further sockets open at first use. Opening an open prober does nothing.
        """
        if self._state in ("closed", "forked"):
            raise ClosedError(_HINTS[self._state])
        if self._state == "open":
            return
        self._state = "open"
        self.loop = this_loop()
        leave_to_parent(self)
        self._settle()
        try:
            if self._record is not None:
                from anyicmp.net.recorder import Recorder

                self._recorder = Recorder(self._record)
                self._drivers.wrap = self._recorded
            first: Version = 6 if self.family == 6 else 4
            try:
                self.driver(first, self._route)
            except UnsupportedError:
                if self.family is not None:
                    raise
                self.driver(6, self._route)
        except BaseException:
            self._close()
            raise

    def _recorded(self, transport: Transport) -> Transport:
        assert self._recorder is not None
        return self._recorder.wrap(transport, self._clocks.real, self._environment.own_address)

    async def aclose(self) -> None:
        """Free all sockets at once; what is in flight ends with ClosedError. May be called twice."""
        self._close()

    def _close(self) -> None:
        self._state = "closed"
        self._drivers.close()
        watchers, self._watchers = self._watchers, set()
        for sink in watchers:
            sink.ended(ClosedError("the prober was closed while this was in flight"))
        if self._recorder is not None:
            self._recorder.close()

    def abandon(self) -> None:
        """In a child process after a fork: what is open belongs to the parent."""
        if self._state == "open":
            self._state = "forked"
        self._drivers.abandon()
        if self._recorder is not None:
            self._recorder.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # What the front doors share.

    def _check_open(self) -> None:
        if self._state != "open":
            raise ClosedError(_HINTS[self._state])
        if not self.loop.is_current():
            # Its sockets wake the loop that opened them: whoever waits in another would wait for ever.
            raise ClosedError("the prober was opened by another event loop: open one in this loop")

    def watch(self, inbox: Ending) -> None:
        """End the inbox too when the prober closes, for it may wait for no driver. Raises ClosedError."""
        self._check_open()
        self._watchers.add(inbox)

    def unwatch(self, inbox: Ending) -> None:
        """The inbox is done with."""
        self._watchers.discard(inbox)

    def driver(self, version: Version, route: Route) -> Driver:
        """The driver whose sockets are right for the route; opens them if there are none yet.

        Raises ClosedError, SocketPermissionError, UnsupportedError; ValueError for an interface or
        source address that this host does not have.
        """
        self._check_open()
        spec = route.spec(
            version,
            session=self._drivers.new_session() if route.new_identifier else 0,
            privileged=self._privileged,
            receive_buffer=self._receive_buffer,
            batched=self._batched,
        )
        return self._drivers.get(spec)

    def leave(self, driver: Driver) -> None:
        """A call is done with a driver, which is closed if it was that call's alone."""
        self._drivers.leave(driver)

    def pings(self, to: Destination, kind: Kind) -> Pings:
        """Where to begin a series of pings, alongside others like it. Raises as `driver`."""
        self._check_open()
        found = self._pings.get((kind, to.sort))
        return self._new_pings(to, kind) if found is None or found.driver.closed else found

    def _new_pings(self, to: Destination, kind: Kind) -> Pings:
        route = kind.route
        driver = self.driver(to.version, route)
        probe = self.probe(to.address, route, driver)
        template = driver.exchange.method.template(size=kind.size, payload=kind.payload)
        if len(self._pings) >= MOST_PINGS:
            self._pings = {key: pings for key, pings in self._pings.items() if pings.running}
        many = to.sort[1] or route.any_source
        found = Pings(driver, PingPlan(probe, template, timeout=kind.timeout, many=many))
        if not route.new_identifier:
            self._pings[kind, to.sort] = found
        return found

    def route(
        self,
        *,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
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
        """Check a call's own options. Raises ValueError or TypeError."""
        if exact and not self._transmit_stamps:
            raise ValueError("exact=True needs the transmit stamps that transmit_stamps=False forbids")
        header = (ttl, dscp, dont_fragment, broadcast, anycast)
        sockets = (hop_limited, bulk, new_identifier, method, exact)
        return checked_route(self._route, family, source, interface, mark, *header, *sockets)

    def probe(self, target: IPAddress, route: Route, driver: Driver) -> Probe:
        """What the driver's probes to a target ask. Raises ValueError for a source of the other family."""
        if route.source is not None and route.source.version != target.version:
            raise ValueError(f"source {route.source} and target {target} are of different IP versions")
        return Probe(
            peer=target.packed,
            scope=self.scope(getattr(target, "scope_id", None)),
            hop_limit=route.hop_limit,
            traffic_class=route.traffic_class,
            stamped=self.stamps(driver),
        )

    def stamps(self, driver: Driver) -> bool:
        """Whether probes through a driver's sockets ask for a stamp when they leave."""
        return self._drivers.stamped(driver.transport)

    def source_for(self, target: IPAddress, route: Route) -> bytes:
        """Packed address that this host sends from to a target; zeros where it knows no way."""
        if route.source is not None:
            return route.source.packed
        scope = self.scope(getattr(target, "scope_id", None))
        return self._environment.own_address(target.packed, scope, route.interface)

    def scope(self, zone: str | None) -> int:
        """The interface index of a scope id, 0 for None. Raises ValueError for an unknown interface."""
        if zone is None:
            return 0
        try:
            return self._environment.interface_index(zone)
        except OSError:
            raise ValueError(f"no interface of this host is named {zone!r}") from None

    def names(self) -> Names:
        """Names of addresses, each looked up once in a prober's life."""
        if self._names is None:
            self._names = Names(self._environment.name_of)
        return self._names

    def unix_time(self) -> float:
        """The environment's wall clock, in seconds."""
        return self._clocks.real() / 1e9

    async def resolve(self, host: str | IPAddress, *, family: int | None = None) -> tuple[IPAddress, ...]:
        """All addresses of a host, in the order to try; at most 10 seconds, never blocking the loop.

        Raises NameLookupError where there are none, ValueError or TypeError for what is no host.
        """
        return await addresses_of(host, self.family if family is None else family, self._resolver)

    @property
    def family(self) -> int | None:
        """What names are looked up in: 4, 6, or None for either."""
        return self._route.family

    @property
    def statistics(self) -> ProberStatistics:
        """Counts of all that this prober sent and heard so far."""
        return self._drivers.statistics()

    @property
    def capabilities(self) -> Capabilities:
        """What works here: found out by opening sockets and closing them again."""
        return self._environment.capabilities()


_HINTS = {
    "new": "the prober is not open: enter it first",
    "closed": "the prober is closed: open a new one",
    "forked": "the prober was opened by another process: open one in this process",
}
