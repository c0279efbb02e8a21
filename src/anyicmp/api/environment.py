"""Environment: all that a prober takes from outside itself, in one object that may be replaced.

The system's own stands here; a simulated network brings another. Nothing here probes.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import attrs

from anyicmp.api.wake import Wake, open_wake
from anyicmp.host.interfaces import interface_index
from anyicmp.host.source import own_address
from anyicmp.net.listening import Listening, ListenSpec, open_listening
from anyicmp.net.transport import SocketSpec, Transport, capabilities, open_transport
from anyicmp.results import Capabilities, IPAddress
from anyicmp.tables import Interface, Neighbor, Route

__all__ = [
    "Clocks",
    "Environment",
    "HostTables",
    "Network",
    "Resolver",
    "ReverseResolver",
    "RouteQuery",
    "active_environment",
    "default_environment",
]

Resolver = Callable[[str, int | None], Awaitable[Sequence[IPAddress]]]
"""`async (host, family) -> addresses`; family is 4, 6 or None. Raises OSError where there are none."""


ReverseResolver = Callable[[IPAddress], Awaitable[str | None]]
"""`async (address) -> name`, None for an address without one. Raises OSError where nobody can be asked."""


class Clocks(Protocol):
    """Two clocks, in nanoseconds."""

    def monotonic(self) -> int: ...

    def real(self) -> int:
        """Unix time; the clock that the kernel's timestamps are of."""
        ...


class OwnAddress(Protocol):
    """Packed address of a peer, and its scope if it is link-local, to that which this host uses with it.

    With an interface, to that which it uses through it.
    """

    def __call__(self, peer: bytes, scope: int = 0, interface: str | None = None, /) -> bytes: ...


@attrs.frozen(kw_only=True)
class RouteQuery:
    """What the way of a packet depends on.

    Attributes:
        address: where it goes.
        source: where it comes from, None: the kernel chooses.
        interface: index of the interface that it must leave through, 0: any.
        mark: its firewall mark.
    """

    address: IPAddress
    source: IPAddress | None = None
    interface: int = 0
    mark: int = 0


class HostTables(Protocol):
    """The host's own tables; for what the calls return, see `Prober`. `family` is 4, 6 or None: both."""

    async def routes(self, family: int | None, local: bool, /) -> tuple[Route, ...]: ...
    async def route_to(self, query: RouteQuery, /) -> Route | None: ...
    async def neighbors(self, family: int | None, /) -> tuple[Neighbor, ...]: ...
    async def interfaces(self) -> tuple[Interface, ...]: ...


class Network(Protocol):
    """What `Prober(network=...)` takes: an `Environment`, or what has its attributes."""

    @property
    def open_transport(self) -> Callable[[SocketSpec], Transport]: ...
    @property
    def open_listening(self) -> Callable[[ListenSpec], Listening]: ...
    @property
    def capabilities(self) -> Callable[[], Capabilities]: ...
    @property
    def clocks(self) -> Clocks | None: ...
    @property
    def open_wake(self) -> Callable[[Callable[[bool], None], int], Wake]: ...
    @property
    def resolve(self) -> Resolver | None: ...
    @property
    def name_of(self) -> ReverseResolver | None: ...
    @property
    def entropy(self) -> Callable[[int], bytes]: ...
    @property
    def own_address(self) -> OwnAddress: ...
    @property
    def interface_index(self) -> Callable[[str], int]: ...
    @property
    def host_tables(self) -> HostTables | None: ...


@attrs.frozen(kw_only=True)
class Environment:
    """Where a prober lives.

    Attributes:
        open_transport: opens the sockets of a `SocketSpec`.
        open_listening: opens sockets that hear all that a `ListenSpec` names.
        capabilities: what may be opened.
        clocks: monotonic and wall clock; None takes the system's.
        open_wake: gives a driver its turns on the running event loop.
        resolve: looks names up; None takes the system's resolver.
        name_of: looks the name of an address up; None takes the system's resolver.
        entropy: n octets that nobody can guess.
        own_address: the address that this host uses with a peer; its own address is its own peer.
        interface_index: name of an interface to its index; raises OSError for an unknown one.
        host_tables: the host's routes, neighbours and interfaces; None takes the system's.
    """

    open_transport: Callable[[SocketSpec], Transport] = open_transport
    open_listening: Callable[[ListenSpec], Listening] = open_listening
    capabilities: Callable[[], Capabilities] = capabilities
    clocks: Clocks | None = None
    open_wake: Callable[[Callable[[bool], None], int], Wake] = open_wake
    resolve: Resolver | None = None
    name_of: ReverseResolver | None = None
    entropy: Callable[[int], bytes] = os.urandom
    own_address: OwnAddress = own_address
    interface_index: Callable[[str], int] = interface_index
    host_tables: HostTables | None = None


_defaults: list[Network] = []
"""Those that `default_environment` set, the last one counts.

No context variable: a pytest fixture sets it outside of the task that runs the test, and an application may
open its prober in another thread.
"""


@contextmanager
def default_environment(environment: Network) -> Iterator[None]:
    """Until the block is left, probers of this process that open and were told of no network live there."""
    _defaults.append(environment)
    try:
        yield
    finally:
        _defaults.remove(environment)


def active_environment() -> Network:
    """What a prober takes that was told of no network: the system's, unless another is the default."""
    return _defaults[-1] if _defaults else Environment()
