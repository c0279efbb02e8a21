"""How to probe, one file a method: the bytes of a probe and how its answers are told from others'.

METHODS maps a method's name to its class; a new method is one file and one line here. A class loads when it
is first asked for.
"""

from __future__ import annotations

from importlib import import_module

from anyicmp.methods.base import ProbeMethod
from anyicmp.wire.batch import Version

__all__ = ["METHODS", "method_class", "open_method"]

METHODS = {
    "icmp": "echo.EchoMethod",
    "udp": "udp.UdpMethod",
    "tcp": "tcp.TcpMethod",
}


def method_class(name: str) -> type[ProbeMethod]:
    """The class of that name. Raises ValueError for a name that nobody registered."""
    if name not in METHODS:
        raise ValueError(f"no such method: {name!r} (there are: {', '.join(METHODS)})")
    module, _, cls = METHODS[name].partition(".")
    found: type[ProbeMethod] = getattr(import_module(f"{__name__}.{module}"), cls)
    return found


def open_method(name: str, version: Version) -> ProbeMethod:
    """The method of that name for one IP version. Raises ValueError as `method_class`."""
    return method_class(name)(version)
