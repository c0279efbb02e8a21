"""Multicast listener discovery of IPv6, versions 1 and 2 (RFC 2710, RFC 9777).

Bodies only; which groups this host listens to is for its kernel.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.errors import DecodeError
from anyicmp.wire.batch import Version
from anyicmp.wire.message import Message, require
from anyicmp.wire.registry import Type6

__all__ = [
    "MulticastAddressRecord",
    "MulticastListenerDone",
    "MulticastListenerQuery",
    "MulticastListenerReport",
    "MulticastListenerReport2",
]

LARGEST = 9216
"""Octets of one message: more are refused. It must fit into one packet of the link's MTU (RFC 9777
section 5.2.15); the limit, a jumbo frame, bounds the work that one packet can cause."""

_MEMBER = Struct("!HH16s")
_QUERY = Struct("!BBH")
_REPORT = Struct("!HH")
_RECORD = Struct("!BBH16s")
_UNSPECIFIED = IPv6Address(0)

# RFC 9777 section 5.2.12
_RECORD_TYPES = {
    1: "includes sources",
    2: "excludes sources",
    3: "changes to include sources",
    4: "changes to exclude sources",
    5: "allows new sources",
    6: "blocks old sources",
}


def _bounded(data: bytes) -> bytes:
    if len(data) > LARGEST:
        raise DecodeError(f"a multicast listener message of {len(data)} octets: at most {LARGEST}")
    return data


def _sources(data: bytes, offset: int, count: int) -> tuple[IPv6Address, ...]:
    end = offset + count * 16
    if end > len(data):
        raise DecodeError(f"{count} sources do not fit into the octets that follow")
    return tuple([IPv6Address(data[i : i + 16]) for i in range(offset, end, 16)])


def _pack(parts: list[bytes]) -> bytes:
    packed = b"".join(parts)
    if len(packed) + 4 > LARGEST:
        raise ValueError(f"a multicast listener message of {len(packed) + 4} octets: at most {LARGEST}")
    return packed


@attrs.frozen(kw_only=True)
class _Membership(Message):
    version: Version = attrs.field(default=6, init=False)
    maximum_response_code: int = 0
    group: IPv6Address = _UNSPECIFIED

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 24, "a multicast listener message")
        delay, _, group = _MEMBER.unpack_from(data, 4)
        return cls(code=data[1], maximum_response_code=delay, group=IPv6Address(group))

    def pack(self) -> bytes:
        return _MEMBER.pack(self.maximum_response_code, 0, self.group.packed)


@attrs.frozen(kw_only=True)
class MulticastListenerQuery(_Membership):
    """Multicast listener query: ICMPv6 type 130 (RFC 2710 section 3, RFC 9777 section 5.1).

    Of 24 octets it is of version 1, of 28 and more of version 2; the fields after `group` are None in
    version 1.

    Attributes:
        maximum_response_code: 16 bits; see `maximum_response_delay`.
        group: the multicast address asked for, the unspecified address for all.
        suppress: routers that hear it do not restart their timers.
        robustness: the querier's robustness variable, 3 bits.
        interval_code: the querier's query interval code, 8 bits.
        sources: tuple of `IPv6Address`.
    """

    TYPES: ClassVar = {6: Type6.MULTICAST_LISTENER_QUERY}

    suppress: bool | None = None
    robustness: int | None = None
    interval_code: int | None = None
    sources: tuple[IPv6Address, ...] | None = None

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        first = super().parse(data, version)
        if len(data) == 24:
            return first
        # RFC 9777 section 8.1: anything between the two lengths is neither version.
        require(_bounded(data), 28, "a multicast listener query of version 2")
        flags, interval, count = _QUERY.unpack_from(data, 24)
        return cls(
            code=first.code,
            maximum_response_code=first.maximum_response_code,
            group=first.group,
            suppress=bool(flags & 8),
            robustness=flags & 7,
            interval_code=interval,
            sources=_sources(data, 28, count),
        )

    def pack(self) -> bytes:
        suppress, robustness = self.suppress, self.robustness
        interval, sources = self.interval_code, self.sources
        if (suppress, robustness, interval, sources) == (None, None, None, None):
            return super().pack()
        if suppress is None or robustness is None or interval is None or sources is None:
            raise ValueError("a query of version 2 has suppress, robustness, interval_code and sources")
        if not 0 <= robustness < 8:
            raise ValueError(f"a robustness of 3 bits, not {robustness}")
        later = _QUERY.pack(suppress << 3 | robustness, interval, len(sources))
        return _pack([super().pack(), later, *(source.packed for source in sources)])

    @property
    def maximum_response_delay(self) -> float:
        """Seconds within which to answer (RFC 2710 section 3.4, RFC 9777 section 5.1.3)."""
        code = self.maximum_response_code
        if self.sources is None or code < 0x8000:
            return code / 1000
        return ((code & 0xFFF | 0x1000) << (code >> 12 & 7) + 3) / 1000

    @property
    def interval(self) -> int | None:
        """Seconds between the querier's queries (RFC 9777 section 5.1.9); None in version 1."""
        code = self.interval_code
        if code is None or code < 0x80:
            return code
        return (code & 0xF | 0x10) << (code >> 4 & 7) + 3

    def explain(self) -> str:
        subject = f"to {self.group}" if int(self.group) else "to any multicast address"
        source = "RFC 2710" if self.sources is None else "RFC 9777"
        return f"Multicast listener query: a router asks who listens {subject} ({source})."


