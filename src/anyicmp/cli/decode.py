"""`anyicmp decode`: ICMP messages in hex or in capture files, as sentences or as JSON Lines.

Reads its input and prints. What the bytes mean is decided by the codec.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

import attrs
import click

from anyicmp.cli.capture import ip_packet, is_capture, read_capture
from anyicmp.cli.status import ANSWERED, NOT_ANSWERED
from anyicmp.cli.text import paint, write_lines
from anyicmp.export import to_json
from anyicmp.wire import DecodeError, IPAddress, Message, decode_packet, find_transport
from anyicmp.wire import decode as decode_message

__all__ = ["Decoded", "decode", "decode_capture", "decode_hex"]

Version = Literal[4, 6]

_PROTOCOLS = {4: 1, 6: 58}


@attrs.frozen(kw_only=True)
class Decoded:
    """One message of the input, or why there is none.

    Attributes:
        number: from 1: the packet in its capture file, the line or argument of hex.
        at: when it was captured, Unix time in seconds, or None.
        source, destination, ttl: of the IP header, where there was one.
        message: the message; None where it cannot be decoded.
        explanation: `message.explain()`.
        error: why it cannot be decoded, else None.
    """

    number: int
    at: float | None = None
    source: IPAddress | None = None
    destination: IPAddress | None = None
    ttl: int | None = None
    message: Message | None = None
    explanation: str | None = None
    error: str | None = None


def decode_capture(file: BinaryIO, *, verify: bool = True) -> Iterator[Decoded]:
    """The ICMP messages of a pcap or pcapng file, in order; packets of other protocols are passed over.

    Raises CaptureError where the file is no capture, and after the readable part where it is damaged.
    """
    for captured in read_capture(file):
        octets = ip_packet(captured)
        if octets is not None and _is_icmp(octets):
            # The checksum covers what was not captured.
            whole = captured.length <= len(captured.octets)
            yield _one(octets, captured.number, None, verify=verify and whole, at=captured.at)


def decode_hex(
    lines: Iterable[str], *, version: Version | None = None, verify: bool = True, first: int = 1
) -> Iterator[Decoded]:
    """One message for each line of hex digits; spaces, colons and a leading 0x are passed over.

    With `version` the octets begin with the ICMP (4) or ICMPv6 (6) header, else with the IP header.
    `first` is the number of the first line. Raises ValueError for a line that is not hex.
    """
    for number, line in enumerate(lines, first):
        digits = line.strip().removeprefix("0x").replace(":", "")
        try:
            octets = bytes.fromhex(digits)
        except ValueError:
            raise ValueError(f"neither a file nor hex digits: {line.strip()[:40]!r}") from None
        yield _one(octets, number, version, verify=verify)


def _is_icmp(octets: bytes) -> bool:
    found = find_transport(octets, 0, len(octets))
    return found is not None and found[0] == _PROTOCOLS.get(octets[0] >> 4)


def _one(
    octets: bytes, number: int, version: Version | None, *, verify: bool, at: float | None = None
) -> Decoded:
    try:
        if version is not None:
            message = decode_message(octets, version=version, verify=verify)
            return Decoded(number=number, message=message, explanation=message.explain())
        packet = decode_packet(octets, verify=verify)
    except DecodeError as error:
        return Decoded(number=number, at=at, error=str(error))
    return Decoded(
        number=number,
        at=at,
        source=packet.source,
        destination=packet.destination,
        ttl=packet.ttl,
        message=packet.message,
        explanation=packet.message.explain(),
    )


def _text(decoded: Decoded) -> str:
    when = "" if decoded.at is None else f" {datetime.fromtimestamp(decoded.at, UTC):%Y-%m-%d %H:%M:%S.%f}"
    if decoded.message is None:
        return paint(f"{decoded.number}{when} {decoded.error}", "red")
    who = ""
    if decoded.source is not None:
        who = f" {decoded.source} > {decoded.destination} ttl={decoded.ttl}"
    kind = f"type={int(decoded.message.type)} code={decoded.message.code}"
    return f"{decoded.number}{when}{who} {kind}: {decoded.explanation}"


def _decode(inputs: tuple[str, ...], version: Version | None, *, verify: bool) -> Iterator[Decoded]:
    """Each input in turn: a file where one has this name, else hex; standard input where there is none."""
    if not inputs:
        octets = sys.stdin.buffer.read()
        if is_capture(octets):
            yield from decode_capture(io.BytesIO(octets), verify=verify)
        else:
            text = octets.decode("ascii", "replace")
            lines = [line for line in text.splitlines() if line.strip()]
            yield from decode_hex(lines, version=version, verify=verify)
    for number, given in enumerate(inputs, 1):
        if Path(given).is_file():
            with Path(given).open("rb") as file:
                yield from decode_capture(file, verify=verify)
        else:
            yield from decode_hex([given], version=version, verify=verify, first=number)


@click.command(short_help="Decode ICMP messages in hex or in capture files.")
@click.argument("inputs", nargs=-1)
@click.option("-4", "version", flag_value=4, type=int, help="Hex begins with the ICMP header.")
@click.option("-6", "version", flag_value=6, type=int, help="Hex begins with the ICMPv6 header.")
@click.option("--no-verify", is_flag=True, help="Let wrong checksums pass.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines and nothing else on standard output.")
def decode(*, inputs: tuple[str, ...], version: Version | None, no_verify: bool, as_json: bool) -> int:
    """Decode INPUTS: capture files (pcap, pcapng), or IP packets as hex digits.

    Without INPUTS, standard input is read: a capture file, or hex, one packet a line. Exit status: 0 a
    message was decoded, 1 none was, 2 wrong usage or a damaged file (after its readable part).
    """
    found = 0
    for decoded in _decode(inputs, version, verify=not no_verify):
        found += decoded.message is not None
        write_lines([to_json(decoded) if as_json else _text(decoded)])
    return ANSWERED if found else NOT_ANSWERED
