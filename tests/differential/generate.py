"""Messages of every class for the oracles: generated, with and without a length field, and cut off.

All are put into whole IP packets with right lengths and checksums; the same ones at every run.
"""

from __future__ import annotations

import random
from ipaddress import IPv4Address

import attrs
from catalogue import CATALOGUE
from constants import SOURCE6, TARGET6
from hypothesis import HealthCheck, given, settings
from strategies import BY_CLASS

from anyicmp.wire import (
    Message,
    build_ipv4_header,
    build_ipv6_header,
    checksum,
    decode,
    encode,
    pseudo_header_v6,
)
from anyicmp.wire.error import ErrorMessage
from anyicmp.wire.message import Opaque, Unknown

SOURCE4, TARGET4 = IPv4Address("192.0.2.1"), IPv4Address("198.51.100.7")

EACH = 300
"""Generated messages a class; cut off ones, and ones without a length field, come on top."""

CUT_OFF = 60


@attrs.frozen
class Sample:
    """One packet for the oracles.

    `message` is None where the codec refuses the octets; `form` is "whole", "no length", "by hand" (a byte
    constant of `tests/wire`) or "cut off".
    """

    cls: type[Message]
    form: str
    version: int
    octets: bytes
    message: Message | None

    @property
    def packet(self) -> bytes:
        """The IP packet."""
        if self.version == 4:
            header = build_ipv4_header(
                source=SOURCE4.packed,
                destination=TARGET4.packed,
                protocol=1,
                payload_length=len(self.octets),
            )
        else:
            header = build_ipv6_header(
                source=SOURCE6.packed,
                destination=TARGET6.packed,
                next_header=58,
                payload_length=len(self.octets),
            )
        return header + self.octets


def values(cls: type[Message], count: int) -> list[Message]:
    """`count` values of a class, the same ones at every run: drawn from a fixed stream of octets.

    (Hypothesis's own choices also depend on constants that it finds in the sources of the day.)
    """
    found: list[Message] = []

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(BY_CLASS[cls])
    def collect(message: Message) -> None:
        found.append(message)

    stream = random.Random(cls.__name__)
    for _ in range(count * 20):
        if len(found) == count:
            break
        collect.hypothesis.fuzz_one_input(stream.randbytes(4096))
    return found


def summed(octets: bytes, version: int) -> bytes:
    """The same octets with the checksum right."""
    blank = octets[:2] + b"\0\0" + octets[4:]
    pseudo = b"" if version == 4 else pseudo_header_v6(SOURCE6.packed, TARGET6.packed, len(blank), 58)
    return blank[:2] + checksum(pseudo + blank).to_bytes(2, "big") + blank[4:]


def read(octets: bytes, version: int) -> Message | None:
    """What the codec makes of the octets; None where it refuses them."""
    addresses = {} if version == 4 else {"source": SOURCE6, "destination": TARGET6}
    try:
        return decode(octets, version=version, **addresses)
    except ValueError:
        return None


def samples() -> list[Sample]:
    """All packets for the oracles."""
    found = []
    chance = random.Random(4884)
    for cls in sorted(BY_CLASS, key=lambda cls: cls.__name__):
        messages = values(cls, EACH)
        for message in messages:
            version = message.version
            octets = summed(encode(message), version)
            found.append(Sample(cls, "whole", version, octets, read(octets, version)))
            if isinstance(message, ErrorMessage) and message.extensions and version in cls.LENGTH_AT:
                at = cls.LENGTH_AT[version]
                bare = summed(octets[:at] + b"\0" + octets[at + 1 :], version)
                found.append(Sample(cls, "no length", version, bare, read(bare, version)))
        if cls in (Opaque, Unknown):
            continue
        by_hand = [entry for entry in CATALOGUE if type(entry.message) is cls]
        found += [Sample(cls, "by hand", each.version, each.octets, each.message) for each in by_hand]
        for message in messages[:CUT_OFF]:
            version = message.version
            octets = encode(message)
            octets = summed(octets[: chance.randrange(4, max(5, len(octets)))], version)
            found.append(Sample(cls, "cut off", version, octets, read(octets, version)))
    return found
