"""Captured packets: which are probes, which probe an answer is about, and an answer as one to another probe.

Octets in, octets out; in which order probes are answered, and when, is the recording's.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Self

import attrs

from anyicmp.results import IPAddress
from anyicmp.testing.topology import ADDRESSES_AT, HEADER, PROTOCOL, REPLY, REQUEST, TTL_AT, seal
from anyicmp.wire import find_transport
from anyicmp.wire.batch import Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6
from anyicmp.wire.ports import ACK, RST, SYN, TCP, TCP_HEADER, UDP, UDP_HEADER, transport_checksum

__all__ = ["Captured", "Key", "Name", "answer_to"]

ERRORS: dict[Version, frozenset[int]] = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset({1, 2, 3, 4})}
# The errors that may have extensions behind their quote; where they then say how long that is, and in units
# of how many octets (RFC 4884 section 3).
EXTENSIBLE: dict[Version, frozenset[int]] = {4: frozenset({3, 11, 12}), 6: frozenset({1, 3})}
LENGTH_AT: dict[Version, tuple[int, int]] = {4: (5, 4), 6: (4, 8)}
LEAST = {UDP: UDP_HEADER, TCP: TCP_HEADER}
CHECKSUM_AT = {UDP: 6, TCP: 16}
SEQUENCE, ACKNOWLEDGED, FLAGS = slice(4, 8), slice(8, 12), 13
MODULUS = 1 << 32
PAYLOAD = 12
"""Octets at the beginning of a UDP probe's payload that no other probe has."""

Key = tuple[bytes, int, int, bytes]
"""Destination, hop limit, protocol and the target's port of a probe."""

Name = tuple[object, ...]
"""What tells a probe from others, or the flow that it belongs to."""


@attrs.frozen
class Captured:
    """An IP packet whose transport header is whole.

    Attributes:
        octets: from the IP header on.
        version, protocol: of the IP header, and of the header behind it and its extensions.
        at: where that one begins.
    """

    octets: bytes
    version: Version
    protocol: int
    at: int

    @classmethod
    def read(cls, octets: bytes) -> Self | None:
        """The packet, None for what is none, is cut off, or a fragment."""
        found = find_transport(octets, 0, len(octets))
        if found is None or found[2]:
            return None
        protocol, at, _ = found
        version: Version = 6 if octets[0] >> 4 == 6 else 4
        if protocol not in (PROTOCOL[version], UDP, TCP) or len(octets) < at + LEAST.get(protocol, 8):
            return None
        return cls(octets, version, protocol, at)

    @property
    def message(self) -> bytes:
        """All behind the IP header."""
        return self.octets[self.at :]

    @property
    def source(self) -> bytes:
        """Packed."""
        begin, end, _ = ADDRESSES_AT[self.version]
        return self.octets[begin:end]

    @property
    def target(self) -> bytes:
        """Packed destination."""
        _, begin, end = ADDRESSES_AT[self.version]
        return self.octets[begin:end]

    @property
    def address(self) -> IPAddress:
        """Of the sender."""
        return ip_address(self.source)

    @property
    def is_probe(self) -> bool:
        """Whether it asks for an answer, as far as it tells; of a datagram only its direction does."""
        if self.protocol == UDP:
            return True
        if self.protocol == TCP:
            return self.message[FLAGS] & (SYN | ACK) == SYN
        return self.message[0] == REQUEST[self.version]

    @property
    def key(self) -> Key:
        """What another probe in its place has too."""
        port = self.message[2:4] if self.protocol in LEAST else b""
        return self.target, self.octets[TTL_AT[self.version]], self.protocol, port

    @property
    def names(self) -> Iterator[Name]:
        """What a probe goes by in answers, the surest first."""
        number = int.from_bytes(self.octets[4:6], "big") if self.version == 4 else 0
        return _names(self.protocol, self.target, self.message, number)

    @property
    def about(self) -> Iterator[Name]:
        """Names of the probe that it answers, the surest first; nothing where it answers none."""
        message, first = self.message, self.message[0]
        if self.protocol == UDP:
            swapped = message[2:4] + message[:2] + bytes(4) + message[UDP_HEADER:]
            yield from _names(UDP, self.source, swapped, 0)
        elif self.protocol == TCP:
            if message[FLAGS] & ACK and message[FLAGS] & (SYN | RST):
                swapped = message[2:4] + message[:2] + _acknowledged(message)
                yield from _names(TCP, self.source, swapped, 0)
        elif first == REPLY[self.version]:
            yield from _names(self.protocol, self.source, message, 0)
        elif first in ERRORS[self.version] and (quoted := self.quoted) is not None:
            yield from quoted.names

    @property
    def quoted(self) -> Captured | None:
        """The probe that an error quotes, as much as is there; at least 8 octets behind its IP header."""
        quote = self.message[8:]
        found = find_transport(quote, 0, len(quote))
        if found is None or found[2] or quote[0] >> 4 != self.version or len(quote) < found[1] + 8:
            return None
        protocol, at, _ = found
        if protocol == PROTOCOL[self.version] and quote[at] != REQUEST[self.version]:
            return None
        return Captured(quote, self.version, protocol, at)

    def as_numbered(self, answer: Captured) -> bytes:
        """This probe with the sequence number that an answer knows it by.

        Where the kernel made the connection it chose the number, and a recording has the library's.
        """
        if self.protocol != TCP:
            return self.octets
        if answer.protocol == TCP:
            number = _acknowledged(answer.message)
        else:
            quoted = answer.quoted
            number = self.message[SEQUENCE] if quoted is None else quoted.message[SEQUENCE]
        return self.octets[: self.at + 4] + number + self.octets[self.at + 8 :]

    @property
    def is_sound(self) -> bool:
        """Whether the checksum behind the IP header is right; a datagram over IPv4 may have none."""
        message = self.message
        if self.protocol in CHECKSUM_AT:
            at = CHECKSUM_AT[self.protocol]
            value = transport_checksum(self.protocol, message, self.source, self.target)
            return value.to_bytes(2, "big") == message[at : at + 2] or self._has_none
        pseudo = b""
        if self.version == 6:
            pseudo = pseudo_header_v6(self.source, self.target, len(message), self.protocol)
        return not checksum(pseudo + message)

    @property
    def _has_none(self) -> bool:
        return self.protocol == UDP and self.version == 4 and not any(self.message[6:8])


