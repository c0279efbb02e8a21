"""The contract of whoever hears all ICMP that reaches this host, beside that of the transports.

What is promised stands here, with the specification of what is wanted. How Linux keeps the promise stands in
`hearing.py`; no event loop is known here.
"""

from __future__ import annotations

import sys
from typing import Protocol

import attrs

from anyicmp.errors import UnsupportedError
from anyicmp.wire.batch import Version

__all__ = ["Heard", "ListenSpec", "Listening", "open_listening"]


@attrs.frozen(kw_only=True)
class ListenSpec:
    """What is to be heard.

    Attributes:
        types: IP version to the ICMP types wanted, None: all; a version that is not named is not heard.
        interface: name of the interface to hear at, None: all.
        receive_buffer: octets to ask for each socket, None: as much as is useful.
    """

    types: dict[Version, frozenset[int] | None]
    interface: str | None = None
    receive_buffer: int | None = None


@attrs.frozen(kw_only=True)
class Heard:
    """One ICMP message as it came.

    Attributes:
        version: 4 or 6.
        source, destination: packed addresses of its IP header.
        interface: name of the interface that it came in by, None where it is not known.
        ttl: hop limit, None where it is not known.
        when: kernel timestamp, Unix time in nanoseconds, 0 where there is none.
        octets: from the ICMP header on.
    """

    version: Version
    source: bytes
    destination: bytes
    interface: str | None
    ttl: int | None
    when: int
    octets: bytes


class Listening(Protocol):
    """Hears. Never blocks, never raises for what the network does."""

    def fileno(self) -> int:
        """One descriptor, readable when `recv` has something; -1 where there is none (as in a simulation)."""
        ...

    def recv(self) -> list[Heard]:
        """What has come, in order for each IP version; empty when nothing waits."""
        ...

    def dropped(self) -> int:
        """Messages that the kernel dropped for want of receive buffer, since opening (an upper bound)."""
        ...

    def close(self) -> None:
        """Free all descriptors; a second call does nothing."""
        ...


def open_listening(spec: ListenSpec) -> Listening:
    """Open raw sockets that hear what the specification names.

    Where this host has only one of the IP versions wanted, that one is heard.

    Raises SocketPermissionError without the right to (the text names the remedy), UnsupportedError on other
    systems than Linux and where none of the versions is there, ValueError for an interface that is not.
    """
    if sys.platform != "linux":
        raise UnsupportedError("hearing all ICMP of this host is known to work on Linux only")
    from anyicmp.net.hearing import RawListening

    return RawListening(spec)
