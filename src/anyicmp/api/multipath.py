"""The front door of a multipath trace: from a host's name to the graph of all ways to it, as it grows.

Which flow is sent how far is the plan's to say, what its vertices tell is read in `graph.py`.
"""

from __future__ import annotations

from typing import Literal, Self

import anyio
import attrs

from anyicmp.api.driver import Driver
from anyicmp.api.graph import Marks, diamonds_of, read_graph
from anyicmp.api.hops import Sent, read_hop
from anyicmp.api.inbox import Inbox
from anyicmp.api.options import nanoseconds, number, seconds, whole, yes_no
from anyicmp.api.owner import SocketOwner
from anyicmp.api.ping import label, name_of
from anyicmp.api.route import Route
from anyicmp.api.stream import Stream
from anyicmp.engine.multipath import MultipathPlan
from anyicmp.engine.stopping import RULES, share
from anyicmp.engine.vertex import Vertex
from anyicmp.errors import NameLookupError
from anyicmp.methods import method_class
from anyicmp.methods.base import Template
from anyicmp.paths import PathGraph
from anyicmp.results import IPAddress, Statistics

__all__ = ["MultipathOptions", "MultipathStream", "Rule", "multipath"]

Rule = Literal["veitch", "exact"]
"""How stopping points are computed: see `engine/stopping.py`."""


