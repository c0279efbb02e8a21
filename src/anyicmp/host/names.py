"""The system's resolver, as it is: blocking.

Whoever calls it sees to a thread and a time limit; no thread is started here.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address

from anyicmp.results import IPAddress

__all__ = ["lookup", "name_of"]

_FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


def lookup(host: str, family: int | None) -> tuple[IPAddress, ...]:
    """All addresses of a name in the system's order (getaddrinfo(3), RFC 6724), each once.

    Raises OSError with the resolver's reason. Blocks as long as the resolver does.
    """
    found = socket.getaddrinfo(host, None, _FAMILIES[family], socket.SOCK_DGRAM)
    return tuple(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def name_of(address: IPAddress) -> str | None:
    """The name of an address (getnameinfo(3)), None where it has none. Blocks as the resolver does.

    Raises OSError where nobody could be asked.
    """
    try:
        return socket.getnameinfo((str(address), 0), socket.NI_NAMEREQD)[0]
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            return None
        raise
