"""Coverage-guided fuzzing of the codec: whatever the bytes, a message or a DecodeError.

    python tests/fuzz/fuzz_decode.py CORPUS_FOLDER -runs=100000

The first octet of an input chooses what is done with the others: the IP version, message or whole packet,
whether checksums are recomputed, so that damaged inputs get past the door, and whether a field of the
decoded message is changed before it is encoded: then ValueError is allowed, and nothing else.

The folder is filled with seeds, the valid messages of `tests/wire`, if it is empty. Needs the extra
`fuzz`; all options behind the folder are libFuzzer's. `--seeds FOLDER` only writes the seeds, `--replay
FOLDER` runs every file of the folder once, without atheris (for a coverage report).
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "wire"))

SIX, PACKET, MEND_MESSAGE, MEND_STRUCTURE, CHANGE, HEADER = 1, 2, 4, 8, 16, 32

NUMBERS_OR_NONE = frozenset({"next_hop_mtu", "index", "mtu", "robustness", "interval_code"})


def one_input(data: bytes) -> None:
    """Decode, show, encode and decode again. Anything but DecodeError is a finding."""
    from anyicmp.wire import DecodeError, decode, decode_packet, encode

    if not data:
        return
    mode, octets = data[0], bytearray(data[1:])
    version = 6 if mode & SIX else 4
    if mode & HEADER:
        build(octets, version)
        return
    if mode & PACKET:
        with suppress(DecodeError):
            decode_packet(octets, verify=not mode & MEND_MESSAGE)
        return
    if mode & MEND_STRUCTURE:
        mend_structure(octets, version)
    if mode & MEND_MESSAGE:
        mend_message(octets, version)
    addresses = {"source": "2001:db8::1", "destination": "2001:db8:1::7"} if version == 6 else {}
    try:
        message = decode(octets, version=version, **addresses)
    except DecodeError:
        if mode & MEND_MESSAGE and len(octets) >= 4:
            with suppress(DecodeError):
                decode(octets, version=version, verify=False)
        return
    message.explain()
    for item in getattr(message, "extensions", ()):
        item.explain()
    if mode & CHANGE:
        change(message, bytes(octets[-7:]))
        return
    again = decode(encode(message, **addresses), version=version, **addresses)
    assert again == message, (message, again)
    for name in ("quoted", "subject", "names", "addresses", "maximum_response_delay", "interval"):
        look_at(getattr(message, name, None))


def look_at(value: object) -> None:
    from anyicmp.wire import QuotedDatagram

    if isinstance(value, QuotedDatagram):
        names = "source_port", "destination_port", "identifier", "sequence", "tcp_sequence", "length"
        for name in names:
            getattr(value, name)


def change(message: Any, tail: bytes) -> None:
    """Encode with another value in one field, of the message or of a part of it."""
    import attrs

    from anyicmp.wire import DecodeError, ErrorMessage, assemble_error, code_name, decode, encode, type_name

    parts = "extensions" if getattr(message, "extensions", ()) else "options"
    items = getattr(message, parts, ())
    index = tail[0] % (len(items) + 1)
    subject = items[index - 1] if index else message
    names = [f.name for f in attrs.fields(type(subject)) if f.init]
    name = names[tail[1] % len(names)] if names else ""
    other = another(name, getattr(subject, name, ...), tail)
    if other is not ...:
        changed = attrs.evolve(subject, **{name: other})
        if index:
            changed = attrs.evolve(message, **{parts: (*items[: index - 1], changed, *items[index:])})
        try:
            encoded = encode(changed)
        except ValueError:
            return
        with suppress(DecodeError):
            decode(encoded, version=changed.version, verify=False)
    type_name(message.version, message.type)
    code_name(message.version, message.type, message.code)
    if isinstance(message, ErrorMessage):
        rest = tail[:4].ljust(4, b"\0")
        bare = attrs.evolve(message.quoted, packet=b"")
        assembled = assemble_error(version=message.version, type=tail[0], code=0, rest=rest, quoted=bare)
        with suppress(ValueError):
            encode(assembled)


def another(name: str, value: object, tail: bytes) -> Any:
    """Another value of the same kind, likely one that does not fit; ... where there is none."""
    if isinstance(value, int) or (value is None and name in NUMBERS_OR_NONE):
        return int.from_bytes(tail[2:], "big", signed=True) >> (tail[0] & 31)
    if isinstance(value, bytes):
        return value + tail[: tail[0] & 7] * (tail[0] >> 3)
    if isinstance(value, str):
        return value + "\0x"[: tail[0] & 3] * (tail[0] >> 2)
    return value * (tail[0] & 0xF8) if isinstance(value, tuple) else ...


def build(octets: bytearray, version: int) -> None:
    """Build an IP header from any numbers, read it back, and steer a checksum."""
    from anyicmp.wire import build_ipv4_header, build_ipv6_header, checksum, compensator, parse_quoted, update

    numbers = list(octets[:16].ljust(16, b"\0"))
    small, large = numbers[0] + 2 * (numbers[1] & 1) * 255, int.from_bytes(numbers[2:5], "big")
    width = (4 if version == 4 else 16) + (numbers[5] == 7)
    fields: dict[str, Any] = {"source": bytes(width), "destination": bytes(width), "payload_length": large}
    try:
        if version == 4:
            options = bytes(octets[16:64])
            fields |= {"protocol": numbers[6], "ttl": small, "identification": large, "options": options}
            header = build_ipv4_header(dont_fragment=bool(numbers[7] & 1), **fields)
        else:
            fields |= {"next_header": numbers[6], "hop_limit": small, "flow_label": large}
            header = build_ipv6_header(traffic_class=numbers[7] + (numbers[8] == 9) * 256, **fields)
    except ValueError:
        return
    quoted = parse_quoted(header + bytes(octets[64:]), version)
    assert quoted.ttl == small
    look_at(quoted)
    word, wished = large & 0xFFFF, numbers[9] << 8 | numbers[10]
    free = bytes(2) + bytes(octets)
    steered = compensator(free, wished).to_bytes(2, "big") + bytes(octets)
    assert checksum(steered) % 0xFFFF == wished % 0xFFFF
    begun = checksum(word.to_bytes(2, "big") + bytes(octets))
    assert (
        update(begun, word, wished) % 0xFFFF == checksum(wished.to_bytes(2, "big") + bytes(octets)) % 0xFFFF
    )


def mend_message(octets: bytearray, version: int) -> None:
    """Set the checksum of the message right."""
    from anyicmp.wire import checksum, pseudo_header_v6

    if len(octets) < 4:
        return
    octets[2:4] = b"\0\0"
    pseudo = b""
    if version == 6:
        source = bytes.fromhex("20010db8000000000000000000000001")
        destination = bytes.fromhex("20010db8000100000000000000000007")
        pseudo = pseudo_header_v6(source, destination, len(octets), 58)
    octets[2:4] = checksum(pseudo + octets).to_bytes(2, "big")


def mend_structure(octets: bytearray, version: int) -> None:
    """Set version and checksum of the extension structure right, wherever one may stand."""
    from anyicmp.wire import checksum

    if len(octets) < 16:
        return
    echo = octets[0] == (42 if version == 4 else 160)
    claimed = octets[5] * 4 if version == 4 else octets[4] * 8
    for begin in (8,) if echo else (8 + max(claimed, 128), 136):
        if begin + 8 <= len(octets):
            octets[begin : begin + 4] = b"\x20\0\0\0"
            octets[begin + 2 : begin + 4] = checksum(octets[begin:]).to_bytes(2, "big")
            return


def seeds() -> list[bytes]:
    """One valid input for each message, in each mode that reads it, and some whole packets."""
    from catalogue import CATALOGUE
    from constants import SOURCE6, TARGET6

    from anyicmp.wire import build_ipv4_header, build_ipv6_header

    found = []
    for entry in CATALOGUE:
        six = SIX if entry.version == 6 else 0
        found += [
            bytes((six | mend,)) + entry.octets
            for mend in (0, MEND_MESSAGE, MEND_MESSAGE | MEND_STRUCTURE, MEND_MESSAGE | CHANGE)
        ]
        header = (
            build_ipv6_header(
                source=SOURCE6.packed,
                destination=TARGET6.packed,
                next_header=58,
                payload_length=len(entry.octets),
            )
            if six
            else build_ipv4_header(
                source=bytes(4), destination=bytes(4), protocol=1, payload_length=len(entry.octets)
            )
        )
        found.append(bytes((PACKET,)) + header + entry.octets)
    found += [bytes((HEADER | six,)) + bytes(range(size)) for six in (0, SIX) for size in (16, 24, 80)]
    return found


def write_seeds(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        (folder / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed)


def instrumented() -> ModuleType:
    """Atheris, with the codec imported under its eyes."""
    import importlib
    import pkgutil

    import atheris

    with atheris.instrument_imports(include=["anyicmp.wire"]):
        import anyicmp.wire

        for module in pkgutil.iter_modules(anyicmp.wire.__path__):
            importlib.import_module(f"anyicmp.wire.{module.name}")
    return atheris


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--seeds"]:
        write_seeds(Path(arguments[1]))
        return
    if arguments[:1] == ["--replay"]:
        for path in sorted(Path(arguments[1]).iterdir()):
            one_input(path.read_bytes())
        return
    folder = Path(arguments[0])
    atheris = instrumented()
    if not folder.is_dir() or not any(folder.iterdir()):
        write_seeds(folder)
    atheris.Setup([sys.argv[0], *arguments], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
