"""The everyday messages: name, byte constant and value of each. The others are in `catalogue_rest.py`."""

from __future__ import annotations

from ipaddress import IPv4Address

import attrs
from constants import MPLS_STRUCTURE, PADDED4, PADDED6, QUOTE4, QUOTE6, QUOTE_TCP, summed4, summed6

from anyicmp.wire import (
    DestinationUnreachable,
    EchoReply,
    EchoRequest,
    Message,
    MplsLabel,
    MplsStack,
    Opaque,
    PacketTooBig,
    ParameterProblem,
    Redirect,
    SourceQuench,
    TimeExceeded,
    Type4,
    Type6,
    Unknown,
    parse_quoted,
)


@attrs.frozen
class Entry:
    """A message under test."""

    name: str
    octets: bytes
    message: Message

    @property
    def version(self) -> int:
        return self.message.version


quoted4, quoted6 = parse_quoted(QUOTE4, 4), parse_quoted(QUOTE6, 6)
padded4, padded6 = parse_quoted(PADDED4, 4), parse_quoted(PADDED6, 6)
mpls = (MplsStack(labels=(MplsLabel(0x18960, 0, True, 1),)),)

EVERYDAY = [
    Entry(
        "echo reply",
        summed4("00 00 0000", "1234 0007", "61626364"),
        EchoReply(identifier=0x1234, sequence=7, data=b"abcd"),
    ),
    Entry(
        "echo request",
        summed4("08 00 0000", "ffff 0000", "616263"),
        EchoRequest(identifier=0xFFFF, sequence=0, data=b"abc"),
    ),
    Entry(
        "echo request 6",
        summed6("80 00 0000", "1234 0007", "61626364"),
        EchoRequest(version=6, identifier=0x1234, sequence=7, data=b"abcd"),
    ),
    Entry(
        "echo reply 6",
        summed6("81 00 0000", "1234 0007"),
        EchoReply(version=6, identifier=0x1234, sequence=7),
    ),
    Entry(
        "port unreachable",
        summed4("03 03 0000", "00 00 0000", QUOTE4.hex()),
        DestinationUnreachable(code=3, quoted=quoted4),
    ),
    Entry(
        "fragmentation needed",
        summed4("03 04 0000", "00 00 05dc", QUOTE4.hex()),
        DestinationUnreachable(code=4, next_hop_mtu=1500, quoted=quoted4),
    ),
    Entry(
        "host unreachable with a label stack",
        summed4("03 01 0000", "00 20 0000", PADDED4.hex(), MPLS_STRUCTURE.hex()),
        DestinationUnreachable(code=1, quoted=padded4, extensions=mpls),
    ),
    Entry(
        "unreachable 6",
        summed6("01 04 0000", "00 000000", QUOTE6.hex()),
        DestinationUnreachable(version=6, code=4, quoted=quoted6),
    ),
    Entry(
        "unreachable 6 with a label stack",
        summed6("01 00 0000", "10 000000", PADDED6.hex(), MPLS_STRUCTURE.hex()),
        DestinationUnreachable(version=6, quoted=padded6, extensions=mpls),
    ),
    Entry(
        "source quench",
        summed4("04 00 0000", "00000000", QUOTE4.hex()),
        SourceQuench(quoted=quoted4),
    ),
    Entry(
        "redirect",
        summed4("05 01 0000", "c00002fe", QUOTE4.hex()),
        Redirect(code=1, gateway=IPv4Address("192.0.2.254"), quoted=quoted4),
    ),
    Entry(
        "time exceeded",
        summed4("0b 00 0000", "00 00 0000", QUOTE4.hex()),
        TimeExceeded(quoted=quoted4),
    ),
    Entry(
        "time exceeded with a label stack",
        summed4("0b 00 0000", "00 20 0000", PADDED4.hex(), MPLS_STRUCTURE.hex()),
        TimeExceeded(quoted=padded4, extensions=mpls),
    ),
    Entry(
        "time exceeded that quotes TCP",
        summed4("0b 00 0000", "00 00 0000", QUOTE_TCP.hex()),
        TimeExceeded(quoted=parse_quoted(QUOTE_TCP, 4)),
    ),
    Entry("time exceeded without a quote", summed4("0b 01 0000", "00000000"), TimeExceeded(code=1)),
    Entry(
        "time exceeded 6",
        summed6("03 00 0000", "10 000000", PADDED6.hex(), MPLS_STRUCTURE.hex()),
        TimeExceeded(version=6, quoted=padded6, extensions=mpls),
    ),
    Entry(
        "packet too big",
        summed6("02 00 0000", "00000500", QUOTE6.hex()),
        PacketTooBig(mtu=1280, quoted=quoted6),
    ),
    Entry(
        "parameter problem",
        summed4("0c 00 0000", "14 00 0000", QUOTE4.hex()),
        ParameterProblem(pointer=20, quoted=quoted4),
    ),
    Entry(
        "parameter problem 6",
        summed6("04 01 0000", "00000028", QUOTE6.hex()),
        ParameterProblem(version=6, code=1, pointer=40, quoted=quoted6),
    ),
    Entry(
        "unknown",
        summed4("2c 05 0000", "deadbeef", "00"),
        Unknown(version=4, type=44, code=5, body=b"\xde\xad\xbe\xef\0"),
    ),
    Entry("unknown 6", summed6("63 00 0000"), Unknown(version=6, type=99)),
    Entry("skip", summed4("27 00 0000", "01020304"), Opaque(version=4, type=Type4.SKIP, body=b"\1\2\3\4")),
    Entry(
        "rpl control",
        summed6("9b 01 0000", "01020304"),
        Opaque(version=6, type=Type6.RPL_CONTROL, code=1, body=b"\1\2\3\4"),
    ),
]
