"""What is compared in every message and every error, and where each oracle has it.

A cell is (label, ours, tshark, scapy): three functions to plain values; None says "not there". The cells
of the other bodies are in `bodies.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from scapy_oracle import layers, value
from tshark import Fields

from anyicmp import wire

Ours = Callable[[Any], Any]
Shark = Callable[[Fields], Any]
Scapy = Callable[[Any], Any]
Cell = tuple[str, Ours, Shark | None, Scapy | None]

NAMES: set[str] = {"_ws.malformed", "frame.protocols"}
"""All field names that tshark is asked for."""


def at(name: str) -> Ours:
    def ours(message: Any) -> Any:
        found = message
        for part in name.split("."):
            found = getattr(found, part)
        return found

    return ours


def number(text: str) -> int:
    return {"True": 1, "False": 0}.get(text) if text in ("True", "False") else int(text, 0)  # type: ignore[return-value]


def shark(name: str, convert: Callable[[str], Any] = number, index: int = 0) -> Shark:
    """The field's value number `index` in the packet."""
    # Of two names the first is for IPv4 packets and the second for IPv6: a quoted datagram may be of
    # either protocol, and has the same fields.
    names = name.split("|")
    NAMES.update(names)

    def get(fields: Fields) -> Any:
        six = fields["frame.protocols"][0].startswith("raw:ipv6")
        found = fields.get(names[-1] if six else names[0], [])
        return convert(found[index]) if len(found) > index and found[index] != "" else None

    return get


def shark_all(name: str, convert: Callable[[str], Any] = number) -> Shark:
    """All values of the field, as a tuple; None for none."""
    NAMES.add(name)

    def get(fields: Fields) -> Any:
        return tuple(convert(each) for each in fields.get(name, ())) or None

    return get


def scap(names: str, field: str, convert: Callable[[Any], Any] = lambda x: x) -> Scapy:
    def get(packet: Any) -> Any:
        found = value(packet, names, field)
        return None if found is None else convert(found)

    return get


def scap_all(names: str, field: str, convert: Callable[[Any], Any] = lambda x: x) -> Scapy:
    def get(packet: Any) -> Any:
        wanted = names.split()
        found = [each for each in layers(packet) if type(each).__name__ in wanted]
        return tuple(convert(each.getfieldval(field)) for each in found) or None

    return get


def text(thing: Any) -> str | None:
    return None if thing is None else str(thing)


def address(shown: Any) -> str:
    """An address in one spelling: tshark writes the last 32 bits of some IPv6 addresses like IPv4."""
    return str(ip_address(shown))


def texts(name: str, of: str | None = None) -> Ours:
    """A tuple of things as text; None for none."""

    def ours(message: Any) -> Any:
        found = at(name)(message) or ()
        return tuple(str(getattr(each, of) if of else each) for each in found) or None

    return ours


def hexadecimal(data: bytes) -> str | None:
    return data.hex() or None


def plain(shown: str) -> str:
    return shown.replace(":", "").lower()


ICMP6 = "icmpv6."
ECHO = "ICMP ICMPv6EchoRequest ICMPv6EchoReply"
ANY6 = (
    "ICMPv6EchoRequest ICMPv6EchoReply ICMPv6DestUnreach ICMPv6PacketTooBig ICMPv6TimeExceeded "
    "ICMPv6ParamProblem ICMPv6MLQuery ICMPv6MLQuery2 ICMPv6MLReport ICMPv6MLDone ICMPv6MLReport2 "
    "ICMPv6ND_RS ICMPv6ND_RA ICMPv6ND_NS ICMPv6ND_NA ICMPv6ND_Redirect ICMPv6NIQueryIPv4 "
    "ICMPv6NIQueryIPv6 ICMPv6NIQueryNOOP ICMPv6NIQueryName ICMPv6NIReplyIPv4 ICMPv6NIReplyIPv6 "
    "ICMPv6NIReplyNOOP ICMPv6NIReplyName ICMPv6NIReplyRefuse ICMPv6NIReplyUnknown ICMPv6MRD_Advertisement "
    "ICMPv6MRD_Solicitation ICMPv6MRD_Termination ICMPv6HAADRequest ICMPv6HAADReply ICMPv6MPSol "
    "ICMPv6MPAdv ICMPv6ND_INDSol ICMPv6ND_INDAdv ICMPv6RPL ICMPv6Unknown"
)


def by_scapy_sum(packet: Any) -> int | None:
    """0 where scapy's own checksum over the message says that the one in it is right."""
    from scapy.layers.inet import checksum
    from scapy.layers.inet6 import in6_chksum

    if packet is None:
        return None
    octets = bytes(packet.original)
    if octets[0] >> 4 == 4:
        return int(checksum(octets[20:]))
    return int(in6_chksum(58, packet, octets[40:]))


