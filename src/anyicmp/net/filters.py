"""What the kernel lets through to a raw socket, so that it wakes us for our own packets only.

Two sieves: the message types (cheap, applied before the packet is copied for the socket) and a classic
BPF program: for the identifier of echo, else for the protocol that an error quotes, and for TCP segments that
accept or refuse. Datagram sockets need neither; what a packet means is for the methods.
See raw(7), RFC 3542 section 3.2 and the kernel's Documentation/networking/filter.rst.
"""

from __future__ import annotations

import array
import socket
from collections.abc import Iterable
from struct import Struct, pack

from anyicmp.net import constants as c
from anyicmp.wire.batch import Version

__all__ = [
    "attach",
    "attach_program",
    "attach_types",
    "nothing",
    "program",
    "quoting",
    "refusals",
    "type_filter",
]

REPLY = {4: 0, 6: 129}
REQUEST = {4: 8, 6: 128}
ERRORS = {4: (3, 11, 12, 5), 6: (1, 2, 3, 4)}

EXTENSIONS = (0, 43, 44, 60)
"""What may stand between in IPv6: hop-by-hop options, routing, fragment, destination options (RFC 8200)."""

LDB, LDH = 0x30, 0x28
LDB_X, LDH_X = 0x50, 0x48  # relative to the index register
LDX_HEADER = 0xB1  # X = 4 * (octet & 15), the length of an IPv4 header
AND, SHIFT_LEFT, ADD_X, TAX = 0x54, 0x64, 0x0C, 0x07
JEQ, JGT, RETURN = 0x15, 0x25, 0x06
WHOLE = 0xFFFFFFFF

FILTERED = 32
"""ICMP_FILTER knows the types below this one, and passes all others (raw(7))."""

_INSTRUCTION = Struct("HBBI")
Step = tuple[int, int] | tuple[int, int, str, str] | str
"""(code, operand), a comparison with the labels to go to (empty: the next step), or a label."""


def _check(load: int, offset: int, value: int, then: str = "", otherwise: str = "reject") -> list[Step]:
    return [(load, offset), (JEQ, value, then, otherwise)]


def _kinds(version: Version) -> list[Step]:
    errors: list[Step] = [(JEQ, kind, "error", "") for kind in ERRORS[version]]
    return [(JEQ, REPLY[version], "reply", ""), *errors, (RETURN, 0)]


def _v4(identifier: int) -> list[Step]:
    # The program sees the packet from its IP header on; X stands where the ICMP header begins.
    return [
        (LDX_HEADER, 0),
        (LDB_X, 0),
        *_kinds(4),
        "reply",
        *_check(LDH_X, 4, identifier, "accept"),
        "error",
        *_check(LDB_X, 8 + 9, socket.IPPROTO_ICMP),
        # X moves on by the length of the quoted header, options included.
        (LDB_X, 8),
        (AND, 15),
        (SHIFT_LEFT, 2),
        (ADD_X, 0),
        (TAX, 0),
        *_check(LDB_X, 8, REQUEST[4]),
        *_check(LDH_X, 8 + 4, identifier, "accept"),
    ]


def _v6(identifier: int) -> list[Step]:
    # The program sees the message from its ICMPv6 header on; the quoted IPv6 header is at 8.
    return [
        (LDB, 0),
        *_kinds(6),
        "reply",
        *_check(LDH, 4, identifier, "accept"),
        "error",
        (LDB, 8 + 6),
        *((JEQ, header, "extension", "") for header in EXTENSIONS),
        (JEQ, socket.IPPROTO_ICMPV6, "", "reject"),
        *_check(LDB, 48, REQUEST[6]),
        *_check(LDH, 48 + 4, identifier, "accept"),
        # One header between: X is its length behind the first 8 octets, which a fragment header (of a probe
        # longer than the link) has as 0.
        "extension",
        *_check(LDB, 48, socket.IPPROTO_ICMPV6),
        (LDB, 48 + 1),
        (SHIFT_LEFT, 3),
        (TAX, 0),
        *_check(LDB_X, 56, REQUEST[6]),
        *_check(LDH_X, 56 + 4, identifier, "accept"),
    ]


PROGRAMS = {4: _v4, 6: _v6}


def program(version: Version, identifier: int) -> bytes:
    """Classic BPF that passes echo replies with the identifier, and errors quoting echo requests with it."""
    return _assembled(PROGRAMS[version](identifier))


