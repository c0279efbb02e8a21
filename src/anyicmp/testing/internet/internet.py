"""Internet: packets of the probing host in, all that comes back out, each with its time.

It keeps the order of events of one packet; what nodes and links do is in the files beside this one. It
reads no clock: time is handed in, and the same packets at the same times give the same octets.
"""

from __future__ import annotations

from heapq import heappop, heappush
from pathlib import Path
from random import Random

from anyicmp.testing.internet.express import Course, Way, course, find_way
from anyicmp.testing.internet.link import Leg
from anyicmp.testing.internet.nodes import Router
from anyicmp.testing.internet.packet import destination, source, with_hop_limit
from anyicmp.testing.internet.routing import Balancer, Owners, Routes
from anyicmp.testing.internet.scenario import load
from anyicmp.testing.internet.stations import (
    ClientStation,
    Exit,
    HostStation,
    Moves,
    RouterStation,
    Station,
)
from anyicmp.testing.internet.tables import ScenarioError
from anyicmp.testing.internet.topology import CLIENT, Topology
from anyicmp.testing.internet.values import IPAddress

__all__ = ["Internet"]

LARGEST = 65_535
"""Octets of the largest IP packet without a jumbo payload option."""

REMEMBERED = 4_096
"""IP headers, and stretches of ways, that are known at a time."""

LONGEST = 255
"""Routers that a packet passes at most."""

MOST_MOVES = 10_000
"""Moves that one packet may cause, so that a loop of nodes which copy or never count hops has an end."""


