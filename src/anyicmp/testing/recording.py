"""Recording: what a prober once recorded, answering again, probe for probe.

A probe is taken for the recorded one to the same target with the same hop limit that stands at the same
place in their order; what came back of that one comes back, with the new probe's identifier, sequence and
payload. Reads a pcapng file; knows no clock and no loop.
"""

from __future__ import annotations

from collections import defaultdict, deque
from ipaddress import ip_address
from os import PathLike
from pathlib import Path
from typing import Self

import attrs

from anyicmp.results import IPAddress
from anyicmp.testing.topology import (
    ADDRESSES_AT,
    HEADER,
    PROTOCOL,
    REPLY,
    REQUEST,
    TTL_AT,
    seal,
)
from anyicmp.wire.batch import Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6
from anyicmp.wire.pcapng import CapturedPacket, read_packets

__all__ = ["Recording"]

ERRORS: dict[Version, frozenset[int]] = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset({1, 2, 3, 4})}
# The errors that may have extensions behind their quote; where they then say how long that is, and in units
# of how many octets (RFC 4884 section 3).
EXTENSIBLE: dict[Version, frozenset[int]] = {4: frozenset({3, 11, 12}), 6: frozenset({1, 3})}
LENGTH_AT: dict[Version, tuple[int, int]] = {4: (5, 4), 6: (4, 8)}
PROTOCOL_AT: dict[Version, int] = {4: 9, 6: 6}

Key = tuple[bytes, int]
"""Destination and hop limit."""


@attrs.define
class Sent:
    """A recorded probe, and what came back of it: (nanoseconds later, IP packet) each."""

    at: int
    packet: bytes
    answers: list[tuple[int, bytes]] = attrs.field(factory=list)


class Recording:
    """Answers as recorded; it has the verbs of `Internet`.

    Attributes:
        addresses: IP version to the address that the recording host had.
    """

    def __init__(self, packets: list[CapturedPacket]) -> None:
        self.addresses: dict[int, IPAddress] = {}
        self._sent: defaultdict[Key, deque[Sent]] = defaultdict(deque)
        latest: dict[tuple[int, bytes], Sent] = {}
        for captured in sorted(packets, key=lambda packet: packet.at):
            packet = captured.octets
            version = _version(packet)
            if version is None:
                continue
            message = packet[_header(packet, version) :]
            if message[:1] == bytes([REQUEST[version]]) and captured.outbound is not False:
                sent = latest[version, message[4:8]] = Sent(captured.at, packet)
                self._sent[_key(packet, version)].append(sent)
                self.addresses.setdefault(version, _address(packet, version))
            elif (found := latest.get((version, _about(message, version)))) is not None:
                found.answers.append((max(0, captured.at - found.at), packet))

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        """The recording in a file. Raises DecodeError for what is none, OSError for what cannot be read."""
        return cls(list(read_packets(Path(path).read_bytes())))

    def inject(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        """What came back of the recorded packet in whose place this one is: (nanoseconds, IP packet) each.

        Nothing where none is left.
        """
        version = _version(packet)
        waiting = self._sent.get(_key(packet, version)) if version is not None else None
        if version is None or not waiting:
            return []
        sent = waiting.popleft()
        return [
            (now + later, _rewritten(answer, sent.packet, packet, version)) for later, answer in sent.answers
        ]

    def resolve(self, name: str) -> tuple[IPAddress, ...]:
        """A recording has no names: (). `SimulatedNetwork.name` gives some."""
        return ()

    def name_of(self, address: IPAddress) -> str | None:
        """A recording has no names: None."""
        return None


def _version(packet: bytes) -> Version | None:
    """The IP version of a packet with an ICMP message in it, else None."""
    for version in (4, 6):
        if packet[:1] and packet[0] >> 4 == version and len(packet) >= HEADER[version] + 8:
            return version if packet[PROTOCOL_AT[version]] == PROTOCOL[version] else None
    return None


def _header(packet: bytes, version: Version) -> int:
    return (packet[0] & 15) * 4 if version == 4 else HEADER[6]


def _key(packet: bytes, version: Version) -> Key:
    _, begin, end = ADDRESSES_AT[version]
    return packet[begin:end], packet[TTL_AT[version]]


def _address(packet: bytes, version: Version) -> IPAddress:
    begin, end, _ = ADDRESSES_AT[version]
    return ip_address(packet[begin:end])


def _about(message: bytes, version: Version) -> bytes:
    """Identifier and sequence of the probe that a message answers, b"" where it answers none."""
    if message[0] == REPLY[version]:
        return message[4:8]
    quoted = message[8:]
    if message[0] in ERRORS[version] and quoted[:1] and len(quoted) >= HEADER[version] + 8:
        probe = quoted[_header(quoted, version) :]
        return probe[4:8] if probe[:1] == bytes([REQUEST[version]]) else b""
    return b""


def _rewritten(answer: bytes, old: bytes, new: bytes, version: Version) -> bytes:
    """An answer to the old probe as an answer to the new one."""
    begin, middle, _ = ADDRESSES_AT[version]
    header, message = answer[: _header(answer, version)], answer[_header(answer, version) :]
    sound = _is_sound(answer, version)
    if message[0] == REPLY[version]:
        body = _carried_over(message[4:], old[_header(old, version) + 4 :], new[_header(new, version) + 4 :])
        message = message[:4] + body
    else:
        at, unit = LENGTH_AT[version]
        length = message[at] * unit if message[0] in EXTENSIBLE[version] else 0
        end_of_quote = 8 + length if length else len(message)
        quote = _carried_over(message[8:end_of_quote], old, new)
        if length:
            quote = quote[:length] + bytes(max(0, length - len(quote)))
        if version == 4:
            blank = quote[:10] + b"\0\0" + quote[12 : HEADER[4]]
            quote = quote[:10] + checksum(blank).to_bytes(2, "big") + quote[12:]
        message = message[:8] + quote + message[end_of_quote:]
    source, destination = header[begin:middle], new[begin:middle]
    message = seal(message, version, source, destination)
    if not sound:
        message = message[:3] + bytes([message[3] ^ 1]) + message[4:]
    return _readdressed(header, destination, len(message), version) + message


def _carried_over(part: bytes, old: bytes, new: bytes) -> bytes:
    """What came back of the old octets as it would of the new: what was changed on the way stays changed."""
    same = bytes(fresh if came == sent else came for came, sent, fresh in zip(part, old, new, strict=False))
    if len(part) < len(old):
        return same
    return same + new[len(same) :] + part[len(old) :]


def _readdressed(header: bytes, destination: bytes, length: int, version: Version) -> bytes:
    _, begin, end = ADDRESSES_AT[version]
    header = header[:begin] + destination + header[end:]
    if version == 6:
        return header[:4] + length.to_bytes(2, "big") + header[6:]
    header = header[:2] + (len(header) + length).to_bytes(2, "big") + header[4:10] + b"\0\0" + header[12:]
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:]


def _is_sound(packet: bytes, version: Version) -> bool:
    begin, middle, end = ADDRESSES_AT[version]
    message = packet[_header(packet, version) :]
    if version == 4:
        return not checksum(message)
    return not checksum(
        pseudo_header_v6(packet[begin:middle], packet[middle:end], len(message), 58) + message
    )
