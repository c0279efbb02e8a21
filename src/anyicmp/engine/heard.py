"""An ICMP error as it was heard: its octets, and which part of the quoted datagram is real.

Kept as octets until someone wants the message. Whose probe it is about was decided before.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import attrs

from anyicmp.wire.batch import Quoted, Version

if TYPE_CHECKING:
    from anyicmp.wire import Message

__all__ = ["ErrorBytes"]


@attrs.frozen(kw_only=True)
class ErrorBytes:
    """An ICMP error, kept until someone wants the decoded message.

    Attributes:
        data: from the ICMP header on.
        quoted: which part of the quoted datagram follows.
        extension: offset in `data` of the RFC 4884 structure that the kernel named, else 0.
        original: packed destination of the probe.
        protocol: of the probe.
    """

    data: bytes
    quoted: Quoted
    extension: int
    original: bytes
    protocol: int

    def message(self, version: Version) -> Message:
        """The decoded message. What the kernel withheld of the quoted datagram is not made up."""
        # Most probers never hear an error.
        from anyicmp.wire import QuotedDatagram, assemble_error, decode, parse_extensions

        data = self.data
        if self.quoted == Quoted.PACKET:
            return decode(data, version=version, verify=False)
        end = self.extension or len(data)
        quoted = QuotedDatagram(
            destination=ip_address(self.original),
            protocol=self.protocol,
            # A payload without the header before it is no beginning of a transport packet.
            data=data[8:end] if self.quoted == Quoted.TRANSPORT else b"",
        )
        return assemble_error(
            version=version,
            type=data[0],
            code=data[1],
            rest=data[4:8],
            quoted=quoted,
            extensions=parse_extensions(data[end:]) if self.extension else (),
        )
