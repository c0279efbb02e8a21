"""What a node answers to packets for itself: echo, UDP, TCP, its firewall, and what others forge.

Makes the answers as packets with their times. How they travel is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import xor
from random import Random
from struct import Struct

from anyicmp.testing.internet.forgery import Forgery
from anyicmp.testing.internet.nodes import Echo, Host, Rejection, Router
from anyicmp.testing.internet.packet import (
    ECHO_REPLY,
    ECHO_REQUEST,
    ICMP,
    TCP,
    UDP,
    build,
    destination,
    intact,
    length,
    rewritten,
    seal,
    source,
    with_options,
)
from anyicmp.testing.internet.report import Reporter
from anyicmp.testing.internet.values import Draw, IPAddress, codes
from anyicmp.wire import find_transport

__all__ = ["Answers", "Target", "rejected"]

Answers = list[tuple[int, bytes]]

PROTOCOLS = {"icmp": (1, 58), "udp": (UDP,), "tcp": (TCP,)}
PORT_UNREACHABLE = {4: 3, 6: 4}
NO_CODES = ("silent", "reset")
_TCP = Struct("!HHIIBBHHH")
FIN, SYN, RST, ACK = 1, 2, 4, 16
WINDOW = 64_240


def rejected(rules: tuple[Rejection, ...], packet: bytes) -> Rejection | None:
    """The first rule that matches a packet."""
    if not rules:
        return None
    found = find_transport(packet, 0, len(packet))
    protocol, at, _ = found or (0, len(packet), 0)
    to = destination(packet)
    for rule in rules:
        if rule.protocol is not None and protocol not in PROTOCOLS[rule.protocol]:
            continue
        if rule.ports and int.from_bytes(packet[at + 2 : at + 4], "big") not in rule.ports:
            continue
        if rule.code not in NO_CODES and packet[0] >> 4 not in (codes(rule.code) or {}):
            continue
        if not rule.to or any(
            network.max_prefixlen == len(to) * 8
            and int.from_bytes(to, "big") & int(network.netmask) == int(network.network_address)
            for network in rule.to
        ):
            return rule
    return None


def refuse(rule: Rejection, reporter: Reporter, now: int, sender: bytes | None, packet: bytes) -> Answers:
    """What a rule has sent about a packet: nothing, an unreachable or a TCP reset."""
    if rule.code == "reset":
        found = find_transport(packet, 0, len(packet))
        return [] if found is None or found[0] != TCP else _tcp(packet, now + rule.after, RST, 64)
    code = (codes(rule.code) or {}).get(packet[0] >> 4)
    if code is None or sender is None:
        return []
    return reporter.unreachable(now + rule.after, sender, packet, code)


def pick(addresses: tuple[IPAddress, ...], version: int) -> list[bytes]:
    """Those of one version, packed."""
    return [address.packed for address in addresses if address.version == version]


class Target:
    """A host, or a router in so far as packets are for itself."""

    def __init__(self, node: Host | Router, reporter: Reporter, random: Random) -> None:
        self._node = node
        self._reporter = reporter
        self._echo = None if node.echo is None else EchoResponder(node.echo, random)
        self._silent = Draw(node.silent, random) if isinstance(node, Host) else None
        self._forged = [Forger(forgery, random) for forgery in node.forged]
        self._protocols: dict[int, Callable[[int, bytes, int], Answers]] = {
            ICMP[4]: self._icmp,
            ICMP[6]: self._icmp,
            UDP: self._udp,
            TCP: self._tcp,
        }

    def answer(self, now: int, packet: bytes) -> Answers:
        """What is sent in answer to a packet that has come: (nanoseconds, IP packet) each."""
        if len(packet) < length(packet) or not intact(packet):
            return []
        answers = [made for forger in self._forged for made in forger.answer(now, packet)]
        if self._silent is not None and self._silent():
            return answers
        rule = rejected(self._node.reject, packet) if isinstance(self._node, Host) else None
        if rule is not None:
            return answers + refuse(rule, self._reporter, now, destination(packet), packet)
        found = find_transport(packet, 0, len(packet))
        if found is None or found[2]:
            return answers
        respond = self._protocols.get(found[0], self._unknown)
        return answers + respond(now, packet, found[1])

    def _icmp(self, now: int, packet: bytes, at: int) -> Answers:
        version = packet[0] >> 4
        if packet[at] != ECHO_REQUEST[version]:
            return []
        return [] if self._echo is None else self._echo.answer(now, packet, packet[at:])

    def _udp(self, now: int, packet: bytes, at: int) -> Answers:
        node = self._node
        answer = "unreachable"
        if isinstance(node, Host):
            port = int.from_bytes(packet[at + 2 : at + 4], "big")
            answer = node.udp.get(port) or node.udp.get(None, "unreachable")
        if answer == "unreachable":
            sender = destination(packet)
            return self._reporter.unreachable(now, sender, packet, PORT_UNREACHABLE[packet[0] >> 4])
        if answer == "silent":
            return []
        datagram = b"".join((packet[at + 2 : at + 4], packet[at : at + 2], packet[at + 4 :]))
        own, peer = destination(packet), source(packet)
        reply = build(UDP, seal(UDP, datagram, own, peer), own, peer, hop_limit=node.hop_limit)
        return [(now + node.delay, reply)]

    def _tcp(self, now: int, packet: bytes, at: int) -> Answers:
        node = self._node
        answer = "closed"
        if isinstance(node, Host):
            port = int.from_bytes(packet[at + 2 : at + 4], "big")
            answer = node.tcp.get(port) or node.tcp.get(None, "closed")
        if answer == "silent" or packet[at + 13] & RST:
            return []
        if answer == "open" and packet[at + 13] & (SYN | ACK) == SYN:
            return _tcp(packet, now + node.delay, SYN, node.hop_limit)
        return _tcp(packet, now + node.delay, RST, node.hop_limit)

    def _unknown(self, now: int, packet: bytes, at: int) -> Answers:
        own = destination(packet)
        if packet[0] >> 4 == 4:
            return self._reporter.unreachable(now, own, packet, 2)
        # Unrecognized next header (RFC 4443 section 3.4); the pointer names the field.
        return self._reporter.error(now, own, packet, 4, 1, (6).to_bytes(4, "big"))


def _tcp(packet: bytes, when: int, flag: int, hop_limit: int) -> Answers:
    """A segment in answer to one: SYN/ACK, or RST as RFC 9293 section 3.10.7.1 forms it."""
    found = find_transport(packet, 0, len(packet))
    if found is None or len(packet) < found[1] + 20:
        return []
    at = found[1]
    own_port, peer_port, sequence, acknowledged, offset, flags, *_ = _TCP.unpack_from(packet, at)
    taken = len(packet) - at - (offset >> 4) * 4 + bool(flags & SYN) + bool(flags & FIN)
    if flags & ACK and flag == RST:
        number, acknowledge, flag = acknowledged, 0, RST
    else:
        number, acknowledge, flag = 0, sequence + taken & 0xFFFFFFFF, flag | ACK
    segment = _TCP.pack(peer_port, own_port, number, acknowledge, 5 << 4, flag, WINDOW, 0, 0)
    own, peer = destination(packet), source(packet)
    return [(when, build(TCP, seal(TCP, segment, own, peer), own, peer, hop_limit=hop_limit))]


class EchoResponder:
    """Answers echo requests as an `Echo` says."""

    def __init__(self, echo: Echo, random: Random) -> None:
        self._echo = echo
        self._lost, self._late, self._alter, self._checksum = (
            Draw(kind, random) for kind in (echo.lost, echo.late, echo.alter, echo.checksum)
        )

    def answer(self, now: int, packet: bytes, message: bytes) -> Answers:
        """The replies to an echo request."""
        echo = self._echo
        if self._lost() or len(message) < 8:
            return []
        when = now + echo.delay + (echo.late_by if self._late() else 0)
        version = packet[0] >> 4
        peer, own = source(packet), destination(packet)
        reply = self._message(message, version)
        wrong = self._checksum()
        answers = []
        for copy in range(echo.copies):
            for sender in pick(echo.source, version) or [own]:
                sealed = seal(ICMP[version], reply, sender, peer)
                if wrong:
                    sealed = sealed[:2] + bytes((sealed[2] ^ 0x55,)) + sealed[3:]
                made = build(
                    ICMP[version],
                    sealed,
                    sender,
                    peer,
                    hop_limit=echo.hop_limit,
                    traffic_class=packet[1] if version == 4 else (packet[0] << 4 | packet[1] >> 4) & 0xFF,
                    options=echo.options if version == 4 else b"",
                )
                if echo.destination_options and version == 6:
                    made = with_options(made)
                answers.append((when + copy * echo.apart, made))
        return answers

    def _message(self, message: bytes, version: int) -> bytes:
        echo, data = self._echo, message[8:]
        if echo.truncate is not None:
            data = data[: echo.truncate]
        if self._alter() and data:
            data = data[:-1] + bytes((data[-1] ^ 0xFF,))
        identifier = int.from_bytes(message[4:6], "big") + echo.identifier & 0xFFFF
        sequence = int.from_bytes(message[6:8], "big") + echo.sequence & 0xFFFF
        head = bytes((ECHO_REPLY[version], 0, 0, 0))
        return b"".join((head, identifier.to_bytes(2, "big"), sequence.to_bytes(2, "big"), data))


class Forger:
    """Sends in a host's stead, as a `Forgery` says."""

    def __init__(self, forgery: Forgery, random: Random) -> None:
        self._forgery = forgery
        self._which = Draw(forgery.which, random)
        self._reply = EchoResponder(Echo(source=forgery.source), random)
        self._reporter = Reporter(Router(quote=forgery.quote), random)

    def answer(self, now: int, packet: bytes) -> Answers:
        """What is forged when a packet has come."""
        forgery, version = self._forgery, packet[0] >> 4
        senders = pick(forgery.source, version)
        if not self._which() or not senders:
            return []
        when, sender = now + forgery.delay, senders[0]
        found = find_transport(packet, 0, len(packet))
        if found is None:
            return []
        packet = self._as_known(packet, found[1])
        if forgery.kind == "reply":
            is_request = found[0] == ICMP[version] and packet[found[1]] == ECHO_REQUEST[version]
            return self._reply.answer(when, packet, packet[found[1] :]) if is_request else []
        if forgery.quoted_destination is not None:
            packet = rewritten(packet, destination=forgery.quoted_destination.packed)
        if forgery.quoted_options:
            packet = with_options(packet)
        if forgery.kind == "time exceeded":
            return self._reporter.exceeded(when, sender, packet)
        if forgery.type is not None:
            rest = forgery.rest.to_bytes(4, "big")
            return self._reporter.error(when, sender, packet, forgery.type, forgery.code, rest)
        return self._reporter.unreachable(when, sender, packet, forgery.code)

    def _as_known(self, packet: bytes, at: int) -> bytes:
        """The request as the forger has it: what it does not know has every bit inverted."""
        foreign = self._forgery.kind == "foreign"
        if not foreign and self._forgery.knows == "all":
            return packet
        inverted = bytes(octet ^ 0xFF for octet in packet[at + 8 :])
        if not foreign:
            return packet[: at + 8] + inverted
        # Identifier and sequence too are of another, and far away: a kernel hands identifiers out in a row.
        header = bytes(map(xor, packet[at + 4 : at + 8], (0x80, 0, 0xFF, 0xFF)))
        return packet[: at + 4] + header + inverted
