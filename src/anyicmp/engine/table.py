"""The probes in flight: columns by slot, rings by timeout.

A slot is a lane's sequence number; its generation tells its uses apart. Nothing here knows what a probe
is for or what its bytes look like.
"""

from __future__ import annotations

import mmap
from array import array
from collections import deque
from struct import Struct
from sys import byteorder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyicmp.engine.plan import Plan
    from anyicmp.engine.quarantine import Quarantine
    from anyicmp.wire.batch import PacketBatch

__all__ = ["ANSWERED", "FORGOTTEN", "NEVER", "OPEN", "OVER", "SLOTS", "Run", "Table"]

SLOTS = 65536
"""Slots a lane: the sequence number of an echo has 16 bits."""

NEVER, OPEN, ANSWERED, OVER, FORGOTTEN = range(5)
"""States of a slot: never used; waiting; answered; timed out; its waiter was cancelled."""

_OPEN = bytes([OPEN])
_NONCE = Struct("!I")

NOT_YET = 1 << 63
"""A time later than all others."""
_NONE = b""

# A process that forks must not write into its parent's table. Windows knows neither forks nor the flags.
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


class Run:
    """Probes that left together: `count` slots from `first` on, with one generation and deadline."""

    __slots__ = ("count", "deadline", "first", "generation")

    def __init__(self, first: int, count: int, generation: int, deadline: int) -> None:
        self.first = first
        self.count = count
        self.generation = generation
        self.deadline = deadline


