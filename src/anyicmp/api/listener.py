"""The front door to all ICMP that reaches this host: decoded messages, one by one.

Which types are wanted is checked here, and octets become rows. Sockets and filters are in `net/listening.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Self

import anyio.lowlevel
import attrs

from anyicmp.api.clock import SystemClocks
from anyicmp.api.environment import Network
from anyicmp.api.options import at_least, check_family, interface_name
from anyicmp.api.owner import SocketOwner
from anyicmp.api.stream import Stream
from anyicmp.api.wake import Place, Wake
from anyicmp.errors import ClosedError, DecodeError
from anyicmp.findings import Received
from anyicmp.net.listening import Heard, Listening, ListenSpec
from anyicmp.wire import Message, Type4, Type6, decode
from anyicmp.wire.batch import Version

__all__ = ["Intake", "Kind", "ListenOptions", "Listener", "wanted_types"]

SECOND = 1_000_000_000

Kind = type[Message] | Type4 | Type6 | int | str
"""A kind of ICMP message: its class, its type (a plain number is one of either version), or its name."""

VERSIONS: tuple[Version, ...] = (4, 6)
NAMES: dict[int, dict[str, int]] = {
    4: {name.lower(): number for name, number in Type4.__members__.items()},
    6: {name.lower(): number for name, number in Type6.__members__.items()},
}


def _types_of(kind: object) -> Mapping[int, int]:
    """IP version to type. Raises ValueError for what is no kind of message."""
    match kind:
        case type() if issubclass(kind, Message) and kind.TYPES:
            return kind.TYPES
        case Type4():
            return {4: kind}
        case Type6():
            return {6: kind}
        case int() if not isinstance(kind, bool) and 0 <= kind <= 255:
            return dict.fromkeys(VERSIONS, kind)
        case str():
            name = "_".join(kind.lower().replace("-", " ").replace("_", " ").split())
            if name.isdecimal():
                return _types_of(int(name))
            if found := {version: names[name] for version, names in NAMES.items() if name in names}:
                return found
    raise ValueError(f"no kind of ICMP message is {kind!r}: give a class of anyicmp.wire, a name or a type")


def wanted_types(
    kinds: Iterable[Kind] | Kind | None, family: int | None
) -> dict[Version, frozenset[int] | None]:
    """IP version to the types that are wanted, None: all. Raises ValueError or TypeError."""
    check_family(family)
    versions: list[Version] = [version for version in VERSIONS if family in (None, version)]
    if kinds is None:
        return dict.fromkeys(versions)
    if isinstance(kinds, (str, int, type)):
        kinds = (kinds,)
    found = [_types_of(kind) for kind in kinds]
    wanted: dict[Version, frozenset[int] | None] = {}
    for version in versions:
        types = frozenset(int(one[version]) for one in found if version in one)
        if types:
            wanted[version] = types
    if not wanted:
        raise ValueError("types must name at least one kind of message of the IP version wanted")
    return wanted


@attrs.frozen(kw_only=True)
class ListenOptions:
    """The options of a listener, checked."""

    spec: ListenSpec
    most: int

    @classmethod
    def check(
        cls,
        types: Iterable[Kind] | Kind | None,
        *,
        family: int | None,
        interface: str | None,
        buffer: int,
        receive_buffer: int | None,
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range."""
        spec = ListenSpec(
            types=wanted_types(types, family),
            interface=interface_name(interface),
            receive_buffer=receive_buffer,
        )
        return cls(spec=spec, most=at_least("buffer", buffer, 1))


class Intake:
    """What was heard and not taken yet: turns of the loop fill it, one task takes.

    Attributes:
        dropped: rows dropped, the oldest first, because more than `most` were not taken.
        malformed: messages that could not be decoded, or whose checksum is wrong.
    """

    def __init__(self, network: Network, options: ListenOptions) -> None:
        """Raises what opening the sockets raises."""
        self.dropped = self.malformed = 0
        self._most = options.most
        self._rows: deque[Received] = deque()
        self._over = False
        self._error: BaseException | None = None
        self._place = Place()
        self._clocks = network.clocks or SystemClocks()
        self._listening: Listening = network.open_listening(options.spec)
        try:
            self._wake: Wake = network.open_wake(self._turn, self._listening.fileno())
        except BaseException:
            self._listening.close()
            raise

    def _turn(self, _readable: bool) -> None:
        try:
            heard = self._listening.recv()
            for one in heard:
                self._take_in(one)
        except Exception as error:  # noqa: BLE001 - the loop that gave the turn has no use for it
            closed = ClosedError("the listener failed")
            closed.__cause__ = error
            self.ended(closed)
            return
        if heard:
            self._place.wake()

    def _take_in(self, heard: Heard) -> None:
        source, destination = ip_address(heard.source), ip_address(heard.destination)
        try:
            message = decode(heard.octets, version=heard.version, source=source, destination=destination)
        except DecodeError:
            self.malformed += 1
            return
        when = heard.when or self._clocks.real()
        self._rows.append(
            Received(
                message=message,
                source=source,
                destination=destination,
                interface=heard.interface,
                ttl=heard.ttl,
                received_at=when / SECOND,
            )
        )
        if len(self._rows) > self._most:
            self._rows.popleft()
            self.dropped += 1

    def lost(self) -> int:
        """Messages that the kernel dropped."""
        return self._listening.dropped()

    def ended(self, error: BaseException | None) -> None:
        """Nothing more will come: free the sockets, wake whoever waits."""
        if not self._over:
            self._over, self._error = True, error
            self._wake.close()
            self._listening.close()
            self._place.wake()

    def take_all(self) -> tuple[Received, ...]:
        """What waits to be taken."""
        rows = tuple(self._rows)
        self._rows.clear()
        return rows

    async def next(self) -> Received:
        """The next message. Raises StopAsyncIteration at the end, or what ended it."""
        if self._rows:
            await anyio.lowlevel.checkpoint()
        while not self._rows:
            if self._over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._place.wait()
        return self._rows.popleft()


class Listener(Stream[Received]):
    """ICMP messages as they reach this host: an async context manager and, inside, an async iterator.

    Leaving the block closes its sockets.
    """

    def __init__(self, prober: SocketOwner, begin: Callable[[], Intake], *, owns: bool) -> None:
        """`begin` opens the sockets. `owns`: the stream opens and closes the prober with itself."""
        super().__init__(prober, owns=owns)
        self._open = begin
        self._intake: Intake

    async def _begin(self) -> None:
        self._intake = self._open()

    def _end(self) -> None:
        self._prober.unwatch(self._intake)
        self._intake.ended(None)

    async def _next(self) -> Received:
        return await self._intake.next()

    @property
    def dropped(self) -> int:
        """Messages that were not yielded: the consumer was too slow, or the kernel had no room for them.

        What the kernel counts is an upper bound: with a full buffer it counts unwanted types too.
        """
        return self._intake.dropped + self._intake.lost() if self.begun else 0

    @property
    def malformed(self) -> int:
        """Messages that could not be decoded, or had a wrong checksum."""
        return self._intake.malformed if self.begun else 0
