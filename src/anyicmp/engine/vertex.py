"""What a multipath trace knows: vertices, the links between them, and whether hops keep to the plain shape.

Which probe is sent next is the plan's to say; rows for people are made elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from anyicmp.engine.outcome import OutcomeBatch

__all__ = ["Lattice", "Vertex", "is_plain", "ways_of"]


class Vertex:
    """A router at one distance, or the silence there.

    Attributes:
        ttl: its hop limit, 0 for this host.
        address: packed, None for silence.
        final: it ended the way: the target, or who reports it unreachable.
        next: where flows that reach it were heard one hop farther; `before`: and one hop nearer.
        asked: flows that reach it and were sent one hop farther.
        spare: flows that reach it and were not.
        missed: flows in a row that came to its hop and not to it.
        per_packet: it sends packets of one flow different ways; None until that was looked at.
        witness: the flow that is sent again for that.
        again: probes of that flow that were sent once more.
        rtt: the shortest round trip, in seconds; NaN where there is none.
        gap: silent hops up to here, in a row.
        first: the first outcome that told of it, as a batch of one row, and its flow; None for this host.
    """

    __slots__ = (
        "address",
        "again",
        "asked",
        "before",
        "final",
        "first",
        "gap",
        "missed",
        "next",
        "per_packet",
        "rtt",
        "spare",
        "ttl",
        "witness",
    )

    def __init__(self, ttl: int, address: bytes | None, final: bool) -> None:
        self.ttl, self.address, self.final = ttl, address, final
        self.next: dict[Vertex, int] = {}
        self.before: dict[Vertex, int] = {}
        self.asked = self.missed = self.again = 0
        self.spare: deque[int] = deque()
        self.per_packet: bool | None = None
        self.witness: int | None = None
        self.first: tuple[OutcomeBatch, int] | None = None
        self.rtt = float("nan")
        self.gap = 0 if address is not None else 1

    @property
    def reached_by(self) -> int:
        """Flows that are known to reach it."""
        return self.asked + len(self.spare)


class Lattice:
    """The vertices of all hops, and which flow reaches which of them.

    Attributes:
        host: this host.
        hops: the vertices by hop limit; the first is this host.
        where: by hop limit, what a flow reaches there.
        sent: by hop limit, the flows that were sent there.
    """

    def __init__(self, max_hops: int) -> None:
        self.host = Vertex(0, None, False)
        self.host.gap = 0
        self.hops: list[dict[tuple[bytes | None, bool], Vertex]] = [{(None, False): self.host}]
        self.hops += [{} for _ in range(max_hops)]
        self.where: list[dict[int, Vertex]] = [{} for _ in range(max_hops + 1)]
        self.sent: list[set[int]] = [set() for _ in range(max_hops + 1)]

    def vertex(self, ttl: int, address: bytes | None, final: bool) -> Vertex:
        """The vertex of an answer, a new one where nobody was heard like this."""
        vertex = self.hops[ttl].get((address, final))
        if vertex is None:
            vertex = self.hops[ttl][address, final] = Vertex(ttl, address, final)
        return vertex

    def before(self, flow: int, ttl: int) -> Vertex | None:
        """What a flow reaches one hop nearer, as far as is known."""
        return self.host if ttl == 1 else self.where[ttl - 1].get(flow)

    def place(self, flow: int, vertex: Vertex) -> None:
        """A flow reaches a vertex."""
        ttl = vertex.ttl
        self.where[ttl][flow] = vertex
        for other in self.hops[ttl].values():
            other.missed = 0 if other is vertex else other.missed + 1
        if ttl + 1 < len(self.sent) and flow in self.sent[ttl + 1]:
            vertex.asked += 1
            farther = self.where[ttl + 1].get(flow)
            if farther is not None:
                self.connect(vertex, farther)
        else:
            vertex.spare.append(flow)
        nearer = self.before(flow, ttl)
        if nearer is not None:
            self.connect(nearer, vertex)

    @staticmethod
    def connect(nearer: Vertex, farther: Vertex) -> None:
        """A flow reaches one and, a hop farther, the other."""
        # Behind the end of a way there is only the end again.
        if nearer.final or (farther.final and nearer.address == farther.address):
            return
        nearer.next[farther] = nearer.next.get(farther, 0) + 1
        farther.before[nearer] = farther.before.get(nearer, 0) + 1
        if farther.address is None:
            farther.gap = 1 + min(vertex.gap for vertex in farther.before)


def ways_of(urn: Sequence[Vertex]) -> set[Vertex]:
    """The next hops of several vertices together."""
    return {farther for vertex in urn for farther in vertex.next}


def is_plain(layer: Sequence[Vertex]) -> bool:
    """Whether the links behind the vertices of a hop look like those of a uniform diamond without a mesh.

    So each vertex of the wider hop has one neighbour in the narrower, and each of the narrower as many as
    the others. Then flows come evenly to all vertices of the next hop if they come evenly to these. A
    balancer of packets is not plain: behind it no flow tells of a link.
    """
    if any(vertex.per_packet for vertex in layer):
        return False
    farther, here = ways_of(layer), set(layer)
    forward = {len(vertex.next) for vertex in layer}
    backward = {len(here & vertex.before.keys()) for vertex in farther}
    wider = forward if len(layer) >= len(farther) else backward
    return len(forward) < 2 and len(backward) < 2 and max(wider, default=0) < 2
