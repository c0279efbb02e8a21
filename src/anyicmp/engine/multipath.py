"""The plan of a multipath trace: the Multipath Detection Algorithm with node control.

It decides which flow is sent with which hop limit, until every router has shown its next hops. How many flows
are enough is told from outside; rows for people are made elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import isnan

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["MultipathPlan", "Vertex"]

AT_ONCE = 128
"""Probes in flight: each may be of a flow of its own, and a transport holds only so many ports."""

GAP = 4
"""So many silent hops in a row end a way."""

MISSES = 20
"""A router that is missed by so many flows in a row, times the routers of its hop, is sought no longer: under
equal weights that happens by chance in one case of e^20."""

FAILURES = 32
"""So many probes that could not leave, one after the other, end the trace."""


class Vertex:
    """A router at one distance, or the silence there.

    Attributes:
        ttl: its hop limit, 0 for this host.
        address: packed, None for silence.
        final: it ended the way: the target, or who reports it unreachable.
        next: where flows that reach it were heard one hop farther; `before`: and one hop nearer.
        asked: flows that reach it and were sent one hop farther.
        spare: flows that reach it and were not.
        per_packet: it sends packets of one flow different ways; None until that was looked at.
        rtt: the shortest round trip, in seconds; NaN where there is none.
        gap: silent hops up to here, in a row.
        again: probes of one flow that were sent once more.
    """

    __slots__ = (
        "address",
        "again",
        "asked",
        "before",
        "final",
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
        self.rtt = float("nan")
        self.gap = 0 if address is not None else 1


class MultipathPlan:
    """All load-balanced ways to one address; see `plan.Plan`.

    Each router on the way is an urn of next hops. Flows that reach it are sent one hop farther, until as many
    have been as `enough` says for one next hop more than was seen. Where too few flows are known to reach it,
    new ones are sent to its own distance (node control). No probe is sent that the sequence of single
    probes would not have sent, although they travel together: only so many are asked for as are missing for
    certain.

    A router with several next hops gets one flow again, so that one that balances packets, not flows, shows.

    Attributes:
        hops: the vertices by hop limit; the first is this host.
        sent: probes sent so far.
        end: how the trace was ended by outcomes that leave nothing to learn: row of the target's answer or of
            a failure to send, as (batch, row); None: no such.
    """

    many = False
    responsive = True

    def __init__(
        self,
        probe: Probe,
        template_of: Callable[[int], Template],
        *,
        enough: Callable[[int, int], int],
        max_hops: int,
        timeout: int,
        attempts: int,
    ) -> None:
        """`template_of` makes the template of a flow, counted from 0. `enough` takes a hypothesis, a number
        of next hops, and how many balancers there are with this one; it returns how many flows refute it.
        `attempts`: so often a flow that stays unanswered is sent to a hop.
        """
        self.template = template_of(0)
        self.timeout = timeout
        self.waiting = 0
        self.sent = 0
        self.end: tuple[OutcomeBatch, int] | None = None
        self._probe = probe
        self._template_of = template_of
        self._enough = enough
        self._max_hops, self._attempts = max_hops, attempts
        self._host = Vertex(0, None, False)
        self._host.gap = 0
        self.hops: list[dict[tuple[bytes | None, bool], Vertex]] = [{(None, False): self._host}]
        self.hops += [{} for _ in range(max_hops)]
        self._where: list[dict[int, Vertex]] = [{} for _ in range(max_hops + 1)]
        self._asked: list[set[int]] = [set() for _ in range(max_hops + 1)]
        self._pending = [0] * (max_hops + 1)
        self._flows = 0
        self._failed = 0
        # A probe is its flow, its hop limit, the attempts before it, and whether it is one of a flow again.
        self._queue: deque[tuple[int, int, int, bool]] = deque()
        self._probes: dict[int, tuple[int, int, int, bool]] = {}
        self._ask()

    @property
    def done(self) -> bool:
        return not self._queue and not self._probes

    @property
    def complete(self) -> bool:
        """Whether all was asked that there was to ask."""
        return self.done and self._failed < FAILURES

    # Rows out.

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        queue, at = self._queue, start
        if not queue or len(self._probes) >= AT_ONCE:
            return 0
        flow = queue[0][0]
        template = self.template = self._template_of(flow)
        while at < stop and queue and queue[0][0] == flow and len(self._probes) < AT_ONCE:
            probe = queue.popleft()
            self._probe.write(tx, at, hop_limit=probe[1])
            tx.flow_label[at], tx.tag[at] = template.label, self.sent
            self._probes[self.sent] = probe
            self.sent += 1
            at += 1
        return at - start

    def wake_at(self, now: int) -> int | None:
        return now if self._queue and len(self._probes) < AT_ONCE else None

    # What was heard.

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        for i, tag in enumerate(outcomes.tags):
            probe = self._probes.pop(tag, None)
            if probe is not None:
                self._hear(outcomes, i, *probe)
        if self._failed < FAILURES:
            self._ask()
        else:
            self._queue.clear()
        return outcomes

    def _hear(self, outcomes: OutcomeBatch, i: int, flow: int, ttl: int, attempt: int, again: bool) -> None:
        kind = outcomes.kinds[i]
        if kind == FAILED:
            self._failed += 1
            self._withdraw(flow, ttl, again)
            if self.end is None:
                self.end = outcomes, i
            return
        self._failed = 0
        address = None
        if kind in (REPLY, ERROR):
            width = 4 if outcomes.version == 4 else 16
            address = bytes(outcomes.sources[i * width : (i + 1) * width])
        elif attempt + 1 < self._attempts:
            self._queue.append((flow, ttl, attempt + 1, again))
            return
        final = kind == REPLY or (kind == ERROR and outcomes.is_unreachable(i))
        if final and (self.end is None or self.end[0].kinds[self.end[1]] == FAILED or kind == REPLY):
            self.end = outcomes, i
        if again and address is None:
            before = self._before(flow, ttl)
            if before is not None:
                before.again -= 1  # this one tells nothing
            return
        vertex = self.hops[ttl].get((address, final))
        if vertex is None:
            vertex = self.hops[ttl][address, final] = Vertex(ttl, address, final)
        rtt = outcomes.rtts[i]
        vertex.rtt = rtt if isnan(vertex.rtt) else min(vertex.rtt, rtt)
        if again:
            self._compare(flow, vertex)
            return
        self._pending[ttl] -= 1
        self._place(flow, vertex)

    def _withdraw(self, flow: int, ttl: int, again: bool) -> None:
        """A probe did not leave: another flow stands in for this one."""
        before = self._before(flow, ttl)
        if again and before is not None:
            before.again -= 1
            return
        self._pending[ttl] -= 1
        if before is not None:
            before.asked -= 1

    def _place(self, flow: int, vertex: Vertex) -> None:
        """A flow reaches a vertex."""
        ttl = vertex.ttl
        self._where[ttl][flow] = vertex
        for other in self.hops[ttl].values():
            other.missed = 0 if other is vertex else other.missed + 1
        if ttl < self._max_hops and flow in self._asked[ttl + 1]:
            vertex.asked += 1
            farther = self._where[ttl + 1].get(flow)
            if farther is not None:
                self._connect(vertex, farther)
        else:
            vertex.spare.append(flow)
        nearer = self._before(flow, ttl)
        if nearer is not None:
            self._connect(nearer, vertex)

    def _connect(self, nearer: Vertex, farther: Vertex) -> None:
        # Behind the end of a way there is only the end again.
        if nearer.final or (farther.final and nearer.address == farther.address):
            return
        nearer.next[farther] = nearer.next.get(farther, 0) + 1
        farther.before[nearer] = farther.before.get(nearer, 0) + 1
        if farther.address is None:
            farther.gap = 1 + min(vertex.gap for vertex in farther.before)

    def _before(self, flow: int, ttl: int) -> Vertex | None:
        """What a flow reaches one hop nearer, as far as is known."""
        return self._host if ttl == 1 else self._where[ttl - 1].get(flow)

    def _compare(self, flow: int, vertex: Vertex) -> None:
        """A flow was sent again: one that now goes elsewhere is not what the router balances."""
        first, before = self._where[vertex.ttl][flow], self._before(flow, vertex.ttl)
        if before is None:
            return
        if vertex is not first:
            before.per_packet = True
            self._connect(before, vertex)
        elif before.per_packet is None:
            before.per_packet = False

    # What is missing.

    def _ask(self) -> None:
        """Ask for all probes that are missing for certain."""
        balancers = sum(len(vertex.next) > 1 for hop in self.hops for vertex in hop.values())
        coming = missing = 0
        for ttl in range(self._max_hops):
            # What the hop before this one misses will be sent to this one when it is found.
            coming, missing = missing, 0
            width = len(self.hops[ttl])
            for vertex in list(self.hops[ttl].values()):
                if vertex.final or vertex.gap >= GAP:
                    continue
                if ttl and not vertex.before:
                    self._find_origin(vertex)
                short = self._ask_behind(vertex, balancers + (len(vertex.next) < 2))
                if vertex.missed < MISSES * width:
                    missing += short
            if missing > self._pending[ttl] + coming:
                self._seek(ttl, missing - self._pending[ttl] - coming)

    def _ask_behind(self, vertex: Vertex, balancers: int) -> int:
        """Send flows that reach a vertex one hop farther; returns how many flows are missing for that."""
        ways = len(vertex.next)
        short = self._enough(max(2, ways + 1), balancers) - vertex.asked
        while short > 0 and (vertex.spare or vertex is self._host):
            self._send(self._new_flow() if vertex is self._host else vertex.spare[0], vertex.ttl + 1)
            short -= 1
        if ways > 1 and vertex.per_packet is not True:
            self._send_again(vertex, self._enough(2, balancers) - vertex.again)
        return max(0, short)

    def _send_again(self, vertex: Vertex, times: int) -> None:
        ttl = vertex.ttl + 1
        if vertex.witness is None:
            known = self._where[ttl]
            vertex.witness = next(
                (
                    flow
                    for flow, farther in known.items()
                    if farther.address is not None and self._before(flow, ttl) is vertex
                ),
                None,
            )
        if vertex.witness is not None:
            for _ in range(times):
                vertex.again += 1
                self._queue.append((vertex.witness, ttl, 0, True))

    def _seek(self, ttl: int, number: int) -> None:
        """Send flows to a hop, some of which will reach the vertices there that miss some."""
        # Those that are known to come by one hop nearer tell of a link as well.
        nearer = [v for v in self.hops[ttl - 1].values() if v.spare and not v.final] if ttl > 1 else []
        for _ in range(number):
            nearer = [vertex for vertex in nearer if vertex.spare]
            self._send(nearer[0].spare[0] if nearer else self._new_flow(), ttl)

    def _find_origin(self, vertex: Vertex) -> None:
        """Send a flow that reaches a vertex one hop nearer: nobody knows yet where it comes from."""
        ttl = vertex.ttl
        flow = next((flow for flow, reached in self._where[ttl].items() if reached is vertex), None)
        if flow is not None and flow not in self._asked[ttl - 1]:
            self._send(flow, ttl - 1)

    def _new_flow(self) -> int:
        self._flows += 1
        return self._flows - 1

    def _send(self, flow: int, ttl: int) -> None:
        self._asked[ttl].add(flow)
        self._pending[ttl] += 1
        nearer = self._before(flow, ttl)
        if nearer is not None:
            nearer.asked += 1
            if nearer.spare:
                nearer.spare.remove(flow)
        self._queue.append((flow, ttl, 0, False))
