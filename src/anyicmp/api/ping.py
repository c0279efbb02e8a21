"""The front door of a ping: echo requests to one host, awaited as a whole or one by one.

When to send is the plan's to say, and moving packets the driver's; here a name becomes an address, a
series of probes joins those that are alike, and outcomes become rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Any, Self

import anyio
import anyio.lowlevel

from anyicmp.api.options import seconds
from anyicmp.api.owner import SocketOwner
from anyicmp.api.ping_options import PingOptions
from anyicmp.api.pings import Asked, Pings
from anyicmp.api.resolve import Destination, destination, destination_at, literal
from anyicmp.api.stream import Stream
from anyicmp.api.wake import Place
from anyicmp.engine.outcome import REPLY, OutcomeBatch
from anyicmp.engine.rows import Answered, reply_of
from anyicmp.engine.statistics import Tally, figures
from anyicmp.engine.targets import Name, parse_target
from anyicmp.errors import NameLookupError
from anyicmp.results import IPAddress, Outcome, PingResult, Reply, Statistics
from anyicmp.wire.plain import maker

__all__ = ["PingStream", "Rows", "begin", "begin_named", "ping_within"]

UNREAD = 10_000
"""Outcomes that a stream keeps for a slow consumer before it drops the oldest."""


class Rows(Asked):
    """A series, and what came of it so far as rows.

    Attributes:
        finished: nothing more will come, for the `error` if there is one.
    """

    error: BaseException | None
    parked: Any

    def __init__(
        self, prober: SocketOwner, pings: Pings, to: Destination, host: str | None, options: PingOptions
    ) -> None:
        # Not by `super`: a call for each ping.
        self.peer = to.packed
        self.scope = 0 if to.version == 4 else prober.scope(to.zone)
        self.number = options.count
        self.interval = options.interval
        self.taken = self.ended = self.due = self.duplicates = self.late = 0
        self.finished, self.error, self.parked = False, None, None
        self.host = host
        self.target = to.address
        self.rows: list[Outcome] = []
        self.pings = pings
        self.prober = prober

    def begin(self) -> Self:
        """Have the first probe sent, at once or soon; all may be over when this returns."""
        pings = self.pings
        self.turns = pings.driver.turns
        try:
            pings.begin(self)
        except BaseException:
            self.prober.leave(pings.driver)
            raise
        return self

    def ending(self) -> Awaitable[object]:
        """What to await: the end, or where it has come, a cycle of the loop."""
        loop = self.prober.loop
        return loop.pause() if self.finished else loop.park(self)

    def leave(self) -> None:
        """Nobody waits for it any longer."""
        pings = self.pings
        if self.finished:
            pings.driver.rested(self.turns)
        else:
            pings.stop(self)
        if pings.brief:
            self.prober.leave(pings.driver)

    def outcome(self, batch: OutcomeBatch, i: int) -> None:
        self.rows.append(batch.row_of(i, self.host, self.target))

    def answered(self, answered: Answered) -> None:
        self.rows.append(reply_of(self.host, self.target, answered))

    def copy(self) -> None:
        self.duplicates += 1

    def answered_late(self) -> None:
        self.late += 1

    def probe_ended(self, tag: int) -> None:
        pass

    def finish(self, error: BaseException | None) -> None:
        self.finished, self.error = True, error
        if self.parked is not None:
            self.prober.loop.wake(self)

    async def until_over(self) -> None:
        """Wait for the end. Raises what ended the driver."""
        await self.ending()
        if self.error is not None:
            raise self.error

    def result(self) -> PingResult:
        """What came of it. Raises what ended the driver."""
        if self.error is not None:
            raise self.error
        outcomes = tuple(self.rows)
        if len(outcomes) == 1 and isinstance(outcomes[0], Reply) and not (self.duplicates or self.late):
            return _of_one_reply(self.target, self.host, outcomes)
        return PingResult(
            target=self.target,
            host=self.host,
            outcomes=tuple(sorted(outcomes, key=lambda row: row.sequence)),
            statistics=figures(outcomes, many=self.pings.many, duplicates=self.duplicates, late=self.late),
        )


_of_one_reply = maker(PingResult, but="statistics")


def name_of(host: str | IPAddress, target: IPAddress) -> str | None:
    """The host as asked where it was a name, None where it was the address itself, however written."""
    if not isinstance(host, str) or literal(host) is not None:
        return None
    found = parse_target(host)
    return found.text if isinstance(found, Name) else None


def begin(prober: SocketOwner, host: str | IPAddress, options: PingOptions) -> Rows | None:
    """Begin to ping an address; None where the host must be looked up first."""
    to = destination(host)
    if to is None or options.kind.route.family is not None:
        return None
    return Rows(prober, options.pings_of(prober, to), to, None, options).begin()


async def begin_named(prober: SocketOwner, host: str | IPAddress, options: PingOptions) -> Rows:
    """Look a host up, and begin to ping the first of its addresses."""
    found = await prober.resolve(host, family=options.kind.route.family_of(host))
    return _begin_at(prober, host, found[0], options)


def _begin_at(prober: SocketOwner, host: str | IPAddress, target: IPAddress, options: PingOptions) -> Rows:
    to = destination_at(target)
    return Rows(prober, options.pings_of(prober, to), to, name_of(host, target), options).begin()


async def ping_within(
    prober: SocketOwner, host: str | IPAddress, options: PingOptions, time_limit: float
) -> PingResult:
    """Probe a host, and wait no longer than this for all outcomes."""
    limit = seconds("time_limit", time_limit)
    found: tuple[IPAddress, ...] = ()
    with anyio.move_on_after(limit) as until:
        found = await prober.resolve(host, family=options.kind.route.family_of(host))
    if not found:
        raise NameLookupError(str(host), f"no address within the time limit of {limit:g} seconds")
    rows = _begin_at(prober, host, found[0], options)
    try:
        with anyio.CancelScope(deadline=until.deadline):
            await rows.ending()
    finally:
        rows.leave()
    return rows.result()


def label(batch: OutcomeBatch, name: str | None, target: IPAddress) -> None:
    """Put the caller's own words into a batch: the name asked for, the scope id as written."""
    batch.host = name
    zone: str | None = getattr(target, "scope_id", None)
    if zone is not None:
        batch.zones = dict.fromkeys(batch.scopes, zone)


