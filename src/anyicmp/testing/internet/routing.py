"""Where packets go: who owns an address, which next hops are best, and how balancers choose among them.

Shortest paths over the costs of links, computed when first asked for. No packet is changed here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from ipaddress import ip_network
from itertools import accumulate
from random import Random

from anyicmp.testing.internet.link import Leg
from anyicmp.testing.internet.nodes import Router
from anyicmp.testing.internet.packet import ICMP, TCP, UDP
from anyicmp.testing.internet.tables import ScenarioError
from anyicmp.testing.internet.topology import CLIENT, Topology
from anyicmp.testing.internet.values import IPNetwork
from anyicmp.wire import find_transport

__all__ = ["Balancer", "Owners", "Routes"]


class Owners:
    """Which node has an address: single addresses at once, networks by longest prefix."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._single: dict[bytes, str] = {}
        self._networks: list[tuple[IPNetwork, int, int, int, str]] = []
        for name, node in topology.nodes.items():
            for network in node.address:
                if network.prefixlen == network.max_prefixlen:
                    self.add(network.network_address.packed, name)
                else:
                    width = network.max_prefixlen // 8
                    mask, first = int(network.netmask), int(network.network_address)
                    self._networks.append((network, width, mask, first, name))
        self._networks.sort(key=lambda entry: -entry[0].prefixlen)
        for address in topology.client:
            self.add(address.packed, CLIENT)

    def add(self, packed: bytes, name: str) -> None:
        """Give a single address to a node that has no owner yet, or this one. Raises ScenarioError."""
        if self._single.setdefault(packed, name) != name:
            raise ScenarioError(f"{self._kind(name)}.address", f"it is that of {self._single[packed]!r} too")

    def _kind(self, name: str) -> str:
        node = self._topology.nodes.get(name)
        return name if node is None else f"{type(node).__name__.lower()}.{name}"

    def find(self, packed: bytes) -> str | None:
        """The node that has an address."""
        name = self._single.get(packed)
        if name is None and self._networks:
            width, value = len(packed), int.from_bytes(packed, "big")
            for _, octets, mask, first, owner in self._networks:
                if octets == width and value & mask == first:
                    return owner
        return name


class Routes:
    """Next hops from any node to any other."""

    def __init__(self, topology: Topology, legs: dict[str, dict[str, Leg]]) -> None:
        self._topology = topology
        self._legs = legs
        self._back: dict[str, list[tuple[str, int]]] = {}
        for source, outgoing in legs.items():
            for target, leg in outgoing.items():
                self._back.setdefault(target, []).append((source, leg.faults.cost))
        self._distances: dict[str, dict[str, int]] = {}
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}
        self._named: dict[str, dict[str, tuple[str, ...]]] = {}
        self._prefixes: dict[str, list[tuple[IPNetwork, tuple[str, ...]]]] = {}
        for name, node in topology.nodes.items():
            if not legs[name]:
                raise ScenarioError(f"{type(node).__name__.lower()}.{name}", "no link leads to it")
            if isinstance(node, Router):
                self._read(name, node)

    def _read(self, name: str, node: Router) -> None:
        for where, hops in node.routes.items():
            self._check(name, "routes", hops)
            if where in self._topology.nodes or where == CLIENT:
                self._named.setdefault(name, {})[where] = hops
            else:
                try:
                    network = ip_network(where)
                except ValueError:
                    reason = f"{where!r} is neither a node nor a network"
                    raise ScenarioError(f"router.{name}.routes", reason) from None
                self._prefixes.setdefault(name, []).append((network, hops))
        self._check(name, "weights", tuple(node.weights))
        for routes in self._prefixes.values():
            routes.sort(key=lambda route: -route[0].prefixlen)

    def _check(self, name: str, key: str, hops: tuple[str, ...]) -> None:
        for hop in hops:
            if hop not in self._legs[name]:
                raise ScenarioError(f"router.{name}.{key}", f"{hop!r} is not linked with it")

    def by_prefix(self, node: str, address: bytes) -> tuple[str, ...] | None:
        """Next hops of a node's own route to a network, None without one."""
        width, value = len(address), int.from_bytes(address, "big")
        for network, hops in self._prefixes.get(node, ()):
            if network.max_prefixlen == width * 8 and value & int(network.netmask) == int(
                network.network_address
            ):
                return hops
        return None

    def next_hops(self, node: str, owner: str) -> tuple[str, ...]:
        """Equally good next hops from a node to another, () where there is no way."""
        key = node, owner
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._named.get(node, {}).get(owner) or self._best(node, owner)
        return found

    def _best(self, node: str, owner: str) -> tuple[str, ...]:
        distances = self._distances.get(owner)
        if distances is None:
            distances = self._distances[owner] = self._measure(owner)
        own = distances.get(node)
        return tuple(
            target
            for target, leg in self._legs[node].items()
            if target in distances
            and (target == owner or isinstance(self._topology.nodes.get(target), Router))
            and distances[target] + leg.faults.cost == own
        )

    def _measure(self, owner: str) -> dict[str, int]:
        distances: dict[str, int] = {}
        waiting = [(0, owner)]
        while waiting:
            distance, node = heappop(waiting)
            if node in distances:
                continue
            distances[node] = distance
            if node == owner or isinstance(self._topology.nodes.get(node), Router):
                for source, cost in self._back.get(node, ()):
                    heappush(waiting, (distance + cost, source))
        return distances


def _ports(packet: bytes, protocol: int, at: int) -> bytes:
    return packet[at : at + 4] if protocol in (TCP, UDP) else b""


def _icmp(packet: bytes, protocol: int, at: int) -> bytes:
    return packet[at : at + 4] if protocol == ICMP[packet[0] >> 4] else b""


def _label(packet: bytes, protocol: int, at: int) -> bytes:
    return bytes((packet[1] & 15, packet[2], packet[3])) if packet[0] >> 4 == 6 else b""


def _class(packet: bytes, protocol: int, at: int) -> bytes:
    return packet[1:2] if packet[0] >> 4 == 4 else bytes((packet[0] & 15, packet[1] & 0xF0))


FLOW: dict[str, Callable[[bytes, int, int], bytes]] = {
    "ports": _ports,
    "icmp": _icmp,
    "label": _label,
    "class": _class,
}


class Balancer:
    """How one router chooses between equally good next hops."""

    def __init__(self, name: str, router: Router, seed: int, random: Random) -> None:
        self._how = router.balance
        self._weights = router.weights
        self._fields = tuple(FLOW[field] for field in router.flow)
        self._key = blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
        self._random = random
        self._shares: dict[tuple[str, ...], list[int]] = {}

    def choose(self, hops: tuple[str, ...], packet: bytes) -> str:
        """One of the next hops. Equal seeds and flows choose equally."""
        if self._how is None or len(hops) == 1:
            return hops[0]
        shares = self._shares.get(hops)
        if shares is None:
            shares = self._shares[hops] = list(accumulate(self._weights.get(hop, 1) for hop in hops))
        total = shares[-1]
        if self._how == "packet":
            at = self._random.randrange(total)
        else:
            at = (
                int.from_bytes(blake2b(self._what(packet), digest_size=8, key=self._key).digest(), "big")
                % total
            )
        return hops[bisect_right(shares, at)]

    def _what(self, packet: bytes) -> bytes:
        ends = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
        if self._how == "destination":
            return ends[len(ends) // 2 :]
        found = find_transport(packet, 0, len(packet))
        protocol, at, fragment = found or (0, len(packet), 0)
        if fragment:
            at = len(packet)
        return b"".join((ends, bytes((protocol,)), *[field(packet, protocol, at) for field in self._fields]))
