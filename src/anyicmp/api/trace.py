"""The front door of a traceroute: from outcomes, hop by hop, to a `Trace`.

Which hop is probed next is the plan's to say; here the outcomes are sorted into hops and read.
"""

from __future__ import annotations

from typing import Self

import anyio
import attrs

from anyicmp.api.driver import Driver
from anyicmp.api.inbox import Inbox
from anyicmp.api.options import at_least, nanoseconds, seconds, whole
from anyicmp.api.owner import SocketOwner
from anyicmp.api.ping import label, name_of
from anyicmp.api.route import Route
from anyicmp.api.stream import Stream
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.statistics import Tally
from anyicmp.engine.trace import TracePlan
from anyicmp.errors import NameLookupError, UnsupportedError
from anyicmp.methods import METHODS
from anyicmp.results import ErrorReply, Hop, IPAddress, Outcome, Reply, SendFailure, Statistics, Trace
from anyicmp.wire import DestinationUnreachable, MplsLabel, MplsStack

__all__ = ["TraceOptions", "TraceStream", "traceroute"]

PLANNED = ("udp", "tcp")

UNREAD = 4096
"""Outcomes that may wait for a slow consumer; snapshots are made before, so none is wrong for it."""


@attrs.frozen(kw_only=True)
class TraceOptions:
    """The options of a traceroute, checked; times in nanoseconds."""

    method: str
    first_hop: int
    max_hops: int
    probes: int
    timeout: int
    flow: int | None
    size: int
    rounds: int | None
    interval: int
    route: Route

    @classmethod
    def check(
        cls,
        *,
        method: str,
        first_hop: int,
        max_hops: int,
        probes: int,
        timeout: float,
        flow: int | None,
        port: int | None,
        size: int,
        route: Route,
        rounds: int | None = 1,
        interval: float = 0.0,
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range, UnsupportedError for a method to come."""
        if method in PLANNED:
            raise UnsupportedError(f"method {method!r} is not there yet: use 'icmp'")
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
        if port is not None:
            raise ValueError("port belongs to the methods 'udp' and 'tcp'; echo has none")
        whole("max_hops", max_hops, 1, 255)
        return cls(
            method=method,
            first_hop=whole("first_hop", first_hop, 1, max_hops),
            max_hops=max_hops,
            probes=whole("probes", probes, 1, 255),
            timeout=nanoseconds("timeout", timeout),
            flow=None if flow is None else whole("flow", flow, 0, 0xFFFE),
            # A flow is kept by compensating words in the payload, so there must be room for them.
            size=whole("size", size, 20, 65507),
            rounds=None if rounds is None else at_least("rounds", rounds, 1),
            interval=nanoseconds("interval", interval, zero=True),
            route=route,
        )


async def traceroute(
    prober: SocketOwner, host: str | IPAddress, options: TraceOptions, *, time_limit: float | None
) -> Trace:
    """Find the path to a host; see `Prober.traceroute`."""
    limit = None if time_limit is None else seconds("time_limit", time_limit)
    stream = TraceStream(prober, host, options, owns=False)
    with anyio.move_on_after(limit):
        async with stream:
            await anext(stream)
    if not stream.begun:
        raise NameLookupError(str(host), f"no address within the time limit of {limit:g} seconds")
    return stream.trace


class TraceStream(Stream[Trace]):
    """Snapshots of a path, one after each round: an async context manager and, inside, an async iterator.

    Leaving the block stops the trace. A consumer that falls behind gets the newest snapshot; `dropped`
    counts the rounds that it did not see.
    """

    def __init__(
        self, prober: SocketOwner, host: str | IPAddress, options: TraceOptions, *, owns: bool
    ) -> None:
        """`owns`: the stream opens and closes the prober with itself."""
        super().__init__(prober, owns=owns)
        self.dropped = 0
        self._host = host
        self._options = options
        self._tallies: dict[int, Tally] = {}
        self._seen = 0
        self._round = 0
        self._outcomes: dict[int, list[Outcome]] = {}
        self._finished: Trace | None = None
        self._driver: Driver
        self._plan: TracePlan
        self._inbox: Inbox
        self._target: IPAddress

    async def _begin(self) -> None:
        options = self._options
        self._target = (await self._prober.resolve(self._host))[0]
        self._driver = self._prober.driver(4 if self._target.version == 4 else 6, options.route)
        # The socket's own identifier as flow: the same from trace to trace of one prober.
        identifier = self._driver.transport.identifiers[0]
        self._flow = identifier % 0xFFFF if options.flow is None else options.flow
        self._plan = TracePlan(
            self._prober.probe(self._target, options.route, self._driver),
            self._driver.exchange.method.template(size=options.size, flow=self._flow),
            first_hop=options.first_hop,
            max_hops=options.max_hops,
            probes=options.probes,
            timeout=options.timeout,
            rounds=options.rounds,
            interval=options.interval,
        )
        self._inbox = Inbox(most=UNREAD, look=self._look)
        self._driver.start(self._plan, self._inbox)

    def _end(self) -> None:
        self._driver.stop(self._plan)
        self._prober.leave(self._driver)
        self._inbox.close()

    async def _next(self) -> Trace:
        while self._seen >= self._plan.rounds_done:
            if await self._inbox.next() is None:
                raise StopAsyncIteration
        self.dropped += self._plan.rounds_done - self._seen - 1
        self._seen = self._plan.rounds_done
        assert self._finished is not None
        return self._finished

    @property
    def trace(self) -> Trace:
        """The path as far as it is known: of the round that is under way, or of the last one.

        Raises ClosedError before the block is entered.
        """
        self._check_begun()
        return self._snapshot() if self._outcomes or self._finished is None else self._finished

    def _look(self, batch: OutcomeBatch) -> None:
        label(batch, name_of(self._host, self._target), self._target)
        rows: dict[int, list[int]] = {}
        for i, tag in enumerate(batch.tags):
            # What an earlier round waited for in vain is of no use to this one.
            if TracePlan.is_of(tag, self._round):
                rows.setdefault(TracePlan.hop_of(tag), []).append(i)
        for ttl, found in rows.items():
            self._tallies.setdefault(ttl, Tally(errors_answer=True)).add(batch, rows=found)
            self._outcomes.setdefault(ttl, []).extend(batch[i] for i in found)
        if self._plan.rounds_done > self._round:
            self._finished = self._snapshot()
            self._round = self._plan.rounds_done
            self._outcomes = {}

    def _snapshot(self) -> Trace:
        first = self._options.first_hop
        reached = {ttl for ttl, found in self._outcomes.items() if any(map(self._is_final, found))}
        last = min(reached, default=max(self._outcomes, default=first - 1))
        hops = tuple(self._hop(ttl) for ttl in range(first, last + 1))
        stopped_by = _stopped_by(hops, self._target)
        return Trace(
            target=self._target,
            host=name_of(self._host, self._target),
            hops=hops,
            reached=stopped_by is not None and getattr(stopped_by, "source", None) == self._target,
            method=self._options.method,
            flow=self._flow,
            stopped_by=stopped_by,
        )

    def _is_final(self, outcome: Outcome) -> bool:
        match outcome:
            case Reply() | SendFailure():
                return True
            case ErrorReply(message=DestinationUnreachable()):
                return True
        return False

    def _hop(self, ttl: int) -> Hop:
        outcomes = sorted(self._outcomes.get(ttl, ()), key=lambda outcome: outcome.sequence)
        answers = [outcome for outcome in outcomes if isinstance(outcome, (Reply, ErrorReply))]
        errors = [outcome for outcome in answers if isinstance(outcome, ErrorReply)]
        return Hop(
            ttl=ttl,
            outcomes=tuple(outcomes),
            addresses=tuple(dict.fromkeys(answer.source for answer in answers)),
            statistics=self._tallies[ttl].statistics() if ttl in self._tallies else Statistics(),
            mpls=next(filter(None, map(_labels, errors)), ()),
            quoted_ttl=next((ttl for ttl in map(_quoted_ttl, errors) if ttl is not None), None),
        )


def _labels(error: ErrorReply) -> tuple[MplsLabel, ...]:
    for extension in getattr(error.message, "extensions", ()):
        if isinstance(extension, MplsStack):
            return extension.labels
    return ()


def _quoted_ttl(error: ErrorReply) -> int | None:
    quoted = getattr(error.message, "quoted", None)
    return None if quoted is None else quoted.ttl


def _stopped_by(hops: tuple[Hop, ...], target: IPAddress) -> Outcome | None:
    """What ended the trace: the target's own answer, else an unreachable or a failure to send."""
    for outcome in reversed([outcome for hop in hops for outcome in hop.outcomes]):
        match outcome:
            case Reply():
                return outcome
            case ErrorReply(source=source) if source == target:
                return outcome
    for hop in hops:
        for outcome in hop.outcomes:
            match outcome:
                case SendFailure():
                    return outcome
                case ErrorReply(message=DestinationUnreachable()):
                    return outcome
    return None
