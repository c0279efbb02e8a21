"""Message codes and their names, as in the IANA registries of ICMP and ICMPv6 parameters.

Only numbers and names; what a code means for people is in `meanings.py`.
"""

from __future__ import annotations

from enum import IntEnum

from anyicmp.wire.registry import Type4, Type6

__all__ = [
    "CODES",
    "DuplicateAddressCode",
    "ExtendedEchoCode",
    "NodeInformationQueryCode",
    "NodeInformationReplyCode",
    "ParameterProblemCode4",
    "ParameterProblemCode6",
    "PhoturisCode",
    "RedirectCode",
    "RouterAdvertisementCode",
    "RouterRenumberingCode",
    "RplCode",
    "TimeExceededCode4",
    "TimeExceededCode6",
    "UnreachableCode4",
    "UnreachableCode6",
]


class UnreachableCode4(IntEnum):
    """Codes of ICMP destination unreachable (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1)."""

    NET_UNREACHABLE = 0
    HOST_UNREACHABLE = 1
    PROTOCOL_UNREACHABLE = 2
    PORT_UNREACHABLE = 3
    FRAGMENTATION_NEEDED = 4
    SOURCE_ROUTE_FAILED = 5
    DESTINATION_NETWORK_UNKNOWN = 6
    DESTINATION_HOST_UNKNOWN = 7
    SOURCE_HOST_ISOLATED = 8
    NETWORK_ADMINISTRATIVELY_PROHIBITED = 9
    HOST_ADMINISTRATIVELY_PROHIBITED = 10
    NETWORK_UNREACHABLE_FOR_TOS = 11
    HOST_UNREACHABLE_FOR_TOS = 12
    COMMUNICATION_ADMINISTRATIVELY_PROHIBITED = 13
    HOST_PRECEDENCE_VIOLATION = 14
    PRECEDENCE_CUTOFF_IN_EFFECT = 15


class UnreachableCode6(IntEnum):
    """Codes of ICMPv6 destination unreachable (RFC 4443 section 3.1, RFC 6550, RFC 8883)."""

    NO_ROUTE_TO_DESTINATION = 0
    ADMINISTRATIVELY_PROHIBITED = 1
    BEYOND_SCOPE_OF_SOURCE_ADDRESS = 2
    ADDRESS_UNREACHABLE = 3
    PORT_UNREACHABLE = 4
    SOURCE_ADDRESS_FAILED_POLICY = 5
    REJECT_ROUTE_TO_DESTINATION = 6
    ERROR_IN_SOURCE_ROUTING_HEADER = 7
    HEADERS_TOO_LONG = 8
    ERROR_IN_P_ROUTE = 9


class RedirectCode(IntEnum):
    """Codes of ICMP redirect (RFC 792)."""

    NETWORK = 0
    HOST = 1
    TOS_AND_NETWORK = 2
    TOS_AND_HOST = 3


class RouterAdvertisementCode(IntEnum):
    """Codes of ICMP router advertisement (RFC 1256, RFC 3344 section 2.1)."""

    NORMAL = 0
    DOES_NOT_ROUTE_COMMON_TRAFFIC = 16


class TimeExceededCode4(IntEnum):
    """Codes of ICMP time exceeded (RFC 792)."""

    TTL_EXCEEDED_IN_TRANSIT = 0
    FRAGMENT_REASSEMBLY_TIME_EXCEEDED = 1


class TimeExceededCode6(IntEnum):
    """Codes of ICMPv6 time exceeded (RFC 4443 section 3.3)."""

    HOP_LIMIT_EXCEEDED_IN_TRANSIT = 0
    FRAGMENT_REASSEMBLY_TIME_EXCEEDED = 1


class ParameterProblemCode4(IntEnum):
    """Codes of ICMP parameter problem (RFC 792, RFC 1108, RFC 1122 section 3.2.2.5)."""

    POINTER_INDICATES_THE_ERROR = 0
    MISSING_A_REQUIRED_OPTION = 1
    BAD_LENGTH = 2


class ParameterProblemCode6(IntEnum):
    """Codes of ICMPv6 parameter problem (RFC 4443 section 3.4, RFC 7112, RFC 8754, RFC 8883)."""

    ERRONEOUS_HEADER_FIELD = 0
    UNRECOGNIZED_NEXT_HEADER = 1
    UNRECOGNIZED_OPTION = 2
    INCOMPLETE_FIRST_FRAGMENT = 3
    SR_UPPER_LAYER_HEADER_ERROR = 4
    UNRECOGNIZED_NEXT_HEADER_BY_INTERMEDIATE_NODE = 5
    EXTENSION_HEADER_TOO_BIG = 6
    EXTENSION_HEADER_CHAIN_TOO_LONG = 7
    TOO_MANY_EXTENSION_HEADERS = 8
    TOO_MANY_OPTIONS = 9
    OPTION_TOO_BIG = 10


