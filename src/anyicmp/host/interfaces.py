"""The interfaces of this host: their names and indices.

Read from the system at each call; nothing is kept, for interfaces come and go.
"""

from __future__ import annotations

import socket

__all__ = ["interface_index"]


def interface_index(name: str) -> int:
    """The index of an interface, given by name or as a decimal index. Raises OSError for an unknown one."""
    return int(name) if name.isdecimal() else socket.if_nametoindex(name)
