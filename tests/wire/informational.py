"""The queries and answers, the extension objects, and the types that keep their bytes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from constants import PADDED4, PADDED6, structure, summed4, summed6
from everyday import Entry, padded4, padded6

from anyicmp.wire import (
    AddressMaskReply,
    AddressMaskRequest,
    AdvertisedRouter,
    DestinationUnreachable,
    ExtendedEchoReply,
    ExtendedEchoRequest,
    ExtendedInformation,
    InformationReply,
    InformationRequest,
    InterfaceIdentification,
    InterfaceInformation,
    MplsLabel,
    MplsStack,
    NodeInformationQuery,
    NodeInformationResponse,
    Opaque,
    RawObject,
    RouterAdvertisement4,
    RouterSolicitation4,
    TimeExceeded,
    Timestamp,
    TimestampReply,
    Type4,
    Type6,
)
from anyicmp.wire.icmp import MESSAGES
from anyicmp.wire.registry import SOURCES

ALL_OBJECTS = structure(
    # MPLS: 16 TC 5 TTL 254, then 1048575 bottom TTL 1
    "000c 01 01 00010afe fffff101",
    # incoming interface: index 7, 192.0.2.33, "ge-0/0/1" in 12 octets, MTU 1500
    "0020 02 0f 00000007 0001 0000 c0000221 0c 67652d302f302f31 000000 000005dc",
    # outgoing interface: index alone
    "0008 02 88 00000009",
    # next hop: an IPv6 address
    "0018 02 c4 0002 0000 20010db8000000000000000000000021",
    # a class that nobody knows
    "0008 fe 07 deadbeef",
)
OBJECTS = (
    MplsStack(labels=(MplsLabel(16, 5, False, 254), MplsLabel(1048575, 0, True, 1))),
    InterfaceInformation(index=7, address=IPv4Address("192.0.2.33"), name="ge-0/0/1", mtu=1500),
    InterfaceInformation(role="outgoing", index=9),
    InterfaceInformation(role="next-hop", address=IPv6Address("2001:db8::21")),
    RawObject(class_number=254, sub_type=7, payload=b"\xde\xad\xbe\xef"),
)

INFORMATIONAL = [
    Entry(
        "all objects",
        summed4("0b 00 0000", "00 20 0000", PADDED4.hex(), ALL_OBJECTS),
        TimeExceeded(quoted=padded4, extensions=OBJECTS),
    ),
    Entry(
        "all objects 6",
        summed6("03 00 0000", "10 000000", PADDED6.hex(), ALL_OBJECTS),
        TimeExceeded(version=6, quoted=padded6, extensions=OBJECTS),
    ),
    Entry(
        "headers too long",
        summed6("01 08 0000", "10 000000", PADDED6.hex(), structure("0008 04 01 00000408")),
        DestinationUnreachable(
            version=6, code=8, quoted=padded6, extensions=(ExtendedInformation(pointer=1032),)
        ),
    ),
    Entry(
        "timestamp",
        summed4("0d 00 0000", "1234 0007", "02932e01 00000000 00000000"),
        Timestamp(identifier=0x1234, sequence=7, originate=43200001),
    ),
    Entry(
        "timestamp reply",
        summed4("0e 00 0000", "1234 0007", "02932e01 82932e02 02932e03"),
        TimestampReply(
            identifier=0x1234, sequence=7, originate=43200001, receive=0x82932E02, transmit=43200003
        ),
    ),
    Entry(
        "information request",
        summed4("0f 00 0000", "0001 0002"),
        InformationRequest(identifier=1, sequence=2),
    ),
    Entry(
        "information reply", summed4("10 00 0000", "0001 0002"), InformationReply(identifier=1, sequence=2)
    ),
    Entry(
        "address mask request",
        summed4("11 00 0000", "0001 0002", "00000000"),
        AddressMaskRequest(identifier=1, sequence=2),
    ),
    Entry(
        "address mask reply",
        summed4("12 00 0000", "0001 0002", "ffffff80"),
        AddressMaskReply(identifier=1, sequence=2, mask=IPv4Address("255.255.255.128")),
    ),
    Entry(
        "router advertisement",
        summed4("09 10 0000", "02 02 0708", "c0000201 00000000", "c0000202 80000000"),
        RouterAdvertisement4(
            code=16,
            lifetime=1800,
            routers=(
                AdvertisedRouter(IPv4Address("192.0.2.1"), 0),
                AdvertisedRouter(IPv4Address("192.0.2.2"), -(2**31)),
            ),
        ),
    ),
    Entry(
        "mobility agent advertisement",
        summed4("09 00 0000", "01 02 0708", "c0000201 00000000", "1006 0001 0708 8000"),
        RouterAdvertisement4(
            routers=(AdvertisedRouter(IPv4Address("192.0.2.1")),),
            trailer=bytes.fromhex("1006 0001 0708 8000"),
        ),
    ),
    Entry("router solicitation", summed4("0a 00 0000", "00000000"), RouterSolicitation4()),
    Entry(
        "extended echo request by name",
        summed4("2a 00 0000", "0001 02 01", structure("0008 03 01 65746830")),
        ExtendedEchoRequest(identifier=1, sequence=2, extensions=(InterfaceIdentification(name="eth0"),)),
    ),
    Entry(
        "extended echo request by index",
        summed6("a0 00 0000", "0001 02 01", structure("0008 03 02 00000007")),
        ExtendedEchoRequest(
            version=6, identifier=1, sequence=2, extensions=(InterfaceIdentification(index=7),)
        ),
    ),
    Entry(
        "extended echo request by address",
        summed4("2a 00 0000", "0001 02 00", structure("000c 03 03 0001 04 00 c0000221")),
        ExtendedEchoRequest(
            identifier=1,
            sequence=2,
            local=False,
            extensions=(InterfaceIdentification(address=IPv4Address("192.0.2.33")),),
        ),
    ),
    Entry(
        "extended echo request by IPv6 address",
        summed6(
            "a0 00 0000", "0001 02 00", structure("0018 03 03 0002 10 00 20010db8000000000000000000000021")
        ),
        ExtendedEchoRequest(
            version=6,
            identifier=1,
            sequence=2,
            local=False,
            extensions=(InterfaceIdentification(address=IPv6Address("2001:db8::21")),),
        ),
    ),
    Entry(
        "extended echo request by link-layer address",
        summed4("2a 00 0000", "0001 02 00", structure("0010 03 03 4005 06 00 02005e100001 0000")),
        ExtendedEchoRequest(
            identifier=1,
            sequence=2,
            local=False,
            extensions=(InterfaceIdentification(address=bytes.fromhex("02005e100001")),),
        ),
    ),
    Entry(
        "extended echo request without a structure",
        summed4("2a 00 0000", "0001 02 01", "0102"),
        ExtendedEchoRequest(identifier=1, sequence=2, tail=b"\1\2"),
    ),
    Entry(
        "extended echo reply",
        summed4("2b 00 0000", "0001 02 07"),
        ExtendedEchoReply(identifier=1, sequence=2, active=True, ipv4=True, ipv6=True),
    ),
    Entry(
        "extended echo reply 6",
        summed6("a1 00 0000", "0001 02 40"),
        ExtendedEchoReply(version=6, identifier=1, sequence=2, state=2),
    ),
    *(
        Entry(
            f"extended echo reply of code {code}",
            summed4(f"2b {code:02x} 0000", "0001 02 00"),
            ExtendedEchoReply(code=code, identifier=1, sequence=2),
        )
        for code in (1, 2, 3, 4, 9)
    ),
    Entry(
        "node information query for a name",
        summed6("8b 00 0000", "0002 0000", "0123456789abcdef", "20010db8000000000000000000000021"),
        NodeInformationQuery(qtype=2, nonce=0x0123456789ABCDEF, data=IPv6Address("2001:db8::21").packed),
    ),
    Entry(
        "node information query with more than an address",
        summed6("8b 00 0000", "0002 0000", "0000000000000001", "20010db8000000000000000000000021", "aa"),
        NodeInformationQuery(qtype=2, nonce=1, data=IPv6Address("2001:db8::21").packed + b"\xaa"),
    ),
    Entry(
        "node information query about a name",
        summed6("8b 01 0000", "0003 003e", "0123456789abcdef", "04 686f7374 00 00"),
        NodeInformationQuery(code=1, qtype=3, flags=0x3E, nonce=0x0123456789ABCDEF, data=b"\4host\0\0"),
    ),
    Entry(
        "node information query about an IPv4 address",
        summed6("8b 02 0000", "0004 0000", "0000000000000001", "c0000221"),
        NodeInformationQuery(code=2, qtype=4, nonce=1, data=bytes((192, 0, 2, 33))),
    ),
    Entry(
        "node information response with names",
        summed6("8c 00 0000", "0002 0000", "0000000000000001", "00000000", "04 686f7374 00 00"),
        NodeInformationResponse(qtype=2, nonce=1, data=b"\0\0\0\0\4host\0\0"),
    ),
    Entry(
        "node information response with addresses",
        summed6(
            "8c 00 0000",
            "0003 0000",
            "0000000000000001",
            "00000e10 20010db8000000000000000000000021",
            "00000e10 20010db8000000000000000000000022",
        ),
        NodeInformationResponse(
            qtype=3,
            nonce=1,
            data=b"".join(
                b"\0\0\x0e\x10" + IPv6Address(text).packed for text in ("2001:db8::21", "2001:db8::22")
            ),
        ),
    ),
    Entry(
        "node information response with IPv4 addresses",
        summed6("8c 00 0000", "0004 0000", "0000000000000001", "00000e10 c0000221"),
        NodeInformationResponse(qtype=4, nonce=1, data=b"\0\0\x0e\x10\xc0\0\2\x21"),
    ),
    Entry(
        "node information refused",
        summed6("8c 01 0000", "0003 0000", "0000000000000001"),
        NodeInformationResponse(code=1, qtype=3, nonce=1),
    ),
    Entry(
        "node information not understood",
        summed6("8c 02 0000", "0009 0000", "0000000000000001"),
        NodeInformationResponse(code=2, qtype=9, nonce=1),
    ),
    *(
        Entry(
            f"ICMP {kind.name.lower()}",
            summed4(f"{kind:02x} 00 0000", "00112233", "44"),
            Opaque(version=4, type=kind, body=b"\x00\x11\x22\x33\x44"),
        )
        for kind in Type4
        if kind in SOURCES[4] and (4, kind) not in MESSAGES
    ),
    *(
        Entry(
            f"ICMPv6 {kind.name.lower()}",
            summed6(f"{kind:02x} 00 0000", "00112233", "44"),
            Opaque(version=6, type=kind, body=b"\x00\x11\x22\x33\x44"),
        )
        for kind in Type6
        if kind in SOURCES[6] and (6, kind) not in MESSAGES
    ),
]
