"""The codec: ICMP and ICMPv6 bytes to messages and back, without any input or output.

The public shelf of this room; what is not named here is private. What sends and receives needs no message as
an object: all of them load when first asked for, for import time and memory are features.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from anyicmp.errors import DecodeError
from anyicmp.wire.checksum import checksum, compensator, pseudo_header_v6, update

if TYPE_CHECKING:
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
    from anyicmp.wire.extended_echo import ExtendedEchoReply, ExtendedEchoRequest
    from anyicmp.wire.extension import ExtensionObject, MplsLabel, MplsStack, RawObject, parse_extensions
    from anyicmp.wire.icmp import MESSAGES, assemble_error, decode, decode_packet, encode, message_class
    from anyicmp.wire.interface import ExtendedInformation, InterfaceIdentification, InterfaceInformation
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
    from anyicmp.wire.multicast import (
        MulticastAddressRecord,
        MulticastListenerDone,
        MulticastListenerQuery,
        MulticastListenerReport,
        MulticastListenerReport2,
    )
    from anyicmp.wire.neighbor import (
        NeighborAdvertisement,
        NeighborSolicitation,
        Redirect6,
        RouterAdvertisement6,
        RouterSolicitation6,
    )
    from anyicmp.wire.node_information import NodeInformationQuery, NodeInformationResponse
    from anyicmp.wire.option import (
        MtuOption,
        NeighborOption,
        PrefixInformation,
        RawOption,
        RecursiveDnsServers,
        RedirectedHeader,
        RouteInformation,
        SourceLinkAddress,
        TargetLinkAddress,
    )
    from anyicmp.wire.redirect import Redirect
    from anyicmp.wire.registry import Type4, Type6
    from anyicmp.wire.router import AdvertisedRouter, RouterAdvertisement4, RouterSolicitation4
    from anyicmp.wire.timestamp import (
        AddressMaskReply,
        AddressMaskRequest,
        InformationReply,
        InformationRequest,
        Timestamp,
        TimestampReply,
    )

__all__ = [
    "CODES",
    "MESSAGES",
    "AddressMaskReply",
    "AddressMaskRequest",
    "AdvertisedRouter",
    "DecodeError",
    "DestinationUnreachable",
    "EchoReply",
    "EchoRequest",
    "ErrorMessage",
    "ExtendedEchoCode",
    "ExtendedEchoReply",
    "ExtendedEchoRequest",
    "ExtendedInformation",
    "ExtensionObject",
    "IPAddress",
    "InformationReply",
    "InformationRequest",
    "InterfaceIdentification",
    "InterfaceInformation",
    "Message",
    "MplsLabel",
    "MplsStack",
    "MtuOption",
    "MulticastAddressRecord",
    "MulticastListenerDone",
    "MulticastListenerQuery",
    "MulticastListenerReport",
    "MulticastListenerReport2",
    "NeighborAdvertisement",
    "NeighborOption",
    "NeighborSolicitation",
    "NodeInformationQuery",
    "NodeInformationResponse",
    "Opaque",
    "Packet",
    "PacketTooBig",
    "ParameterProblem",
    "ParameterProblemCode4",
    "ParameterProblemCode6",
    "PrefixInformation",
    "QuotedDatagram",
    "RawObject",
    "RawOption",
    "RecursiveDnsServers",
    "Redirect",
    "Redirect6",
    "RedirectCode",
    "RedirectedHeader",
    "RouteInformation",
    "RouterAdvertisement4",
    "RouterAdvertisement6",
    "RouterSolicitation4",
    "RouterSolicitation6",
    "SourceLinkAddress",
    "SourceQuench",
    "TargetLinkAddress",
    "TimeExceeded",
    "TimeExceededCode4",
    "TimeExceededCode6",
    "Timestamp",
    "TimestampReply",
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

_LATER = {
    "codes": (
        "CODES",
        "ExtendedEchoCode",
        "ParameterProblemCode4",
        "ParameterProblemCode6",
        "RedirectCode",
        "TimeExceededCode4",
        "TimeExceededCode6",
        "UnreachableCode4",
        "UnreachableCode6",
    ),
    "echo": (
        "EchoReply",
        "EchoRequest",
    ),
    "error": (
        "DestinationUnreachable",
        "ErrorMessage",
        "PacketTooBig",
        "ParameterProblem",
        "SourceQuench",
        "TimeExceeded",
    ),
    "extension": (
        "ExtensionObject",
        "MplsLabel",
        "MplsStack",
        "RawObject",
        "parse_extensions",
    ),
    "icmp": (
        "MESSAGES",
        "assemble_error",
        "decode",
        "decode_packet",
        "encode",
        "message_class",
    ),
    "ip": (
        "IPAddress",
        "Packet",
        "QuotedDatagram",
        "build_ipv4_header",
        "build_ipv6_header",
        "find_transport",
        "parse_quoted",
    ),
    "message": (
        "Message",
        "Opaque",
        "Unknown",
        "code_name",
        "type_name",
    ),
    "redirect": ("Redirect",),
    "registry": (
        "Type4",
        "Type6",
    ),
    "extended_echo": ("ExtendedEchoReply", "ExtendedEchoRequest"),
    "interface": ("ExtendedInformation", "InterfaceIdentification", "InterfaceInformation"),
    "multicast": (
        "MulticastAddressRecord",
        "MulticastListenerDone",
        "MulticastListenerQuery",
        "MulticastListenerReport",
        "MulticastListenerReport2",
    ),
    "neighbor": (
        "NeighborAdvertisement",
        "NeighborSolicitation",
        "Redirect6",
        "RouterAdvertisement6",
        "RouterSolicitation6",
    ),
    "node_information": ("NodeInformationQuery", "NodeInformationResponse"),
    "option": (
        "MtuOption",
        "NeighborOption",
        "PrefixInformation",
        "RawOption",
        "RecursiveDnsServers",
        "RedirectedHeader",
        "RouteInformation",
        "SourceLinkAddress",
        "TargetLinkAddress",
    ),
    "router": ("AdvertisedRouter", "RouterAdvertisement4", "RouterSolicitation4"),
    "timestamp": (
        "AddressMaskReply",
        "AddressMaskRequest",
        "InformationReply",
        "InformationRequest",
        "Timestamp",
        "TimestampReply",
    ),
}
"""Module to the names that load with it."""


def __getattr__(name: str) -> object:
    for module, names in _LATER.items():
        if name in names:
            loaded = import_module(f"{__name__}.{module}")
            globals().update({each: getattr(loaded, each) for each in names})
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