class _Unread(Rows):
    """Rows for a consumer that may be slow: the oldest are dropped. Counts all."""

    def __init__(
        self, prober: SocketOwner, pings: Pings, to: Destination, host: str | None, options: PingOptions
    ) -> None:
        super().__init__(prober, pings, to, host, options)
        self.unread: deque[Outcome] = deque()
        self.place = Place()
        self.dropped = 0
        self.tally = Tally()

    def outcome(self, batch: OutcomeBatch, i: int) -> None:
        self.tally.count(batch.kinds[i], batch.rtts[i], batch.tags[i] if self.pings.many else None)
        self._keep(batch.row_of(i, self.host, self.target))

    def answered(self, answered: Answered) -> None:
        self.tally.count(REPLY, answered[2])
        self._keep(reply_of(self.host, self.target, answered))

    def _keep(self, row: Outcome) -> None:
        self.unread.append(row)
        if len(self.unread) > UNREAD:
            self.unread.popleft()
            self.dropped += 1
        self.place.wake()

    def copy(self) -> None:
        self.tally.add_copy()

    def answered_late(self) -> None:
        self.tally.add_late()

    def probe_ended(self, tag: int) -> None:
        self.tally.end(tag)

    def finish(self, error: BaseException | None) -> None:
        self.finished, self.error = True, error
        self.place.wake()


class PingStream(Stream[Outcome]):
    """Outcomes of a ping as they happen: an async context manager and, inside, an async iterator.

    Leaving the block stops the ping at once. A consumer that falls behind by more than 10,000 outcomes
    loses the oldest; `dropped` counts them.
    """

    def __init__(
        self, prober: SocketOwner, host: str | IPAddress, options: PingOptions, *, owns: bool
    ) -> None:
        """`owns`: the stream opens and closes the prober with itself."""
        super().__init__(prober, owns=owns)
        self._host = host
        self._options = options
        self._rows: _Unread | None = None

    async def _begin(self) -> None:
        prober, host, options = self._prober, self._host, self._options
        target = (await prober.resolve(host, family=options.kind.route.family_of(host)))[0]
        to = destination_at(target)
        self._rows = _Unread(prober, options.pings_of(prober, to), to, name_of(host, target), options)
        self._rows.begin()

    def _end(self) -> None:
        rows = self._read()
        rows.leave()
        rows.finish(None)

    def _read(self) -> _Unread:
        """What came so far. Raises ClosedError before the block is entered."""
        if self._rows is None:
            self._check_begun()
        assert self._rows is not None
        return self._rows

    @property
    def target(self) -> IPAddress:
        """The address that is probed. Raises ClosedError before the block is entered."""
        return self._read().target

    @property
    def host(self) -> str | None:
        """The name as asked, None where it was an address. Raises as `target`."""
        return self._read().host

    @property
    def statistics(self) -> Statistics:
        """The figures so far; `sent` counts probes in flight too."""
        rows = self._rows
        return Statistics() if rows is None else rows.tally.statistics(sent=rows.taken - rows.tally.failed)

    @property
    def dropped(self) -> int:
        """Outcomes that were dropped because the consumer was too slow."""
        return 0 if self._rows is None else self._rows.dropped

    async def _next(self) -> Outcome:
        rows = self._read()
        if rows.unread:
            await anyio.lowlevel.checkpoint()
        while not rows.unread:
            if rows.finished:
                if rows.error is not None:
                    raise rows.error
                raise StopAsyncIteration
            await rows.place.wait()
        return rows.unread.popleft()
