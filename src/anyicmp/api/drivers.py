"""The drivers of a prober: one for each kind of socket, opened at first use, counted together.

Which kind a call needs is its route's to say; what it measures is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import attrs

from anyicmp.api.driver import Driver
from anyicmp.api.environment import Network
from anyicmp.api.identifiers import draw_identifiers
from anyicmp.api.observer import Observer
from anyicmp.engine.counts import Counts
from anyicmp.engine.exchange import Exchange
from anyicmp.engine.room import SMALL, Room
from anyicmp.methods import open_method
from anyicmp.net.transport import SocketSpec, Transport
from anyicmp.results import ProberStatistics

__all__ = ["Drivers"]

logger = logging.getLogger("anyicmp")
logger.addHandler(logging.NullHandler())  # a library is silent unless its application listens

HOPEFUL = 1000 * SMALL
"""Octets of receive buffer, all lanes together, from which a sweep has more probes in flight than they hold
answers."""

MOST_LANES = 8
"""Sockets of one kind: more than this, and a buffer is too small to be meant for many probes."""


class Drivers:
    """Drivers by the specification of their sockets.

    Attributes:
        wrap: what a transport is wrapped in when it is opened.
    """

    def __init__(self, environment: Network, observer: Observer | None, *, transmit_stamps: bool) -> None:
        self.wrap: Callable[[Transport], Transport] | None = None
        self._environment = environment
        self._observer = observer
        self._transmit_stamps = transmit_stamps
        self._open: dict[SocketSpec, Driver] = {}
        self._sessions = count(1)
        self._past = Counts()
        self._dropped = 0
        self._warned = False

    def values(self) -> Iterator[Driver]:
        """Those that are open, or failed and were not needed since."""
        return iter(list(self._open.values()))

    def new_session(self) -> int:
        """A number for sockets of one call alone."""
        return next(self._sessions)

    def get(self, spec: SocketSpec) -> Driver:
        """The driver with such sockets; opens them if there are none. Raises what opening raises."""
        driver = self._open.get(spec)
        if driver is None or driver.closed:
            if driver is not None:
                self._retire(spec)
            driver = self._open[spec] = self._new(spec)
        return driver

    def leave(self, driver: Driver) -> None:
        """A call is done with a driver, which is closed if it was that call's alone."""
        if driver.transport.spec.session and not driver.closed:
            driver.close()
            self._retire(next(spec for spec, found in self._open.items() if found is driver))

    def close(self) -> None:
        """End all that is in flight, free all sockets."""
        for driver in self.values():
            driver.close()

    def abandon(self) -> None:
        """In a child process after a fork: free the copies of the parent's descriptors."""
        for driver in self.values():
            driver.abandon()

    def _retire(self, spec: SocketSpec) -> None:
        """Forget a closed driver, but for what it counted."""
        driver = self._open.pop(spec)
        self._past.add(driver.exchange.counts)
        self._dropped += driver.dropped()

    def _new(self, spec: SocketSpec) -> Driver:
        environment = self._environment
        taken = [number for driver in self.values() for number in driver.transport.identifiers]
        drawn = draw_identifiers(MOST_LANES if spec.buffers else 1, environment.entropy, taken)
        transport: Transport = environment.open_transport(attrs.evolve(spec, identifiers=drawn))
        if self.wrap is not None:
            transport = self.wrap(transport)
        try:
            method = open_method(spec.method, spec.version)
            method.identify(transport.identifiers, verify=transport.privileged and spec.version == 4)
            room = Room(
                transport.receive_buffer,
                version=spec.version,
                lanes=len(transport.identifiers),
                hop_limited=spec.hop_limited,
                stamped=self.stamped(transport),
            )
            # Small buffers overflow between two looks at them, however few answer.
            granted = transport.receive_buffer * len(transport.identifiers)
            exchange = Exchange(method, room, hopeful=bool(spec.buffers) and granted >= HOPEFUL)
            if transport.one_per_flow:
                exchange.matching.on_close = transport.forget
            warn = partial(self._warn_of_drops, broken=transport.privileged and spec.version == 6)
            driver = Driver(exchange, transport, environment, self._observer, warn)
        except BaseException:
            transport.close()
            raise
        kind = "raw" if transport.privileged else "datagram"
        logger.debug("opened %s %s sockets for IPv%d", kind, spec.method, spec.version)
        return driver

    def stamped(self, transport: Transport) -> bool:
        """Whether probes through a transport are to be stamped as they leave; a sweep's only where exact."""
        few = not transport.spec.buffers or transport.spec.stamped
        return self._transmit_stamps and transport.stamps_sending and few

    def _warn_of_drops(self, *, broken: bool) -> None:
        """`broken`: what has a wrong checksum is counted as dropped too, as raw IPv6 sockets do."""
        if not self._warned:
            self._warned = True
            logger.warning(
                "this host dropped packets for want of receive buffer%s, so what seems lost may have been "
                "answered: allow larger buffers with 'sysctl -w net.core.rmem_max=8388608', or ask for more "
                "with receive_buffer=",
                " (or for a wrong checksum: a raw IPv6 socket counts both)" if broken else "",
            )

    def statistics(self, *, look: bool = True) -> ProberStatistics:
        """Counts of all that was sent and heard so far. `look` as in `Driver.dropped`."""
        counts = [self._past, *(driver.exchange.counts for driver in self.values())]
        return ProberStatistics(
            sent=sum(c.sent for c in counts),
            received=sum(c.received for c in counts),
            duplicates=sum(c.duplicates for c in counts),
            late=sum(c.late for c in counts),
            dropped=self._dropped + sum(driver.dropped(look=look) for driver in self.values()),
            foreign=sum(c.foreign for c in counts),
            malformed=sum(c.malformed for c in counts),
        )
