"""The rows that people get of a path: hops, traces, changes; of all paths, the graph and its text forms.

Frozen values and nothing else, as in `results.py`: no I/O, no clock, no algorithm.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import attrs

from anyicmp.results import IPAddress, Outcome, Statistics
from anyicmp.shown import as_bundle, as_html, as_rich, plot

if TYPE_CHECKING:
    from anyicmp.wire import InterfaceInformation, MplsLabel

__all__ = [
    "Diamond",
    "Hop",
    "PathChange",
    "PathEdge",
    "PathGraph",
    "PathMtu",
    "PathMtuStep",
    "PathNode",
    "Trace",
    "Translation",
]

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
        rewritten: what of it differs from what was sent: "source", "source port", "identifier" (of an echo),
            "identification" (of the IPv4 header), "checksum" (of the message behind the IP header).
        return_hops: how many hops the answer took on its way back, guessed from its hop limit: senders begin
            with 64, 128 or 255. None where the hop limit is not known.
        asymmetric: whether that is another number of hops than the way there.
        rate_limited: the hop leaves probes unanswered that hops behind it answer: it sends fewer errors than
            it is asked for, and that is no loss on the way. None: cannot be told.
        names: names of `addresses`, in their order, None for one without; empty where nobody asked for them.
        asn: number of the autonomous system of the first address that has one; None without a lookup.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    ttl: int
    outcomes: tuple[Outcome, ...] = ()
    addresses: tuple[IPAddress, ...] = ()
    statistics: Statistics = NOTHING_SENT
    mpls: tuple[MplsLabel, ...] = ()
    interfaces: tuple[InterfaceInformation, ...] = ()
    quoted_ttl: int | None = None
    nat: bool | None = None
    rewritten: tuple[str, ...] = ()
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
class Translation:
    """Between two hops a translator rewrites the probes (RFC 3022).

    Attributes:
        after: the last hop before it that tells, 0 for this host.
        before: the first hop behind it that tells.
        fields: what it rewrites, as in `Hop.rewritten`.
    """

    after: int
    before: int
    fields: tuple[str, ...]


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
        translations: where probes are rewritten, as far as quotes tell: some translators undo it in these.
    """

    _repr_html_ = as_html
    __rich__ = as_rich
    _repr_mimebundle_ = as_bundle
    plot = plot

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
    translations: tuple[Translation, ...] = ()


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
        complete: whether the search came to its end; False where a time limit cut it short. Then more than
            `mtu` may pass, and who limits it is not known for sure.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    target: IPAddress
    host: str | None = None
    mtu: int | None
    confirmed: bool
    limited_by: IPAddress | None = None
    limited_at: int | None = None
    black_hole: bool | None
    steps: tuple[PathMtuStep, ...] = ()
    complete: bool = True


@attrs.frozen(order=False)
class PathNode:
    """A router at one distance, on one path or several.

    Attributes:
        ttl: its hop limit.
        address: its address, None for silence.
        balances: what it sends different ways: flows, or packets of one flow; None: it has one next hop, or
            that cannot be told.
        rtt: the shortest round trip in seconds, None for silence.
        final: a way ends there: the target, or a router that reports it unreachable.
        mpls: labels of the MPLS stack that it reported (RFC 4950), outermost first.
        nat: whether the datagram it quoted shows a rewrite on the way; None: cannot be told.
    """

    ttl: int
    address: IPAddress | None
    balances: Literal["flow", "packet"] | None = attrs.field(default=None, kw_only=True)
    rtt: float | None = attrs.field(default=None, kw_only=True)
    final: bool = attrs.field(default=False, kw_only=True)
    mpls: tuple[MplsLabel, ...] = attrs.field(default=(), kw_only=True)
    nat: bool | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(order=False)
