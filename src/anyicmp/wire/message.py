"""Message: what all ICMP messages have in common, and the two that keep their bytes.

Each form of body is a class of this kind, in the file of its family. Which class reads which type is
said in one place only, the table MESSAGES in `icmp.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import attrs

from anyicmp.errors import DecodeError
from anyicmp.wire.batch import Version
from anyicmp.wire.codes import CODES
from anyicmp.wire.registry import SOURCES, Type4, Type6

__all__ = ["Message", "Opaque", "Unknown", "code_name", "require", "type_name"]


def require(data: bytes, octets: int, what: str) -> None:
    """Raise DecodeError unless `data` has at least so many octets."""
    if len(data) < octets:
        raise DecodeError(f"{what} has at least {octets} octets, here are {len(data)}")


_SPELLINGS = {
    "dodag": "DODAG",
    "fmipv6": "FMIPv6",
    "ilnpv6": "ILNPv6",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "mpl": "MPL",
    "p2p": "P2P",
    "rovr": "ROVR",
    "rpl": "RPL",
    "skip": "SKIP",
    "spi": "SPI",
    "sr": "SR",
    "tos": "TOS",
    "ttl": "TTL",
}


def _words(name: str) -> str:
    return " ".join(_SPELLINGS.get(word, word) for word in name.lower().split("_"))


def type_name(version: int, number: int) -> str | None:
    """The registered name of a type in words, or None."""
    names = Type4 if version == 4 else Type6
    return _words(names(number).name) if number in SOURCES[version] else None


def code_name(version: int, number: int, code: int) -> str | None:
    """The registered name of a code of the type `number` in words, or None."""
    for member in CODES.get((version, number), ()):
        if member == code:
            return _words(member.name)
    return None


@attrs.frozen(kw_only=True)
class Message:
    """An ICMP message: the base of all message classes.

    Messages are immutable, hashable and compare by value. They are built and matched by keyword.

    Attributes:
        code: the message code, 0 to 255.
        version: 4 for ICMP, 6 for ICMPv6.
    """

    TYPES: ClassVar[Mapping[int, int]] = {}
    """IP version to message type, for the versions that have this message."""

    code: int = 0
    version: Version = 4

    @property
    def type(self) -> int:
        """The message type: a member of `Type4` or `Type6`, or a number that neither has."""
        try:
            return self.TYPES[self.version]
        except KeyError:
            raise ValueError(f"{type(self).__name__} is no message of IP version {self.version}") from None

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        """Read a message from all its octets, type, code and checksum first. Raises DecodeError only.

        `data` has at least 4 octets; the checksum is not looked at.
        """
        raise NotImplementedError

    def pack(self) -> bytes:
        """The octets after the checksum. Raises ValueError for a value that does not fit its field."""
        raise NotImplementedError

    def explain(self) -> str:
        """One sentence for people: what it is, what it means for them, which RFC defines it."""
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class Opaque(Message):
    """A registered type whose body is kept as bytes, under the registry's name.

    Attributes:
        body: the octets after the checksum.
    """

    type: int  # pyright: ignore[reportIncompatibleMethodOverride] - a field in place of the property
    body: bytes = b""

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        number = Type4(data[0]) if version == 4 else Type6(data[0])
        return cls(version=version, type=number, code=data[1], body=data[4:])

    def pack(self) -> bytes:
        return self.body

    def explain(self) -> str:
        from anyicmp.wire.opaque import OPAQUE

        name = type_name(self.version, self.type) or f"type {self.type}"
        code = code_name(self.version, self.type, self.code)
        label = f"{name}, {code}" if code else name
        meaning = OPAQUE[self.version].get(self.type, "a message whose content is kept, not read")
        source = SOURCES[self.version].get(self.type, "no document")
        return f"{label[:1].upper()}{label[1:]}: {meaning} ({source})."


@attrs.frozen(kw_only=True)
class Unknown(Message):
    """A message of a type that nobody registered; it keeps its bytes.

    Attributes:
        body: the octets after the checksum.
    """

    type: int  # pyright: ignore[reportIncompatibleMethodOverride] - a field in place of the property
    body: bytes = b""

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        return cls(version=version, type=data[0], code=data[1], body=data[4:])

    def pack(self) -> bytes:
        return self.body

    def explain(self) -> str:
        kind = "ICMP" if self.version == 4 else "ICMPv6"
        error = self.version == 6 and self.type < 128
        meaning = "an error of an unknown kind" if error else "a message of an unknown kind, to be ignored"
        source = "RFC 4443 section 2.4" if self.version == 6 else "RFC 1122 section 3.2.2"
        return f"{kind} type {self.type}, which nobody registered: {meaning} ({source})."
