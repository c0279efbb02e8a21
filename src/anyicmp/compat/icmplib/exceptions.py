"""The exceptions of icmplib's interface, under its names and with its family tree.

What raises them is in `calls.py`. Those that its calls never raise are there for `except` clauses.
"""

from __future__ import annotations

__all__ = [
    "DestinationUnreachable",
    "ICMPError",
    "ICMPLibError",
    "ICMPSocketError",
    "NameLookupError",
    "SocketAddressError",
    "SocketBroadcastError",
    "SocketPermissionError",
    "SocketUnavailableError",
    "TimeExceeded",
    "TimeoutExceeded",
]


class ICMPLibError(Exception):
    """Base of all of them."""


class NameLookupError(ICMPLibError):
    """A name leads to no address."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no address is known for the name {name!r}")


class ICMPSocketError(ICMPLibError):
    """A socket could not be opened, or not be used."""


class SocketAddressError(ICMPSocketError):
    """The source address is none of this host's."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is no address of this host to send from")


class SocketPermissionError(ICMPSocketError):
    """No socket of the wanted kind may be opened; the text names the remedy."""

    def __init__(self, privileged: bool, remedy: str = "") -> None:
        kind = "raw" if privileged else "datagram"
        super().__init__(remedy or f"no {kind} ICMP socket may be opened")


class SocketUnavailableError(ICMPSocketError):
    """A socket was used after it was closed."""


class SocketBroadcastError(ICMPSocketError):
    """A broadcast address was used where that is not allowed."""


class TimeoutExceeded(ICMPSocketError):
    """No answer came in time."""


class ICMPError(ICMPLibError):
    """An ICMP error came."""


class DestinationUnreachable(ICMPError):
    """A router, or the target, reported that the target cannot be reached."""


class TimeExceeded(ICMPError):
    """A router reported that the hop limit was used up."""
