"""How to probe, one file a method: the bytes of a probe and how its answers are told from others'.

METHODS maps a method's name to its class; a new method is one file and one line here.
"""

from __future__ import annotations

from anyicmp.methods.base import ProbeMethod
from anyicmp.methods.echo import EchoMethod
from anyicmp.methods.tcp import TcpMethod
from anyicmp.methods.udp import UdpMethod
from anyicmp.wire.batch import Version

__all__ = ["METHODS", "open_method"]

METHODS: dict[str, type[EchoMethod | UdpMethod | TcpMethod]] = {
    "icmp": EchoMethod,
    "udp": UdpMethod,
    "tcp": TcpMethod,
}


def open_method(name: str, version: Version) -> ProbeMethod:
    """The method of that name for one IP version. Raises ValueError for a name that nobody registered."""
    try:
        return METHODS[name](version)
    except KeyError:
        raise ValueError(f"no such method: {name!r} (there are: {', '.join(METHODS)})") from None