def _acknowledged(segment: bytes) -> bytes:
    number = int.from_bytes(segment[ACKNOWLEDGED], "big") - 1
    return (number % MODULUS).to_bytes(4, "big")


def _names(protocol: int, target: bytes, message: bytes, identification: int) -> Iterator[Name]:
    if protocol not in LEAST:
        yield protocol, message[4:8]
        return
    ports, port = message[:4], message[2:4]
    if protocol == TCP:
        yield TCP, target, port, message[SEQUENCE]
    else:
        payload = message[UDP_HEADER : UDP_HEADER + PAYLOAD]
        # A router that quotes less may pad with zeros.
        if len(payload) == PAYLOAD and any(payload[2:]):
            yield UDP, target, port, payload
        if identification:
            yield UDP, target, port, identification
        if any(message[6:8]):
            yield UDP, target, port, message[6:8]
    yield protocol, target, ports


def answer_to(answer: Captured, old: bytes, new: Captured) -> bytes:
    """An answer to the old probe as an answer to the new one; what the way had changed stays changed."""
    message = answer.message
    before = old[(old[0] & 15) * 4 if new.version == 4 else HEADER[6] :]
    after = new.message
    if answer.protocol == UDP:
        ports = _carried_over(message[:4], before[2:4] + before[:2], after[2:4] + after[:2])
        payload = _carried_over(message[UDP_HEADER:], before[UDP_HEADER:], after[UDP_HEADER:])
        length = (UDP_HEADER + len(payload)).to_bytes(2, "big")
        message = ports + length + message[6:8] + payload
    elif answer.protocol == TCP:
        ports = _carried_over(message[:4], before[2:4] + before[:2], after[2:4] + after[:2])
        shift = int.from_bytes(after[SEQUENCE], "big") - int.from_bytes(before[SEQUENCE], "big")
        number = (int.from_bytes(message[ACKNOWLEDGED], "big") + shift) % MODULUS
        message = ports + message[4:8] + number.to_bytes(4, "big") + message[12:]
    elif message[0] == REPLY[answer.version]:
        message = message[:4] + _carried_over(message[4:], before[4:], after[4:])
    else:
        message = _error(message, old, new)
    begin, middle, _ = ADDRESSES_AT[answer.version]
    source, destination = answer.source, new.octets[begin:middle]
    message = _sealed(answer, message, source, destination)
    return _readdressed(answer, destination, len(message)) + message


def _error(message: bytes, old: bytes, new: Captured) -> bytes:
    version = new.version
    at, unit = LENGTH_AT[version]
    length = message[at] * unit if message[0] in EXTENSIBLE[version] else 0
    end_of_quote = 8 + length if length else len(message)
    quote = _carried_over(message[8:end_of_quote], old, new.octets)
    if length:
        quote = quote[:length] + bytes(max(0, length - len(quote)))
    if version == 4:
        blank = quote[:10] + b"\0\0" + quote[12 : HEADER[4]]
        quote = quote[:10] + checksum(blank).to_bytes(2, "big") + quote[12:]
    return message[:8] + quote + message[end_of_quote:]


def _carried_over(part: bytes, old: bytes, new: bytes) -> bytes:
    """What came back of the old octets as it would of the new: what was changed on the way stays changed."""
    same = bytes(fresh if came == sent else came for came, sent, fresh in zip(part, old, new, strict=False))
    if len(part) < len(old):
        return same
    return same + new[len(same) :] + part[len(old) :]


def _sealed(answer: Captured, message: bytes, source: bytes, destination: bytes) -> bytes:
    """The message with its right checksum, or a wrong one or none, as the answer had."""
    if answer.protocol not in CHECKSUM_AT:
        sealed = seal(message, answer.version, source, destination)
        return sealed if answer.is_sound else sealed[:3] + bytes([sealed[3] ^ 1]) + sealed[4:]
    if answer._has_none:
        return message
    at = CHECKSUM_AT[answer.protocol]
    value = transport_checksum(answer.protocol, message, source, destination) ^ (not answer.is_sound)
    return message[:at] + value.to_bytes(2, "big") + message[at + 2 :]


def _readdressed(answer: Captured, destination: bytes, length: int) -> bytes:
    _, begin, end = ADDRESSES_AT[answer.version]
    header = answer.octets[: answer.at]
    header = header[:begin] + destination + header[end:]
    if answer.version == 6:
        return header[:4] + (len(header) - HEADER[6] + length).to_bytes(2, "big") + header[6:]
    header = header[:2] + (len(header) + length).to_bytes(2, "big") + header[4:10] + b"\0\0" + header[12:]
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:]
