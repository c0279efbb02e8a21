"""What the methods with ports share: which ports a flow has, and what an ICMP error quotes of it.

Numbers and offsets; the bytes of each method's probe are in its own file.
"""

from __future__ import annotations

from anyicmp.wire.batch import UNSET, PacketBatch, Quoted, RowKind, Version
from anyicmp.wire.checksum import checksum

__all__ = [
    "ERRORS",
    "LARGEST_FLOW",
    "flow_of",
    "identification_of",
    "is_sound",
    "label_of",
    "port_of",
    "quoted_at",
    "sequence_of",
]

FIRST_PORT = 1024
"""Ports below are not for everyone to bind (ip(7))."""

LARGEST_FLOW = 0xFFFF - FIRST_PORT

ERRORS: dict[int, tuple[frozenset[int], frozenset[int]]] = {
    # A source quench changes nothing any more (RFC 6633), and a redirect not this probe.
    4: (frozenset({3, 11, 12}), frozenset({4, 5})),
    6: (frozenset({1, 2, 3, 4}), frozenset({137})),
}
"""IP version to the ICMP types that end a probe, and those that are only about one."""

_DESTINATION: dict[int, int] = {4: 16, 6: 24}
_HEADER = 8


def port_of(flow: int) -> int:
    """This host's port in a flow."""
    return FIRST_PORT + flow


def flow_of(port: int) -> int:
    """The flow with this port; one that only the privileged may use belongs to the first."""
    return max(0, port - FIRST_PORT)


def label_of(flow: int, version: Version) -> int:
    """The IPv6 flow label of a flow; 0 would leave it to the kernel."""
    return UNSET if version == 4 else flow + 1


def identification_of(sequence: int) -> int:
    """A 16-bit field that may not be 0 for a sequence.

    0 says in IPv4 that the kernel chooses (raw(7)), and in UDP that there is no checksum. So one sequence of
    65,536 has none, and is told by the payload alone.
    """
    return sequence + 1 & 0xFFFF


def sequence_of(identification: int) -> int:
    """The sequence of a field that `identification_of` made."""
    return identification - 1 & 0xFFFF


def is_sound(rx: PacketBatch, i: int) -> bool:
    """Whether the ICMP message in row i has its right checksum, which only raw IPv4 sockets do not check."""
    if rx.version == 6 or rx.kind[i] != RowKind.ICMP or rx.truncated[i]:
        return True
    return not checksum(rx.message(i))


def quoted_at(rx: PacketBatch, i: int, protocol: int) -> int:
    """Offset in the arena of the transport header that the ICMP error in row i quotes, -1 without one.

    Where an IP header is quoted, its destination is written to `rx.original`.
    """
    data, width = rx.data, rx.width
    at, end = i * rx.slot + rx.start[i] + _HEADER, i * rx.slot + rx.length[i]
    if rx.kind[i] != RowKind.ICMP and rx.quoted[i] != Quoted.PACKET:
        return at if rx.quoted[i] == Quoted.TRANSPORT else -1
    # Most probers never hear an error.
    from anyicmp.wire.ip import find_transport

    found = find_transport(data, at, end)
    if found is None or data[at] >> 4 != rx.version or found[0] != protocol or found[2]:
        return -1
    destination = at + _DESTINATION[rx.version]
    rx.original[i * width : (i + 1) * width] = data[destination : destination + width]
    return found[1]
