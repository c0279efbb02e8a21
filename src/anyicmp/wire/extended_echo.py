"""Extended echo (PROBE): ask a host about one of its interfaces, or a neighbour's (RFC 8335).

Bodies only; the object that names the interface is in `interface.py`.
"""

from __future__ import annotations

from typing import ClassVar, Self

import attrs

from anyicmp.wire.batch import Version
from anyicmp.wire.codes import ExtendedEchoCode
from anyicmp.wire.extension import ExtensionObject, pack_extensions, parse_extensions
from anyicmp.wire.message import Message, require
from anyicmp.wire.registry import Type4, Type6

__all__ = ["ExtendedEchoReply", "ExtendedEchoRequest"]

_STATES = {1: "incomplete", 2: "reachable", 3: "stale", 4: "delay", 5: "probe", 6: "failed"}


@attrs.frozen(kw_only=True)
class ExtendedEchoRequest(Message):
    """Extended echo request: ICMP type 42, ICMPv6 type 160 (RFC 8335 section 2).

    Attributes:
        identifier: 16 bits.
        sequence: 8 bits.
        local: whether the interface is one of the host's own; else it is a neighbour's.
        extensions: tuple of extension objects; an `InterfaceIdentification` names the interface.
        tail: octets that are no extension structure.
    """

    TYPES: ClassVar = {4: Type4.EXTENDED_ECHO_REQUEST, 6: Type6.EXTENDED_ECHO_REQUEST}

    identifier: int = 0
    sequence: int = 0
    local: bool = True
    extensions: tuple[ExtensionObject, ...] = ()
    tail: bytes = b""

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 8, "an extended echo request")
        extensions = parse_extensions(memoryview(data)[8:])
        return cls(
            code=data[1],
            identifier=data[4] << 8 | data[5],
            sequence=data[6],
            local=bool(data[7] & 1),
            extensions=extensions,
            tail=b"" if extensions else data[8:],
            version=version,
        )

    def pack(self) -> bytes:
        if self.extensions and self.tail:
            raise ValueError("an extended echo request has extensions or a tail, not both")
        head = self.identifier.to_bytes(2, "big") + bytes((self.sequence, self.local))
        return head + (pack_extensions(self.extensions) if self.extensions else self.tail)

    def explain(self) -> str:
        whose = "its own interfaces" if self.local else "its neighbours' interfaces"
        return f"Extended echo request: someone asks a host about one of {whose} (RFC 8335)."


@attrs.frozen(kw_only=True)
class ExtendedEchoReply(Message):
    """Extended echo reply: ICMP type 43, ICMPv6 type 161 (RFC 8335 section 3).

    Attributes:
        code: a member of `ExtendedEchoCode`.
        identifier: as in the request, 16 bits.
        sequence: as in the request, 8 bits.
        state: of a neighbour's table entry: 1 incomplete, 2 reachable, 3 stale, 4 delay, 5 probe,
            6 failed; 0 where the interface is the host's own.
        active: whether the interface is up.
        ipv4, ipv6: whether it runs IPv4, IPv6.
    """

    TYPES: ClassVar = {4: Type4.EXTENDED_ECHO_REPLY, 6: Type6.EXTENDED_ECHO_REPLY}

    identifier: int = 0
    sequence: int = 0
    state: int = 0
    active: bool = False
    ipv4: bool = False
    ipv6: bool = False

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 8, "an extended echo reply")
        bits = data[7]
        return cls(
            code=data[1],
            identifier=data[4] << 8 | data[5],
            sequence=data[6],
            state=bits >> 5,
            active=bool(bits & 4),
            ipv4=bool(bits & 2),
            ipv6=bool(bits & 1),
            version=version,
        )

    def pack(self) -> bytes:
        if not 0 <= self.state < 8:
            raise ValueError(f"a state has 3 bits, not {self.state}")
        bits = self.state << 5 | self.active << 2 | self.ipv4 << 1 | self.ipv6
        return self.identifier.to_bytes(2, "big") + bytes((self.sequence, bits))

    def explain(self) -> str:
        return f"Extended echo reply: {self._answer()} (RFC 8335)."

    def _answer(self) -> str:
        if self.code == ExtendedEchoCode.MALFORMED_QUERY:
            return "the host could not read the query"
        if self.code == ExtendedEchoCode.NO_SUCH_INTERFACE:
            return "the host has no such interface"
        if self.code == ExtendedEchoCode.NO_SUCH_TABLE_ENTRY:
            return "the host knows no such neighbour"
        if self.code == ExtendedEchoCode.MULTIPLE_INTERFACES_SATISFY_QUERY:
            return "more than one interface fits the query"
        if self.code != ExtendedEchoCode.NO_ERROR:
            return f"the host gives code {self.code}, which nobody registered"
        if self.state:
            return f"the neighbour's entry is in the state {_STATES.get(self.state, self.state)}"
        running = " and ".join(name for name, on in (("IPv4", self.ipv4), ("IPv6", self.ipv6)) if on)
        return f"the interface is {'up' if self.active else 'down'} and runs {running or 'no IP'}"
