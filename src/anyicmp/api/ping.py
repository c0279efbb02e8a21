"""The front door of a ping: echo requests to one host, awaited as a whole or one by one.

When to send is the plan's to say, and moving packets the driver's; here a name becomes an address, a
plan is started, and outcomes become rows.
"""

from __future__ import annotations

from collections import deque
from typing import Self

import anyio
import attrs

from anyicmp.api.driver import Driver
from anyicmp.api.inbox import Inbox
from anyicmp.api.options import at_least, check_payload, nanoseconds, seconds
from anyicmp.api.owner import Route, SocketOwner
from anyicmp.api.stream import Stream
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.ping import PingPlan
from anyicmp.engine.statistics import Tally
from anyicmp.engine.targets import Name, parse_target
from anyicmp.errors import NameLookupError
from anyicmp.results import IPAddress, Outcome, PingResult, Statistics

__all__ = ["PingOptions", "PingStream", "ping"]

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

    @classmethod
    def check(
        cls,
        *,
        count: int | None,
        interval: float,
        timeout: float,
        size: int | None,
        payload: bytes | None,
        route: Route,
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range."""
        octets, data = check_payload(size, payload)
        return cls(
            count=None if count is None else at_least("count", count, 1),
            interval=nanoseconds("interval", interval, zero=True),
            timeout=nanoseconds("timeout", timeout),
            size=octets,
            payload=data,
            route=route,
        )


def start(
    prober: SocketOwner, target: IPAddress, options: PingOptions, inbox: Inbox
) -> tuple[Driver, PingPlan]:
    """Begin to ping an address; outcomes go to the inbox."""
    probe = prober.probe(target, options.route)
    driver = prober.driver(4 if target.version == 4 else 6, options.route)
    plan = PingPlan(
        probe,
        driver.exchange.method.template(size=options.size, payload=options.payload),
        number=options.count,
        interval=options.interval,
        timeout=options.timeout,
        many=target.is_multicast or options.route.broadcast,
    )
    driver.start(plan, inbox)
    return driver, plan


def name_of(host: str | IPAddress, target: IPAddress) -> str | None:
    """The host as asked where it was a name, None where it was the address itself, however written."""
    if not isinstance(host, str):
        return None
    found = parse_target(host)
    return found.text if isinstance(found, Name) else None


async def ping(
    prober: SocketOwner, host: str | IPAddress, options: PingOptions, *, time_limit: float | None
) -> PingResult:
    """Probe a host and wait for all outcomes; see `Prober.ping`."""
    limit = None if time_limit is None else seconds("time_limit", time_limit)
    found: tuple[IPAddress, ...] = ()
    with anyio.move_on_after(limit) as until:
        found = await prober.resolve(host)
    if not found:
        raise NameLookupError(str(host), f"no address within the time limit of {limit:g} seconds")
    target = found[0]
    name, tally = name_of(host, target), Tally()

    def look(batch: OutcomeBatch) -> None:
        # Also what has no outcome in it counts: copies, late answers.
        label(batch, name, target)
        tally.add(batch, many=plan.many)

    inbox = Inbox(look=look)
    driver, plan = start(prober, target, options, inbox)
    try:
        with anyio.CancelScope(deadline=until.deadline):
            await inbox.until_over()
    finally:
        driver.stop(plan)
    rows = [row for batch in inbox.take_all() for row in batch]
    rows.sort(key=lambda row: row.sequence)
    return PingResult(target=target, host=name, outcomes=tuple(rows), statistics=tally.statistics())


def label(batch: OutcomeBatch, name: str | None, target: IPAddress) -> None:
    """Put the caller's own words into a batch: the name asked for, the scope id as written."""
    batch.host = name
    batch.zone = getattr(target, "scope_id", None)


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
        self._tally = Tally()
        self._inbox: Inbox
        self._driver: Driver
        self._plan: PingPlan | None = None
        self._rows: deque[Outcome] = deque()
        self._target: IPAddress | None = None

    async def _begin(self) -> None:
        self._target = (await self._prober.resolve(self._host))[0]
        self._inbox = Inbox(most=UNREAD, look=self._look)
        self._driver, self._plan = start(self._prober, self._target, self._options, self._inbox)

    def _end(self) -> None:
        if self._plan is not None:
            self._driver.stop(self._plan)
        self._inbox.close()

    def _look(self, batch: OutcomeBatch) -> None:
        label(batch, self.host, self.target)
        self._tally.add(batch, many=self._plan is not None and self._plan.many)

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
        sent = 0 if self._plan is None else self._plan.taken - self._tally.failed
        return self._tally.statistics(sent=sent)

    @property
    def dropped(self) -> int:
        """Outcomes that were dropped because the consumer was too slow."""
        return self._inbox.dropped if self.begun else 0

    async def _next(self) -> Outcome:
        while not self._rows:
            batch = await self._inbox.next()
            if batch is None:
                raise StopAsyncIteration
            self._rows.extend(batch)
        return self._rows.popleft()
