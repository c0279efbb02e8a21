"""The front door of a ping: echo requests to one host, awaited as a whole or one by one.

When to send is the plan's to say, and moving packets the driver's; here a name becomes an address, a
series of probes joins those that are alike, and outcomes become rows.
"""

from __future__ import annotations

from collections import deque

import anyio
import anyio.lowlevel
import attrs

from anyicmp.api.options import at_least, check_payload, nanoseconds, remembered, seconds
from anyicmp.api.owner import SocketOwner
from anyicmp.api.pings import Pings
from anyicmp.api.resolve import literal
from anyicmp.api.route import Route
from anyicmp.api.stream import Stream
from anyicmp.api.wake import Place, Waiter, waiter
from anyicmp.engine.outcome import REPLY, OutcomeBatch
from anyicmp.engine.ping import Series
from anyicmp.engine.rows import Answered, reply_of
from anyicmp.engine.statistics import Tally, figures
from anyicmp.engine.targets import Name, parse_target
from anyicmp.errors import NameLookupError
from anyicmp.results import IPAddress, Outcome, PingResult, Statistics
from anyicmp.wire.plain import maker

__all__ = ["PingOptions", "PingStream", "Rows", "ping", "ping_options"]

UNREAD = 10_000
"""Outcomes that a stream keeps for a slow consumer before it drops the oldest."""


@attrs.frozen(kw_only=True)
class PingOptions:
    """The options of a ping, checked; times in nanoseconds."""

    count: int | None
    interval: int
    timeout: int
    size: int
    payload: bytes | None
    route: Route


@remembered
def ping_options(
    count: int | None,
    interval: float,
    timeout: float,
    size: int | None,
    payload: bytes | None,
    route: Route,
) -> PingOptions:
    """Raises ValueError or TypeError for what is out of range."""
    octets, data = check_payload(size, payload)
    return PingOptions(
        count=None if count is None else at_least("count", count, 1),
        interval=nanoseconds("interval", interval, zero=True),
        timeout=nanoseconds("timeout", timeout),
        size=octets,
        payload=data,
        route=route,
    )


class Rows:
    """What came of one series so far, as rows; its task parks at the `place`."""

    def __init__(self, name: str | None, target: IPAddress, place: Place | None = None) -> None:
        self.name = name
        self.target = target
        self.rows: deque[Outcome] = deque()
        self.dropped = self.duplicates = self.late = 0
        self.over = False
        self.error: BaseException | None = None
        self.place: Waiter | Place = place or waiter()

    def outcome(self, batch: OutcomeBatch, i: int) -> None:
        self.rows.append(batch.row_of(i, self.name, self.target))

    def answered(self, answered: Answered) -> None:
        self.rows.append(reply_of(self.name, self.target, *answered))

    def copy(self) -> None:
        self.duplicates += 1

    def answered_late(self) -> None:
        self.late += 1

    def probe_ended(self, tag: int) -> None:
        pass

    def ended(self, error: BaseException | None) -> None:
        self.over, self.error = True, error
        self.place.wake()

    async def until_over(self) -> None:
        """Wait for the end. Raises what ended the driver."""
        if self.over:
            await anyio.lowlevel.checkpoint()
        while not self.over:
            await self.place.wait()
        if self.error is not None:
            raise self.error


def start(prober: SocketOwner, target: IPAddress, options: PingOptions, rows: Rows) -> tuple[Pings, Series]:
    """Begin to ping an address; what comes of it goes to the rows."""
    pings = prober.pings(target, options.route, options.size, options.payload, options.timeout)
    series = Series(
        target.packed,
        0 if target.version == 4 else prober.scope(target.scope_id),
        number=options.count,
        interval=options.interval,
        listener=rows,
    )
    pings.begin(series)
    return pings, series


def name_of(host: str | IPAddress, target: IPAddress) -> str | None:
    """The host as asked where it was a name, None where it was the address itself, however written."""
    if not isinstance(host, str) or literal(host) is not None:
        return None
    found = parse_target(host)
    return found.text if isinstance(found, Name) else None


async def ping(
    prober: SocketOwner, host: str | IPAddress, options: PingOptions, *, time_limit: float | None
) -> PingResult:
    """Probe a host and wait for all outcomes; see `Prober.ping`."""
    if time_limit is not None:
        return await _ping_within(prober, host, options, seconds("time_limit", time_limit))
    target, name = literal(host), None
    if target is None or options.route.family is not None:
        target = (await prober.resolve(host, family=options.route.family_of(host)))[0]
        name = name_of(host, target)
    rows = Rows(name, target)
    pings, series = start(prober, target, options, rows)
    try:
        await rows.until_over()
    finally:
        pings.stop(series)
        prober.leave(pings.driver)
    return _result(rows, target, pings.many)