class Table:
    """Columns of `lanes` times 65,536 slots; slot = lane * 65,536 + sequence.

    Attributes:
        state, plan, tag, peer, scope, sent_at, handed_at, ahead, nonce, generation: columns by slot.
            `sent_at` is when the probe left as far as can be told, 0 until it has; `handed_at` when the
            batch with it was handed to the kernel; both monotonic nanoseconds. `ahead` is by how many the
            wall clock was ahead of the monotonic one then. `plan` ends with the last slot that was ever
            used: a slot's state tells whether it has a plan.
        ports: this host's port times 65,536 plus the target's, of probes that have ports.
        earliest: no deadline comes before this time, in nanoseconds.
        in_flight: number of slots in state OPEN; in_lane: the same for each lane.
    """

    __slots__ = (
        "_cursor",
        "_rings",
        "_turn",
        "ahead",
        "earliest",
        "generation",
        "handed_at",
        "in_flight",
        "in_lane",
        "lanes",
        "nonce",
        "peer",
        "plan",
        "ports",
        "scope",
        "sent_at",
        "state",
        "tag",
        "width",
    )

    def __init__(self, width: int, lanes: int) -> None:
        slots = SLOTS * lanes
        self.width = width
        self.lanes = lanes
        self.state = bytearray(slots)
        # A list is no page for later, as the other columns are, and the collector looks at all of it.
        self.plan: list[Plan | None] = []
        self.peer = _pages(width * slots)
        self.tag, self.sent_at, self.handed_at, self.ahead = _columns("Qqqq", slots)
        self.scope, self.nonce, self.generation, self.ports = _columns("IIII", slots)
        self.in_flight = 0
        self._cursor = [0] * lanes
        self._turn = [0] * lanes
        self.in_lane = [0] * lanes
        self._rings: dict[int, deque[Run]] = {}
        self.earliest = NOT_YET

    def vacant(self, lane: int) -> int:
        """Slots of a lane that nothing waits in."""
        return SLOTS - self.in_lane[lane]

    def reserve(self, n: int, lane: int, quarantine: Quarantine | None = None) -> tuple[int, int]:
        """Find up to n vacant slots of a lane in a row; returns (token of the first, how many).

        Needs at least one vacant slot, beside those in quarantine if that is given: they are passed over.
        Nothing changes until `open` is called with the token.
        """
        held = _NONE if quarantine is None else quarantine.held
        base, state, at = lane * SLOTS, self.state, self._cursor[lane]
        while state[base + at] == OPEN or (held and held[base + at]):
            self._advance(lane, 1)
            at = self._cursor[lane]
        token = lane << 48 | (self._turn[lane] & 0xFFFFFFFF) << 16 | at
        if n == 1:
            return token, 1
        if at + n > SLOTS:
            n = SLOTS - at
        at += base
        end = at + n
        taken = state.find(_OPEN, at, end)
        if taken >= 0:
            end = taken
        if held and (taken := held.find(1, at, end)) >= 0:
            end = taken
        return token, end - at

    def _advance(self, lane: int, n: int) -> None:
        self._cursor[lane] += n
        if self._cursor[lane] >= SLOTS:
            self._cursor[lane] = 0
            self._turn[lane] += 1

    def open(self, token: int, tx: PacketBatch, start: int, stop: int, plan: Plan) -> None:
        """Open slots from a reserved token on for rows [start, stop) of `tx`."""
        count, width, lane, at = stop - start, self.width, token >> 48, token & 0xFFFF
        first = lane * SLOTS + at
        if first > len(self.plan):
            self.plan += [None] * (first - len(self.plan))
        if count == 1:
            self.state[first], self.tag[first] = OPEN, tx.tag[start]
            self.plan[first : first + 1] = (plan,)
            self.peer[first * width : (first + 1) * width] = tx.peer[start * width : stop * width]
            self.scope[first], self.sent_at[first] = tx.scope[start], 0
            (self.nonce[first],) = _NONCE.unpack_from(tx.nonce, 4 * start)
            self.generation[first] = token >> 16 & 0xFFFFFFFF
            self.in_flight += 1
            plan.waiting += 1
            self.in_lane[lane] += 1
            if at < SLOTS - 1:
                self._cursor[lane] = at + 1
            else:
                self._advance(lane, 1)
            return
        end = first + count
        self.state[first:end] = _OPEN * count
        self.plan[first:end] = [plan] * count
        self.tag[first:end] = tx.tag[start:stop]
        self.peer[first * width : end * width] = tx.peer[start * width : stop * width]
        self.scope[first:end] = tx.scope[start:stop]
        self.sent_at[first:end] = array("q", bytes(8 * count))
        words = array("I", tx.nonce[4 * start : 4 * stop])
        if byteorder == "little":
            words.byteswap()
        self.nonce[first:end] = words
        self.generation[first:end] = array("I", [token >> 16 & 0xFFFFFFFF]) * count
        self.in_flight += count
        plan.waiting += count
        self.in_lane[lane] += count
        self._advance(lane, count)

    def open_only(self, plan: Plan, tag: int, peer: bytes, scope: int, nonce: int) -> int:
        """Open one slot of the first lane, which is not counted until `count_only`; returns its token."""
        at, width, turn = self._cursor[0], self.width, self._turn[0] & 0xFFFFFFFF
        self.state[at], self.tag[at] = OPEN, tag
        self.plan[at : at + 1] = (plan,)
        self.peer[at * width : (at + 1) * width] = peer
        self.scope[at], self.sent_at[at], self.nonce[at], self.generation[at] = scope, 0, nonce, turn
        if at < SLOTS - 1:
            self._cursor[0] = at + 1
        else:
            self._advance(0, 1)
        return turn << 16 | at

    def count_only(self, plan: Plan) -> None:
        """Count the slot that was opened so, while none else is open."""
        self.in_flight = plan.waiting = self.in_lane[0] = 1

    def note_ports(self, token: int, count: int, own_port: int, port: int) -> None:
        """The probes that were opened from a token on have these ports: their plan may soon choose others."""
        first = slot_of(token)
        self.ports[first : first + count] = array("I", [own_port << 16 | port]) * count

    def close(self, slot: int, state: int) -> Plan:
        """End the waiting of one open slot; returns whose it was."""
        plan = self.plan[slot]
        assert plan is not None
        self.state[slot] = state
        plan.waiting -= 1
        self.in_lane[slot // SLOTS] -= 1
        self.in_flight -= 1
        return plan

    def await_until(self, run: Run, timeout: int) -> None:
        """Put a run that has left into the ring of its timeout (deadlines in a ring only grow)."""
        ring = self._rings.get(timeout)
        if ring is None:
            ring = self._rings[timeout] = deque()
        ring.append(run)
        self.earliest = min(self.earliest, run.deadline)

    def owner(self, slot: int) -> Plan:
        """Whose probe a slot that was used last had."""
        plan = self.plan[slot]
        assert plan is not None
        return plan

    def open_in(self, run: Run) -> list[int]:
        """The slots of a run that still wait; those that a later generation uses are not the run's."""
        state, generation, found, at = self.state, self.generation, [], run.first
        while (at := state.find(_OPEN, at, run.first + run.count)) >= 0:
            if generation[at] == run.generation:
                found.append(at)
            at += 1
        return found

    def waiting_for(self, plan: Plan) -> list[int]:
        """The slots that probes of a plan wait in."""
        state, plans, at = self.state, self.plan, -1
        found: list[int] = []
        while len(found) < plan.waiting and (at := state.find(_OPEN, at + 1)) >= 0:
            if plans[at] is plan:
                found.append(at)
        return found

    def overdue(self, now: int) -> list[Run]:
        """Take the runs whose deadline has come off their rings."""
        runs: list[Run] = []
        for timeout, ring in list(self._rings.items()):
            while ring and ring[0].deadline <= now:
                runs.append(ring.popleft())
            if not ring:
                del self._rings[timeout]
        self.next_deadline()
        return runs

    def waits_whole(self, run: Run) -> bool:
        """Whether all slots of a run still wait, and none is a later generation's."""
        first, end = run.first, run.first + run.count
        return (
            self.state.count(OPEN, first, end) == run.count
            and self.generation[first:end] == array("I", [run.generation]) * run.count
        )

    def next_deadline(self) -> int | None:
        """When the next slot's wait ends, in nanoseconds, None if nothing waits."""
        self.earliest = NOT_YET
        if not self.in_flight:
            self._rings.clear()
            return None
        for ring in self._rings.values():
            # A later generation may wait in a run's slots: then its deadline is only too early.
            while ring and self.state.find(_OPEN, ring[0].first, ring[0].first + ring[0].count) < 0:
                ring.popleft()
            if ring and ring[0].deadline < self.earliest:
                self.earliest = ring[0].deadline
        return self.earliest if self.earliest < NOT_YET else None


def _pages(octets: int) -> mmap.mmap:
    """Zeros, for whose pages memory is taken when they are written: most probers never use most slots."""
    return mmap.mmap(-1, octets, **_PRIVATE)


def _columns(codes: str, slots: int) -> list[memoryview[int]]:
    """The same as columns of numbers, which have one size."""
    size = slots * array(codes[0]).itemsize
    pages = memoryview(_pages(len(codes) * size))
    return [pages[i * size : (i + 1) * size].cast(code) for i, code in enumerate(codes)]  # type: ignore[call-overload]


def slot_of(token: int) -> int:
    """The slot of a token: its lane's sequence number."""
    return (token >> 48) * SLOTS + (token & 0xFFFF)
