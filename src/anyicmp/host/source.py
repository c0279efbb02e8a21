"""The address that this host would use with a peer, as its routing table has it.

Nothing is sent: connecting a datagram socket only looks the route up. Nothing is kept, for routes change.
"""

from __future__ import annotations

import socket

__all__ = ["own_address"]

_DISCARD = 9  # any port would do: connect(2) on a datagram socket sends nothing


def own_address(peer: bytes, scope: int = 0) -> bytes:
    """The packed local address for packets to a packed peer; zeros where there is no way to it.

    `scope` is the interface index of a link-local peer. An address of this host leads to itself.
    """
    family = socket.AF_INET if len(peer) == 4 else socket.AF_INET6
    host = socket.inet_ntop(family, peer)
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, _DISCARD) if len(peer) == 4 else (host, _DISCARD, 0, scope))
            return socket.inet_pton(family, probe.getsockname()[0])
    except OSError:
        return bytes(len(peer))
