"""Echo request and echo reply, ICMP and ICMPv6.

Bodies only: which identifier and payload a probe carries is decided elsewhere.
"""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.wire.batch import Version
from anyicmp.wire.message import Message, require
from anyicmp.wire.plain import maker
from anyicmp.wire.registry import SOURCES, Type4, Type6

__all__ = ["EchoReply", "EchoRequest"]

_IDENTIFIER_SEQUENCE = Struct("!HH")


@attrs.frozen(kw_only=True)
class _Echo(Message):
    identifier: int = 0
    sequence: int = 0
    data: bytes = b""

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        if len(data) < 8:
            require(data, 8, "an echo message")
        identifier, sequence = _IDENTIFIER_SEQUENCE.unpack_from(data, 4)
        return maker(cls)(data[1], version, identifier, sequence, data[8:])

    def pack(self) -> bytes:
        return _IDENTIFIER_SEQUENCE.pack(self.identifier, self.sequence) + self.data


@attrs.frozen(kw_only=True)
class EchoRequest(_Echo):
    """Echo request: ICMP type 8 (RFC 792), ICMPv6 type 128 (RFC 4443 section 4.1).

    Attributes:
        identifier: tells one sender's probes from another's, 16 bits.
        sequence: 16 bits.
        data: what the target must send back unchanged.
    """

    TYPES: ClassVar = {4: Type4.ECHO_REQUEST, 6: Type6.ECHO_REQUEST}

    def explain(self) -> str:
        return f"Echo request: someone asks whether this host answers ({SOURCES[self.version][self.type]})."


@attrs.frozen(kw_only=True)
class EchoReply(_Echo):
    """Echo reply: ICMP type 0 (RFC 792), ICMPv6 type 129 (RFC 4443 section 4.2).

    Attributes:
        identifier: as in the request, 16 bits.
        sequence: as in the request, 16 bits.
        data: the request's data, sent back.
    """

    TYPES: ClassVar = {4: Type4.ECHO_REPLY, 6: Type6.ECHO_REPLY}

    def explain(self) -> str:
        return f"Echo reply: the host is alive and answers ({SOURCES[self.version][self.type]})."
