"""The contract between whoever moves packets and the engine's driver.

What a transport promises stands here, with the specification that chooses its sockets. How Linux or
another platform keeps the promise stands in the files beside this one; no event loop is known here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Literal, Protocol

import attrs

from anyicmp.errors import SocketPermissionError, UnsupportedError
from anyicmp.results import Capabilities
from anyicmp.wire.batch import PacketBatch, Version

__all__ = ["SocketSpec", "Transport", "capabilities", "open_transport"]


@attrs.frozen(kw_only=True)
class SocketSpec:
    """What a transport's sockets must be: everything that is a socket's property and not a packet's.

    Two probes that differ in any field travel through different sockets.

    Attributes:
        version: 4 or 6.
        method: name of the probe method ("icmp", "udp", "tcp"), which decides protocol and filters.
        privileged: True insists on raw sockets, False on datagram ones, None takes the best allowed.
        interface: name of the interface to bind to, or None.
        source: packed local address to bind to, or None for the kernel's choice.
        mark: the packets' firewall mark, or None.
        dont_fragment: True sets DF (v6: never fragment here) and reports what is too big without asking
            the cached path MTU; False and None leave it to the kernel to fragment.
        hop_limited: probes that routers will answer with errors; they get sockets of their own, so that
            a socket's sticky error (ip(7), IP_RECVERR) never hits a plain probe.
        broadcast: allow broadcast destinations.
        lanes: number of sockets, each with an identifier of its own.
        buffers: octets that the buffers of all lanes shall have together, in each direction; where one
            socket is granted less, there are more lanes, at most one for each identifier.
        identifiers: identifiers to use on raw sockets, one a lane (drawn by the caller); datagram
            sockets get theirs from the kernel.
        session: sockets of one call alone have a number of their own, all others 0.
        stamped: very many probes will ask to be stamped when they leave.
        receive_buffer, send_buffer: octets to ask for each socket's buffers, or None for the largest
            granted.
        batched: None takes the platform's batched calls where there are any, False one datagram a call.
    """

    version: Version
    method: str = "icmp"
    privileged: bool | None = None
    interface: str | None = None
    source: bytes | None = None
    mark: int | None = None
    dont_fragment: bool | None = None
    hop_limited: bool = False
    broadcast: bool = False
    lanes: int = 1
    buffers: int = 0
    identifiers: tuple[int, ...] = (0,)
    session: int = 0
    stamped: bool = False
    receive_buffer: int | None = None
    send_buffer: int | None = None
    batched: bool | None = None

    def lanes_for(self, granted: int) -> int:
        """How many lanes there must be where each is granted so many octets of buffer."""
        return max(self.lanes, min(-(-self.buffers // granted), len(self.identifiers)))


class Transport(Protocol):
    """Moves rows. Never blocks, never raises for what the network or a peer does.

    Attributes:
        spec: what it was opened for.
        privileged: whether its sockets are raw.
        identifiers: the identifier of each lane, chosen by the kernel (datagram) or the caller (raw).
        receive_buffer: octets of receive buffer that the kernel granted to each lane.
        send_buffer: octets of send buffer that the kernel granted to each lane.
        stamps: whether the kernel was seen to stamp what is received when the sockets were opened. A busy one
            may begin later: each row says for itself (`PacketBatch.when`).
        stamps_sending: whether a row sent with `PacketBatch.stamped` comes back as a RowKind.STAMP row,
            with its token and the time when the kernel passed it to the network device.
        one_per_flow: two probes of one flow to one target cannot be under way at once.
        overfull: how often `recv` found an error queue so full that it may have lost entries, which no
            kernel counts.
    """

    spec: SocketSpec
    privileged: bool
    identifiers: tuple[int, ...]
    receive_buffer: int
    send_buffer: int
    stamps: bool
    stamps_sending: bool
    one_per_flow: bool

    @property
    def overfull(self) -> int: ...

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        """Send rows [start, stop) in order; returns (n, errno).

        n rows left, from `start` on. With errno 0 and n < stop - start the call may be repeated at
        once; with EAGAIN or ENOBUFS the buffers are full (see `watch_writable`); any other errno is
        the fault of row start + n alone: skip it and go on behind it. A sticky error that an earlier
        probe left on the socket is absorbed here and never blamed on a row.
        """
        ...

    def recv(self, rx: PacketBatch, offset: int) -> int:
        """Write what has arrived at one lane to rows offset, offset + 1, ...; returns how many.

        Error-queue entries come first, as RowKind.ERROR and RowKind.STAMP rows; after many stamps it may
        return although more waits. 0 means that nothing is waiting now.
        """
        ...

    def fileno(self) -> int:
        """One descriptor for all lanes, readable when `recv` has work (or, if asked, `send` has room).

        It never shows an error condition. -1 where there is no descriptor (a simulated network).
        """
        ...

    def watch_writable(self, on: bool) -> None:
        """Also make `fileno()` readable when a full send buffer has room again."""
        ...

    def forget(self, token: int) -> None:
        """The probe with this token is over, or nobody waits for it: let go of what is held open for it.

        Called of every probe that left, where the transport is `one_per_flow`.
        """
        ...

    def dropped(self) -> int:
        """Packets that the kernel dropped for want of receive buffer, since opening (an upper bound)."""
        ...

    def close(self) -> None:
        """Free all descriptors; a second call does nothing."""
        ...


Opener = Callable[[SocketSpec, bool], Transport]


def _portable() -> Opener:
    from anyicmp.net.portable import PortableTransport

    return PortableTransport


def _linux() -> Opener:
    from anyicmp.net.mmsg import BatchedTransport, available

    return BatchedTransport if available() else _portable()


BATCHED: dict[str, Callable[[], Opener]] = {"linux": _linux}
"""Platforms with batched calls; everywhere else, and where they are not wanted, it is one datagram a call."""


def _udp() -> Opener:
    from anyicmp.net.udp import open_udp

    return open_udp


def _tcp() -> Opener:
    from anyicmp.net.tcp import open_tcp

    return open_tcp


WITH_PORTS: dict[str, Callable[[], Opener]] = {"udp": _udp, "tcp": _tcp}
"""Methods with ports, whose transports move one datagram a call."""

KINDS: dict[bool | None, tuple[bool, ...]] = {None: (True, False), True: (True,), False: (False,)}
"""Which sockets to try, best first: raw or not."""


def open_transport(spec: SocketSpec) -> Transport:
    """Open the sockets that the specification asks for, raw ones rather than datagram ones.

    Raises:
        SocketPermissionError: none of the wanted kind may be opened; the text names the remedy.
        UnsupportedError: this system has no such sockets or options.
        ValueError: no such interface, no such local address, or too few identifiers.
        OSError: the process has no descriptors or memory left.
    """
    choose = _portable if spec.batched is False else BATCHED.get(sys.platform, _portable)
    if spec.method != "icmp":
        if spec.method not in WITH_PORTS:
            raise UnsupportedError(f"there are no sockets for the method {spec.method!r}")
        choose = WITH_PORTS[spec.method]
    opener, refused = choose(), False
    unsupported: UnsupportedError | None = None
    for raw in KINDS[spec.privileged]:
        try:
            return opener(spec, raw)
        except SocketPermissionError:
            raise
        except PermissionError:
            refused = True
        except UnsupportedError as error:
            unsupported = error
    if refused or unsupported is None:
        from anyicmp.net.sockets import remedy

        raise SocketPermissionError(remedy(spec.version, spec.privileged))
    raise unsupported


WITHHELD = (
    "quoted IP headers (hop limit, translation) in traces",
    "several TCP probes of one flow at once, and the hop limit of their answers",
    "UDP headers quoted without payload in traces: such probes are sent again one by one",
    "all ICMP that reaches this host (open_listener)",
)
"""What only raw sockets are told or can do."""


def _opens(method: str) -> bool:
    """Whether sockets for a method with ports may be opened, of either kind and IP version."""
    versions: tuple[Version, ...] = (4, 6)
    for version in versions:
        try:
            open_transport(SocketSpec(version=version, method=method, privileged=False)).close()
        except (OSError, UnsupportedError):
            continue
        return True
    return False


def capabilities() -> Capabilities:
    """What this process may do here, found by opening each kind of socket and closing it again."""
    works: set[tuple[Version, bool]] = set()
    clock: Literal["kernel", "user"] = "user"
    missing: dict[str, str] = {}
    versions: tuple[Version, ...] = (4, 6)
    for version in versions:
        for raw, kind in ((True, "raw"), (False, "datagram")):
            try:
                transport = open_transport(SocketSpec(version=version, privileged=raw))
            except (SocketPermissionError, UnsupportedError) as error:
                missing[f"IPv{version} {kind} ICMP sockets"] = str(error)
                continue
            works.add((version, raw))
            clock = "kernel" if transport.stamps else clock
            if not transport.stamps_sending:
                missing["transmit timestamps"] = "Linux 6.13 or newer"
            transport.close()
    families = tuple(v for v in versions if {(v, True), (v, False)} & works)
    privileged = any(raw for _, raw in works)
    # A prober opens its echo sockets first, and goes no farther without.
    methods = ["icmp", *filter(_opens, WITH_PORTS)] if families else []
    if methods and not privileged:
        missing.update(dict.fromkeys(WITHHELD, "raw sockets, which need the capability CAP_NET_RAW"))
    return Capabilities(
        families=families,
        privileged=privileged,
        methods=tuple(methods),
        listen=privileged,
        clock=clock,
        missing=missing,
    )
