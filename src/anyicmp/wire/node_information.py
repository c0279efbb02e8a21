"""Node information queries of IPv6: who are you, under which names and addresses (RFC 4620).

Bodies only. Names are read as far as they are plain; a compressed or damaged one is left in `data`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import ClassVar, Self

import attrs

from anyicmp.wire.batch import Version
from anyicmp.wire.codes import NodeInformationReplyCode
from anyicmp.wire.message import Message, require
from anyicmp.wire.registry import Type6

__all__ = ["NodeInformationQuery", "NodeInformationResponse"]

_HEAD = Struct("!HHQ")
_MOST_READ = 9216  # octets of an answer, a jumbo frame: the limit bounds the work that one packet can cause
_NAME, _ADDRESSES6, _ADDRESSES4 = 2, 3, 4
_QTYPES = {
    0: "a sign of life",
    1: "an obsolete list",
    _NAME: "names",
    _ADDRESSES6: "addresses",
    _ADDRESSES4: "IPv4 addresses",
}


def _names(data: bytes) -> tuple[str, ...]:
    """The DNS names in `data` (RFC 1035 section 3.1); a single label ends with two zero octets."""
    names: list[str] = []
    labels: list[str] = []
    offset = 0
    while offset < len(data):
        size = data[offset]
        if size > 63 or offset + 1 + size > len(data):
            break
        if size:
            labels.append(data[offset + 1 : offset + 1 + size].decode("ascii", "backslashreplace"))
        elif labels:
            names.append(".".join(labels))
            labels = []
        offset += 1 + size
    return tuple(names)


@attrs.frozen(kw_only=True)
class _NodeInformation(Message):
    version: Version = attrs.field(default=6, init=False)
    qtype: int = 0
    flags: int = 0
    nonce: int = 0
    data: bytes = b""

    @classmethod
    def parse(cls, data: bytes, version: Version) -> Self:
        require(data, 16, "a node information message")
        qtype, flags, nonce = _HEAD.unpack_from(data, 4)
        return cls(code=data[1], qtype=qtype, flags=flags, nonce=nonce, data=data[16:])

    def pack(self) -> bytes:
        return _HEAD.pack(self.qtype, self.flags, self.nonce) + self.data


@attrs.frozen(kw_only=True)
class NodeInformationQuery(_NodeInformation):
    """Node information query: ICMPv6 type 139 (RFC 4620 section 4).

    Attributes:
        code: a member of `NodeInformationQueryCode`: what `data` holds.
        qtype: what is asked: 0 nothing, 2 node name, 3 IPv6 addresses, 4 IPv4 addresses.
        flags: 16 bits, by qtype.
        nonce: 64 bits, to find the response to a query.
        data: the subject of the question, as bytes.
    """

    TYPES: ClassVar = {6: Type6.NODE_INFORMATION_QUERY}

    @property
    def subject(self) -> IPv6Address | IPv4Address | str | None:
        """Whom the question is about: an address or a name; None where `data` holds neither."""
        if self.code == 0 and len(self.data) == 16:
            return IPv6Address(self.data)
        if self.code == 2 and len(self.data) == 4:
            return IPv4Address(self.data)
        names = _names(self.data[:_MOST_READ]) if self.code == 1 else ()
        return names[0] if names else None

    def explain(self) -> str:
        what = _QTYPES.get(self.qtype, f"query type {self.qtype}")
        subject = self.subject
        about = "" if subject is None else f" about {subject}"
        return f"Node information query: someone asks a host for {what}{about} (RFC 4620)."


@attrs.frozen(kw_only=True)
class NodeInformationResponse(_NodeInformation):
    """Node information response: ICMPv6 type 140 (RFC 4620 section 4).

    Attributes:
        code: a member of `NodeInformationReplyCode`.
        qtype: as in the query.
        flags: 16 bits, by qtype.
        nonce: as in the query.
        data: the answer, as bytes.
    """

    TYPES: ClassVar = {6: Type6.NODE_INFORMATION_RESPONSE}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the host, where it answers with names (RFC 4620 section 6.3)."""
        return _names(self.data[4:_MOST_READ]) if self.qtype == _NAME and self.code == 0 else ()

    @property
    def addresses(self) -> tuple[IPv6Address | IPv4Address, ...]:
        """The addresses of the host, where it answers with addresses (RFC 4620 sections 6.4, 6.5)."""
        data = self.data[:_MOST_READ]
        if self.code or self.qtype not in (_ADDRESSES6, _ADDRESSES4):
            return ()
        if self.qtype == _ADDRESSES6:
            return tuple(IPv6Address(data[i + 4 : i + 20]) for i in range(0, len(data) - 19, 20))
        return tuple(IPv4Address(data[i + 4 : i + 8]) for i in range(0, len(data) - 7, 8))

    def explain(self) -> str:
        if self.code == NodeInformationReplyCode.REFUSED:
            answer = "the host refuses to tell"
        elif self.code == NodeInformationReplyCode.QTYPE_UNKNOWN:
            answer = "the host does not understand the question"
        else:
            told = (*self.names, *(str(address) for address in self.addresses))
            answer = f"the host says {', '.join(told)}" if told else "the host answers"
        return f"Node information response: {answer} (RFC 4620)."
