"""The errors that quote a datagram: unreachable, too big, time exceeded, parameter problem, quench.

Bodies and what they mean. Whether an error concerns one of our probes is decided elsewhere.
"""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.wire.batch import Version
from anyicmp.wire.codes import UnreachableCode4
from anyicmp.wire.extension import ExtensionObject, join_quoted, split_quoted
from anyicmp.wire.ip import QuotedDatagram, parse_quoted
from anyicmp.wire.meanings import PARAMETER_PROBLEM, TIME_EXCEEDED, UNREACHABLE, by_code
from anyicmp.wire.message import Message, require
from anyicmp.wire.plain import maker
from anyicmp.wire.registry import Type4, Type6

__all__ = [
    "DestinationUnreachable",
    "ErrorMessage",
    "PacketTooBig",
    "ParameterProblem",
    "SourceQuench",
    "TimeExceeded",
]

_REST4 = Struct("!BBH")
_WORD = Struct("!I")


_NOTHING = QuotedDatagram()


@attrs.frozen(kw_only=True)
class ErrorMessage(Message):
    """A message about a datagram that it quotes.

    Attributes:
        quoted: the beginning of that datagram.
        extensions: tuple of extension objects (RFC 4884); empty in the types that carry none.
    """

    LENGTH_AT: ClassVar[dict[int, int]] = {}
    """IP version to the octet of the RFC 4884 length field, for the versions that have it."""

    quoted: QuotedDatagram = _NOTHING
    extensions: tuple[ExtensionObject, ...] = ()

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        if len(data) < 8:
            require(data, 8, "an ICMP error")
        body = data[8:]
        extensions: tuple[ExtensionObject, ...] = ()
        if len(body) > 128 and version in cls.LENGTH_AT:
            body, extensions = split_quoted(body, data[cls.LENGTH_AT[version]] * (4 if version == 4 else 8))
        return cls.assemble(version, data[1], data[4:8], parse_quoted(body, version), extensions)

    @classmethod
    def assemble(
        cls,
        version: Version,
        code: int,
        rest: bytes,
        quoted: QuotedDatagram,
        extensions: tuple[ExtensionObject, ...],
    ) -> Self:
        """Build the message from its parts; `rest` are the four octets after the checksum."""
        raise NotImplementedError

    def rest(self, length: int) -> bytes:
        """The four octets after the checksum; `length` is what belongs into the length field."""
        raise NotImplementedError

    def pack(self) -> bytes:
        if self.quoted.data and not self.quoted.packet:
            raise ValueError("this quoted datagram came without its IP header: it cannot be encoded")
        if self.extensions and self.version not in self.LENGTH_AT:
            raise ValueError(f"{type(self).__name__} of IPv{self.version} carries no extensions (RFC 4884)")
        length, body = join_quoted(self.quoted.packet, self.extensions, 4 if self.version == 4 else 8)
        return self.rest(length) + body


@attrs.frozen(kw_only=True)
class DestinationUnreachable(ErrorMessage):
    """Destination unreachable: ICMP type 3 (RFC 792), ICMPv6 type 1 (RFC 4443 section 3.1).

    Attributes:
        code: a member of `UnreachableCode4` or `UnreachableCode6`.
        next_hop_mtu: octets, ICMP code 4 only (RFC 1191 section 4); 0 from routers older than that.
    """

    TYPES: ClassVar = {4: Type4.DESTINATION_UNREACHABLE, 6: Type6.DESTINATION_UNREACHABLE}
    LENGTH_AT: ClassVar = {4: 5, 6: 4}

    next_hop_mtu: int | None = None

    @classmethod
    def assemble(
        cls,
        version: Version,
        code: int,
        rest: bytes,
        quoted: QuotedDatagram,
        extensions: tuple[ExtensionObject, ...],
    ) -> Self:
        mtu = rest[2] << 8 | rest[3] if code == 4 and version == 4 else None
        return maker(cls)(code, version, quoted, extensions, mtu)

    def rest(self, length: int) -> bytes:
        fragmentation = self.version == 4 and self.code == UnreachableCode4.FRAGMENTATION_NEEDED
        if fragmentation == (self.next_hop_mtu is None):
            raise ValueError("next_hop_mtu belongs to ICMP code 4, fragmentation needed, and to no other")
        if self.version == 6:
            return bytes((length, 0, 0, 0))
        return _REST4.pack(0, length, self.next_hop_mtu or 0)

    def explain(self) -> str:
        text = by_code(UNREACHABLE, self.version, self.code, "Destination unreachable")
        if self.next_hop_mtu is None:
            return text
        largest = (
            f"the next link takes {self.next_hop_mtu} octets"
            if self.next_hop_mtu
            else "the router does not say what the next link takes"
        )
        return text.replace("the next link is smaller", largest)