@attrs.frozen(kw_only=True)
class MulticastListenerReport(_Membership):
    """Multicast listener report of version 1: ICMPv6 type 131 (RFC 2710 section 3).

    Attributes:
        maximum_response_code: 0 in a report.
        group: the multicast address that the sender listens to.
    """

    TYPES: ClassVar = {6: Type6.MULTICAST_LISTENER_REPORT}

    def explain(self) -> str:
        return f"Multicast listener report: a host listens to {self.group} (RFC 2710)."


@attrs.frozen(kw_only=True)
class MulticastListenerDone(_Membership):
    """Multicast listener done: ICMPv6 type 132 (RFC 2710 section 3).

    Attributes:
        maximum_response_code: 0 here.
        group: the multicast address that the sender no longer listens to.
    """

    TYPES: ClassVar = {6: Type6.MULTICAST_LISTENER_DONE}

    def explain(self) -> str:
        return f"Multicast listener done: a host stops listening to {self.group} (RFC 2710)."


@attrs.frozen(kw_only=True)
class MulticastAddressRecord:
    """One multicast address in a report of version 2 (RFC 9777 section 5.2.4).

    Attributes:
        type: 1 and 2 say what is, 3 to 6 what changes (RFC 9777 section 5.2.12).
        group: the multicast address.
        sources: tuple of `IPv6Address`.
        auxiliary: octets that no standard defines, a multiple of 4.
    """

    type: int
    group: IPv6Address
    sources: tuple[IPv6Address, ...] = ()
    auxiliary: bytes = b""


@attrs.frozen(kw_only=True)
class MulticastListenerReport2(Message):
    """Multicast listener report of version 2: ICMPv6 type 143 (RFC 9777 section 5.2).

    Attributes:
        records: tuple of `MulticastAddressRecord`.
    """

    TYPES: ClassVar = {6: Type6.MULTICAST_LISTENER_REPORT_V2}

    version: Version = attrs.field(default=6, init=False)
    records: tuple[MulticastAddressRecord, ...] = ()

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(_bounded(data), 8, "a multicast listener report of version 2")
        count = _REPORT.unpack_from(data, 4)[1]
        records = []
        offset = 8
        for _ in range(count):
            if offset + 20 > len(data):
                raise DecodeError(f"{count} records do not fit into {len(data)} octets")
            kind, words, many, group = _RECORD.unpack_from(data, offset)
            sources = _sources(data, offset + 20, many)
            begin = offset + 20 + many * 16
            offset = begin + words * 4
            if offset > len(data):
                raise DecodeError("the auxiliary data of a record is cut off")
            auxiliary = data[begin:offset]
            records.append(
                MulticastAddressRecord(
                    type=kind, group=IPv6Address(group), sources=sources, auxiliary=auxiliary
                )
            )
        return cls(code=data[1], records=tuple(records))

    def pack(self) -> bytes:
        parts = [_REPORT.pack(0, len(self.records))]
        for record in self.records:
            if len(record.auxiliary) % 4:
                raise ValueError("the auxiliary data of a record is a multiple of 4 octets")
            words = len(record.auxiliary) // 4
            parts.append(_RECORD.pack(record.type, words, len(record.sources), record.group.packed))
            parts += (*(source.packed for source in record.sources), record.auxiliary)
        return _pack(parts)

    def explain(self) -> str:
        what = "; ".join(
            f"{record.group} {_RECORD_TYPES.get(record.type, f'has record type {record.type}')}"
            for record in self.records
        )
        return f"Multicast listener report: a host says what it listens to: {what or 'nothing'} (RFC 9777)."