EVERY: list[Cell] = [
    ("type", at("type"), shark("icmp.type|icmpv6.type"), scap(f"ICMP {ANY6}", "type")),
    ("code", at("code"), shark("icmp.code|icmpv6.code"), scap(f"ICMP {ANY6}", "code")),
    (
        "checksum",
        lambda _: 0,
        shark("icmp.checksum.status|icmpv6.checksum.status", lambda status: 0 if status == "1" else 1),
        by_scapy_sum,
    ),
]


# The quoted datagram. Its header is the second that tshark shows, and has names of its own in scapy.
def quoted(name: str, convert: Callable[[Any], Any] = lambda x: x) -> Ours:
    return lambda message: convert(at(f"quoted.{name}")(message))


def error4(name: str) -> Shark:
    return shark(name, str if name in ("ip.src", "ip.dst") else number, 1)


def second(v4: str, v6: str, convert: Callable[[str], Any] = number) -> Shark:
    first, later = shark(v4, convert, 1), shark(v6, convert, 1)

    def get(fields: Fields) -> Any:
        found = first(fields)
        return later(fields) if found is None else found

    return get


def transport(field: str, of: str) -> Scapy:
    """A port or number of the transport that scapy reads behind the quoted header."""

    def get(packet: Any) -> Any:
        for each in layers(packet):
            if type(each).__name__ in of.split():
                return each.getfieldval(field)
        return None

    return get


def ports(shark_name: str) -> Shark:
    found = [shark(f"{protocol}.{shark_name}") for protocol in ("udp", "tcp", "sctp")]

    def get(fields: Fields) -> Any:
        return next((each(fields) for each in found if each(fields) is not None), None)

    return get


def of_ports(name: str) -> Ours:
    """The port where the oracle could know one: not behind a protocol that it reads otherwise."""
    return quoted(name)


QUOTED: list[Cell] = [
    (
        "quoted.source",
        quoted("source", text),
        second("ip.src", "ipv6.src", address),
        scap("IPerror IPerror6", "src", address),
    ),
    (
        "quoted.destination",
        quoted("destination", text),
        second("ip.dst", "ipv6.dst", address),
        scap("IPerror IPerror6", "dst", address),
    ),
    (
        "quoted.ttl",
        quoted("ttl"),
        second("ip.ttl", "ipv6.hlim"),
        lambda packet: scap("IPerror", "ttl")(packet) or scap("IPerror6", "hlim")(packet),
    ),
    (
        "quoted.traffic_class",
        quoted("traffic_class"),
        second("ip.dsfield", "ipv6.tclass"),
        lambda packet: scap("IPerror", "tos")(packet) or scap("IPerror6", "tc")(packet),
    ),
    (
        "quoted.flow_label",
        quoted("flow_label"),
        shark("ipv6.flow", number, 1),
        scap("IPerror6", "fl"),
    ),
    (
        "quoted.protocol",
        lambda message: message.quoted.protocol if message.version == 4 else None,
        shark("ip.proto", number, 1),
        scap("IPerror", "proto"),
    ),
    (
        "quoted.source_port",
        of_ports("source_port"),
        ports("srcport"),
        transport("sport", "UDPerror TCPerror SCTPerror UDP TCP SCTP"),
    ),
    (
        "quoted.destination_port",
        of_ports("destination_port"),
        ports("dstport"),
        transport("dport", "UDPerror TCPerror SCTPerror UDP TCP SCTP"),
    ),
    ("quoted.tcp_sequence", quoted("tcp_sequence"), shark("tcp.seq_raw"), transport("seq", "TCPerror TCP")),
]


def pick(kind: type, name: str, convert: Callable[[Any], Any] = lambda x: x) -> Ours:
    """A field of all extension objects or options of a class; None for none."""

    def ours(message: Any) -> Any:
        items = (*getattr(message, "extensions", ()), *getattr(message, "options", ()))
        found = [getattr(each, name) for each in items if isinstance(each, kind)]
        return tuple(convert(each) for each in found if each is not None) or None

    return ours


def labels(name: str) -> Ours:
    def ours(message: Any) -> Any:
        stacks = [each for each in message.extensions if isinstance(each, wire.MplsStack)]
        return tuple(int(getattr(label, name)) for stack in stacks for label in stack.labels) or None

    return ours


def scapy_objects(packet: Any) -> list[Any]:
    """The extension objects that scapy found."""
    message = next((each for each in layers(packet) if getattr(each, "ext", None) is not None), None)
    return layers(message.ext)[1:] if message is not None else []


