"""The rows that people get of a path: hops, traces, changes.

Frozen values and nothing else, as in `results.py`: no I/O, no clock, no algorithm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from anyicmp.results import IPAddress, Outcome, Statistics

if TYPE_CHECKING:
    from anyicmp.wire import InterfaceInformation, MplsLabel

__all__ = ["Hop", "PathChange", "PathMtu", "PathMtuStep", "Trace"]

NOTHING_SENT = Statistics()


@attrs.frozen(kw_only=True, order=False)
class Hop:
    """One distance from this host, and who answered from there.

    Attributes:
        ttl: hop limit of the probes.
        outcomes: of the probes with that hop limit, in order of sequence.
        addresses: who answered, each once, in order of first answer; empty for a silent hop.
        statistics: of these probes; `received` counts errors too, for that is how routers answer.
        mpls: labels of the MPLS stack that the router reported (RFC 4950), outermost first.
        interfaces: interface information objects (RFC 5837), each once.
        quoted_ttl: hop limit of the probe as the router quoted it, None where unknown.
        nat: whether the quoted datagram shows a rewrite on the way; None: cannot be told.
        return_hops: how many hops the answer took on its way back, guessed from its hop limit: senders begin
            with 64, 128 or 255. None where the hop limit is not known.
        asymmetric: whether that is another number of hops than the way there.
        rate_limited: the hop leaves probes unanswered that hops behind it answer: it sends fewer errors than
            it is asked for, and that is no loss on the way. None: cannot be told.
        names: names of `addresses`, in their order, None for one without; empty where nobody asked for them.
        asn: number of the autonomous system of the first address that has one; None without a lookup.
    """

    ttl: int
    outcomes: tuple[Outcome, ...] = ()
    addresses: tuple[IPAddress, ...] = ()
    statistics: Statistics = NOTHING_SENT
    mpls: tuple[MplsLabel, ...] = ()
    interfaces: tuple[InterfaceInformation, ...] = ()
    quoted_ttl: int | None = None
    nat: bool | None = None
    return_hops: int | None = None
    asymmetric: bool | None = None
    rate_limited: bool | None = None
    names: tuple[str | None, ...] = ()
    asn: int | None = None


@attrs.frozen(kw_only=True, order=False)
class PathChange:
    """Another router answers at a hop than before, and did so in several rounds in a row.

    Attributes:
        ttl: the hop.
        before, after: the addresses.
    """

    ttl: int
    before: IPAddress
    after: IPAddress


@attrs.frozen(kw_only=True, order=False)
class Trace:
    """The path to a host, hop by hop.

    Attributes:
        target: the address traced.
        host: the name as asked, None where an address was given.
        hops: from the first hop asked for to the last that matters; silent hops keep their place.
        reached: whether the target itself answered.
        method: "icmp", "udp" or "tcp".
        flow: the flow that all probes belonged to (echo: the checksum that all probes carry; else this host's
            port less 1,024).
        stopped_by: the outcome that ended the trace (the target's answer, an unreachable), or None.
        port: the target's port, None for echo.
        loop: the addresses that the path comes back to, in their order; empty without a loop.
        changes: hops whose router is another one now, as this round has confirmed.
    """

    target: IPAddress
    host: str | None = None
    hops: tuple[Hop, ...]
    reached: bool
    method: str
    flow: int
    stopped_by: Outcome | None = None
    port: int | None = None
    loop: tuple[IPAddress, ...] = ()
    changes: tuple[PathChange, ...] = ()


@attrs.frozen(kw_only=True, order=False)
class PathMtuStep:
    """One probe of a search for the path's MTU, and what became of it.

    Attributes:
        size: octets of the IP packet.
        ttl: its hop limit where a hop was looked for, None: the host's usual one.
        outcome: what became of it; too large for this host's own link is a `SendFailure`.
    """

    size: int
    ttl: int | None = None
    outcome: Outcome


@attrs.frozen(kw_only=True, order=False)
class PathMtu:
    """How large a packet may be to reach a host in one piece.

    Attributes:
        target: the address probed.
        host: the name as asked, None where an address was given.
        mtu: octets of the largest IP packet, None where nobody answered or reported.
        confirmed: the target answered a packet of that size; else a router's report is all there is.
        limited_by: address of the router whose next link is too small for more, None where it is not known,
            or where nothing but this host's own link is.
        limited_at: its hop limit where it was looked for by hop limit, 0 for this host; else None.
        black_hole: what is larger vanishes, and nobody reports it. None where that cannot be told, because
            the target answers nothing.
        steps: the probes, in order of sending.
    """

    target: IPAddress
    host: str | None = None
    mtu: int | None
    confirmed: bool
    limited_by: IPAddress | None = None
    limited_at: int | None = None
    black_hole: bool | None
    steps: tuple[PathMtuStep, ...] = ()
