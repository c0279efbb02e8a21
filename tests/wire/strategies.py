"""Hypothesis strategies: any value of every message class that can stand on the wire."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

from anyicmp import wire
from anyicmp.wire.icmp import MESSAGES
from anyicmp.wire.registry import SOURCES

u1, u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (1, 8, 16, 32))
u64 = st.integers(0, (1 << 64) - 1)
code = st.one_of(st.integers(0, 16), u8)
version = st.sampled_from([4, 6])
address4 = u32.map(IPv4Address)
address6 = st.integers(0, (1 << 128) - 1).map(IPv6Address)
short = st.binary(max_size=40)
name = st.from_regex(r"[a-zA-Z]{2,6}[0-9/.-]{1,6}", fullmatch=True) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)


def words(most: int, *, of: int = 4, first: int = 0) -> st.SearchStrategy[bytes]:
    return st.integers(0, most).flatmap(lambda n: st.binary(min_size=n * of + first, max_size=n * of + first))


@st.composite
def packets(draw, which: int) -> bytes:
    """The beginning of an IP datagram, or noise, or nothing."""
    data = draw(short)
    if draw(st.booleans()):
        return data
    protocol = draw(st.sampled_from([0, 1, 6, 17, 43, 44, 50, 51, 58, 60, 132]))
    if which == 4:
        header = wire.build_ipv4_header(
            source=draw(address4).packed,
            destination=draw(address4).packed,
            protocol=protocol,
            payload_length=len(data),
            ttl=draw(u8),
            traffic_class=draw(u8),
            identification=draw(u16),
            options=draw(words(10)),
        )
    else:
        header = wire.build_ipv6_header(
            source=draw(address6).packed,
            destination=draw(address6).packed,
            next_header=protocol,
            payload_length=len(data),
            hop_limit=draw(u8),
            traffic_class=draw(u8),
            flow_label=draw(st.integers(0, (1 << 20) - 1)),
        )
    whole = header + data
    return whole[: draw(st.integers(0, len(whole)))] if draw(u8) < 40 else whole


labels = st.builds(wire.MplsLabel, st.integers(0, (1 << 20) - 1), st.integers(0, 7), st.booleans(), u8)
information = st.builds(
    wire.InterfaceInformation,
    role=st.sampled_from(["incoming", "sub-ip", "outgoing", "next-hop"]),
    index=st.none() | u32,
    address=st.none() | address4 | address6,
    name=st.none() | st.just("") | name,
    mtu=st.none() | u32,
)
identification = (
    st.builds(wire.InterfaceIdentification, name=name)
    | st.builds(wire.InterfaceIdentification, index=u32)
    | st.builds(
        wire.InterfaceIdentification,
        address=address4 | address6 | st.binary(min_size=6, max_size=6) | st.binary(min_size=8, max_size=8),
    )
)
objects = st.one_of(
    st.builds(wire.MplsStack, labels=st.lists(labels, min_size=1, max_size=6).map(tuple)),
    information,
    identification,
    st.builds(wire.ExtendedInformation, pointer=u32),
    st.builds(
        wire.RawObject,
        class_number=st.integers(5, 255) | st.just(0),
        sub_type=u8,
        payload=words(5),
    ),
)
extensions = st.lists(objects, min_size=1, max_size=4).map(tuple)


@st.composite
def errors(draw, cls: type[wire.ErrorMessage], **fields: st.SearchStrategy) -> wire.ErrorMessage:
    """An error; where extensions follow, its quote is padded as RFC 4884 demands."""
    which = draw(st.sampled_from(sorted(cls.TYPES)))
    packet = draw(packets(which))
    values: dict[str, object] = {key: draw(value) for key, value in fields.items()}
    values["code"] = draw(code)
    if which in cls.LENGTH_AT and draw(st.booleans()):
        values["extensions"] = draw(extensions)
        unit = 4 if which == 4 else 8
        size = max(128, -(-len(packet) // unit) * unit) + draw(st.integers(0, 3)) * unit
        packet = packet.ljust(size, b"\0")
    if len(cls.TYPES) > 1:
        values["version"] = which
    if cls is wire.DestinationUnreachable and which == 4 and values["code"] == 4:
        values["next_hop_mtu"] = draw(u16)
    if cls is wire.ParameterProblem:
        values["pointer"] = draw(u8 if which == 4 else u32)
    return cls(quoted=wire.parse_quoted(packet, which), **values)  # type: ignore[arg-type]


@st.composite
def route_information(draw) -> wire.RouteInformation:
    return wire.RouteInformation(
        prefix=draw(address6),
        prefix_length=draw(st.integers(0, 128)),
        preference=draw(st.integers(0, 3)),
        lifetime=draw(u32),
    )


options = st.lists(
    st.one_of(
        st.builds(wire.SourceLinkAddress, address=words(2, of=8, first=6)),
        st.builds(wire.TargetLinkAddress, address=words(2, of=8, first=6)),
        st.builds(
            wire.PrefixInformation,
            prefix=address6,
            prefix_length=u8,
            on_link=st.booleans(),
            autonomous=st.booleans(),
            router_address=st.booleans(),
            valid_lifetime=u32,
            preferred_lifetime=u32,
        ),
        st.builds(
            wire.RedirectedHeader,
            quoted=packets(6)
            .map(lambda packet: packet + bytes(-len(packet) % 8))
            .map(lambda packet: wire.parse_quoted(packet, 6)),
        ),
        st.builds(wire.MtuOption, mtu=u32),
        route_information(),
        st.builds(
            wire.RecursiveDnsServers,
            servers=st.lists(address6, min_size=1, max_size=3).map(tuple),
            lifetime=u32,
        ),
        st.builds(wire.RawOption, number=st.integers(26, 255), payload=words(2, of=8, first=6)),
    ),
    max_size=5,
).map(tuple)

echo = {"identifier": u16, "sequence": u16, "data": short, "code": code, "version": version}
pair = {"identifier": u16, "sequence": u16, "code": code}
times = {**pair, "originate": u32, "receive": u32, "transmit": u32}
sources6 = st.lists(address6, max_size=4).map(tuple)
node = {"qtype": st.integers(0, 5) | u16, "flags": u16, "nonce": u64, "data": short, "code": code}
later_query = st.builds(
    wire.MulticastListenerQuery,
    maximum_response_code=u16,
    group=address6,
    code=code,
    suppress=st.booleans(),
    robustness=st.integers(0, 7),
    interval_code=u8,
    sources=sources6,
)
records = st.builds(
    wire.MulticastAddressRecord, type=u8, group=address6, sources=sources6, auxiliary=words(3)
)
probe = {"identifier": u16, "sequence": u8, "code": code, "version": version}


def _is_no_structure(tail: bytes) -> bool:
    return wire.parse_extensions(tail) == ()


@st.composite
def kept(draw, cls: type[wire.Message]) -> wire.Message:
    """A message of a type that keeps its bytes."""
    which = draw(version)
    registered = cls is wire.Opaque
    numbers = [n for n in range(256) if (n in SOURCES[which]) == registered and (which, n) not in MESSAGES]
    return cls(version=which, type=draw(st.sampled_from(numbers)), code=draw(code), body=draw(short))


BY_CLASS: dict[type[wire.Message], st.SearchStrategy[wire.Message]] = {
    wire.EchoRequest: st.builds(wire.EchoRequest, **echo),
    wire.EchoReply: st.builds(wire.EchoReply, **echo),
    wire.DestinationUnreachable: errors(wire.DestinationUnreachable),
    wire.PacketTooBig: errors(wire.PacketTooBig, mtu=u32),
    wire.TimeExceeded: errors(wire.TimeExceeded),
    wire.ParameterProblem: errors(wire.ParameterProblem),
    wire.SourceQuench: errors(wire.SourceQuench),
    wire.Redirect: errors(wire.Redirect, gateway=address4),
    wire.RouterAdvertisement4: st.builds(
        wire.RouterAdvertisement4,
        code=code,
        lifetime=u16,
        routers=st.lists(
            st.builds(wire.AdvertisedRouter, address4, st.integers(-(2**31), 2**31 - 1)), max_size=4
        ).map(tuple),
        trailer=short,
    ),
    wire.RouterSolicitation4: st.builds(wire.RouterSolicitation4, code=code),
    wire.Timestamp: st.builds(wire.Timestamp, **times),
    wire.TimestampReply: st.builds(wire.TimestampReply, **times),
    wire.InformationRequest: st.builds(wire.InformationRequest, **pair),
    wire.InformationReply: st.builds(wire.InformationReply, **pair),
    wire.AddressMaskRequest: st.builds(wire.AddressMaskRequest, **pair, mask=address4),
    wire.AddressMaskReply: st.builds(wire.AddressMaskReply, **pair, mask=address4),
    wire.ExtendedEchoRequest: st.builds(
        wire.ExtendedEchoRequest, **probe, local=st.booleans(), extensions=extensions
    )
    | st.builds(wire.ExtendedEchoRequest, **probe, local=st.booleans(), tail=short.filter(_is_no_structure)),
    wire.ExtendedEchoReply: st.builds(
        wire.ExtendedEchoReply,
        **probe,
        state=st.integers(0, 7),
        active=st.booleans(),
        ipv4=st.booleans(),
        ipv6=st.booleans(),
    ),
    wire.RouterSolicitation6: st.builds(wire.RouterSolicitation6, code=code, options=options),
    wire.RouterAdvertisement6: st.builds(
        wire.RouterAdvertisement6,
        code=code,
        hop_limit=u8,
        managed=st.booleans(),
        other=st.booleans(),
        home_agent=st.booleans(),
        preference=st.integers(0, 3),
        proxy=st.booleans(),
        flags=st.integers(0, 3),
        lifetime=u16,
        reachable_time=u32,
        retransmit_timer=u32,
        options=options,
    ),
    wire.NeighborSolicitation: st.builds(
        wire.NeighborSolicitation, code=code, target=address6, options=options
    ),
    wire.NeighborAdvertisement: st.builds(
        wire.NeighborAdvertisement,
        code=code,
        target=address6,
        router=st.booleans(),
        solicited=st.booleans(),
        override=st.booleans(),
        options=options,
    ),
    wire.Redirect6: st.builds(
        wire.Redirect6, code=code, target=address6, destination=address6, options=options
    ),
    wire.MulticastListenerQuery: st.builds(
        wire.MulticastListenerQuery, code=code, maximum_response_code=u16, group=address6
    )
    | later_query,
    wire.MulticastListenerReport: st.builds(
        wire.MulticastListenerReport, code=code, maximum_response_code=u16, group=address6
    ),
    wire.MulticastListenerDone: st.builds(
        wire.MulticastListenerDone, code=code, maximum_response_code=u16, group=address6
    ),
    wire.MulticastListenerReport2: st.builds(
        wire.MulticastListenerReport2, code=code, records=st.lists(records, max_size=4).map(tuple)
    ),
    wire.NodeInformationQuery: st.builds(wire.NodeInformationQuery, **node),
    wire.NodeInformationResponse: st.builds(wire.NodeInformationResponse, **node),
    wire.Opaque: kept(wire.Opaque),
    wire.Unknown: kept(wire.Unknown),
}
