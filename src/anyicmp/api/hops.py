"""From the outcomes of a trace to hops: what they tell of each router, and of the way as a whole.

Reads outcomes; which hop is probed next, and when, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from anyicmp.engine.loss import DOUBT, loses_more
from anyicmp.methods.base import ProbeMethod, Template
from anyicmp.paths import Hop, Translation
from anyicmp.results import ErrorReply, IPAddress, Outcome, Reply, SendFailure, Statistics
from anyicmp.wire import (
    DestinationUnreachable,
    ErrorMessage,
    InterfaceInformation,
    MplsLabel,
    MplsStack,
    QuotedDatagram,
)

__all__ = [
    "Sent",
    "find_loop",
    "find_translations",
    "is_final",
    "read_hop",
    "stopped_by",
    "with_rate_limits",
]

INITIAL = (64, 128, 255)
"""Hop limits that senders begin with (RFC 1700 and common practice); the smallest that fits is taken."""


@attrs.frozen(kw_only=True)
class Sent:
    """What the probes of a trace were, for comparison with what came back of them.

    Attributes:
        method, template: how they were made.
        source, target: packed addresses that they were sent between.
    """

    method: ProbeMethod
    template: Template
    source: bytes
    target: bytes


def read_hop(ttl: int, outcomes: Iterable[Outcome], statistics: Statistics, sent: Sent) -> Hop:
    """The hop that these outcomes, of probes with this hop limit, tell of."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.sequence)
    answers = [outcome for outcome in ordered if isinstance(outcome, (Reply, ErrorReply))]
    errors = [outcome for outcome in answers if isinstance(outcome, ErrorReply)]
    back = return_hops(answers[0].ttl) if answers else None
    rewritten = _rewritten(errors, sent)
    return Hop(
        ttl=ttl,
        outcomes=tuple(ordered),
        addresses=tuple(dict.fromkeys(answer.source for answer in answers)),
        statistics=statistics,
        mpls=next(filter(None, map(_labels, errors)), ()),
        interfaces=tuple(
            dict.fromkeys(
                extension
                for error in errors
                for extension in getattr(error.message, "extensions", ())
                if isinstance(extension, InterfaceInformation)
            )
        ),
        quoted_ttl=next((ttl for ttl in map(_quoted_ttl, errors) if ttl is not None), None),
        nat=None if rewritten is None else bool(rewritten),
        rewritten=rewritten or (),
        return_hops=back,
        asymmetric=None if back is None else back != ttl,
    )


def return_hops(hop_limit: int | None) -> int | None:
    """How many hops an answer that arrived with this hop limit took, counting as a trace does."""
    if hop_limit is None:
        return None
    return next(initial for initial in INITIAL if hop_limit <= initial) - hop_limit + 1


def _labels(error: ErrorReply) -> tuple[MplsLabel, ...]:
    for extension in getattr(error.message, "extensions", ()):
        if isinstance(extension, MplsStack):
            return extension.labels
    return ()


def _quoted_ttl(error: ErrorReply) -> int | None:
    quoted = getattr(error.message, "quoted", None)
    return None if quoted is None else quoted.ttl


def _rewritten(errors: Sequence[ErrorReply], sent: Sent) -> tuple[str, ...] | None:
    if not any(sent.source):
        return None
    told = [
        sent.method.rewritten(quoted, sent.template, sent.source, sent.target) for quoted in _quotes(errors)
    ]
    known = [names for names in told if names is not None]
    return tuple(dict.fromkeys(name for names in known for name in names)) if known else None


def _quotes(outcomes: Iterable[Outcome]) -> list[QuotedDatagram]:
    return [
        outcome.message.quoted
        for outcome in outcomes
        if isinstance(outcome, ErrorReply) and isinstance(outcome.message, ErrorMessage)
    ]


def find_translations(hops: Sequence[Hop]) -> tuple[Translation, ...]:
    """Where fields of the probes begin to differ from what was sent, and where another source comes in."""
    found: list[Translation] = []
    known: set[str] = set()
    last, source = 0, None
    for hop in hops:
        if hop.nat is None:
            continue
        seen = next((quoted.source for quoted in _quotes(hop.outcomes) if quoted.source is not None), None)
        new = tuple(
            name for name in hop.rewritten if name not in known or (name == "source" and seen != source)
        )
        if new:
            found.append(Translation(after=last, before=hop.ttl, fields=new))
        known.update(new)
        last, source = hop.ttl, seen
    return tuple(found)


def is_final(outcome: Outcome) -> bool:
    """Whether there is nothing to learn behind the hop with this outcome."""
    match outcome:
        case Reply() | SendFailure():
            return True
        case ErrorReply(message=DestinationUnreachable()):
            return True
    return False


def stopped_by(hops: Sequence[Hop], target: IPAddress) -> Outcome | None:
    """What ended the trace: the target's own answer, else an unreachable or a failure to send."""
    for outcome in reversed([outcome for hop in hops for outcome in hop.outcomes]):
        match outcome:
            case Reply():
                return outcome
            case ErrorReply(source=source) if source == target:
                return outcome
    return next((outcome for hop in hops for outcome in hop.outcomes if is_final(outcome)), None)


def with_rate_limits(hops: Sequence[Hop]) -> tuple[Hop, ...]:
    """The hops, each told whether it limits its answers: it loses probes that hops behind it answer.

    A loss on the way to a hop is also one of all hops behind it.
    """
    return tuple(
        attrs.evolve(hop, rate_limited=_is_limited(hop, hops[i + 1 :])) for i, hop in enumerate(hops)
    )


def _is_limited(hop: Hop, behind: Sequence[Hop]) -> bool | None:
    lost, ended = _losses(hop.statistics)
    if not hop.statistics.received:
        return None
    if not lost:
        return False
    counts = [_losses(other.statistics) for other in behind if other.statistics.received]
    if not counts:
        return None
    other_lost, other_ended = min(counts, key=lambda count: count[0] / count[1])
    if other_lost / other_ended >= lost / ended:
        return False
    return True if loses_more(lost, ended, other_lost, other_ended) < DOUBT else None


def _losses(statistics: Statistics) -> tuple[int, int]:
    """How many probes of those that have ended got no answer."""
    loss = statistics.loss or 0.0
    # Of those that have ended: what is in flight is neither lost nor answered.
    ended = statistics.received if loss == 1.0 else round(statistics.received / (1.0 - loss))
    return (ended - statistics.received, ended) if ended else (0, 1)


def find_loop(hops: Sequence[Hop]) -> tuple[IPAddress, ...]:
    """The addresses that a path comes back to until its end, in order of first answer; () without a loop.

    A loop is seen at least twice; one of a single router, which may only have let a probe pass that had no
    hop left, three times. Silent hops fit anywhere.
    """
    seen = [hop.addresses[0] if hop.addresses else None for hop in hops]
    known = [address for address in seen if address is not None]
    if len(set(known)) == len(known):
        return ()
    for length in range(1, len(seen) // 2 + 1):
        for begin in range(len(seen) - max(3, 2 * length) + 1):
            cycle = _cycle(seen[begin:], length)
            if cycle:
                return cycle
    return ()


def _cycle(seen: Sequence[IPAddress | None], length: int) -> tuple[IPAddress, ...]:
    places = [{address for address in seen[at::length] if address is not None} for at in range(length)]
    if seen[0] is None or any(len(place) != 1 for place in places):
        return ()
    cycle = tuple(address for place in places for address in place)
    times = [sum(address is not None for address in seen[at::length]) for at in range(length)]
    if len(set(cycle)) != length or min(times) < (3 if length == 1 else 2):
        return ()
    return cycle
