"""Nodes at work: what client, router and host do with a packet that has come, or that they send.

One method each: a packet in, packets with time and next node out. The order of events is not kept here.
"""

from __future__ import annotations

from random import Random
from typing import Protocol

from anyicmp.testing.internet.link import Leg
from anyicmp.testing.internet.nodes import Host, Redirection, Router
from anyicmp.testing.internet.packet import destination, source, with_hop_limit
from anyicmp.testing.internet.report import Reporter
from anyicmp.testing.internet.routing import Balancer, Owners, Routes
from anyicmp.testing.internet.target import Answers, Target, refuse, rejected
from anyicmp.testing.internet.topology import CLIENT, Topology
from anyicmp.testing.internet.translation import Translation
from anyicmp.testing.internet.values import IPNetwork

__all__ = ["ClientStation", "HostStation", "Moves", "RouterStation", "Station"]

Moves = list[tuple[int, str, bytes]]
"""(nanoseconds, name of the node, IP packet) each; a node's own name means: it sends this then."""

HOST_UNREACHABLE = {4: 1, 6: 3}
NEIGHBOUR_GIVEN_UP = 3_000_000_000
"""Nanoseconds that address resolution tries for (arp(7): three solicitations, a second apart)."""

REMEMBERED = 65_536
"""Destinations whose only way out is remembered."""


class Station(Protocol):
    """A node at work."""

    def handle(self, now: int, came: str, packet: bytes) -> Moves:
        """What becomes of a packet from a neighbour, or of one of its own (`came` is its own name)."""
        ...


class Exit:
    """How packets leave a node: the best next hop, the balancer, the MTU of the link.

    Attributes:
        legs: neighbour to the link that leads there.
        only: destination to the link that all packets to it go out on, as far as known.
    """

    __slots__ = ("_balancer", "_choices", "_owners", "_routes", "legs", "name", "only")

    def __init__(
        self, name: str, legs: dict[str, Leg], owners: Owners, routes: Routes, balancer: Balancer | None
    ) -> None:
        self.name = name
        self.legs = legs
        self._owners = owners
        self._routes = routes
        self._balancer = balancer
        self.only: dict[bytes, Leg] = {}
        self._choices: dict[bytes, tuple[str, ...]] = {}

    def find(self, packet: bytes) -> Leg | None:
        """The link that a packet goes out on, None where there is no way."""
        to = destination(packet)
        leg = self.only.get(to)
        if leg is not None:
            return leg
        hops = self._choices.get(to)
        if hops is None:
            leg = self.sole(to)
            hops = self._choices.get(to)
        if hops is None or self._balancer is None:
            return leg
        return self.legs[self._balancer.choose(hops, packet)]

    def sole(self, to: bytes) -> Leg | None:
        """The link that all packets to a destination go out on, None where there is a choice, or no way."""
        leg = self.only.get(to)
        if leg is not None or to in self._choices:
            return leg
        owner = self._owners.find(to)
        if owner == self.name:
            return None
        hops = self._routes.by_prefix(self.name, to)
        if hops is None and owner is not None:
            hops = self._routes.next_hops(self.name, owner)
        if not hops:
            return None
        if len(self.only) + len(self._choices) >= REMEMBERED:
            self.only.clear()
            self._choices.clear()
        first, *others = hops
        if self._balancer is not None and others:
            self._choices[to] = hops
            return None
        leg = self.only[to] = self.legs[first]
        return leg

    def send(self, now: int, packet: bytes) -> Moves:
        """Let a packet of the node's own leave."""
        leg = self.find(packet)
        return [] if leg is None or too_large(leg, packet) else moves(leg, now, packet)


def too_large(leg: Leg, packet: bytes) -> bool:
    """Whether a packet may not pass. An IPv4 packet that may be fragmented passes and stays whole: what
    the fragments would be put together to arrives."""
    mtu = leg.faults.mtu
    return mtu is not None and len(packet) > mtu and (packet[0] >> 4 == 6 or bool(packet[6] & 0x40))


def moves(leg: Leg, now: int, packet: bytes) -> Moves:
    """What arrives at the end of a link."""
    return [(when, leg.target, octets) for when, octets in leg.carry(now, packet)]


class ClientStation:
    """The probing host."""

    def __init__(self, leave: Exit) -> None:
        self._exit = leave

    def handle(self, now: int, came: str, packet: bytes) -> Moves:
        """Send the client's own; what comes for it is taken by the caller."""
        return self._exit.send(now, packet) if came == CLIENT else []


class HostStation:
    """A host: it answers and forwards nothing."""

    def __init__(self, name: str, host: Host, leave: Exit, owners: Owners, random: Random) -> None:
        self._name = name
        self._host = host
        self._exit = leave
        self._owners = owners
        self._target = Target(host, Reporter(host, random), random)

    def handle(self, now: int, came: str, packet: bytes) -> Moves:
        """Answer what is for this host."""
        if came == self._name:
            return self._exit.send(now, packet)
        if self._owners.find(destination(packet)) != self._name:
            return []
        return [(when, self._name, made) for when, made in self._target.answer(now, packet)]


