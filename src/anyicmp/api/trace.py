"""The front door of a traceroute: from outcomes, hop by hop, to a `Trace`.

Which hop is probed next is the plan's to say, what the outcomes of a hop tell of it is read in `hops.py`.
"""

from __future__ import annotations

from typing import Self

import anyio
import attrs

from anyicmp.api.driver import Driver
from anyicmp.api.hops import (
    Sent,
    find_loop,
    find_translations,
    is_final,
    read_hop,
    stopped_by,
    with_rate_limits,
)
from anyicmp.api.inbox import Inbox
from anyicmp.api.names import AsnLookup, Names, with_numbers
from anyicmp.api.options import at_least, nanoseconds, seconds, whole, yes_no
from anyicmp.api.owner import SocketOwner
from anyicmp.api.ping import label, name_of
from anyicmp.api.route import Route
from anyicmp.api.stream import Stream
from anyicmp.engine.changes import Changes
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.statistics import Tally
from anyicmp.engine.trace import TracePlan
from anyicmp.errors import NameLookupError
from anyicmp.methods import method_class
from anyicmp.paths import Hop, Trace
from anyicmp.results import IPAddress, Outcome, Statistics

__all__ = ["TraceOptions", "TraceStream", "traceroute"]

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
    port: int | None
    size: int
    rounds: int | None
    interval: int
    names: bool
    asn: AsnLookup | None
    route: Route

    @classmethod
    def check(
        cls,
        prober: SocketOwner,
        *,
        method: str,
        first_hop: int,
        max_hops: int,
        probes: int,
        timeout: float,
        flow: int | None,
        port: int | None,
        size: int | None,
        names: bool,
        asn: AsnLookup | None,
        family: int | None,
        source: str | IPAddress | None,
        interface: str | None,
        mark: int | None,
        dscp: int | None,
        dont_fragment: bool | None,
        new_identifier: bool,
        rounds: int | None = 1,
        interval: float = 0.0,
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range."""
        route = prober.route(
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            dscp=dscp,
            dont_fragment=dont_fragment,
            new_identifier=new_identifier,
            method=method,
            hop_limited=True,
        )
        kind = method_class(method)
        if port is None:
            port = kind.PORT
        elif kind.PORT is None:
            raise ValueError("port belongs to the methods 'udp' and 'tcp'; echo has none")
        fewest, most, usual = kind.SIZES
        if size is not None and not most:
            raise ValueError(f"a probe of the method {method!r} has no data: give no size")
        if asn is not None and not callable(asn):
            raise TypeError(f"asn must be a function from addresses to numbers, not {asn!r}")
        whole("max_hops", max_hops, 1, 255)
        return cls(
            method=method,
            first_hop=whole("first_hop", first_hop, 1, max_hops),
            max_hops=max_hops,
            probes=whole("probes", probes, 1, 255),
            timeout=nanoseconds("timeout", timeout),
            flow=None if flow is None else whole("flow", flow, 0, kind.FLOWS),
            port=None if port is None else whole("port", port, 1, 65535),
            size=usual if size is None else whole("size", size, fewest, most),
            rounds=None if rounds is None else at_least("rounds", rounds, 1),
            interval=nanoseconds("interval", interval, zero=True),
            names=bool(yes_no("names", names)),
            asn=asn,
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
        self._changes = Changes()
        self._names: Names | None = None
        self._sent: Sent
        self._driver: Driver
        self._plan: TracePlan
        self._inbox: Inbox
        self._target: IPAddress
        self._name: str | None

    async def _begin(self) -> None:
        options, prober = self._options, self._prober
        self._target = (await prober.resolve(self._host, family=options.route.family_of(self._host)))[0]
        self._name = name_of(self._host, self._target)
        self._names = prober.names() if options.names else None
        self._driver = driver = prober.driver(4 if self._target.version == 4 else 6, options.route)
        method = driver.exchange.method
        # The socket's own as flow: the same from trace to trace of one prober.
        self._flow = self._free_flow(method.own_flow) if options.flow is None else options.flow
        template = method.template(size=options.size, flow=self._flow, port=options.port)
        source = prober.source_for(self._target, options.route)
        self._sent = Sent(method=method, template=template, source=source, target=self._target.packed)
        probe = prober.probe(self._target, options.route, driver)
        self._plan = TracePlan(
            attrs.evolve(
                probe,
                flow_label=template.label,
                # What covers the addresses with a checksum is told which one is ours, and sends from it.
                local=source if options.port is not None and any(source) else None,
            ),
            template,
            first_hop=options.first_hop,
            max_hops=options.max_hops,
            probes=options.probes,
            timeout=options.timeout,
            rounds=options.rounds,
            interval=options.interval,
            one_by_one=driver.transport.one_per_flow,
        )
        self._inbox = Inbox(most=UNREAD, look=self._look)
        self._driver.start(self._plan, self._inbox)
        prober.flows.append((driver, self._target, self._flow))

    def _free_flow(self, own: int) -> int:
        """The first flow from our own on that no other trace to this target has, if that matters.

        Where the kernel writes the headers it tells two traces of one flow apart badly, or not at all.
        """
        driver, flows = self._driver, self._driver.exchange.method.FLOWS + 1
        if self._options.port is None or driver.transport.privileged:
            return own
        taken = {
            flow for user, target, flow in self._prober.flows if (user, target) == (driver, self._target)
        }
        return next((flow for flow in range(own, own + flows) if flow % flows not in taken), own) % flows

    def _end(self) -> None:
        self._prober.flows.remove((self._driver, self._target, self._flow))
        self._driver.stop(self._plan)
        self._prober.leave(self._driver)
        self._inbox.close()

    async def _next(self) -> Trace:
        while self._seen >= self._plan.rounds_done:
            if await self._inbox.next() is None:
                raise StopAsyncIteration
        self.dropped += self._plan.rounds_done - self._seen - 1
        self._seen = self._plan.rounds_done
        found = self._finished
        assert found is not None
        if self._names is not None:
            await self._names.learn(address for hop in found.hops for address in hop.addresses)
        return self._with_names(found)

    def _with_names(self, trace: Trace) -> Trace:
        return trace if self._names is None else attrs.evolve(trace, hops=self._names.named(trace.hops))

    @property
    def trace(self) -> Trace:
        """The path as far as it is known: of the round that is under way, or of the last one.

        Raises ClosedError before the block is entered.
        """
        self._check_begun()
        return self._with_names(
            self._snapshot() if self._outcomes or self._finished is None else self._finished
        )

    def _look(self, batch: OutcomeBatch) -> None:
        label(batch, self._name, self._target)
        rows: dict[int, list[int]] = {}
        for i, tag in enumerate(batch.tags):
            # What an earlier round waited for in vain is of no use to this one.
            if TracePlan.is_of(tag, self._round):
                rows.setdefault(TracePlan.hop_of(tag), []).append(i)
        for ttl, found in rows.items():
            self._tallies.setdefault(ttl, Tally(errors_answer=True)).add(batch, rows=found)
            self._outcomes.setdefault(ttl, []).extend(batch[i] for i in found)
        if self._plan.rounds_done > self._round:
            path = self._snapshot()
            changes = self._changes.note({hop.ttl: hop.addresses for hop in path.hops})
            self._finished = attrs.evolve(path, changes=changes)
            self._round = self._plan.rounds_done
            self._outcomes = {}

    def _snapshot(self) -> Trace:
        first, options = self._options.first_hop, self._options
        reached = {ttl for ttl, found in self._outcomes.items() if any(map(is_final, found))}
        last = min(reached, default=max(self._outcomes, default=first - 1))
        hops = with_rate_limits([self._hop(ttl) for ttl in range(first, last + 1)])
        if options.asn is not None:
            hops = with_numbers(hops, options.asn)
        end = stopped_by(hops, self._target)
        return Trace(
            target=self._target,
            host=self._name,
            hops=hops,
            reached=end is not None and getattr(end, "source", None) == self._target,
            method=options.method,
            flow=self._flow,
            port=options.port,
            stopped_by=end,
            loop=find_loop(hops),
            translations=find_translations(hops),
        )

    def _hop(self, ttl: int) -> Hop:
        tally = self._tallies.get(ttl)
        statistics = Statistics() if tally is None else tally.statistics()
        return read_hop(ttl, self._outcomes.get(ttl, ()), statistics, self._sent)
