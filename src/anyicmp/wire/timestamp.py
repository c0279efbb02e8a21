"""The old queries of ICMP that carry an identifier: timestamp, information, address mask.

Bodies only. The times are those of the messages; nothing here reads a clock.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.wire.batch import Version
from anyicmp.wire.message import Message, require
from anyicmp.wire.registry import Type4

__all__ = [
    "AddressMaskReply",
    "AddressMaskRequest",
    "InformationReply",
    "InformationRequest",
    "Timestamp",
    "TimestampReply",
]

_TIMES = Struct("!HHIII")
_PAIR = Struct("!HH")
_MASK = Struct("!HH4s")

_DAY = 86_400_000


def _clock(time: int) -> str:
    """A timestamp as time of day, or as the number that it is."""
    if time >= _DAY:
        return f"{time} (not a standard time)"
    seconds, milliseconds = divmod(time, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03} UT"


@attrs.frozen(kw_only=True)
class _Times(Message):
    version: Version = attrs.field(default=4, init=False)
    identifier: int = 0
    sequence: int = 0
    originate: int = 0
    receive: int = 0
    transmit: int = 0

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 20, "a timestamp message")
        identifier, sequence, originate, receive, transmit = _TIMES.unpack_from(data, 4)
        return cls(
            code=data[1],
            identifier=identifier,
            sequence=sequence,
            originate=originate,
            receive=receive,
            transmit=transmit,
        )

    def pack(self) -> bytes:
        return _TIMES.pack(self.identifier, self.sequence, self.originate, self.receive, self.transmit)


@attrs.frozen(kw_only=True)
class Timestamp(_Times):
    """Timestamp request: ICMP type 13 (RFC 792).

    Attributes:
        identifier, sequence: 16 bits each.
        originate: when the sender last touched it: milliseconds since midnight UT; with the highest of
            the 32 bits set, something else (also `receive`, `transmit`, which a request leaves 0).
    """

    TYPES: ClassVar = {4: Type4.TIMESTAMP}

    def explain(self) -> str:
        return f"Timestamp request: sent at {_clock(self.originate)}, it asks for the host's time (RFC 792)."


@attrs.frozen(kw_only=True)
class TimestampReply(_Times):
    """Timestamp reply: ICMP type 14 (RFC 792).

    Attributes:
        identifier, sequence: as in the request.
        originate: as in the request.
        receive, transmit: when the host got the request, and when it sent this; units as `originate`.
    """

    TYPES: ClassVar = {4: Type4.TIMESTAMP_REPLY}

    def explain(self) -> str:
        return f"Timestamp reply: the host's time is {_clock(self.transmit)} (RFC 792)."


@attrs.frozen(kw_only=True)
class _Information(Message):
    version: Version = attrs.field(default=4, init=False)
    identifier: int = 0
    sequence: int = 0

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 8, "an information message")
        identifier, sequence = _PAIR.unpack_from(data, 4)
        return cls(code=data[1], identifier=identifier, sequence=sequence)

    def pack(self) -> bytes:
        return _PAIR.pack(self.identifier, self.sequence)


@attrs.frozen(kw_only=True)
class InformationRequest(_Information):
    """Information request: ICMP type 15 (RFC 792, deprecated by RFC 6918).

    Attributes:
        identifier, sequence: 16 bits each.
    """

    TYPES: ClassVar = {4: Type4.INFORMATION_REQUEST}

    def explain(self) -> str:
        return (
            "Information request: a host asks which network it is on; the message is obsolete "
            "(RFC 792, deprecated by RFC 6918)."
        )


@attrs.frozen(kw_only=True)
class InformationReply(_Information):
    """Information reply: ICMP type 16 (RFC 792, deprecated by RFC 6918).

    Attributes:
        identifier, sequence: as in the request.
    """

    TYPES: ClassVar = {4: Type4.INFORMATION_REPLY}

    def explain(self) -> str:
        return (
            "Information reply: the addresses of this packet name the network; the message is obsolete "
            "(RFC 792, deprecated by RFC 6918)."
        )


@attrs.frozen(kw_only=True)
class _Mask(Message):
    version: Version = attrs.field(default=4, init=False)
    identifier: int = 0
    sequence: int = 0
    mask: IPv4Address = IPv4Address(0)  # noqa: RUF009 - an address is immutable

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 12, "an address mask message")
        identifier, sequence, mask = _MASK.unpack_from(data, 4)
        return cls(code=data[1], identifier=identifier, sequence=sequence, mask=IPv4Address(mask))

    def pack(self) -> bytes:
        return _MASK.pack(self.identifier, self.sequence, self.mask.packed)


@attrs.frozen(kw_only=True)
class AddressMaskRequest(_Mask):
    """Address mask request: ICMP type 17 (RFC 950 appendix I, deprecated by RFC 6918).

    Attributes:
        identifier, sequence: 16 bits each.
        mask: 0.0.0.0 in a request.
    """

    TYPES: ClassVar = {4: Type4.ADDRESS_MASK_REQUEST}

    def explain(self) -> str:
        return (
            "Address mask request: a host asks for the subnet mask of its link; the message is obsolete "
            "(RFC 950, deprecated by RFC 6918)."
        )


@attrs.frozen(kw_only=True)
class AddressMaskReply(_Mask):
    """Address mask reply: ICMP type 18 (RFC 950 appendix I, deprecated by RFC 6918).

    Attributes:
        identifier, sequence: as in the request.
        mask: the subnet mask, an `IPv4Address`.
    """

    TYPES: ClassVar = {4: Type4.ADDRESS_MASK_REPLY}

    def explain(self) -> str:
        return (
            f"Address mask reply: the subnet mask of this link is {self.mask}; the message is obsolete "
            "(RFC 950, deprecated by RFC 6918)."
        )
