"""The address that this host would use with a peer, as its routing table has it.

Nothing is sent: connecting a datagram socket only looks the route up. Nothing is kept, for routes change.
"""

from __future__ import annotations

import os
import socket

__all__ = ["own_address"]

_DISCARD = 9  # any port would do: connect(2) on a datagram socket sends nothing


_BINDTODEVICE = getattr(socket, "SO_BINDTODEVICE", 25)


def own_address(peer: bytes, scope: int = 0, interface: str | None = None) -> bytes:
    """The packed local address for packets to a packed peer; zeros where there is no way to it.

    `scope` is the interface index of a link-local peer. An address of this host leads to itself. `interface`
    is the name, or the index, of the interface that the packets must take.
    """
    family = socket.AF_INET if len(peer) == 4 else socket.AF_INET6
    host = socket.inet_ntop(family, peer)
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if interface is not None:
                name = socket.if_indextoname(int(interface)) if interface.isdecimal() else interface
                probe.setsockopt(socket.SOL_SOCKET, _BINDTODEVICE, os.fsencode(name) + b"\0")
            probe.connect((host, _DISCARD) if len(peer) == 4 else (host, _DISCARD, 0, scope))
            return socket.inet_pton(family, probe.getsockname()[0])
    except OSError:
        return bytes(len(peer))