class PhoturisCode(IntEnum):
    """Codes of ICMP Photuris (RFC 2521)."""

    BAD_SPI = 0
    AUTHENTICATION_FAILED = 1
    DECOMPRESSION_FAILED = 2
    DECRYPTION_FAILED = 3
    NEED_AUTHENTICATION = 4
    NEED_AUTHORIZATION = 5


class ExtendedEchoCode(IntEnum):
    """Codes of extended echo reply (RFC 8335 section 3)."""

    NO_ERROR = 0
    MALFORMED_QUERY = 1
    NO_SUCH_INTERFACE = 2
    NO_SUCH_TABLE_ENTRY = 3
    MULTIPLE_INTERFACES_SATISFY_QUERY = 4


class RouterRenumberingCode(IntEnum):
    """Codes of ICMPv6 router renumbering (RFC 2894)."""

    COMMAND = 0
    RESULT = 1
    SEQUENCE_NUMBER_RESET = 255


class NodeInformationQueryCode(IntEnum):
    """Codes of ICMPv6 node information query: what the subject is (RFC 4620 section 4)."""

    SUBJECT_IS_IPV6_ADDRESS = 0
    SUBJECT_IS_NAME_OR_EMPTY = 1
    SUBJECT_IS_IPV4_ADDRESS = 2


class NodeInformationReplyCode(IntEnum):
    """Codes of ICMPv6 node information response (RFC 4620 section 4)."""

    SUCCESSFUL = 0
    REFUSED = 1
    QTYPE_UNKNOWN = 2


class RplCode(IntEnum):
    """Codes of ICMPv6 RPL control (RFC 6550 section 6, RFC 6997, RFC 6998, RFC 9009)."""

    DODAG_INFORMATION_SOLICITATION = 0x00
    DODAG_INFORMATION_OBJECT = 0x01
    DESTINATION_ADVERTISEMENT_OBJECT = 0x02
    DESTINATION_ADVERTISEMENT_ACKNOWLEDGMENT = 0x03
    P2P_DISCOVERY_REPLY_OBJECT = 0x04
    P2P_DISCOVERY_REPLY_ACKNOWLEDGMENT = 0x05
    MEASUREMENT_OBJECT = 0x06
    DESTINATION_CLEANUP_OBJECT = 0x07
    DESTINATION_CLEANUP_ACKNOWLEDGMENT = 0x08
    SECURE_DODAG_INFORMATION_SOLICITATION = 0x80
    SECURE_DODAG_INFORMATION_OBJECT = 0x81
    SECURE_DESTINATION_ADVERTISEMENT_OBJECT = 0x82
    SECURE_DESTINATION_ADVERTISEMENT_ACKNOWLEDGMENT = 0x83
    SECURE_P2P_DISCOVERY_REPLY_OBJECT = 0x84
    SECURE_P2P_DISCOVERY_REPLY_ACKNOWLEDGMENT = 0x85
    SECURE_DESTINATION_CLEANUP_OBJECT = 0x87
    SECURE_DESTINATION_CLEANUP_ACKNOWLEDGMENT = 0x88
    CONSISTENCY_CHECK = 0x8A


class DuplicateAddressCode(IntEnum):
    """Codes of ICMPv6 duplicate address request and confirmation: a suffix (RFC 6775, RFC 8505)."""

    DUPLICATE_ADDRESS_MESSAGE = 0
    EXTENDED_WITH_64_BIT_ROVR = 1
    EXTENDED_WITH_128_BIT_ROVR = 2
    EXTENDED_WITH_192_BIT_ROVR = 3
    EXTENDED_WITH_256_BIT_ROVR = 4


CODES: dict[tuple[int, int], type[IntEnum]] = {
    (4, Type4.DESTINATION_UNREACHABLE): UnreachableCode4,
    (4, Type4.REDIRECT): RedirectCode,
    (4, Type4.ROUTER_ADVERTISEMENT): RouterAdvertisementCode,
    (4, Type4.TIME_EXCEEDED): TimeExceededCode4,
    (4, Type4.PARAMETER_PROBLEM): ParameterProblemCode4,
    (4, Type4.PHOTURIS): PhoturisCode,
    (4, Type4.EXTENDED_ECHO_REPLY): ExtendedEchoCode,
    (6, Type6.DESTINATION_UNREACHABLE): UnreachableCode6,
    (6, Type6.TIME_EXCEEDED): TimeExceededCode6,
    (6, Type6.PARAMETER_PROBLEM): ParameterProblemCode6,
    (6, Type6.ROUTER_RENUMBERING): RouterRenumberingCode,
    (6, Type6.NODE_INFORMATION_QUERY): NodeInformationQueryCode,
    (6, Type6.NODE_INFORMATION_RESPONSE): NodeInformationReplyCode,
    (6, Type6.RPL_CONTROL): RplCode,
    (6, Type6.DUPLICATE_ADDRESS_REQUEST): DuplicateAddressCode,
    (6, Type6.DUPLICATE_ADDRESS_CONFIRMATION): DuplicateAddressCode,
    (6, Type6.EXTENDED_ECHO_REPLY): ExtendedEchoCode,
}
"""(IP version, type) to the enumeration of its codes, for the types that have more than code 0."""