@attrs.frozen(kw_only=True)
class MultipathOptions:
    """The options of a multipath trace, checked; times in nanoseconds."""

    method: str
    alpha: float
    per_node: bool
    rule: Rule
    lite: bool
    max_hops: int
    attempts: int
    timeout: int
    port: int | None
    size: int
    route: Route

    @classmethod
    def check(
        cls,
        prober: SocketOwner,
        *,
        method: str,
        confidence: float,
        per_node: bool,
        rule: Rule,
        lite: bool,
        max_hops: int,
        attempts: int,
        timeout: float,
        port: int | None,
        size: int | None,
        family: int | None,
        source: str | IPAddress | None,
        interface: str | None,
        mark: int | None,
        dscp: int | None,
        dont_fragment: bool | None,
        new_identifier: bool,
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
        if port is not None and kind.PORT is None:
            raise ValueError("port belongs to the methods 'udp' and 'tcp'; echo has none")
        fewest, most, usual = kind.SIZES
        if size is not None and not most:
            raise ValueError(f"a probe of the method {method!r} has no data: give no size")
        if not 0 < number("confidence", confidence) < 1:
            raise ValueError(f"confidence must be more than 0 and less than 1, not {confidence}")
        if rule not in RULES:
            raise ValueError(f"rule must be 'veitch' or 'exact', not {rule!r}")
        return cls(
            method=method,
            alpha=1 - float(confidence),
            per_node=bool(yes_no("per_node", per_node)),
            rule=rule,
            lite=bool(yes_no("lite", lite)),
            max_hops=whole("max_hops", max_hops, 1, 255),
            attempts=whole("attempts", attempts, 1, 255),
            timeout=nanoseconds("timeout", timeout),
            port=kind.PORT if port is None else whole("port", port, 1, 65535),
            size=usual if size is None else whole("size", size, fewest, most),
            route=route,
        )

    def enough(self, ways: int, balancers: int) -> int:
        """So many flows refute that a router has so many next hops, if there are so many balancers."""
        # Rounded, for 1 - 0.95 is not 0.05 and a stopping point may lie exactly there.
        alpha = round(self.alpha, 12)
        return RULES[self.rule](ways, alpha if self.per_node else share(alpha, balancers))


async def multipath(
    prober: SocketOwner, host: str | IPAddress, options: MultipathOptions, *, time_limit: float | None
) -> PathGraph:
    """Find all ways to a host; see `Prober.multipath`."""
    limit = None if time_limit is None else seconds("time_limit", time_limit)
    stream = MultipathStream(prober, host, options, owns=False)
    with anyio.move_on_after(limit):
        async with stream:
            await stream.wait()
    if not stream.begun:
        raise NameLookupError(str(host), f"no address within the time limit of {limit:g} seconds")
    return stream.graph


class MultipathStream(Stream[PathGraph]):
    """All ways to a host as far as they are known: an async context manager and, inside, an async iterator.

    It yields the graph whenever that has grown, and at last, when all was asked, the whole. A consumer that
    falls behind gets the newest. Leaving the block stops the search; the graph is kept.
    """

    def __init__(
        self, prober: SocketOwner, host: str | IPAddress, options: MultipathOptions, *, owns: bool
    ) -> None:
        """`owns`: the stream opens and closes the prober with itself."""
        super().__init__(prober, owns=owns)
        self._host, self._options = host, options
        self._shown: int | None = 0
        self._target: IPAddress
        self._driver: Driver
        self._plan: MultipathPlan
        self._inbox: Inbox
        self._source: bytes
        self._told: dict[Vertex, Marks] = {}

    async def _begin(self) -> None:
        prober, options = self._prober, self._options
        self._target = target = (
            await prober.resolve(self._host, family=options.route.family_of(self._host))
        )[0]
        self._driver = driver = prober.driver(4 if target.version == 4 else 6, options.route)
        source = self._source = prober.source_for(target, options.route)
        self._plan = MultipathPlan(
            attrs.evolve(
                prober.probe(target, options.route, driver),
                # What covers the addresses with a checksum is told which one is ours, and sends from it.
                local=source if options.port is not None and any(source) else None,
            ),
            self._template,
            enough=options.enough,
            max_hops=options.max_hops,
            timeout=options.timeout,
            attempts=options.attempts,
            lite=options.lite,
            one_per_flow=driver.transport.one_per_flow,
        )
        self._inbox = Inbox()
        driver.start(self._plan, self._inbox)

    def _template(self, flow: int) -> Template:
        method, options = self._driver.exchange.method, self._options
        number = (method.own_flow + flow) % (method.FLOWS + 1)
        return method.template(size=options.size, flow=number, port=options.port)

    def _marks(self, vertex: Vertex) -> Marks:
        """The labels and the rewrites that its first outcome tells of."""
        if vertex.first is None:
            return (), None
        if vertex not in self._told:
            batch, flow = vertex.first
            sent = Sent(
                method=self._driver.exchange.method,
                template=self._template(flow),
                source=self._source,
                target=self._target.packed,
            )
            hop = read_hop(vertex.ttl, batch, Statistics(), sent)
            self._told[vertex] = hop.mpls, hop.nat
        return self._told[vertex]

    def _end(self) -> None:
        self._driver.stop(self._plan)
        self._prober.leave(self._driver)
        self._inbox.close()

    async def _next(self) -> PathGraph:
        while self._shown is not None:
            if await self._inbox.next() is None:
                self._shown = None
                return self.graph
            if self._plan.known > self._shown:
                self._shown = self._plan.known
                return self.graph
        raise StopAsyncIteration

    async def wait(self) -> PathGraph:
        """Wait for the end of the search; returns the whole graph, and makes none before."""
        self._check_begun()
        while await self._inbox.next() is not None:
            pass
        return self.graph

    @property
    def graph(self) -> PathGraph:
        """All that was found so far. Raises ClosedError before the block is entered."""
        self._check_begun()
        plan, options = self._plan, self._options
        name = name_of(self._host, self._target)
        nodes, edges = read_graph([hop.values() for hop in plan.hops], self._marks)
        end = None
        if plan.end is not None:
            batch, row = plan.end
            label(batch, name, self._target)
            end = batch[row]
        return PathGraph(
            target=self._target,
            host=name,
            nodes=nodes,
            edges=edges,
            diamonds=diamonds_of(nodes),
            reached=any(node.final and node.address == self._target for node in nodes),
            confidence=1 - options.alpha,
            per_node=options.per_node,
            lite=plan.lite,
            complete=plan.complete,
            method=options.method,
            port=options.port,
            probes=plan.sent,
            stopped_by=end,
        )
