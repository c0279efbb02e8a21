"""The front door of a traceroute: from outcomes, hop by hop, to a `Trace`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import anyio
import attrs

from anyicmp.api.inbox import Inbox
from anyicmp.api.options import nanoseconds, seconds, whole
from anyicmp.api.owner import Route, SocketOwner
from anyicmp.api.ping import label, name_of
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.statistics import Tally
from anyicmp.engine.trace import TracePlan, is_final
from anyicmp.errors import UnsupportedError
from anyicmp.methods import METHODS
from anyicmp.results import ErrorReply, Hop, IPAddress, Outcome, Reply, SendFailure, Trace
from anyicmp.wire import MplsLabel, MplsStack

__all__ = ["TraceOptions", "traceroute"]

PLANNED = ("udp", "tcp")


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
            route=route,
        )


async def traceroute(
    prober: SocketOwner, host: str | IPAddress, options: TraceOptions, *, time_limit: float | None
) -> Trace:
    """Find the path to a host; see `Prober.traceroute`."""
    limit = None if time_limit is None else seconds("time_limit", time_limit)
    target = (await prober.resolve(host))[0]
    probe = prober.probe(target, options.route)
    driver = prober.driver(4 if target.version == 4 else 6, options.route)
    # The socket's own identifier as flow: the same from trace to trace of one prober.
    flow = driver.transport.identifiers[0] if options.flow is None else options.flow
    plan = TracePlan(
        probe,
        driver.exchange.method.template(size=options.size, flow=flow),
        first_hop=options.first_hop,
        max_hops=options.max_hops,
        probes=options.probes,
        timeout=options.timeout,
    )
    inbox = Inbox()
    driver.start(plan, inbox)
    try:
        with anyio.move_on_after(limit):
            await inbox.until_over()
    finally:
        driver.stop(plan)
    batches = inbox.take_all()
    name = name_of(host, target)
    for batch in batches:
        label(batch, name, target)
    last = min(plan.last_hop, max(plan.probed, options.first_hop))
    hops = tuple(_hop(ttl, batches) for ttl in range(options.first_hop, last + 1))
    stopped_by = _stopped_by(hops, target)
    return Trace(
        target=target,
        host=name,
        hops=hops,
        reached=stopped_by is not None and getattr(stopped_by, "source", None) == target,
        method=options.method,
        flow=flow,
        stopped_by=stopped_by,
    )


def _hop(ttl: int, batches: Iterable[OutcomeBatch]) -> Hop:
    tally = Tally(errors_answer=True)
    outcomes: list[Outcome] = []
    for batch in batches:
        rows = [i for i, tag in enumerate(batch.tags) if TracePlan.hop_of(tag) == ttl]
        tally.add(batch, rows=rows)
        outcomes += (batch[i] for i in rows)
    outcomes.sort(key=lambda outcome: outcome.sequence)
    answers = [outcome for outcome in outcomes if isinstance(outcome, (Reply, ErrorReply))]
    errors = [outcome for outcome in answers if isinstance(outcome, ErrorReply)]
    return Hop(
        ttl=ttl,
        outcomes=tuple(outcomes),
        addresses=tuple(dict.fromkeys(answer.source for answer in answers)),
        statistics=tally.statistics(),
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
                case ErrorReply(type=kind) if is_final(target.version, kind):
                    return outcome
    return None