class Internet:
    """A simulated internet around one probing host.

    Attributes:
        topology: what it consists of.
        seed: decides all that chance decides.
    """

    def __init__(self, topology: Topology, *, seed: int | None = None) -> None:
        """`seed` replaces the topology's own. Raises ScenarioError for a topology that cannot be."""
        self.topology = topology
        self.seed = topology.seed if seed is None else seed
        self._legs: dict[str, dict[str, Leg]] = {name: {} for name in (CLIENT, *topology.nodes)}
        for link in topology.links:
            for begin, end, faults in (
                (link.source, link.target, link.there),
                (link.target, link.source, link.back),
            ):
                self._legs[begin][end] = Leg(end, faults, self._seed(f"{begin}>{end}"))
        try:
            self._owners = Owners(topology)
            self._routes = Routes(topology, self._legs)
        except ScenarioError as error:
            raise error.within(topology.origin) from error
        self._stations: dict[str, Station] = {}  # those that packets have come to
        self._ways: dict[str, Way | None] = {}
        self._courses: dict[bytes, Course | None] = {}
        self._stretches: dict[tuple[str, bytes], list[tuple[int, str, str]]] = {}

    @classmethod
    def from_toml(cls, scenario: str | Path, *, seed: int | None = None) -> Internet:
        """The internet of a TOML file, its text, or "demo". Raises ScenarioError, and OSError for a file."""
        return cls(load(scenario), seed=seed)

    def _seed(self, name: str) -> str:
        # Each node and each direction draws for itself: what happens here does not depend on what
        # happened elsewhere, only on what came by.
        return f"{self.seed}/{name}"

    def _station(self, name: str) -> Station:
        found = self._stations.get(name)
        if found is None:
            found = self._stations[name] = self._new_station(name)
        return found

    def _new_station(self, name: str) -> Station:
        node, random = self.topology.nodes.get(name), Random(self._seed(name))
        balancer = None
        if isinstance(node, Router) and node.balance is not None:
            balancer = Balancer(name, node, self.seed, random)
        leave = Exit(name, self._legs[name], self._owners, self._routes, balancer)
        if node is None:
            return ClientStation(leave)
        if isinstance(node, Router):
            return RouterStation(name, node, self.topology, leave, self._owners, self._routes, random)
        return HostStation(name, node, leave, self._owners, random)

    def address(self, version: int) -> IPAddress | None:
        """The probing host's own address, None where it has none of this version."""
        return next((address for address in self.topology.client if address.version == version), None)

    @property
    def mtu(self) -> int:
        """Octets that the probing host's own interface takes: the most of what its links do."""
        return max((leg.faults.mtu or LARGEST for leg in self._legs[CLIENT].values()), default=LARGEST)

    def resolve(self, name: str) -> tuple[IPAddress, ...]:
        """The addresses of a node by its name or another one that it has, () for an unknown name.

        As in the domain name system, case and a dot at the end do not matter.
        """
        wanted = name.rstrip(".").lower()
        for own, node in self.topology.nodes.items():
            if wanted in (own.lower(), *(other.lower() for other in node.names)):
                single = (network for network in node.address if network.prefixlen == network.max_prefixlen)
                return tuple(network.network_address for network in single)
        return ()

    def next_hop(self, address: IPAddress) -> str | None:
        """The node that the probing host hands packets to an address to, None where it knows no way."""
        owner = self._owners.find(address.packed)
        hops = () if owner in (None, CLIENT) else self._routes.next_hops(CLIENT, owner)
        return next(iter(hops), None)

    def name_of(self, address: IPAddress) -> str | None:
        """The first name of the node with this address."""
        name = self._owners.find(address.packed)
        node = None if name is None else self.topology.nodes.get(name)
        return None if node is None else next(iter(node.names), name)

    def inject(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        """All that comes back of an IP packet which the probing host sends at a time.

        Returns (nanoseconds, IP packet) each, in order of time. Sources that no node has are taken to be
        the probing host's. What is no IP packet goes nowhere.
        """
        if len(packet) < 20 or packet[0] >> 4 not in (4, 6) or (packet[0] >> 4 == 6 and len(packet) < 40):
            return []
        at = 20 if packet[0] >> 4 == 4 else 40
        found = self._course(packet[:at])
        if (
            found is not None
            and len(packet) == found.size
            and (reply := found.reply(packet[at:])) is not None
        ):
            return [(now + found.delay, found.header + reply)]
        return self._simulate(packet, now)

    def course(self, header: bytes) -> Course | None:
        """What becomes of all echo requests with this IP header (IPv4: of 20 octets).

        None where something on the way counts, draws or changes, so that each packet must be looked at.
        """
        # A subclass with an `inject` of its own looks at each packet.
        return self._find_course(header) if type(self).inject is Internet.inject else None

    def owner(self, address: bytes) -> str | None:
        """The node that has an address, "" where nobody has: all addresses of one have one `course`.

        None where each packet must be looked at.
        """
        return (self._owners.find(address) or "") if type(self).inject is Internet.inject else None

    def _course(self, header: bytes) -> Course | None:
        try:
            return self._courses[header]
        except KeyError:
            if len(self._courses) >= REMEMBERED:
                self._courses.clear()
            found = self._courses[header] = self._find_course(header)
            return found

    def _find_course(self, header: bytes) -> Course | None:
        sender = source(header)
        owner = self._owners.find(sender)
        if owner is None:
            self._owners.add(sender, CLIENT)
        elif owner != CLIENT:
            return None
        target = self._owners.find(destination(header))
        if target is None:
            return None
        try:
            way = self._ways[target]
        except KeyError:
            way = self._ways[target] = find_way(self.topology, self._legs, self._routes, target)
        return None if way is None else course(way, header)

    def _find_stretch(self, first: str, to: bytes) -> list[tuple[int, str, str]]:
        """Routers from one on which do nothing but pass packets to an address on.

        For each one: nanoseconds from the first to the node behind it, that node, and the router.
        """
        stretch: list[tuple[int, str, str]] = []
        delay, at = 0, first
        while len(stretch) < LONGEST:
            station = self._station(at)
            leg = station.passes(to) if isinstance(station, RouterStation) else None
            if leg is None:
                break
            delay += leg.faults.delay
            stretch.append((delay, leg.target, at))
            at = leg.target
        if len(self._stretches) >= REMEMBERED:
            self._stretches.clear()
        self._stretches[first, to] = stretch
        return stretch

    def _simulate(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        """The slow way: event by event, in order of time."""
        events: list[tuple[int, int, str, str, bytes]] = []
        arrivals: list[tuple[int, bytes]] = []
        order, at, came = 0, CLIENT, CLIENT
        for _ in range(MOST_MOVES):
            if at == CLIENT and came != CLIENT:
                arrivals.append((now, packet))
                moves: Moves = []
            else:
                if not events and came != at:
                    # It is the only packet on its way: routers that pass it on are passed at once.
                    key = at, destination(packet)
                    stretch = self._stretches.get(key)
                    if stretch is None:
                        stretch = self._find_stretch(*key)
                    hop_limit = packet[8] if packet[0] >> 4 == 4 else packet[7]
                    routers = min(len(stretch), hop_limit - 1)
                    if routers > 0:
                        packet = with_hop_limit(packet, hop_limit - routers)
                        delay, at, came = stretch[routers - 1]
                        now += delay
                        continue
                moves = self._station(at).handle(now, came, packet)
            if len(moves) == 1 and not events:
                came = at
                ((now, at, packet),) = moves
                continue
            for when, target, made in moves:
                order += 1
                heappush(events, (when, order, target, at, made))
            if not events:
                break
            now, _, at, came, packet = heappop(events)
        return arrivals
