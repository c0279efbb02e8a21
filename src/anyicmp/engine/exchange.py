"""The hub of the engine: plans' rows out, answers matched to them, timeouts.

A deterministic function of verb, time and bytes. It holds no socket, clock, loop or random source; time
is int nanoseconds of a monotonic clock that the caller reads.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from anyicmp.engine.matching import Matching, Results
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.plan import Plan
from anyicmp.engine.room import Room
from anyicmp.engine.schedule import Schedule
from anyicmp.engine.table import FORGOTTEN, SLOTS, Run, Table, slot_of
from anyicmp.methods.base import ProbeMethod
from anyicmp.wire.batch import PacketBatch

__all__ = ["Exchange", "Results"]


class Exchange:
    """Probes of one method over one transport.

    Attributes:
        counts: all that was sent and heard.
        room: the receive buffers that answers may take; probes whose answers would not fit wait.
        matching: what becomes of the probes that have left.
    """

    def __init__(self, method: ProbeMethod, room: Room) -> None:
        self.method, self.room = method, room
        self.table = Table(4 if method.version == 4 else 16, len(room.used))
        self.matching = Matching(method, self.table, room)
        self.counts = self.matching.counts
        self._plans = Schedule()
        self._largest = 0

    # Plans come and go.

    def start(self, plan: Plan, now: int, pacer: Pacer | None = None) -> None:
        """Take a plan in; it is asked for rows no faster than the pacer, which others may share, allows."""
        self._largest = max(self._largest, plan.template.octets)
        self._plans.add(plan, pacer)
        self._plans.ask(plan, now)

    def schedule(self, plan: Plan, now: int) -> None:
        """Ask a plan anew when its next row is due, for it was told something from outside."""
        self._plans.ask(plan, now)

    def forget(self, plan: Plan) -> None:
        """Drop a plan: its waiter is gone, or it is done. Nothing of it is waited for any longer."""
        if plan.waiting:
            for slot in self.table.waiting_for(plan):
                self.matching.close(slot, FORGOTTEN)
        self._plans.remove(plan)
        if not self._plans:
            self._largest = 0

    def release(self, plan: Plan, wanted: Callable[[int], bool]) -> None:
        """Wait for those probes of a plan alone whose tags are wanted."""
        tags = self.table.tag
        for slot in self.table.waiting_for(plan):
            if not wanted(tags[slot]):
                self.matching.close(slot, FORGOTTEN)

    @property
    def largest(self) -> int:
        """Octets of the largest probe of any plan since there was none, 0 without plans."""
        return self._largest

    # Rows out.

    def fill(self, tx: PacketBatch, now: int) -> int:
        """Write due probes to rows 0, 1, ... of `tx`; returns how many. Their nonces stand in `tx`.

        A slot of `tx` has room for `largest` octets.
        """
        n = 0
        self.matching.quarantine.release(now)
        for _ in range(self._plans.advance(now)):
            plan = self._plans.first()
            if plan is None or n == tx.capacity:
                break
            fitting = self._fitting(plan)
            if fitting > 0:
                taken = self._take(tx, n, min(tx.capacity - n, fitting), plan, now)
                self._plans.next(now, served=taken > 0)
                n += taken
            elif self._vacant(plan) < 1:
                self._plans.pass_by()
            else:
                break
        return n

    def _fitting(self, plan: Plan) -> int:
        """How many more probes of this plan may be in flight in the lane that is next."""
        return min(self.room.fitting(plan.template.size), self._vacant(plan))

    def _vacant(self, plan: Plan) -> int:
        lane, whole = self.room.emptiest, plan.template.carries_token
        return self.table.vacant(lane) - (0 if whole else self.matching.quarantine.in_lane[lane])

    def _take(self, tx: PacketBatch, at: int, room: int, plan: Plan, now: int) -> int:
        """Let one plan write up to `room` rows from `at` on, and open their slots."""
        pacer = self._plans.pacer(plan)
        if pacer is not None:
            room = min(room, pacer.allowance(now))
            if room < 1:
                return 0
        lane, whole = self.room.emptiest, plan.template.carries_token
        token, most = self.table.reserve(room, lane, None if whole else self.matching.quarantine)
        n = plan.take(tx, at, at + most, now)
        if n:
            if pacer is not None:
                pacer.spend(n)
            self.table.open(token, tx, at, at + n, plan)
            self.room.take(lane, plan.template.size, n)
            self.method.stamp(tx, at, at + n, token, plan.template)
        return n

    def sent(self, tx: PacketBatch, start: int, stop: int) -> None:
        """Rows [start, stop) have left between `tx.before` and `tx.after` (nanoseconds)."""
        table = self.table
        span, rows, ahead = tx.after - tx.before, stop - start, tx.real - tx.before
        self.counts.sent += rows
        i = start
        while i < stop:
            first = slot_of(tx.token[i])
            plan = table.plan[first]
            j = self._end_of_run(tx, i, stop, plan) if rows > 1 else stop
            n = j - i
            if n == 1:
                table.handed_at[first], table.ahead[first] = tx.before, ahead
                table.sent_at[first] = tx.before + span * (i - start) // rows
            else:
                table.handed_at[first : first + n] = array("q", [tx.before]) * n
                table.ahead[first : first + n] = array("q", [ahead]) * n
                # Within one batched call the rows leave evenly, as far as anyone can tell.
                left = [tx.before + span * k // rows for k in range(i - start, j - start)]
                table.sent_at[first : first + n] = array("q", left)
            if plan is not None and not plan.template.carries_token:
                self.matching.quarantine.hold(first, n, tx.after)
            run = Run(first, n, tx.token[i] >> 16 & 0xFFFFFFFF, tx.after + (plan.timeout if plan else 0))
            if plan is not None and plan in self._plans:
                table.await_until(run, plan.timeout)
            else:
                for slot in table.open_in(run):
                    self.matching.close(slot, FORGOTTEN)
                self.matching.let_go(tx.token[i:j])
            i = j

    def _end_of_run(self, tx: PacketBatch, i: int, stop: int, plan: Plan | None) -> int:
        """Where the run that begins at row i ends: neighbours in lane, generation and plan."""
        first, token = slot_of(tx.token[i]), tx.token[i]
        # Tokens are handed out in order: if the last row is as far from this one in token, all between are.
        n = stop - i
        together = tx.token[stop - 1] - token == n - 1 and (token & 0xFFFF) + n <= SLOTS
        if together and self.table.plan[first : first + n].count(plan) == n:
            return stop
        j = i + 1
        while (
            j < stop
            and tx.token[j] == tx.token[j - 1] + 1
            and tx.token[j] & 0xFFFF
            and self.table.plan[first + j - i] is plan
        ):
            j += 1
        return j

    # What became of them.

    def failed(self, tx: PacketBatch, i: int, errno: int, now: int) -> Results:
        """Row i could not be sent, for the reason that `errno` gives."""
        return self._tell(self.matching.failed(tx, i, errno, now), now)

    def feed(self, rx: PacketBatch, n: int) -> Results:
        """Match the first n rows of `rx`, received at `rx.after`."""
        return self._tell(self.matching.feed(rx, n), rx.after)

    def expire(self, now: int, real: int) -> Results:
        """End the waiting of all probes whose timeout has passed; `real` is the Unix time at `now`."""
        return self._tell(self.matching.expire(now, real), now)

    def is_due(self, now: int) -> bool:
        """Whether a plan may have rows to send."""
        return self._plans.is_due(now)

    def next_deadline(self) -> int | None:
        """When the next timeout or due row is, None if nothing is; 0 if a plan is ready now."""
        plan = self._plans.first()
        if plan is not None and self._fitting(plan) > 0:
            return 0
        release = None if plan is None else self.matching.quarantine.next_release()
        earliest = self.table.next_deadline()
        for at in (self._plans.next_due(), release):
            if at is not None and (earliest is None or at < earliest):
                earliest = at
        return earliest

    def _tell(self, results: Results, now: int) -> Results:
        told: Results = []
        for plan, batch in results:
            if plan in self._plans:
                told.append((plan, plan.heard(batch)))
                if plan.responsive and not plan.done:
                    self._plans.ask(plan, now)
        return told
