"""The front door of a monitor: thousands of targets, watched for as long as the block lasts.

When to probe is the plan's to say, what a state is the standing's; here targets come and go, names become
addresses, and changes wait for whoever reads them. Snapshots are taken from any thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from threading import Lock

import anyio.lowlevel

from anyicmp.api.groups import Groups
from anyicmp.api.lookups import Lookups
from anyicmp.api.monitor_options import MonitorOptions, Targets, Watching
from anyicmp.api.observer import Observer, tell_state
from anyicmp.api.owner import SocketOwner
from anyicmp.api.resolve import literal
from anyicmp.api.stream import Stream
from anyicmp.api.wake import Place, Wake
from anyicmp.api.watched import Watched
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.standing import Turn
from anyicmp.errors import AnyicmpError, ClosedError, NameLookupError
from anyicmp.results import IPAddress, ProberStatistics
from anyicmp.states import Lateness, MonitorTarget, StateChange, TargetCounters, TargetStatus

__all__ = ["Monitor"]

logger = logging.getLogger("anyicmp")

UNREAD = 10_000
"""Changes that wait for a slow reader before the oldest are dropped."""

WHILE_SILENT = 300.0
"""Seconds after which the name of a silent target is looked up again: it may have moved."""

RETRY = 10.0
"""Seconds until a lookup that failed is tried again; then twice as long each time."""


class Monitor(Stream[StateChange]):
    """Changes of state as they happen: an async context manager and, inside, an async iterator.

    Leaving the block stops the monitor. A reader that falls behind by more than 10,000 changes loses the
    oldest; `dropped` counts them. `add`, `remove` and `replace` are called within the event loop, inside
    the block; `snapshot`, `counters`, `lateness` and `prober_statistics` from any thread, also when the block
    has been left.

    Attributes:
        dropped: changes that were dropped because nobody read them.
    """

    def __init__(
        self,
        prober: SocketOwner,
        targets: Targets,
        options: MonitorOptions,
        *,
        open_timer: Callable[[Callable[[bool], None]], Wake],
        now: Callable[[], int],
        heard: Callable[[], ProberStatistics],
        observer: Observer | None,
        owns: bool,
    ) -> None:
        """`owns`: the stream opens and closes the prober with itself."""
        super().__init__(prober, owns=owns)
        self.dropped = 0
        self.lock = Lock()
        self._options = options
        self._first = options.all(targets)
        self._open_timer = open_timer
        self._now = now
        self._heard = heard
        self._observer = observer
        self._watched: dict[str, Watched] = {}
        self._numbers = 0
        self._groups = Groups(prober, self, self.lock)
        self._changes: deque[StateChange] = deque()
        self._over = False
        self._error: BaseException | None = None
        self._place: Place
        self._lookups: Lookups[Watched]

    def __bool__(self) -> bool:
        return True

    # Life cycle.

    async def _begin(self) -> None:
        self._place = Place()
        self._prober.watch(self)
        self._lookups = Lookups(self._look_up, self._open_timer, self._now)
        self._change_to(self._first)
        self._first = {}

    def _end(self) -> None:
        self._over = True
        self._prober.unwatch(self)
        self._lookups.close()
        self._groups.close()
        self._place.wake()

    def outcomes(self, batch: OutcomeBatch) -> None:
        """The groups hear of outcomes."""

    def ended(self, error: BaseException | None) -> None:
        """The prober was closed, or a driver failed."""
        if not self._over:
            self._over, self._error = True, error
            self._lookups.close()
            self._place.wake()

    async def _next(self) -> StateChange:
        changes = self._changes
        if changes:
            await anyio.lowlevel.checkpoint()
        while not changes:
            if self._over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._place.wait()
        return changes.popleft()

    # Targets come and go.

    def add(self, target: str | IPAddress | MonitorTarget) -> None:
        """Watch one more target.

        Raises ValueError or TypeError for what is out of range, ValueError for a key that is watched
        already, ClosedError outside of the block.
        """
        self._check_running()
        watching = self._options.watching(target)
        key = watching.target.name
        if key in self._watched:
            raise ValueError(f"the key {key!r} is watched already")
        self._admit(key, watching)
        self._groups.poke()

    def remove(self, key: str) -> None:
        """Watch a target no longer. Raises KeyError for a key that is not watched."""
        self._check_running()
        self._dismiss(self._watched[key])

    def replace(self, targets: Targets) -> None:
        """Watch these targets and no others. Those that stay keep their counters and their state.

        A target stays if its key and its host do; its options may change. Raises as `add` does, before
        anything changes.
        """
        self._check_running()
        self._change_to(self._options.all(targets))

    def _check_running(self) -> None:
        self._check_begun()
        if self._over:
            raise self._error or ClosedError("the monitor is over: open another one")

    def _change_to(self, wanted: dict[str, Watching]) -> None:
        for key, watched in list(self._watched.items()):
            if key not in wanted or wanted[key].target.host != watched.watching.target.host:
                self._dismiss(watched)
        for key, watching in wanted.items():
            known = self._watched.get(key)
            if known is None:
                self._admit(key, watching)
            elif known.watching != watching:
                self._alter(known, watching)
        self._groups.poke()

    def _admit(self, key: str, watching: Watching) -> None:
        watched = Watched(key, self._numbers, watching, self._prober.unix_time())
        self._numbers += 1
        self._watched[key] = watched
        address = literal(watching.target.host)
        if address is not None and watching.route.family is None:
            self._point(watched, address)
        else:
            self._lookups.add(watched)

    def _alter(self, watched: Watched, watching: Watching) -> None:
        before, address = watched.watching, watched.address
        self._groups.leave(watched)
        with self.lock:
            watched.change(watching)
        if address is None or before.route.family != watching.route.family:
            self._lookups.add(watched)
        else:
            self._point(watched, address)

    def _dismiss(self, watched: Watched) -> None:
        watched.removed = True
        del self._watched[watched.key]
        self._lookups.discard(watched)
        self._groups.leave(watched)

    def _point(self, watched: Watched, address: IPAddress) -> None:
        """Probe it at an address; where that cannot be now it is tried again, as a lookup is."""
        try:
            self._groups.point(watched, address)
        except (AnyicmpError, ValueError, OSError) as error:
            self._has_no_address(watched, str(error))
            self._lookups.add(watched)

    # Names.

    async def _look_up(self, watched: Watched) -> float | None:
        """Look the name of a target up; returns seconds until it shall be done again, None: never."""
        host, reason = watched.watching.target.host, None
        try:
            found = await self._prober.resolve(host, family=watched.watching.route.family_of(host))
            if self._gone(watched):
                return None
            self._found(watched, found)
        except NameLookupError as error:
            reason = f"no address: {error.reason}"
        except (AnyicmpError, ValueError, OSError) as error:
            reason = str(error)
        except Exception as error:  # the caller's resolver may raise anything: it costs this lookup alone
            logger.exception("the lookup of %s raised", host)
            reason = f"no address: {type(error).__name__}: {error}"
        if self._gone(watched):
            return None
        every = self._options.resolve_interval
        if reason is not None:
            self._has_no_address(watched, reason)
            watched.retry = min(every, max(RETRY, 2 * watched.retry))
            return watched.retry
        watched.retry = 0.0
        if literal(host) is not None:
            return None
        return min(every, WHILE_SILENT) if watched.standing.silent else every

    def _gone(self, watched: Watched) -> bool:
        return watched.removed or self._over

    def _found(self, watched: Watched, addresses: tuple[IPAddress, ...]) -> None:
        """Go on with the address that is probed if it is still among them, else take the first."""
        before = watched.address
        if before in addresses and self._groups.has(watched):
            watched.lookup_error = None
            return
        address = addresses[0]
        self._groups.leave(watched)
        self._groups.point(watched, address)
        self._groups.poke()
        if before is not None and address != before:
            state = watched.standing.state
            watched.standing.moved()
            # Of one that does not answer the outage is told already.
            if self._options.path_changes and state in ("up", "degraded"):
                words = f"the name leads to {address} instead of {before}"
                self.tell(watched, Turn(state, state, words, self._prober.unix_time()))

    # What is told.

    def _has_no_address(self, watched: Watched, reason: str) -> None:
        """One that it had before is probed on."""
        with self.lock:
            watched.lookup_error = reason
            turn = None
            if not self._groups.has(watched):
                turn = watched.standing.without_address(self._prober.unix_time(), reason)
        if turn is not None:
            self.tell(watched, turn)

    def tell(self, watched: Watched, turn: Turn) -> None:
        """A target has changed its state, or its path."""
        if (
            watched.standing.silent
            and watched.address is not None
            and literal(watched.watching.target.host) is None
        ):
            self._lookups.add(watched)
        change = StateChange(
            key=watched.key,
            target=watched.address,
            state=turn.state,
            previous=turn.previous,
            reason=turn.reason,
            at=turn.at,
        )
        logger.debug("%s is %s: %s", change.key, change.state, change.reason)
        self._changes.append(change)
        if len(self._changes) > UNREAD:
            self._changes.popleft()
            self.dropped += 1
        self._place.wake()
        if self._observer is not None:
            tell_state(self._observer, change)

    def __len__(self) -> int:
        """How many targets are watched."""
        return len(self._watched)

    def snapshot(self) -> dict[str, TargetStatus]:
        """How each target is now, by key; from any thread."""
        found = {}
        for key, watched in list(self._watched.items()):
            with self.lock:
                found[key] = watched.status
        return found

    def counters(self) -> Iterator[TargetCounters]:
        """What exporters read of each target, one after the other; from any thread. Much less work than a
        snapshot.
        """
        for watched in list(self._watched.values()):
            with self.lock:
                found = watched.counters
            yield found

    @property
    def prober_statistics(self) -> ProberStatistics:
        """The prober's `statistics`, as of the last time that it looked for drops; from any thread."""
        return self._heard()

    @property
    def lateness(self) -> Lateness:
        """How far from when they were due the probes were handed over: how busy the event loop is.

        More than 64 targets are due at multiples of 20 ms, or of 10 ms where that keeps them nearer to it.
        """
        return self._groups.lateness
