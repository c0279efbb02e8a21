"""The codec: ICMP and ICMPv6 bytes to messages and back, without any input or output.

The public shelf of this room; what is not named here is private.
"""

from anyicmp.errors import DecodeError
from anyicmp.wire.checksum import checksum, compensator, pseudo_header_v6, update
from anyicmp.wire.codes import (
    CODES,
    ExtendedEchoCode,
    ParameterProblemCode4,
    ParameterProblemCode6,
    RedirectCode,
    TimeExceededCode4,
    TimeExceededCode6,
    UnreachableCode4,
    UnreachableCode6,
)
from anyicmp.wire.echo import EchoReply, EchoRequest
from anyicmp.wire.error import (
    DestinationUnreachable,
    ErrorMessage,
    PacketTooBig,
    ParameterProblem,
    SourceQuench,
    TimeExceeded,
)
from anyicmp.wire.extension import ExtensionObject, MplsLabel, MplsStack, RawObject, parse_extensions
from anyicmp.wire.icmp import MESSAGES, assemble_error, decode, decode_packet, encode, message_class
from anyicmp.wire.ip import (
    IPAddress,
    Packet,
    QuotedDatagram,
    build_ipv4_header,
    build_ipv6_header,
    find_transport,
    parse_quoted,
)
from anyicmp.wire.message import Message, Opaque, Unknown, code_name, type_name
from anyicmp.wire.redirect import Redirect
from anyicmp.wire.registry import Type4, Type6

__all__ = [
    "CODES",
    "MESSAGES",
    "DecodeError",
    "DestinationUnreachable",
    "EchoReply",
    "EchoRequest",
    "ErrorMessage",
    "ExtendedEchoCode",
    "ExtensionObject",
    "IPAddress",
    "Message",
    "MplsLabel",
    "MplsStack",
    "Opaque",
    "Packet",
    "PacketTooBig",
    "ParameterProblem",
    "ParameterProblemCode4",
    "ParameterProblemCode6",
    "QuotedDatagram",
    "RawObject",
    "Redirect",
    "RedirectCode",
    "SourceQuench",
    "TimeExceeded",
    "TimeExceededCode4",
    "TimeExceededCode6",
    "Type4",
    "Type6",
    "Unknown",
    "UnreachableCode4",
    "UnreachableCode6",
    "assemble_error",
    "build_ipv4_header",
    "build_ipv6_header",
    "checksum",
    "code_name",
    "compensator",
    "decode",
    "decode_packet",
    "encode",
    "find_transport",
    "message_class",
    "parse_extensions",
    "parse_quoted",
    "pseudo_header_v6",
    "type_name",
    "update",
]