def scapy_labels(field: str) -> Scapy:
    def get(packet: Any) -> Any:
        stacks = [each for each in scapy_objects(packet) if type(each).__name__ == "ICMPExtension_MPLS"]
        found = []
        for stack in stacks:
            entries = [each for entry in stack.stack for each in layers(entry) if hasattr(each, "cos")]
            found += [entry.getfieldval(field) for entry in entries]
        return tuple(found) or None

    return get


def scapy_information(field: str, present: str, convert: Callable[[Any], Any] = lambda x: x) -> Scapy:
    def get(packet: Any) -> Any:
        name = "ICMPExtension_InterfaceInformation"
        found = [each for each in scapy_objects(packet) if type(each).__name__ == name]
        values = []
        for each in found:
            if each.getfieldval(present):
                wanted = field if field != "ip" else ("ip4" if each.afi == 1 else "ip6")
                values.append(convert(each.getfieldval(wanted)))
        return tuple(values) or None

    return get


def any_of(*names: str, convert: Callable[[str], Any] = number) -> Shark:
    found = [shark_all(name, convert) for name in names]

    def get(fields: Fields) -> Any:
        return sum(((each(fields) or ()) for each in found), ()) or None

    return get


ROLES = {"incoming": 0, "sub-ip": 1, "outgoing": 2, "next-hop": 3}


def family(kind: type, version: int) -> Ours:
    def ours(message: Any) -> Any:
        found = [each.address for each in message.extensions if isinstance(each, kind)]
        return tuple(str(each) for each in found if getattr(each, "version", 0) == version) or None

    return ours


EXTENSIONS: list[Cell] = [
    (
        "extensions: class",
        lambda message: tuple(each.class_number for each in message.extensions) or None,
        shark_all("icmp.ext.class"),
        lambda packet: (
            tuple(each.classnum for each in scapy_objects(packet) if hasattr(each, "classnum")) or None
        ),
    ),
    ("MplsStack: label", labels("label"), shark_all("icmp.mpls.label"), scapy_labels("label")),
    ("MplsStack: traffic_class", labels("traffic_class"), shark_all("icmp.mpls.exp"), scapy_labels("cos")),
    ("MplsStack: bottom", labels("bottom"), shark_all("icmp.mpls.s"), scapy_labels("s")),
    ("MplsStack: ttl", labels("ttl"), shark_all("icmp.mpls.ttl"), scapy_labels("ttl")),
    (
        "InterfaceInformation: role",
        pick(wire.InterfaceInformation, "role", ROLES.__getitem__),
        shark_all("icmp.int_info.role"),
        None,
    ),
    (
        "InterfaceInformation: index",
        pick(wire.InterfaceInformation, "index"),
        shark_all("icmp.int_info.index"),
        scapy_information("ifindex", "has_ifindex"),
    ),
    (
        "InterfaceInformation: address 4",
        family(wire.InterfaceInformation, 4),
        shark_all("icmp.int_info.ipv4", address),
        None,
    ),
    (
        "InterfaceInformation: address 6",
        family(wire.InterfaceInformation, 6),
        shark_all("icmp.int_info.ipv6", address),
        None,
    ),
    (
        "InterfaceInformation: address",
        pick(wire.InterfaceInformation, "address", str),
        None,
        scapy_information("ip", "has_ipaddr", address),
    ),
    (
        "InterfaceInformation: name",
        pick(wire.InterfaceInformation, "name"),
        shark_all("icmp.int_info.name", str),
        scapy_information("ifname", "has_ifname", lambda name: name.rstrip(b"\0").decode("utf-8", "replace")),
    ),
    (
        "InterfaceInformation: mtu",
        pick(wire.InterfaceInformation, "mtu"),
        shark_all("icmp.int_info.mtu"),
        scapy_information("mtu", "has_mtu"),
    ),
    (
        "InterfaceIdentification: index",
        pick(wire.InterfaceIdentification, "index"),
        shark_all("icmp.int_ident.index"),
        None,
    ),
    (
        "InterfaceIdentification: name",
        pick(wire.InterfaceIdentification, "name"),
        shark_all("icmp.int_ident.name", str),
        None,
    ),
    (
        "InterfaceIdentification: address 4",
        family(wire.InterfaceIdentification, 4),
        shark_all("icmp.int_ident.ipv4", address),
        None,
    ),
    (
        "InterfaceIdentification: address 6",
        family(wire.InterfaceIdentification, 6),
        shark_all("icmp.int_ident.ipv6", address),
        None,
    ),
    ("ExtendedInformation: pointer", pick(wire.ExtendedInformation, "pointer"), None, None),
]
