"""NetlinkSocket: a non-blocking socket to the kernel's tables (netlink(7), rtnetlink(7)).

Octets out and in. It waits for nothing, and does not know what the octets mean.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from anyicmp.errors import UnsupportedError

__all__ = ["NetlinkSocket"]

NETLINK_ROUTE = 0
LARGEST = 65_536
"""Octets. The kernel puts 32,768 into one datagram at most, and no entry of a table is that long."""


class NetlinkSocket:
    """Opened with the object, closed at the end of the block."""

    def __init__(self) -> None:
        """Raises UnsupportedError where the system has no netlink, OSError where none may be opened."""
        if not hasattr(socket, "AF_NETLINK"):
            raise UnsupportedError(
                "this host's tables are read through netlink, which only Linux has; "
                "ping, sweep and traceroute do not need them"
            )
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_ROUTE)

    def fileno(self) -> int:
        """To wait on."""
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        """Hand a request to the kernel. Raises OSError."""
        self._socket.sendto(request, (0, 0))

    def receive(self) -> bytes | None:
        """The next datagram, b"" for one that is not the kernel's; None where none waits. Raises OSError."""
        try:
            octets, sender = self._socket.recvfrom(LARGEST)
        except BlockingIOError:
            return None
        return b"" if sender[0] else octets

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