class RouterStation:
    """A router: it forwards, reports, translates, redirects, rejects."""

    def __init__(
        self,
        name: str,
        router: Router,
        topology: Topology,
        leave: Exit,
        owners: Owners,
        routes: Routes,
        random: Random,
    ) -> None:
        self._name = name
        self._router = router
        self._topology = topology
        self._exit = leave
        self._owners = owners
        self._inside = frozenset(routes.next_hops(name, CLIENT)) if router.nat else frozenset()
        self._reporter = Reporter(router, random)
        self._target = Target(router, self._reporter, random)
        self._nat = None if router.nat is None else Translation(router.nat)
        # Neighbours to which this router does nothing but pass packets on.
        touches = router.hidden or router.reject or router.redirect or router.nat
        self._passing = frozenset(
            name
            for name, leg in leave.legs.items()
            if not touches and leg.plain and leg.faults.mtu is None and not _is_absent(topology, name)
        )
        self._own: dict[int, bytes] = {}
        for network in router.address:
            self._own.setdefault(network.version, network.network_address.packed)

    def passes(self, to: bytes) -> Leg | None:
        """The link on which packets to a destination are passed on, with nothing but their hop limit changed.

        None where this router does more with some of them.
        """
        leg = self._exit.sole(to)
        return leg if leg is not None and leg.target in self._passing else None

    def handle(self, now: int, came: str, packet: bytes) -> Moves:
        """Forward a packet, or report why not."""
        if came == self._name:
            return self._exit.send(now, packet)
        to = destination(packet)
        leg = self._exit.only.get(to)
        hop_limit = packet[8] if packet[0] >> 4 == 4 else packet[7]
        if leg is not None and hop_limit > 1 and leg.target in self._passing:
            return [(now + leg.faults.delay, leg.target, with_hop_limit(packet, hop_limit - 1))]
        if self._owners.find(to) == self._name:
            inward = None if self._nat is None else self._nat.back(packet)
            if inward is None:
                return self._own_packets(self._target.answer(now, packet))
            packet = inward
        router, own = self._router, self._own.get(packet[0] >> 4)
        onward = packet
        if not router.hidden:
            if hop_limit == 0 or (hop_limit == 1 and not router.zero_ttl):
                return [] if own is None else self._own_packets(self._reporter.exceeded(now, own, packet))
            onward = with_hop_limit(packet, hop_limit - 1)
        rule = rejected(router.reject, packet)
        if rule is not None:
            return self._own_packets(refuse(rule, self._reporter, now, own, packet))
        told = self._redirect(now, own, packet) if router.redirect and own is not None else []
        if self._nat is not None and came in self._inside:
            onward = self._nat.out(onward)
        return told + self._forward(now, own, packet, onward)

    def _own_packets(self, answers: Answers) -> Moves:
        return [(when, self._name, made) for when, made in answers]

    def _forward(self, now: int, own: bytes | None, packet: bytes, onward: bytes) -> Moves:
        leg = self._exit.find(onward)
        if leg is None:
            return []
        if _is_absent(self._topology, leg.target):
            given_up = now + NEIGHBOUR_GIVEN_UP
            code = HOST_UNREACHABLE[packet[0] >> 4]
            return (
                []
                if own is None
                else self._own_packets(self._reporter.unreachable(given_up, own, packet, code))
            )
        if too_large(leg, onward):
            mtu = leg.faults.mtu
            if leg.faults.black_hole or own is None or mtu is None:
                return []
            return self._own_packets(self._reporter.too_big(now, own, packet, mtu))
        return moves(leg, now, onward)

    def _redirect(self, now: int, own: bytes, packet: bytes) -> Moves:
        version = packet[0] >> 4
        for rule in self._router.redirect:
            gateways = [address.packed for address in rule.gateway if address.version == version]
            if (
                gateways
                and _covers(rule, destination(packet))
                and self._owners.find(source(packet)) == CLIENT
            ):
                answers = self._reporter.redirect(now, own, packet, rule.code, gateways[0])
                return self._own_packets(answers)
        return []


def _is_absent(topology: Topology, name: str) -> bool:
    node = topology.nodes.get(name)
    return isinstance(node, Host) and node.absent


def _covers(rule: Redirection, address: bytes) -> bool:
    return not rule.to or any(_contains(network, address) for network in rule.to)


def _contains(network: IPNetwork, address: bytes) -> bool:
    return network.max_prefixlen == len(address) * 8 and int.from_bytes(address, "big") & int(
        network.netmask
    ) == int(network.network_address)
