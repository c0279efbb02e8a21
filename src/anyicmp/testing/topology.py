"""What a simulated network consists of, and what it makes of an IP packet: the packets that come back.

Works on IP packets in bytes, as a wire does. No socket behaviour, no clock and no loop is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import attrs

from anyicmp.testing.internet.express import Way
from anyicmp.wire import (
    DestinationUnreachable,
    Message,
    MplsLabel,
    MplsStack,
    PacketTooBig,
    TimeExceeded,
    build_ipv4_header,
    build_ipv6_header,
    encode,
    parse_quoted,
)
from anyicmp.wire.batch import UNSET, Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6
from anyicmp.wire.ports import ACK, RST, TCP, UDP, build_tcp, read_tcp

__all__ = ["Host", "IPAddress", "Router", "answers", "ip_header", "ip_packet", "seal"]

IPAddress = IPv4Address | IPv6Address

SECOND = 1_000_000_000
PROTOCOL = {4: 1, 6: 58}
REQUEST = {4: 8, 6: 128}
REPLY = {4: 0, 6: 129}
HEADER = {4: 20, 6: 40}
TTL_AT = {4: 8, 6: 7}
PROTOCOL_AT = {4: 9, 6: 6}
ADDRESSES_AT = {4: (12, 16, 20), 6: (8, 24, 40)}


@attrs.define(kw_only=True)
class Router:
    """Forwards, and reports what it must drop.

    Attributes:
        address: where its errors come from.
        delay: seconds from sending a probe to hearing its error.
        silent: it reports nothing.
        quotes: octets of the dropped packet that its errors quote.
        labels: MPLS labels in its errors (RFC 4950).
        hop_limit: of its errors as they arrive.
    """

    address: IPAddress
    delay: float = 0.001
    silent: bool = False
    quotes: int = 548
    labels: tuple[MplsLabel, ...] = ()
    hop_limit: int = 64


def _tell(host: Host, _: object, value: object) -> object:
    for changed in host.on_change:
        changed()
    return value


@attrs.define(kw_only=True, on_setattr=_tell)
class Host:
    """What answers at an address, and what lies before it.

    Attributes:
        delay: seconds from sending a probe to hearing its answer.
        silent: it answers nothing.
        lost: numbers, from 0, of the requests to it that get no answer.
        copies: how often each answer comes, `spacing` seconds apart.
        path: the routers on the way.
        unreachable: code of the destination unreachable that the last router reports, or None.
        mtu: octets of IP packet that the last router lets through, or None.
        answers_from: the address that answers in its place (a forger, another interface), or None.
        responders: addresses that answer a probe to a broadcast or multicast address.
        corrupt: its answers' checksums are wrong.
        hop_limit: of its answers as they arrive.
        errno: sending to it fails with this error number, 0: it does not.
        heard: requests that reached its address so far.
        on_change: called when any other of these changes.
    """

    delay: float = 0.001
    silent: bool = False
    lost: frozenset[int] = frozenset()
    copies: int = 1
    spacing: float = 0.001
    path: tuple[Router, ...] = ()
    unreachable: int | None = None
    mtu: int | None = None
    answers_from: IPAddress | None = None
    responders: tuple[IPAddress, ...] = ()
    corrupt: bool = False
    hop_limit: int = 64
    errno: int = 0
    heard: int = attrs.field(default=0, on_setattr=attrs.setters.NO_OP)
    on_change: list[Callable[[], None]] = attrs.field(
        factory=list, init=False, eq=False, repr=False, on_setattr=attrs.setters.NO_OP
    )

    @property
    def way(self) -> Way | None:
        """The way of a request that it answers and nothing else; None where each must be looked at."""
        odd = self.silent or self.lost or self.copies != 1 or self.responders or self.corrupt or self.errno
        if odd or self.answers_from or self.mtu is not None or self.unreachable is not None:
            return None
        return Way(len(self.path), round(self.delay * SECOND), 0xFFFF, self.hop_limit)


def answers(host: Host, packet: bytes) -> Iterator[tuple[float, bytes]]:
    """What comes back of a packet to a host: (seconds from sending, IP packet) each."""
    version: Version = 6 if packet[0] >> 4 == 6 else 4
    hops = packet[TTL_AT[version]]
    dont_fragment = version == 6 or packet[6] & 0x40
    if hops <= len(host.path):
        yield from _error(host.path[hops - 1], packet, TimeExceeded(version=version))
    elif host.path and host.mtu is not None and len(packet) > host.mtu and dont_fragment:
        yield from _error(host.path[-1], packet, _too_big(version, host.mtu))
    elif host.path and host.unreachable is not None:
        yield from _error(
            host.path[-1], packet, DestinationUnreachable(version=version, code=host.unreachable)
        )
    else:
        host.heard += 1
        if not host.silent and host.heard - 1 not in host.lost:
            yield from _replies(host, version, packet)


def _too_big(version: Version, mtu: int) -> DestinationUnreachable | PacketTooBig:
    if version == 6:
        return PacketTooBig(mtu=mtu)
    return DestinationUnreachable(version=4, code=4, next_hop_mtu=mtu)


def _replies(host: Host, version: Version, packet: bytes) -> Iterator[tuple[float, bytes]]:
    first, second, third = ADDRESSES_AT[version]
    sender, target, message = packet[first:second], packet[second:third], packet[HEADER[version] :]
    protocol = packet[PROTOCOL_AT[version]]
    if protocol != PROTOCOL[version]:
        yield from _refusal(host, version, packet, protocol)
        return
    if message[:1] != bytes([REQUEST[version]]):
        return
    sources = [address.packed for address in host.responders] or [
        host.answers_from.packed if host.answers_from is not None else target
    ]
    for copy in range(host.copies):
        for source in sources:
            reply = seal(bytes([REPLY[version], 0]) + message[2:], version, source, sender)
            if host.corrupt:
                reply = reply[:-1] + bytes([reply[-1] ^ 0x55])
            yield (
                host.delay + copy * host.spacing,
                ip_packet(reply, version, source, sender, hop_limit=host.hop_limit),
            )


def _refusal(host: Host, version: Version, packet: bytes, protocol: int) -> Iterator[tuple[float, bytes]]:
    """No port of a host is open."""
    first, second, third = ADDRESSES_AT[version]
    sender, target = packet[first:second], packet[second:third]
    if protocol == UDP:
        code = 3 if version == 4 else 4
        router = Router(address=ip_address(target), delay=host.delay, hop_limit=host.hop_limit)
        yield from _error(router, packet, DestinationUnreachable(version=version, code=code))
    elif protocol == TCP:
        request = read_tcp(packet, HEADER[version], len(packet))
        if request is not None and not request.flags & RST:
            reset = build_tcp(
                request.destination_port,
                request.source_port,
                sequence=0,
                acknowledgment=request.sequence + 1 & 0xFFFFFFFF,
                flags=RST | ACK,
                source=target,
                destination=sender,
            )
            header = ip_header(version, len(reset), target, sender, host.hop_limit, 0, 0, False, protocol=TCP)
            yield host.delay, header + reset


def _error(
    router: Router, packet: bytes, error: TimeExceeded | DestinationUnreachable | PacketTooBig
) -> Iterator[tuple[float, bytes]]:
    if router.silent:
        return
    version = error.version
    first, second, _ = ADDRESSES_AT[version]
    at = TTL_AT[version]
    quoted = packet[:at] + b"\1" + packet[at + 1 :] if isinstance(error, TimeExceeded) else packet
    extensions = (MplsStack(labels=router.labels),) if router.labels else ()
    message: Message = attrs.evolve(
        error, quoted=parse_quoted(quoted[: router.quotes], version), extensions=extensions
    )
    source, sender = router.address, packet[first:second]
    octets = seal(encode(message), version, source.packed, sender)
    yield (
        router.delay,
        ip_packet(octets, version, source.packed, sender, hop_limit=router.hop_limit),
    )


def seal(message: bytes, version: Version, source: bytes, destination: bytes) -> bytes:
    """An ICMP message with the right checksum, whatever it had before."""
    blank = message[:2] + b"\0\0" + message[4:]
    covered = blank
    if version == 6:
        covered = pseudo_header_v6(source, destination, len(blank), PROTOCOL[6]) + blank
    return blank[:2] + checksum(covered).to_bytes(2, "big") + blank[4:]


def ip_packet(
    message: bytes,
    version: Version,
    source: bytes,
    destination: bytes,
    *,
    hop_limit: int = 64,
    traffic_class: int = 0,
    flow_label: int = 0,
    dont_fragment: bool = False,
) -> bytes:
    """An ICMP message in an IP packet. Raises ValueError where it does not fit."""
    header = ip_header(
        version, len(message), source, destination, hop_limit, traffic_class, flow_label, dont_fragment
    )
    return header + message


@lru_cache(maxsize=1024)
def ip_header(
    version: Version,
    length: int,
    source: bytes,
    destination: bytes,
    hop_limit: int,
    traffic_class: int,
    flow_label: int,
    dont_fragment: bool | None,
    protocol: int | None = None,
    identification: int = UNSET,
) -> bytes:
    """The header before `length` octets, of ICMP by default; `UNSET` fields are as a host has them.

    Raises ValueError where they do not fit.
    """
    protocol = PROTOCOL[version] if protocol is None else protocol
    hop_limit = 64 if hop_limit == UNSET else hop_limit
    traffic_class, flow_label = max(0, traffic_class), max(0, flow_label)
    if version == 4:
        return build_ipv4_header(
            source=source,
            destination=destination,
            protocol=protocol,
            payload_length=length,
            ttl=hop_limit,
            traffic_class=traffic_class,
            dont_fragment=bool(dont_fragment),
            identification=max(0, identification),
        )
    return build_ipv6_header(
        source=source,
        destination=destination,
        next_header=protocol,
        payload_length=length,
        hop_limit=hop_limit,
        traffic_class=traffic_class,
        flow_label=flow_label,
    )
