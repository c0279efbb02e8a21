"""Message types and their names, as in the IANA registries of ICMP and ICMPv6 parameters.

Which types there are, which are deprecated, and the document that defines each. Only numbers and names;
what the bytes of a message mean is in the file of its family.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DEPRECATED", "SOURCES", "Type4", "Type6"]


class Type4(IntEnum):
    """ICMP types (IANA registry "ICMP Type Numbers")."""

    ECHO_REPLY = 0
    DESTINATION_UNREACHABLE = 3
    SOURCE_QUENCH = 4
    REDIRECT = 5
    ALTERNATE_HOST_ADDRESS = 6
    ECHO = 8
    ECHO_REQUEST = 8  # an alias: the registry says Echo, everyone says echo request
    ROUTER_ADVERTISEMENT = 9
    ROUTER_SOLICITATION = 10
    TIME_EXCEEDED = 11
    PARAMETER_PROBLEM = 12
    TIMESTAMP = 13
    TIMESTAMP_REPLY = 14
    INFORMATION_REQUEST = 15
    INFORMATION_REPLY = 16
    ADDRESS_MASK_REQUEST = 17
    ADDRESS_MASK_REPLY = 18
    RESERVED_FOR_SECURITY = 19
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_20 = 20
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_21 = 21
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_22 = 22
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_23 = 23
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_24 = 24
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_25 = 25
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_26 = 26
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_27 = 27
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_28 = 28
    RESERVED_FOR_ROBUSTNESS_EXPERIMENT_29 = 29
    TRACEROUTE = 30
    DATAGRAM_CONVERSION_ERROR = 31
    MOBILE_HOST_REDIRECT = 32
    IPV6_WHERE_ARE_YOU = 33
    IPV6_I_AM_HERE = 34
    MOBILE_REGISTRATION_REQUEST = 35
    MOBILE_REGISTRATION_REPLY = 36
    DOMAIN_NAME_REQUEST = 37
    DOMAIN_NAME_REPLY = 38
    SKIP = 39
    PHOTURIS = 40
    EXPERIMENTAL_MOBILITY = 41
    EXTENDED_ECHO_REQUEST = 42
    EXTENDED_ECHO_REPLY = 43
    EXPERIMENT_1 = 253
    EXPERIMENT_2 = 254
    RESERVED = 255


class Type6(IntEnum):
    """ICMPv6 types (IANA registry "ICMPv6 'type' Numbers")."""

    RESERVED = 0
    DESTINATION_UNREACHABLE = 1
    PACKET_TOO_BIG = 2
    TIME_EXCEEDED = 3
    PARAMETER_PROBLEM = 4
    PRIVATE_EXPERIMENTATION_100 = 100
    PRIVATE_EXPERIMENTATION_101 = 101
    RESERVED_FOR_ERROR_MESSAGES = 127
    ECHO_REQUEST = 128
    ECHO_REPLY = 129
    MULTICAST_LISTENER_QUERY = 130
    MULTICAST_LISTENER_REPORT = 131
    MULTICAST_LISTENER_DONE = 132
    ROUTER_SOLICITATION = 133
    ROUTER_ADVERTISEMENT = 134
    NEIGHBOR_SOLICITATION = 135
    NEIGHBOR_ADVERTISEMENT = 136
    REDIRECT = 137
    ROUTER_RENUMBERING = 138
    NODE_INFORMATION_QUERY = 139
    NODE_INFORMATION_RESPONSE = 140
    INVERSE_NEIGHBOR_DISCOVERY_SOLICITATION = 141
    INVERSE_NEIGHBOR_DISCOVERY_ADVERTISEMENT = 142
    MULTICAST_LISTENER_REPORT_V2 = 143
    HOME_AGENT_ADDRESS_DISCOVERY_REQUEST = 144
    HOME_AGENT_ADDRESS_DISCOVERY_REPLY = 145
    MOBILE_PREFIX_SOLICITATION = 146
    MOBILE_PREFIX_ADVERTISEMENT = 147
    CERTIFICATION_PATH_SOLICITATION = 148
    CERTIFICATION_PATH_ADVERTISEMENT = 149
    EXPERIMENTAL_MOBILITY = 150
    MULTICAST_ROUTER_ADVERTISEMENT = 151
    MULTICAST_ROUTER_SOLICITATION = 152
    MULTICAST_ROUTER_TERMINATION = 153
    FMIPV6 = 154
    RPL_CONTROL = 155
    ILNPV6_LOCATOR_UPDATE = 156
    DUPLICATE_ADDRESS_REQUEST = 157
    DUPLICATE_ADDRESS_CONFIRMATION = 158
    MPL_CONTROL = 159
    EXTENDED_ECHO_REQUEST = 160
    EXTENDED_ECHO_REPLY = 161
    PRIVATE_EXPERIMENTATION_200 = 200
    PRIVATE_EXPERIMENTATION_201 = 201
    RESERVED_FOR_INFORMATIONAL_MESSAGES = 255


DEPRECATED: dict[int, frozenset[int]] = {
    4: frozenset({4, 6, 15, 16, 17, 18, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39}),
    6: frozenset(),
}
"""IP version to the types that RFC 6633 and RFC 6918 deprecated."""

SOURCES: dict[int, dict[int, str]] = {
    4: {
        **dict.fromkeys((0, 3, 5, 8, 11, 12, 13, 14), "RFC 792"),
        4: "RFC 792, deprecated by RFC 6633",
        15: "RFC 792, deprecated by RFC 6918",
        16: "RFC 792, deprecated by RFC 6918",
        6: "no document, deprecated by RFC 6918",
        9: "RFC 1256",
        10: "RFC 1256",
        17: "RFC 950, deprecated by RFC 6918",
        18: "RFC 950, deprecated by RFC 6918",
        **dict.fromkeys(range(19, 30), "no document, reserved by IANA"),
        30: "RFC 1393, deprecated by RFC 6918",
        31: "RFC 1475, deprecated by RFC 6918",
        **dict.fromkeys(range(32, 37), "no document, deprecated by RFC 6918"),
        37: "RFC 1788, deprecated by RFC 6918",
        38: "RFC 1788, deprecated by RFC 6918",
        39: "no document, deprecated by RFC 6918",
        40: "RFC 2521",
        41: "RFC 4065",
        42: "RFC 8335",
        43: "RFC 8335",
        253: "RFC 4727",
        254: "RFC 4727",
        255: "no document, reserved by IANA",
    },
    6: {
        **dict.fromkeys((1, 2, 3, 4, 100, 101, 127, 128, 129, 200, 201, 255), "RFC 4443"),
        0: "no document, reserved by IANA",
        **dict.fromkeys((130, 131, 132), "RFC 2710"),
        **dict.fromkeys((133, 134, 135, 136, 137), "RFC 4861"),
        138: "RFC 2894",
        139: "RFC 4620",
        140: "RFC 4620",
        141: "RFC 3122",
        142: "RFC 3122",
        143: "RFC 9777",
        **dict.fromkeys((144, 145, 146, 147), "RFC 6275"),
        148: "RFC 3971",
        149: "RFC 3971",
        150: "RFC 4065",
        **dict.fromkeys((151, 152, 153), "RFC 4286"),
        154: "RFC 5568",
        155: "RFC 6550",
        156: "RFC 6743",
        157: "RFC 6775",
        158: "RFC 6775",
        159: "RFC 7731",
        160: "RFC 8335",
        161: "RFC 8335",
    },
}
"""IP version to type to the document that defines it."""
