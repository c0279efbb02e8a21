"""Which field of which message is compared, and where each oracle has it: options and bodies."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any

from cells import (
    ECHO,
    EXTENSIONS,
    QUOTED,
    Cell,
    Ours,
    address,
    any_of,
    at,
    hexadecimal,
    pick,
    plain,
    scap,
    scap_all,
    shark,
    shark_all,
    texts,
)
from scapy_oracle import layer, layers, value

from anyicmp import wire
from anyicmp.wire import Message
from anyicmp.wire.option import NeighborOption

RDNSS = "ICMPv6NDOptRDNSS"
PREFIX = "ICMPv6NDOptPrefixInfo"


def prefixes(name: str, kind: type = wire.PrefixInformation) -> Ours:
    return pick(kind, name, int)


def is_shown(option: Any) -> bool:
    """A default route needs no octets for its prefix, and tshark then shows none."""
    return isinstance(option, wire.PrefixInformation) or option.prefix_length > 0 or int(option.prefix) > 0


def prefixes_of(name: str, convert: Callable[[Any], Any]) -> Ours:
    """Of both options that have a prefix: tshark gives their fields the same names."""

    def ours(message: Any) -> Any:
        kinds = wire.PrefixInformation | wire.RouteInformation
        wanted = [each for each in message.options if isinstance(each, kinds)]
        found = [each for each in wanted if name == "prefix_length" or is_shown(each)]
        return tuple(convert(getattr(each, name)) for each in found) or None

    return ours


OPTIONS: list[Cell] = [
    ("options: number", pick(NeighborOption, "number"), shark_all("icmpv6.opt.type"), None),
    (
        "SourceLinkAddress: address (Ethernet)",
        pick(wire.SourceLinkAddress, "address", bytes.hex),
        shark_all("icmpv6.opt.src_linkaddr", plain),
        None,
    ),
    (
        "TargetLinkAddress: address (Ethernet)",
        pick(wire.TargetLinkAddress, "address", bytes.hex),
        shark_all("icmpv6.opt.target_linkaddr", plain),
        None,
    ),
    (
        "PrefixInformation: prefix",
        pick(wire.PrefixInformation, "prefix", str),
        None,
        scap_all(PREFIX, "prefix", address),
    ),
    (
        "PrefixInformation, RouteInformation: prefix",
        prefixes_of("prefix", str),
        shark_all("icmpv6.opt.prefix", address),
        None,
    ),
    (
        "PrefixInformation, RouteInformation: prefix_length",
        prefixes_of("prefix_length", int),
        shark_all("icmpv6.opt.prefix.length"),
        None,
    ),
    (
        "PrefixInformation: on_link",
        prefixes("on_link"),
        shark_all("icmpv6.opt.prefix.flag.l"),
        scap_all(PREFIX, "L"),
    ),
    (
        "PrefixInformation: autonomous",
        prefixes("autonomous"),
        shark_all("icmpv6.opt.prefix.flag.a"),
        scap_all(PREFIX, "A"),
    ),
    (
        "PrefixInformation: router_address",
        prefixes("router_address"),
        shark_all("icmpv6.opt.prefix.flag.r"),
        scap_all(PREFIX, "R"),
    ),
    (
        "PrefixInformation: prefix_length",
        prefixes("prefix_length"),
        None,
        scap_all(PREFIX, "prefixlen"),
    ),
    (
        "PrefixInformation: valid_lifetime",
        prefixes("valid_lifetime"),
        shark_all("icmpv6.opt.prefix.valid_lifetime"),
        scap_all(PREFIX, "validlifetime"),
    ),
    (
        "PrefixInformation: preferred_lifetime",
        prefixes("preferred_lifetime"),
        shark_all("icmpv6.opt.prefix.preferred_lifetime"),
        scap_all(PREFIX, "preferredlifetime"),
    ),
    (
        "MtuOption: mtu",
        pick(wire.MtuOption, "mtu"),
        shark_all("icmpv6.opt.mtu"),
        scap_all("ICMPv6NDOptMTU", "mtu"),
    ),
    (
        "RouteInformation: preference",
        prefixes("preference", wire.RouteInformation),
        shark_all("icmpv6.opt.route_info.flag.route_preference"),
        scap_all("ICMPv6NDOptRouteInfo", "prf"),
    ),
    (
        "RouteInformation: lifetime",
        prefixes("lifetime", wire.RouteInformation),
        shark_all("icmpv6.opt.route_lifetime"),
        scap_all("ICMPv6NDOptRouteInfo", "rtlifetime"),
    ),
    (
        "RouteInformation: prefix",
        pick(wire.RouteInformation, "prefix", str),
        None,
        scap_all("ICMPv6NDOptRouteInfo", "prefix", address),
    ),
    (
        "RecursiveDnsServers: lifetime",
        prefixes("lifetime", wire.RecursiveDnsServers),
        shark_all("icmpv6.opt.rdnss.lifetime"),
        scap_all(RDNSS, "lifetime"),
    ),
    (
        "RecursiveDnsServers: servers",
        lambda message: (
            tuple(
                str(server)
                for each in message.options
                if isinstance(each, wire.RecursiveDnsServers)
                for server in each.servers
            )
            or None
        ),
        shark_all("icmpv6.opt.rdnss", address),
        lambda packet: (
            sum((tuple(map(address, found)) for found in scap_all(RDNSS, "dns")(packet) or ()), ()) or None
        ),
    ),
    (
        "RedirectedHeader: quoted.destination",
        lambda message: (
            tuple(
                str(each.quoted.destination)
                for each in message.options
                if isinstance(each, wire.RedirectedHeader) and each.quoted.destination
            )
            or None
        ),
        lambda fields: shark_all("ipv6.dst", address)(fields)[1:] or None,
        None,
    ),
]

IDENTIFIED: list[Cell] = [
    ("identifier", at("identifier"), shark("icmp.ident|icmpv6.echo.identifier"), scap(ECHO, "id")),
    ("sequence", at("sequence"), shark("icmp.seq|icmpv6.echo.sequence_number"), scap(ECHO, "seq")),
]


def echo_data(packet: Any) -> Any:
    message = layer(packet, "ICMP")
    if message is not None:
        return hexadecimal(bytes(message.payload))
    found = value(packet, "ICMPv6EchoRequest ICMPv6EchoReply", "data")
    return None if found is None else hexadecimal(found)


TIMES: list[Cell] = [
    ("originate", at("originate"), shark("icmp.originate_timestamp"), scap("ICMP", "ts_ori")),
    ("receive", at("receive"), shark("icmp.receive_timestamp"), scap("ICMP", "ts_rx")),
    ("transmit", at("transmit"), shark("icmp.transmit_timestamp"), scap("ICMP", "ts_tx")),
]
MASK: list[Cell] = [
    (
        "mask",
        lambda message: str(message.mask),
        shark("icmp.address_mask", address),
        scap("ICMP", "addr_mask"),
    )
]
ML = "ICMPv6MLQuery ICMPv6MLQuery2 ICMPv6MLReport ICMPv6MLDone"
MEMBERSHIP: list[Cell] = [
    (
        "maximum_response_code",
        at("maximum_response_code"),
        None,
        scap(ML, "mrd"),
    ),
    (
        "group",
        lambda message: str(message.group),
        shark("icmpv6.mld.multicast_address", address),
        scap(ML, "mladdr", address),
    ),
]
NODE = (
    "ICMPv6NIQueryIPv4 ICMPv6NIQueryIPv6 ICMPv6NIQueryNOOP ICMPv6NIQueryName ICMPv6NIReplyIPv4 "
    "ICMPv6NIReplyIPv6 ICMPv6NIReplyNOOP ICMPv6NIReplyName ICMPv6NIReplyRefuse ICMPv6NIReplyUnknown"
)
INFORMATION: list[Cell] = [
    ("qtype", at("qtype"), shark("icmpv6.ni.qtype"), scap(NODE, "qtype")),
    ("flags", at("flags"), shark("icmpv6.ni.flag"), None),
    (
        "nonce",
        at("nonce"),
        shark("icmpv6.ni.nonce", lambda shown: int(shown, 0)),
        scap(NODE, "nonce", lambda nonce: int.from_bytes(nonce, "big")),
    ),
]
BODY: list[Cell] = [
    (
        "body",
        lambda m: hexadecimal(m.body),
        shark("data.data|icmpv6.unknown_data", plain),
        scap("ICMPv6Unknown", "msgbody", hexadecimal),
    )
]
PROBE: list[Cell] = [
    ("identifier", at("identifier"), shark("icmp.ident|icmpv6.echo.identifier"), None),
    ("sequence", at("sequence"), shark("icmp.ext.echo.seq|icmpv6.ext.echo.seq"), None),
]


DELAY_OF_1 = shark("icmpv6.mld.maximum_response_delay")
DELAY_OF_2 = shark("icmpv6.mld.maximum_response_code")


def chained(found: list[Any]) -> list[Any]:
    """The records of a report: scapy makes each the payload of the one before."""
    return [
        each for first in found for each in layers(first) if type(each).__name__ == "ICMPv6MLDMultAddrRec"
    ]


def flag(name: str) -> Ours:
    return lambda message: int(at(name)(message))


BODIES: dict[type[Message], list[Cell]] = {
    wire.EchoRequest: [
        *IDENTIFIED,
        ("data", lambda m: hexadecimal(m.data), shark("data.data", plain), echo_data),
    ],
    wire.EchoReply: [
        *IDENTIFIED,
        ("data", lambda m: hexadecimal(m.data), shark("data.data", plain), echo_data),
    ],
    wire.DestinationUnreachable: [
        ("next_hop_mtu", at("next_hop_mtu"), shark("icmp.mtu"), scap("ICMP", "nexthopmtu")),
        *QUOTED,
        *EXTENSIONS,
    ],
    wire.TimeExceeded: [*QUOTED, *EXTENSIONS],
    wire.ParameterProblem: [
        (
            "pointer",
            at("pointer"),
            shark("icmp.pointer|icmpv6.pointer"),
            scap("ICMP ICMPv6ParamProblem", "ptr"),
        ),
        *QUOTED,
        *EXTENSIONS,
    ],
    wire.PacketTooBig: [("mtu", at("mtu"), shark("icmpv6.mtu"), scap("ICMPv6PacketTooBig", "mtu")), *QUOTED],
    wire.SourceQuench: QUOTED,
    wire.Redirect: [
        ("gateway", lambda m: str(m.gateway), shark("icmp.redir_gw", address), scap("ICMP", "gw")),
        *QUOTED,
    ],
    wire.RouterAdvertisement4: [
        ("lifetime", at("lifetime"), shark("icmp.lifetime"), None),
        (
            "routers: address",
            texts("routers", "address"),
            shark_all("icmp.router_address", address),
            None,
        ),
        (
            "routers: preference",
            lambda m: tuple(each.preference for each in m.routers) or None,
            shark_all("icmp.pref_level", int),
            None,
        ),
    ],
    wire.RouterSolicitation4: [],
    wire.Timestamp: [*IDENTIFIED, *TIMES],
    wire.TimestampReply: [*IDENTIFIED, *TIMES],
    wire.InformationRequest: IDENTIFIED,
    wire.InformationReply: IDENTIFIED,
    wire.AddressMaskRequest: [*IDENTIFIED, *MASK],
    wire.AddressMaskReply: [*IDENTIFIED, *MASK],
    wire.ExtendedEchoRequest: [
        *PROBE,
        ("local", flag("local"), shark("icmp.ext.echo.req.local|icmpv6.ext.echo.req.local"), None),
        *EXTENSIONS,
    ],
    wire.ExtendedEchoReply: [
        *PROBE,
        ("state", at("state"), shark("icmp.ext.echo.rsp.state|icmpv6.ext.echo.rsp.state"), None),
        ("active", flag("active"), shark("icmp.ext.echo.rsp.active|icmpv6.ext.echo.rsp.active"), None),
        ("ipv4", flag("ipv4"), shark("icmp.ext.echo.rsp.ipv4|icmpv6.ext.echo.rsp.ipv4"), None),
        ("ipv6", flag("ipv6"), shark("icmp.ext.echo.rsp.ipv6|icmpv6.ext.echo.rsp.ipv6"), None),
    ],
    wire.RouterSolicitation6: OPTIONS,
    wire.RouterAdvertisement6: [
        ("hop_limit", at("hop_limit"), shark("icmpv6.nd.ra.cur_hop_limit"), scap("ICMPv6ND_RA", "chlim")),
        ("managed", flag("managed"), shark("icmpv6.nd.ra.flag.m"), scap("ICMPv6ND_RA", "M")),
        ("other", flag("other"), shark("icmpv6.nd.ra.flag.o"), scap("ICMPv6ND_RA", "O")),
        ("home_agent", flag("home_agent"), shark("icmpv6.nd.ra.flag.h"), scap("ICMPv6ND_RA", "H")),
        ("preference", at("preference"), shark("icmpv6.nd.ra.flag.prf"), scap("ICMPv6ND_RA", "prf")),
        ("proxy", flag("proxy"), shark("icmpv6.nd.ra.flag.p"), scap("ICMPv6ND_RA", "P")),
        ("flags", at("flags"), shark("icmpv6.nd.ra.flag.rsv"), scap("ICMPv6ND_RA", "res")),
        (
            "lifetime",
            at("lifetime"),
            shark("icmpv6.nd.ra.router_lifetime"),
            scap("ICMPv6ND_RA", "routerlifetime"),
        ),
        (
            "reachable_time",
            at("reachable_time"),
            shark("icmpv6.nd.ra.reachable_time"),
            scap("ICMPv6ND_RA", "reachabletime"),
        ),
        (
            "retransmit_timer",
            at("retransmit_timer"),
            shark("icmpv6.nd.ra.retrans_timer"),
            scap("ICMPv6ND_RA", "retranstimer"),
        ),
        *OPTIONS,
    ],
    wire.NeighborSolicitation: [
        (
            "target",
            lambda m: str(m.target),
            shark("icmpv6.nd.ns.target_address", address),
            scap("ICMPv6ND_NS", "tgt", address),
        ),
        *OPTIONS,
    ],
    wire.NeighborAdvertisement: [
        (
            "target",
            lambda m: str(m.target),
            shark("icmpv6.nd.na.target_address", address),
            scap("ICMPv6ND_NA", "tgt", address),
        ),
        ("router", flag("router"), shark("icmpv6.nd.na.flag.r"), scap("ICMPv6ND_NA", "R")),
        ("solicited", flag("solicited"), shark("icmpv6.nd.na.flag.s"), scap("ICMPv6ND_NA", "S")),
        ("override", flag("override"), shark("icmpv6.nd.na.flag.o"), scap("ICMPv6ND_NA", "O")),
        *OPTIONS,
    ],
    wire.Redirect6: [
        (
            "target",
            lambda m: str(m.target),
            shark("icmpv6.nd.rd.target_address", address),
            scap("ICMPv6ND_Redirect", "tgt", address),
        ),
        (
            "destination",
            lambda m: str(m.destination),
            shark("icmpv6.rd.na.destination_address", address),
            scap("ICMPv6ND_Redirect", "dst", address),
        ),
        *OPTIONS,
    ],
    wire.MulticastListenerQuery: [
        *MEMBERSHIP,
        (
            "maximum_response_delay (ms)",
            lambda m: round(m.maximum_response_delay * 1000),
            lambda fields: DELAY_OF_1(fields) if DELAY_OF_1(fields) is not None else DELAY_OF_2(fields),
            None,
        ),
        ("interval (s)", at("interval"), shark("icmpv6.mld.qqi"), None),
        (
            "suppress",
            lambda m: None if m.suppress is None else int(m.suppress),
            shark("icmpv6.mld.flag.s"),
            scap("ICMPv6MLQuery2", "S"),
        ),
        ("robustness", at("robustness"), shark("icmpv6.mld.flag.qrv"), scap("ICMPv6MLQuery2", "QRV")),
        ("interval_code", at("interval_code"), None, scap("ICMPv6MLQuery2", "QQIC")),
        (
            "sources",
            texts("sources"),
            shark_all("icmpv6.mld.source_address", address),
            scap("ICMPv6MLQuery2", "sources", lambda found: tuple(map(address, found)) or None),
        ),
    ],
    wire.MulticastListenerReport: MEMBERSHIP,
    wire.MulticastListenerDone: MEMBERSHIP,
    wire.MulticastListenerReport2: [
        (
            "records: type",
            lambda m: tuple(each.type for each in m.records) or None,
            shark_all("icmpv6.mldr.mar.record_type"),
            scap(
                "ICMPv6MLReport2",
                "records",
                lambda found: tuple(each.rtype for each in chained(found)) or None,
            ),
        ),
        (
            "records: group",
            texts("records", "group"),
            shark_all("icmpv6.mldr.mar.multicast_address", address),
            scap(
                "ICMPv6MLReport2",
                "records",
                lambda found: tuple(address(each.dst) for each in chained(found)) or None,
            ),
        ),
        (
            "records: sources",
            lambda m: tuple(str(source) for each in m.records for source in each.sources) or None,
            shark_all("icmpv6.mldr.mar.source_address", address),
            scap(
                "ICMPv6MLReport2",
                "records",
                lambda found: (
                    tuple(address(source) for each in chained(found) for source in each.sources) or None
                ),
            ),
        ),
        (
            "records: auxiliary",
            lambda m: tuple(each.auxiliary.hex() for each in m.records if each.auxiliary) or None,
            shark_all("icmpv6.mldr.mar.auxiliary_data", plain),
            scap(
                "ICMPv6MLReport2",
                "records",
                lambda found: tuple(each.auxdata.hex() for each in chained(found) if each.auxdata) or None,
            ),
        ),
    ],
    wire.NodeInformationQuery: [
        *INFORMATION,
        (
            "subject (address)",
            lambda m: str(m.subject) if isinstance(m.subject, IPv6Address) else None,
            shark("icmpv6.ni.query.subject_ipv6", address),
            None,
        ),
    ],
    wire.NodeInformationResponse: [
        *INFORMATION,
        (
            "addresses",
            texts("addresses"),
            any_of("icmpv6.ni.reply.node_address", "icmpv6.ni.reply.ipv4_address", convert=address),
            None,
        ),
    ],
    wire.Opaque: BODY,
    wire.Unknown: BODY,
}
