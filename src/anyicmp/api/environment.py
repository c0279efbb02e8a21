"""Environment: all that a prober takes from outside itself, in one object that may be replaced.

The system's own stands here; a simulated network brings another. Nothing here probes.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import attrs

from anyicmp.api.wake import Wake, open_wake
from anyicmp.host.interfaces import interface_index
from anyicmp.net.transport import SocketSpec, Transport, capabilities, open_transport
from anyicmp.results import Capabilities, IPAddress

__all__ = ["Clocks", "Environment", "Resolver"]

Resolver = Callable[[str, int | None], Awaitable[Sequence[IPAddress]]]
"""`async (host, family) -> addresses`; family is 4, 6 or None. Raises OSError where there are none."""


class Clocks(Protocol):
    """Two clocks, in nanoseconds."""

    def monotonic(self) -> int: ...

    def real(self) -> int:
        """Unix time; the clock that the kernel's timestamps are of."""
        ...


@attrs.frozen(kw_only=True)
class Environment:
    """Where a prober lives.

    Attributes:
        open_transport: opens the sockets of a `SocketSpec`.
        capabilities: what may be opened.
        clocks: monotonic and wall clock; None takes the system's.
        open_wake: gives a driver its turns on the running event loop.
        resolve: looks names up; None takes the system's resolver.
        entropy: n octets that nobody can guess.
        interface_index: name of an interface to its index; raises OSError for an unknown one.
    """

    open_transport: Callable[[SocketSpec], Transport] = open_transport
    capabilities: Callable[[], Capabilities] = capabilities
    clocks: Clocks | None = None
    open_wake: Callable[[Callable[[], None], int], Wake] = open_wake
    resolve: Resolver | None = None
    entropy: Callable[[int], bytes] = os.urandom
    interface_index: Callable[[str], int] = interface_index