@attrs.frozen(kw_only=True)
class PacketTooBig(ErrorMessage):
    """Packet too big: ICMPv6 type 2 (RFC 4443 section 3.2).

    Attributes:
        mtu: what the next link takes, in octets.
    """

    TYPES: ClassVar = {6: Type6.PACKET_TOO_BIG}

    version: Version = attrs.field(default=6, init=False)
    mtu: int = 0

    @classmethod
    def assemble(
        cls,
        version: Version,
        code: int,
        rest: bytes,
        quoted: QuotedDatagram,
        extensions: tuple[ExtensionObject, ...],
    ) -> Self:
        return cls(quoted=quoted, extensions=extensions, code=code, mtu=_WORD.unpack(rest)[0])

    def rest(self, length: int) -> bytes:
        return _WORD.pack(self.mtu)

    def explain(self) -> str:
        return (
            f"Packet too big: the next link takes {self.mtu} octets, so send smaller packets or "
            "fragments to this destination (RFC 4443 section 3.2, RFC 8201)."
        )


@attrs.frozen(kw_only=True)
class TimeExceeded(ErrorMessage):
    """Time exceeded: ICMP type 11 (RFC 792), ICMPv6 type 3 (RFC 4443 section 3.3).

    Attributes:
        code: a member of `TimeExceededCode4` or `TimeExceededCode6`.
    """

    TYPES: ClassVar = {4: Type4.TIME_EXCEEDED, 6: Type6.TIME_EXCEEDED}
    LENGTH_AT: ClassVar = {4: 5, 6: 4}

    @classmethod
    def assemble(
        cls,
        version: Version,
        code: int,
        rest: bytes,
        quoted: QuotedDatagram,
        extensions: tuple[ExtensionObject, ...],
    ) -> Self:
        return maker(cls)(code, version, quoted, extensions)

    def rest(self, length: int) -> bytes:
        return bytes((0, length, 0, 0) if self.version == 4 else (length, 0, 0, 0))

    def explain(self) -> str:
        return by_code(TIME_EXCEEDED, self.version, self.code, "Time exceeded")


@attrs.frozen(kw_only=True)
class ParameterProblem(ErrorMessage):
    """Parameter problem: ICMP type 12 (RFC 792), ICMPv6 type 4 (RFC 4443 section 3.4).

    Attributes:
        code: a member of `ParameterProblemCode4` or `ParameterProblemCode6`.
        pointer: offset in the datagram, in octets, of what could not be processed; it may lie beyond
            the quote. 8 bits in ICMP, 32 in ICMPv6.
    """

    TYPES: ClassVar = {4: Type4.PARAMETER_PROBLEM, 6: Type6.PARAMETER_PROBLEM}
    LENGTH_AT: ClassVar = {4: 5}

    pointer: int = 0

    @classmethod
    def assemble(
        cls,
        version: Version,
        code: int,
        rest: bytes,
        quoted: QuotedDatagram,
        extensions: tuple[ExtensionObject, ...],
    ) -> Self:
        pointer = rest[0] if version == 4 else _WORD.unpack(rest)[0]
        return cls(quoted=quoted, extensions=extensions, code=code, pointer=pointer, version=version)

    def rest(self, length: int) -> bytes:
        if self.version == 6:
            return _WORD.pack(self.pointer)
        return bytes((self.pointer, length, 0, 0))

    def explain(self) -> str:
        text = by_code(PARAMETER_PROBLEM, self.version, self.code, "Parameter problem")
        return text.replace("at the pointer", f"at octet {self.pointer}")


@attrs.frozen(kw_only=True)
class SourceQuench(ErrorMessage):
    """Source quench: ICMP type 4 (RFC 792). Nobody may send it and hosts ignore it (RFC 6633)."""

    TYPES: ClassVar = {4: Type4.SOURCE_QUENCH}

    version: Version = attrs.field(default=4, init=False)

    @classmethod
    def assemble(
        cls,
        version: Version,
        code: int,
        rest: bytes,
        quoted: QuotedDatagram,
        extensions: tuple[ExtensionObject, ...],
    ) -> Self:
        return cls(quoted=quoted, extensions=extensions, code=code)

    def rest(self, length: int) -> bytes:
        return bytes(4)

    def explain(self) -> str:
        return (
            "Source quench: someone asks to send more slowly; the message is obsolete and is to be "
            "ignored (RFC 792, deprecated by RFC 6633)."
        )