class PathEdge:
    """A link: a flow that reaches one node reaches the other one hop farther.

    Attributes:
        ttl: hop limit of the source; the target's is one more.
        source, target: addresses, None for silence.
        flows: how many flows were heard at both ends. Edges between the same nodes are equal whatever it is.
    """

    ttl: int
    source: IPAddress | None
    target: IPAddress | None
    flows: int = attrs.field(default=0, kw_only=True, eq=False)


@attrs.frozen(kw_only=True, order=False)
class Diamond:
    """Hops in a row with several nodes each, and the nodes before and behind them.

    Attributes:
        ttl: hop limit of the node where the ways part, 0 for this host.
        length: hops from there to where they meet again, or to the end.
        width: the most nodes of one hop in between.
        source, target: addresses of the nodes where the ways part and meet; None for silence, for this host,
            and where the ways do not meet.
    """

    ttl: int
    length: int
    width: int
    source: IPAddress | None
    target: IPAddress | None


@attrs.frozen(kw_only=True, order=False)
class PathGraph:
    """All load-balanced paths to a host.

    Attributes:
        target: the address.
        host: the name as asked, None where an address was given.
        nodes: in order of hop limit; silent ones have no address.
        edges: in order of hop limit.
        diamonds: in order of hop limit.
        reached: whether the target itself answered.
        confidence: the chance, at least, that nothing is missing, if balancers spread flows evenly; see
            `per_node`.
        per_node: the confidence is that of each node alone.
        lite: MDA-Lite has sufficed: the confidence holds if flows come evenly to all nodes of a hop, which a
            few flows have shown. False also where it was asked for, and has gone on in full.
        complete: whether the search came to its end; False where a time limit or failures to send cut it
            short.
        method, port: how it was probed.
        probes: probes sent.
        stopped_by: the target's answer, what reported it unreachable, or a failure to send; None: the ways
            end in silence.
    """

    _repr_html_ = as_html
    __rich__ = as_rich
    _repr_mimebundle_ = as_bundle

    target: IPAddress
    host: str | None = None
    nodes: tuple[PathNode, ...]
    edges: tuple[PathEdge, ...]
    diamonds: tuple[Diamond, ...]
    reached: bool
    confidence: float
    per_node: bool = False
    lite: bool = False
    complete: bool
    method: str
    port: int | None = None
    probes: int
    stopped_by: Outcome | None = None

    def to_dot(self) -> str:
        """The graph for Graphviz."""
        return "\n".join(
            ["digraph paths {", "  rankdir=LR;"]
            + [
                f'  "{node.ttl} {_text(node.address)}" [label="{_text(node.address)}"];'
                for node in self.nodes
            ]
            + [
                f'  "{edge.ttl} {_text(edge.source)}" -> "{edge.ttl + 1} {_text(edge.target)}";'
                for edge in self.edges
            ]
            + ["}", ""]
        )

    def to_mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        names = {(node.ttl, node.address): f"n{i}" for i, node in enumerate(self.nodes)}
        return "\n".join(
            ["flowchart LR"]
            + [f'  {names[node.ttl, node.address]}["{_text(node.address)}"]' for node in self.nodes]
            + [
                f"  {names[edge.ttl, edge.source]} --> {names[edge.ttl + 1, edge.target]}"
                for edge in self.edges
            ]
            + [""]
        )

    def to_networkx(self) -> Any:
        """The graph as a `networkx.DiGraph`: nodes are (hop limit, address), with `node`, the PathNode.

        Raises ImportError where the extra networkx is not installed.
        """
        try:
            graph = import_module("networkx").DiGraph()
        except ImportError as error:
            raise ImportError(
                "to_networkx needs the extra 'networkx': pip install 'anyicmp[networkx]'"
            ) from error
        for node in self.nodes:
            graph.add_node((node.ttl, node.address), node=node)
        graph.add_edges_from(((edge.ttl, edge.source), (edge.ttl + 1, edge.target)) for edge in self.edges)
        return graph


def _text(address: IPAddress | None) -> str:
    return "*" if address is None else str(address)