async def _ping_within(
    prober: SocketOwner, host: str | IPAddress, options: PingOptions, limit: float
) -> PingResult:
    found: tuple[IPAddress, ...] = ()
    with anyio.move_on_after(limit) as until:
        found = await prober.resolve(host, family=options.route.family_of(host))
    if not found:
        raise NameLookupError(str(host), f"no address within the time limit of {limit:g} seconds")
    target = found[0]
    rows = Rows(name_of(host, target), target)
    pings, series = start(prober, target, options, rows)
    try:
        with anyio.CancelScope(deadline=until.deadline):
            await rows.until_over()
    finally:
        pings.stop(series)
        prober.leave(pings.driver)
    return _result(rows, target, pings.many)


def _result(rows: Rows, target: IPAddress, many: bool) -> PingResult:
    outcomes = tuple(rows.rows)
    if len(outcomes) > 1:
        outcomes = tuple(sorted(outcomes, key=lambda row: row.sequence))
    statistics = figures(rows.rows, many=many, duplicates=rows.duplicates, late=rows.late)
    return _new_result(target, rows.name, outcomes, statistics)


_new_result = maker(PingResult)


def label(batch: OutcomeBatch, name: str | None, target: IPAddress) -> None:
    """Put the caller's own words into a batch: the name asked for, the scope id as written."""
    batch.host = name
    zone: str | None = getattr(target, "scope_id", None)
    if zone is not None:
        batch.zones = dict.fromkeys(batch.scopes, zone)


class _Unread(Rows):
    """Rows for a consumer that may be slow: the oldest are dropped. Counts all."""

    def __init__(self, name: str | None, target: IPAddress, many: bool) -> None:
        super().__init__(name, target, Place())
        self.tally = Tally()
        self._many = many

    def outcome(self, batch: OutcomeBatch, i: int) -> None:
        self.tally.count(batch.kinds[i], batch.rtts[i], batch.tags[i] if self._many else None)
        self._keep(batch.row_of(i, self.name, self.target))

    def answered(self, answered: Answered) -> None:
        self.tally.count(REPLY, answered[2])
        self._keep(reply_of(self.name, self.target, *answered))

    def _keep(self, row: Outcome) -> None:
        self.rows.append(row)
        if len(self.rows) > UNREAD:
            self.rows.popleft()
            self.dropped += 1
        self.place.wake()

    def copy(self) -> None:
        self.tally.add_copy()

    def answered_late(self) -> None:
        self.tally.add_late()

    def probe_ended(self, tag: int) -> None:
        self.tally.end(tag)


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
        self._rows: _Unread
        self._pings: Pings
        self._series: Series | None = None
        self._target: IPAddress | None = None

    async def _begin(self) -> None:
        found = await self._prober.resolve(self._host, family=self._options.route.family_of(self._host))
        self._target = target = found[0]
        many = target.is_multicast or self._options.route.any_source
        self._rows = _Unread(name_of(self._host, target), target, many)
        self._pings, self._series = start(self._prober, target, self._options, self._rows)

    def _end(self) -> None:
        if self._series is not None:
            self._pings.stop(self._series)
            self._prober.leave(self._pings.driver)
        self._rows.ended(None)

    @property
    def target(self) -> IPAddress:
        """The address that is probed. Raises ClosedError before the block is entered."""
        if self._target is None:
            self._check_begun()
        assert self._target is not None
        return self._target

    @property
    def host(self) -> str | None:
        """The name as asked, None where it was an address."""
        return name_of(self._host, self.target)

    @property
    def statistics(self) -> Statistics:
        """The figures so far; `sent` counts probes in flight too."""
        if self._series is None:
            return Statistics()
        tally = self._rows.tally
        return tally.statistics(sent=self._series.taken - tally.failed)

    @property
    def dropped(self) -> int:
        """Outcomes that were dropped because the consumer was too slow."""
        return self._rows.dropped if self.begun else 0

    async def _next(self) -> Outcome:
        rows = self._rows
        if rows.rows:
            await anyio.lowlevel.checkpoint()
        while not rows.rows:
            if rows.over:
                if rows.error is not None:
                    raise rows.error
                raise StopAsyncIteration
            await rows.place.wait()
        return rows.rows.popleft()
