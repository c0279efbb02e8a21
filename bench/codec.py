"""Decode and encode beside scapy, in one process, interleaved, all fields read in the loop.

    python bench/codec.py            a table; exit status 1 if a goal is missed
    python bench/codec.py --quick    fewer rounds

Goals: echo reply at least 50 times scapy's speed, time exceeded with an MPLS stack (quote and labels
read) at least 30 times. Both verify or compute the checksum, as each does by default: `anyicmp.wire`
verifies it on decode, scapy does not. Needs scapy (extra: test).
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from statistics import median
from time import perf_counter

from anyicmp.wire import (
    EchoReply,
    MplsLabel,
    MplsStack,
    TimeExceeded,
    build_ipv4_header,
    decode,
    encode,
    parse_quoted,
)

logging.getLogger("scapy").setLevel(logging.CRITICAL)
warnings.simplefilter("ignore")

from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS  # noqa: E402
from scapy.layers.inet import ICMP, ICMPExtension_Header, IPerror, UDPerror  # noqa: E402
from scapy.packet import Raw  # noqa: E402

DATA = bytes(range(56))
ECHO = encode(EchoReply(identifier=0x1234, sequence=7, data=DATA))
QUOTE = (
    build_ipv4_header(
        source=bytes((192, 0, 2, 1)),
        destination=bytes((198, 51, 100, 7)),
        protocol=17,
        payload_length=40,
        ttl=1,
    )
    + bytes.fromhex("8235829a00280000")
    + bytes(32)
).ljust(128, b"\0")
STACK = MplsStack(labels=(MplsLabel(100704, 0, False, 1), MplsLabel(16, 5, True, 254)))
EXCEEDED = encode(TimeExceeded(quoted=parse_quoted(QUOTE, 4), extensions=(STACK,)))

Work = Callable[[], object]


def decode_echo() -> object:
    """Ours, every field read."""
    message = decode(ECHO, version=4)
    assert isinstance(message, EchoReply)
    return message.type, message.code, message.identifier, message.sequence, message.data


def decode_echo_scapy() -> object:
    """Scapy's, every field read."""
    message = ICMP(ECHO)
    return message.type, message.code, message.id, message.seq, message.payload.load


def encode_echo() -> object:
    """Ours."""
    return encode(EchoReply(identifier=0x1234, sequence=7, data=DATA))


def encode_echo_scapy() -> object:
    """Scapy's."""
    return bytes(ICMP(type=0, id=0x1234, seq=7) / Raw(DATA))


def decode_exceeded() -> object:
    """Ours, quote and labels read."""
    message = decode(EXCEEDED, version=4)
    assert isinstance(message, TimeExceeded)
    quoted = message.quoted
    stack = message.extensions[0]
    assert isinstance(stack, MplsStack)
    read = [(entry.label, entry.traffic_class, entry.bottom, entry.ttl) for entry in stack.labels]
    ports = quoted.source_port, quoted.destination_port
    return message.type, message.code, str(quoted.source), str(quoted.destination), quoted.ttl, ports, read


def decode_exceeded_scapy() -> object:
    """Scapy's, quote and labels read."""
    message = ICMP(EXCEEDED)
    quoted = message.payload
    stack = message.ext.payload
    entries = []
    entry = stack.stack[0]
    while isinstance(entry, MPLS):
        entries.append((entry.label, entry.cos, bool(entry.s), entry.ttl))
        entry = entry.payload
    ports = quoted.payload.sport, quoted.payload.dport
    return message.type, message.code, quoted.src, quoted.dst, quoted.ttl, ports, entries


def encode_exceeded() -> object:
    """Ours."""
    stack = MplsStack(labels=(MplsLabel(100704, 0, False, 1), MplsLabel(16, 5, True, 254)))
    return encode(TimeExceeded(quoted=parse_quoted(QUOTE, 4), extensions=(stack,)))


def encode_exceeded_scapy() -> object:
    """Scapy's."""
    entries = [MPLS(label=100704, cos=0, s=0, ttl=1), MPLS(label=16, cos=5, s=1, ttl=254)]
    extension = ICMPExtension_Header() / ICMPExtension_MPLS(stack=entries)
    quoted = IPerror(src="192.0.2.1", dst="198.51.100.7", ttl=1, proto=17, id=0, len=60)
    datagram = quoted / UDPerror(sport=33333, dport=33434, len=40, chksum=0) / Raw(bytes(32))
    return bytes(ICMP(type=11, code=0, length=32, ext=extension) / datagram)


CASES: list[tuple[str, Work, Work, float | None]] = [
    ("decode echo reply", decode_echo, decode_echo_scapy, 50),
    ("encode echo reply", encode_echo, encode_echo_scapy, 50),
    ("decode time exceeded with MPLS", decode_exceeded, decode_exceeded_scapy, 30),
    ("encode time exceeded with MPLS", encode_exceeded, encode_exceeded_scapy, 30),
]


def seconds(work: Work, count: int) -> float:
    """Seconds for one call."""
    begin = perf_counter()
    for _ in range(count):
        work()
    return (perf_counter() - begin) / count


def main() -> int:
    """Measure, print, and say whether the goals are met."""
    rounds, ours_count, theirs_count = (5, 2000, 50) if "--quick" in sys.argv else (15, 20000, 400)
    assert decode_echo() == decode_echo_scapy()
    assert decode_exceeded() == decode_exceeded_scapy()
    assert encode_echo() == encode_echo_scapy()
    assert encode_exceeded() == encode_exceeded_scapy()
    print("| work | anyicmp µs | scapy µs | times as fast | goal |")
    print("|---|---|---|---|---|")
    missed = 0
    for name, ours, theirs, goal in CASES:
        pairs = [(seconds(ours, ours_count), seconds(theirs, theirs_count)) for _ in range(rounds)]
        ratio = median(slow / fast for fast, slow in pairs)
        fast, slow = (median(column) * 1e6 for column in zip(*pairs, strict=True))
        print(f"| {name} | {fast:.2f} | {slow:.1f} | {ratio:.0f} | {goal or ''} |")
        missed += goal is not None and ratio < goal
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
