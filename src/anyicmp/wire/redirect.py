"""ICMP redirect: a router tells a host of a better first hop.

The IPv4 message only; the IPv6 one is a neighbour discovery message and carries options.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import ClassVar, Self

import attrs

from anyicmp.wire.batch import Version
from anyicmp.wire.error import ErrorMessage
from anyicmp.wire.extension import ExtensionObject
from anyicmp.wire.ip import QuotedDatagram
from anyicmp.wire.meanings import REDIRECT, by_code
from anyicmp.wire.registry import Type4

__all__ = ["Redirect"]


@attrs.frozen(kw_only=True)
class Redirect(ErrorMessage):
    """Redirect: ICMP type 5 (RFC 792).

    Attributes:
        code: a member of `RedirectCode`.
        gateway: the router to use instead, an `IPv4Address`.
    """

    TYPES: ClassVar = {4: Type4.REDIRECT}

    version: Version = attrs.field(default=4, init=False)
    gateway: IPv4Address

    @classmethod
    def assemble(
        cls,
        version: Version,
        code: int,
        rest: bytes,
        quoted: QuotedDatagram,
        extensions: tuple[ExtensionObject, ...],
    ) -> Self:
        return cls(quoted=quoted, extensions=extensions, code=code, gateway=IPv4Address(rest))

    def rest(self, length: int) -> bytes:
        return self.gateway.packed

    def explain(self) -> str:
        text = by_code(REDIRECT, 4, self.code, "Redirect")
        return text.replace("the gateway", f"the gateway {self.gateway}")
