"""SimulatedNetwork: a network in memory that answers from its topology, in virtual time.

It has the attributes of the environment that a prober lives in, and is handed to it. Sockets, topology
and the passing of time are in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import EAGAIN, ENODEV
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from os import PathLike
from pathlib import Path
from random import Random
from typing import Self

from anyicmp.errors import SocketPermissionError
from anyicmp.net.listening import ListenSpec
from anyicmp.net.transport import WITHHELD, SocketSpec
from anyicmp.results import Capabilities
from anyicmp.testing.clock import VirtualClock
from anyicmp.testing.flows import SimulatedTcp, SimulatedUdp
from anyicmp.testing.host_tables import SIMULATED_INTERFACE, SimulatedTables
from anyicmp.testing.internet import Internet
from anyicmp.testing.internet.packet import destination
from anyicmp.testing.listening import SimulatedListening
from anyicmp.testing.recording import Recording
from anyicmp.testing.rows import INTERFACE
from anyicmp.testing.topology import Host, IPAddress, answers
from anyicmp.testing.transport import SimulatedTransport
from anyicmp.testing.turns import Turns, VirtualWake

__all__ = ["SimulatedNetwork"]

SIMULATED: dict[str, type[SimulatedTransport]] = {"udp": SimulatedUdp, "tcp": SimulatedTcp}
"""The sockets of methods with ports."""

Network = IPv4Network | IPv6Network
SECOND = 1_000_000_000


class SimulatedNetwork:
    """A simulated internet around one host. Give it to a prober: `Prober(network=...)`.

    The prober's time is virtual: whenever all tasks wait, it jumps to the next thing that is due. Equal
    seeds and equal calls give equal packets.

    Attributes:
        internet: what lies around the host: see `Internet`. What `add` put at an address comes first.
        clocks: the clock; `clocks.advance` and `clocks.step` move it by hand.
        turns: when drivers run; `turns.automatic = False` keeps time from passing by itself.
        privileged: whether raw sockets may be opened; datagram ones always may.
        receive_buffer, send_buffer: octets that sockets are granted.
        rows_per_call: rows that one send call takes at most.
        bandwidth: octets a second at which a send buffer empties, None: at once.
        when_full: errno of a send call that finds the buffer full (EAGAIN or ENOBUFS).
        stamps_sending: sockets report a transmit stamp for each probe.
        mtu: of the host's own interface, in octets.
        host_tables: the host's routes, neighbours and interfaces, as the topology has them; their lists may
            be changed.
        sent: the IP packets that left, in order: all, or at least the last `keeps`.
        keeps: how many packets are kept at least.
        on_sent: called with each IP packet that has left, before the call that sent it returns.
        on_arrival: called with each IP packet that has its stamp and lies in the queue of a socket, before
            anyone reads it.

    What happens between two moments of a probe is said by an event on the clock or in one of these calls.
    There `clocks.step` sets the wall clock, and `clocks.advance` lets time pass in which nobody has a turn:
    a loop that is busy, or a system call that takes long. A step between sending and stamp, and one between
    the stamp and a reading that comes 0.2 seconds later:

    >>> network = SimulatedNetwork()
    >>> network.on_sent = lambda packet: network.clocks.step(-3600.0)
    >>> def late(packet: bytes) -> None:
    ...     network.clocks.step(3600.0)
    ...     network.clocks.advance(0.2)
    >>> network.on_arrival = late
    """

    def __init__(
        self,
        *,
        internet: Internet | None = None,
        seed: int | None = None,
        privileged: bool = False,
        receive_buffer: int = 212_992,
    ) -> None:
        """`seed` decides what chance decides at this host, identifiers and nonces; None: the internet's."""
        self._internet: Internet | Recording | None = internet
        self.clocks = VirtualClock()
        self.turns = Turns(self.clocks)
        self.privileged = privileged
        self.receive_buffer = receive_buffer
        self.send_buffer = 212_992
        self.rows_per_call = 1024
        self.bandwidth: float | None = None
        self.when_full = EAGAIN
        self.stamps_sending = False
        self.mtu = 65_535 if internet is None else internet.mtu
        self.sent: list[bytes] = []
        self.keeps = 100_000
        self.on_sent: Callable[[bytes], None] | None = None
        self.on_arrival: Callable[[bytes], None] | None = None
        self.transports: list[SimulatedTransport] = []
        self.listening: list[SimulatedListening] = []
        self._random = Random(seed if seed is not None else 0 if internet is None else internet.seed)
        self._own: dict[int, IPAddress] = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8::1")}
        if internet is not None:
            self._own.update({address.version: address for address in reversed(internet.topology.client)})
        self._packed = {version: address.packed for version, address in self._own.items()}
        versions = {address.version for address in internet.topology.client} if internet else {4, 6}
        own = {version: self._own[version] for version in versions}
        self.host_tables = SimulatedTables(own, internet, self.mtu)
        self._hosts: dict[bytes, Host] = {}
        self._networks: list[tuple[int, int, int, Host]] = []
        self._names: dict[str, tuple[IPAddress, ...]] = {}

    @classmethod
    def from_toml(cls, scenario: str | Path, *, seed: int | None = None, privileged: bool = False) -> Self:
        """The network of a TOML file (a path), of its text, or a built-in one: "demo".

        `seed` replaces the scenario's. Raises ScenarioError for what cannot be, naming file and key, and
        OSError for a file that cannot be read.
        """
        return cls(internet=Internet.from_toml(scenario, seed=seed), seed=seed, privileged=privileged)

    @classmethod
    def replay(cls, path: str | PathLike[str], *, seed: int = 0, privileged: bool = False) -> Self:
        """A network that answers what `Prober(record=path)` wrote: see `Recording`.

        With `privileged` as when it was recorded, equal calls have equal outcomes, times included, but for
        what the probes themselves held of chance. Raises DecodeError for what is no recording, OSError for
        a file that cannot be read.
        """
        network = cls(seed=seed, privileged=privileged)
        network.internet = recording = Recording.read(path)
        network._own.update(recording.addresses)
        network._packed = {version: address.packed for version, address in network._own.items()}
        network.host_tables = SimulatedTables(network._own, None, network.mtu)
        return network

    @contextmanager
    def activate(self) -> Iterator[Self]:
        """Until the block is left, each prober of this process that opens, in any task or thread, lives here.

        Not one that was given another `network`.
        """
        from anyicmp.api.environment import default_environment

        with default_environment(self):
            yield self

    # What there is.

    @property
    def internet(self) -> Internet | Recording | None:
        """What lies around the host."""
        return self._internet

    @internet.setter
    def internet(self, internet: Internet | Recording | None) -> None:
        self._internet = internet
        self._change()

    def add(self, where: str | IPAddress | Network, host: Host | None = None) -> Host:
        """Put a host at an address, or one at each address of a network. Elsewhere all is silent.

        Raises ValueError for text that is neither.
        """
        host = Host() if host is None else host
        host.on_change.append(self._change)
        self._change()
        if isinstance(where, str):
            where = ip_network(where) if "/" in where else ip_address(where)
        if isinstance(where, (IPv4Network, IPv6Network)):
            prefix = where.network_address
            self._networks.append((len(prefix.packed), int(where.netmask), int(prefix), host))
        else:
            self._hosts[where.packed] = host
        return host

    def _change(self) -> None:
        for transport in self.transports:
            transport.ways.forget()

    def name(self, name: str, *addresses: str) -> None:
        """Make a name known to `resolve`."""
        self._names[name] = tuple(ip_address(address) for address in addresses)

    def host(self, address: bytes) -> Host | None:
        """What was put at a packed address."""
        host = self._hosts.get(address)
        if host is None and self._networks:
            octets, number = len(address), int.from_bytes(address, "big")
            for width, mask, prefix, one in self._networks:
                if width == octets and number & mask == prefix:
                    return one
        return host

    def address(self, version: int) -> IPAddress:
        """The simulated host's own address."""
        return self._own[version]

    def packed(self, version: int) -> bytes:
        """The same in octets."""
        return self._packed[version]

    # What sockets ask.

    def carry(self, packet: bytes) -> Iterable[tuple[int, bytes]]:
        """An IP packet leaves now: what comes back, (monotonic nanoseconds, IP packet) each."""
        self.sent.append(packet)
        self.keep_few()
        now, host = self.clocks.monotonic(), self.host(destination(packet))
        if host is not None:
            return [(now + round(delay * SECOND), octets) for delay, octets in answers(host, packet)]
        return () if self._internet is None else self._internet.inject(packet, now)

    def keep_few(self) -> None:
        """Let go of what need not be in `sent` any longer."""
        sent = self.sent
        if len(sent) > 2 * self.keeps:
            del sent[: len(sent) - self.keeps]

    def hear(self, packet: bytes) -> None:
        """An IP packet reaches the simulated host: whoever listens there hears its ICMP message."""
        for listening in list(self.listening):
            listening.hear(packet)

    def kernel_identifiers(self, lanes: int) -> tuple[int, ...]:
        """Identifiers as the kernel chooses them for datagram sockets."""
        return tuple(self._random.sample(range(1, 65_536), lanes))

    # What a prober asks of its environment.

    def open_transport(self, spec: SocketSpec) -> SimulatedTransport:
        """See `net.transport.open_transport`."""
        if spec.privileged and not self.privileged:
            raise SocketPermissionError("this simulated network has no raw sockets: set its privileged")
        transport = SIMULATED.get(spec.method, SimulatedTransport)(
            self, spec, privileged=self.privileged if spec.privileged is None else spec.privileged
        )
        self.transports.append(transport)
        return transport

    def open_listening(self, spec: ListenSpec) -> SimulatedListening:
        """See `net.listening.open_listening`."""
        if not self.privileged:
            raise SocketPermissionError("this simulated network has no raw sockets: set its privileged")
        if spec.interface not in (None, SIMULATED_INTERFACE, str(INTERFACE)):
            raise ValueError(f"no network interface is named {spec.interface!r}")
        listening = SimulatedListening(self, spec)
        self.listening.append(listening)
        return listening

    def capabilities(self) -> Capabilities:
        """See `net.transport.capabilities`."""
        return Capabilities(
            families=(4, 6),
            privileged=self.privileged,
            methods=("icmp", "udp", "tcp"),
            listen=self.privileged,
            clock="kernel",
            missing={} if self.privileged else dict.fromkeys(WITHHELD, "raw sockets: set its privileged"),
        )

    def open_wake(self, turn: Callable[[bool], None], fileno: int) -> VirtualWake:
        """See `api.wake.open_wake`."""
        return self.turns.open_wake(turn, fileno)

    def entropy(self, octets: int) -> bytes:
        """Octets that the seed decides."""
        return self._random.randbytes(octets)

    async def resolve(self, host: str, family: int | None) -> Sequence[IPAddress]:
        """The addresses of a name: from `name`, else the internet's. Raises OSError for an unknown one."""
        known = self._names.get(host) or (self.internet.resolve(host) if self.internet is not None else ())
        found = [address for address in known if family in (None, address.version)]
        if not found:
            raise OSError(-2, "Name or service not known")
        return found

    async def name_of(self, address: IPAddress) -> str | None:
        """The name of an address: from `name`, else the internet's; None without one."""
        for name, addresses in self._names.items():
            if address in addresses:
                return name
        return None if self.internet is None else self.internet.name_of(address)

    def own_address(self, peer: bytes, scope: int = 0, interface: str | None = None) -> bytes:
        """The simulated host has one address in each family."""
        return self.packed(4 if len(peer) == 4 else 6)

    def interface_index(self, name: str) -> int:
        """The host's only interface is named "sim0". Raises OSError for others."""
        if name not in (SIMULATED_INTERFACE, str(INTERFACE)):
            raise OSError(ENODEV, f"no such interface: {name}")
        return INTERFACE
