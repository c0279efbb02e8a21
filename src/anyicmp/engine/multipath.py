"""The plan of a multipath trace: the Multipath Detection Algorithm with node control, and MDA-Lite.

It decides which flow is sent with which hop limit, until every router has shown its next hops. How many flows
are enough is told from outside; rows for people are made elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import isnan

from anyicmp.engine.outcome import ERROR, FAILED, REPLY, OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.engine.vertex import Lattice, Vertex, is_plain, ways_of
from anyicmp.methods.base import Template
from anyicmp.wire.batch import PacketBatch

__all__ = ["MultipathPlan"]

AT_ONCE = 128
"""Probes in flight: each may be of a flow of its own, and a transport holds only so many ports."""

GAP = 4
"""So many silent hops in a row end a way."""

MISSES = 20
"""A router that is missed by so many flows in a row, times the routers of its hop, is sought no longer: under
equal weights that happens by chance in one case of e^20."""

WITNESSES = 2
"""In MDA-Lite so many flows tell of the links of a vertex where two wide hops follow each other: with fewer
no mesh would ever show (Vermeulen et al. 2018)."""

FAILURES = 32
"""So many probes that could not leave, one after the other, end the trace."""


class MultipathPlan:
    """All load-balanced ways to one address; see `plan.Plan`.

    Each router on the way is an urn of next hops. Flows that reach it are sent one hop farther, until as many
    have been as `enough` says for one next hop more than was seen. Where too few flows are known to reach it,
    new ones are sent to its own distance (node control). No probe is sent that the sequence of single
    probes would not have sent, although they travel together: only so many are asked for as are missing for
    certain.

    A router with several next hops gets one flow again, so that one that balances packets, not flows, shows.

    MDA-Lite (Vermeulen, Strowes, Fourmaux, Friedman 2018) takes the routers of a hop for one urn: so many
    flows are sent farther as refute one more vertex there, whichever routers they come by. That is enough
    where flows come evenly to all vertices of a hop. Where the links that were found say that they need not
    (`vertex.is_plain`), it goes on in full, and what it has heard counts.

    Attributes:
        hops: the vertices by hop limit; the first is this host.
        lite: whether it is MDA-Lite, and still is.
        sent: probes sent so far.
        end: how the trace was ended by outcomes that leave nothing to learn: row of the target's answer or of
            a failure to send, as (batch, row); None: no such.
    """

    many = False
    responsive = True
    patient = False

    def __init__(
        self,
        probe: Probe,
        template_of: Callable[[int], Template],
        *,
        enough: Callable[[int, int], int],
        max_hops: int,
        timeout: int,
        attempts: int,
        lite: bool = False,
        one_per_flow: bool = False,
    ) -> None:
        """`template_of` makes the template of a flow, counted from 0. `enough` takes a hypothesis, a number
        of next hops, and how many balancers there are with this one; it returns how many flows refute it.
        `attempts`: so often a flow that stays unanswered is sent to a hop. `one_per_flow`: no probe of a flow
        leaves before the last one of it has ended.
        """
        self.template = template_of(0)
        self.timeout = timeout
        self.waiting = 0
        self.sent = 0
        self.end: tuple[OutcomeBatch, int] | None = None
        self.lite = lite
        self._probe = probe
        self._one_per_flow = one_per_flow
        self._template_of = template_of
        self._enough = enough
        self._max_hops, self._attempts = max_hops, attempts
        self._lattice = Lattice(max_hops)
        self.hops = self._lattice.hops
        self._host = self._lattice.host
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

    @property
    def known(self) -> int:
        """How many vertices and links were found; it never falls."""
        return sum(1 + len(vertex.next) for hop in self.hops for vertex in hop.values())

    # Rows out.

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        queue, at = self._queue, start
        if not self._may_send():
            return 0
        flow = queue[0][0]
        template = self.template = self._template_of(flow)
        while at < stop and self._may_send() and queue[0][0] == flow:
            probe = queue.popleft()
            self._probe.write(tx, at, hop_limit=probe[1])
            tx.flow_label[at], tx.tag[at] = template.label, self.sent
            self._probes[self.sent] = probe
            self.sent += 1
            at += 1
        return at - start

    def wake_at(self, now: int) -> int | None:
        return now if self._may_send() else None

    def _may_send(self) -> bool:
        """Whether a probe may leave; the first of the queue is one that may."""
        queue = self._queue
        if not queue or len(self._probes) >= AT_ONCE:
            return False
        if not self._one_per_flow:
            return True
        busy = {probe[0] for probe in self._probes.values()}
        waiting = next((i for i, probe in enumerate(queue) if probe[0] not in busy), None)
        queue.rotate(-(waiting or 0))
        return waiting is not None

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
            before = self._lattice.before(flow, ttl)
            if before is not None:
                before.again -= 1  # this one tells nothing
            return
        vertex = self._lattice.vertex(ttl, address, final)
        if vertex.first is None:
            vertex.first = outcomes.only([i]), flow
        rtt = outcomes.rtts[i]
        vertex.rtt = rtt if isnan(vertex.rtt) else min(vertex.rtt, rtt)
        if again:
            self._compare(flow, vertex)
            return
        self._pending[ttl] -= 1
        self._lattice.place(flow, vertex)

    def _withdraw(self, flow: int, ttl: int, again: bool) -> None:
        """A probe did not leave: another flow stands in for this one."""
        before = self._lattice.before(flow, ttl)
        if again and before is not None:
            before.again -= 1
            return
        self._pending[ttl] -= 1
        if before is not None:
            before.asked -= 1

    def _compare(self, flow: int, vertex: Vertex) -> None:
        """A flow was sent again: one that now goes elsewhere is not what the router balances."""
        first, before = self._lattice.where[vertex.ttl][flow], self._lattice.before(flow, vertex.ttl)
        if before is None:
            return
        if vertex is not first:
            before.per_packet = True
            self._lattice.connect(before, vertex)
        elif before.per_packet is None:
            before.per_packet = False

    # What is missing.

    def _ask(self) -> None:
        """Ask for all probes that are missing for certain."""
        known = [ttl for ttl in range(self._max_hops) if self.hops[ttl]]
        balancers = sum(len(ways_of(urn)) > 1 for ttl in known for urn in self._urns(ttl, ended=True))
        missing = [0] * self._max_hops
        for ttl in known:
            urns = self._urns(ttl)
            # One of which nobody knows where it comes from gives a router one next hop more to look behind.
            unplaced = sum(self._find_origin(vertex) for vertex in self.hops[ttl].values() if ttl)
            missing[ttl] = sum(self._ask_behind(urn, balancers) for urn in urns)
            # What the hop before this one misses will be sent to this one when it is found.
            coming = self._pending[ttl] + (missing[ttl - 1] if ttl else 0)
            if missing[ttl] > coming and not unplaced:
                self._seek(ttl, missing[ttl] - coming)
        if self.lite and not self._looks_plain(missing):
            self.lite = False
            self._ask()

    def _looks_plain(self, missing: list[int]) -> bool:
        """Whether the hops that are known as far as MDA-Lite goes are those that it is good for."""
        for ttl in range(self._max_hops):
            if missing[ttl] or self._pending[ttl] or self._pending[ttl + 1]:
                return True
            if not all(map(is_plain, self._urns(ttl))):
                return False
        return True

    def _urns(self, ttl: int, *, ended: bool = False) -> list[list[Vertex]]:
        """The vertices of a hop, those together whose next hops are counted together.

        `ended`: with those behind which nothing is asked.
        """
        vertices = [v for v in self.hops[ttl].values() if ended or not (v.final or v.gap >= GAP)]
        if self.lite:
            return [vertices] if vertices else []
        return [[vertex] for vertex in vertices]

    def _ask_behind(self, urn: list[Vertex], balancers: int) -> int:
        """Send flows that reach an urn one hop farther; returns how many flows are missing for that."""
        ttl, ways = urn[0].ttl, len(ways_of(urn))
        wanted = self._enough(max(2, ways + 1), balancers + (ways < 2))
        # All flows come by a whole hop, whichever of its vertices each comes by.
        whole = self.lite and len(urn) == len(self.hops[ttl])
        behind = len(self._lattice.where[ttl + 1]) + self._pending[ttl + 1]
        short = wanted - (behind if whole else sum(vertex.asked for vertex in urn))
        for vertex in urn:
            if len(vertex.next) > 1 and vertex.per_packet is not True:
                self._send_again(vertex, self._enough(2, balancers) - vertex.again)
        limit = MISSES * len(self.hops[ttl])
        least = self._least(urn, ways)
        lacking = sum(max(0, least - v.reached_by) for v in urn if v.missed < limit)
        while spare := [v for v in urn if v.spare]:
            nearer = min(spare, key=lambda v: v.asked)
            if short <= 0 and nearer.asked >= least:
                break
            self._send(nearer.spare[0], ttl + 1)
            short -= 1
        if whole or urn[0] is self._host:
            # Flows that are on their way to this hop will be sent behind it, and tell of a link as well.
            for _ in range(short - self._pending[ttl]):
                self._send(self._new_flow(), ttl + 1)
            return lacking
        return max(short if min(v.missed for v in urn) < limit else 0, lacking)

    def _least(self, urn: list[Vertex], ways: int) -> int:
        """So many flows are sent behind each vertex of an urn, if there are several."""
        if len(urn) < 2:
            return 0
        return WITNESSES if ways > 1 or len(self.hops[urn[0].ttl - 1]) > 1 else 1

    def _send_again(self, vertex: Vertex, times: int) -> None:
        ttl = vertex.ttl + 1
        if vertex.witness is None:
            known = self._lattice.where[ttl]
            vertex.witness = next(
                (
                    flow
                    for flow, farther in known.items()
                    if farther.address is not None and self._lattice.before(flow, ttl) is vertex
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

    def _find_origin(self, vertex: Vertex) -> bool:
        """Send flows that reach a vertex one hop nearer if too few tell where it comes from.

        Returns whether nobody knows it yet, and it may still become known.
        """
        ttl, lattice = vertex.ttl, self._lattice
        mesh = self.lite and min(len(self.hops[ttl - 1]), len(self.hops[ttl])) > 1
        wanted = WITNESSES if mesh else 1
        if sum(vertex.before.values()) < wanted:
            flows = [flow for flow, reached in lattice.where[ttl].items() if reached is vertex]
            new = [flow for flow in flows if flow not in lattice.sent[ttl - 1]]
            # Of a way that was over before, a flow tells nothing.
            nearer = [lattice.before(flow, ttl) for flow in flows]
            over = sum(other is not None and other.final for other in nearer)
            for flow in new[: max(0, wanted - (len(flows) - len(new) - over))]:
                self._send(flow, ttl - 1)
        return not vertex.before and self._pending[ttl - 1] > 0

    def _new_flow(self) -> int:
        self._flows += 1
        return self._flows - 1

    def _send(self, flow: int, ttl: int) -> None:
        self._lattice.sent[ttl].add(flow)
        self._pending[ttl] += 1
        nearer = self._lattice.before(flow, ttl)
        if nearer is not None:
            nearer.asked += 1
            if nearer.spare:
                nearer.spare.remove(flow)
        self._queue.append((flow, ttl, 0, False))