def quoting(version: Version, protocol: int) -> bytes:
    """Classic BPF that passes ICMP errors which quote a datagram of a protocol.

    Of IPv6 also those with an extension header before it, whatever follows.
    """
    if version == 4:
        header: list[Step] = [(LDX_HEADER, 0), (LDB_X, 0)]
        quoted: list[Step] = [*_check(LDB_X, 8 + 9, protocol, "accept")]
    else:
        header = [(LDB, 0)]
        quoted = [
            (LDB, 8 + 6),
            *((JEQ, extension, "accept", "") for extension in EXTENSIONS),
            (JEQ, protocol, "accept", "reject"),
        ]
    errors: list[Step] = [(JEQ, kind, "error", "") for kind in ERRORS[version]]
    return _assembled([*header, *errors, (RETURN, 0), "error", *quoted])


def refusals(version: Version) -> bytes:
    """Classic BPF that passes TCP segments with ACK and SYN or RST: how a connection request is answered."""
    header: list[Step] = [(LDX_HEADER, 0), (LDB_X, 13)] if version == 4 else [(LDB, 13)]
    wanted: list[Step] = [(AND, 0x16), (JEQ, 0x12, "accept", ""), (JEQ, 0x14, "accept", "reject")]
    return _assembled([*header, *wanted])


def nothing() -> bytes:
    """Classic BPF that passes nothing, for a socket that only sends."""
    return _INSTRUCTION.pack(RETURN, 0, 0, 0)


def _assembled(wanted: list[Step]) -> bytes:
    steps: list[Step] = [*wanted, "reject", (RETURN, 0), "accept", (RETURN, WHOLE)]
    labels: dict[str, int] = {}
    code: list[tuple[int, int, str, str]] = []
    for step in steps:
        if isinstance(step, str):
            labels[step] = len(code)
        elif len(step) == 2:
            code.append((*step, "", ""))
        else:
            code.append(step)
    out = bytearray()
    for at, (opcode, operand, then, otherwise) in enumerate(code, 1):
        jumps = (labels[label] - at if label else 0 for label in (then, otherwise))
        out += _INSTRUCTION.pack(opcode, *jumps, operand)
    return bytes(out)


def type_filter(version: Version, kinds: Iterable[int]) -> bytes:
    """The value of ICMP_FILTER (types below 32 only) or ICMP6_FILTER that passes these types alone."""
    blocked = bytearray(b"\xff" * (4 if version == 4 else 32))
    words = array.array("I", blocked)
    for kind in kinds:
        if kind >= 8 * len(blocked):
            continue
        words[kind >> 5] &= ~(1 << (kind & 31)) & WHOLE
    return words.tobytes()


def attach(sock: socket.socket, version: Version, wanted: bytes, kinds: Iterable[int]) -> None:
    """Let only messages of these types that a program passes through to a raw ICMP socket.

    Raises OSError as setsockopt(2) does.
    """
    _set_types(sock, version, kinds)
    attach_program(sock, wanted)


def attach_types(sock: socket.socket, version: Version, kinds: Iterable[int]) -> None:
    """Let only messages of these types through to a raw ICMP socket. Raises OSError as setsockopt(2) does."""
    wanted = sorted(set(kinds))
    _set_types(sock, version, wanted)
    if version == 4:
        rest: list[Step] = [(JEQ, kind, "accept", "") for kind in wanted if kind >= FILTERED]
        attach_program(
            sock, _assembled([(LDX_HEADER, 0), (LDB_X, 0), (JGT, FILTERED - 1, "", "accept"), *rest])
        )


def _set_types(sock: socket.socket, version: Version, kinds: Iterable[int]) -> None:
    level, option = (c.SOL_RAW, c.ICMP_FILTER) if version == 4 else (c.SOL_ICMPV6, c.ICMP6_FILTER)
    sock.setsockopt(level, option, type_filter(version, kinds))


def attach_program(sock: socket.socket, wanted: bytes) -> None:
    """Let only what a program passes through to a socket. Raises OSError as setsockopt(2) does."""
    code = array.array("B", wanted)
    address, octets = code.buffer_info()
    # struct sock_fprog holds a pointer: `code` must outlive the call, and does.
    sock.setsockopt(c.SOL_SOCKET, c.SO_ATTACH_FILTER, pack("HP", octets // _INSTRUCTION.size, address))
