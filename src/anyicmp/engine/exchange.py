"""The hub of the engine: plans' rows out, answers matched to them, timeouts.

A deterministic function of verb, time and bytes. It holds no socket, clock, loop or random source; time
is int nanoseconds of a monotonic clock that the caller reads.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import cast

from anyicmp.engine.matching import Matching, Results
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.plan import PatientPlan, Plan
from anyicmp.engine.room import Room
from anyicmp.engine.schedule import Schedule
from anyicmp.engine.table import FORGOTTEN, SLOTS, Run, Table
from anyicmp.methods.base import ProbeMethod
from anyicmp.wire.batch import PacketBatch
from anyicmp.wire.wide import column_of, ramp

__all__ = ["Exchange", "Results"]

JITTER = 1000
"""Nanoseconds by which the wall clock may seem to be ahead differently, and nobody has touched it."""


class Exchange:
    """Probes of one method over one transport.

    Attributes:
        counts: all that was sent and heard.
        room: the receive buffers that answers may take; probes whose answers would not fit wait.
        matching: what becomes of the probes that have left.
    """

    def __init__(self, method: ProbeMethod, room: Room, *, hopeful: bool = False) -> None:
        """`hopeful`: see `be_careful`."""
        self.method, self.room = method, room
        self._hopeful = hopeful
        self.table = Table(4 if method.version == 4 else 16, len(room.used))
        self.matching = Matching(method, self.table, room)
        self.counts = self.matching.counts
        self._plans = Schedule()
        self._largest = 0
        self._ahead = 0

    # Plans come and go.

    def start(self, plan: Plan, now: int, pacer: Pacer | None = None) -> None:
        """Take a plan in; it is asked for rows no faster than the pacer, which others may share, allows."""
        if not self._plans:
            self.room.careful = not self._hopeful
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

    def be_careful(self, now: int) -> None:
        """This host has lost answers: doubt the silence of what is in flight, and risk it no longer.

        Where an exchange is hopeful, more probes are in flight than the buffers hold answers, until this
        happens. Who was lost is probed again.
        """
        self.matching.doubted_at = now
        self.room.careful = True

    # Rows out.

    def fill(self, tx: PacketBatch, now: int) -> int:
        """Write due probes to rows 0, 1, ... of `tx`; returns how many. Their nonces stand in `tx`.

        A slot of `tx` has room for `largest` octets.
        """
        n, plans = 0, self._plans
        self.matching.quarantine.release(now)
        left = plans.advance(now)
        while left and n < tx.capacity and (plan := plans.first()) is not None:
            left -= 1
            lane, template = self.room.emptiest, plan.template
            vacant = self._vacant(plan, lane)
            room = min(self.room.fitting(lane, template.size), vacant, tx.capacity - n)
            if room > 0:
                taken = self._take(tx, n, room, plan, lane, now)
                plans.next(now, served=taken > 0)
                n += taken
                # One that takes a flow at a time may have others.
                left += plan.template is not template
            elif vacant < 1:
                plans.pass_by()
            else:
                break
        tx.written, tx.serial = n, tx.serial + 1
        return n

    def _vacant(self, plan: Plan, lane: int) -> int:
        """Slots of a lane that this plan may use."""
        vacant = SLOTS - self.table.in_lane[lane]
        return vacant if plan.template.carries_token else vacant - self.matching.quarantine.in_lane[lane]

    def _take(self, tx: PacketBatch, at: int, room: int, plan: Plan, lane: int, now: int) -> int:
        """Let one plan write up to `room` rows from `at` on, and open their slots."""
        pacer, template = self._plans.pacer(plan), plan.template
        if pacer is not None:
            room = min(room, pacer.allowance(now))
            if room < 1:
                return 0
        held = None if template.carries_token else self.matching.quarantine
        token, most = self.table.reserve(room, lane, held)
        n = plan.take(tx, at, at + most, now)
        if n:
            if pacer is not None:
                pacer.spend(n)
            self.table.open(token, tx, at, at + n, plan)
            self.room.used[lane] += n * self.room.cost[template.size]
            # A plan may have chosen another flow for these rows.
            template = plan.template
            if template.own_port:
                self.table.note_ports(token, n, template.own_port, template.port)
            self.method.stamp(tx, at, at + n, token, template)
        return n

    def sent(self, tx: PacketBatch, start: int, stop: int) -> None:
        """Rows [start, stop) have left between `tx.before` and `tx.after` (nanoseconds)."""
        table = self.table
        before, rows = tx.before, stop - start
        span, ahead = tx.after - before, tx.real - before
        if rows > 1:
            # Two readings of both clocks differ by their own time: not for that shall a column's numbers.
            if abs(ahead - self._ahead) > JITTER:
                self._ahead = ahead
            ahead = self._ahead
        self.counts.sent += rows
        i = start
        while i < stop:
            token = tx.token[i]
            first = (token >> 48) * SLOTS + (token & 0xFFFF)
            plan = table.plan[first]
            j = self._end_of_run(tx, i, stop, first, plan) if rows > 1 else stop
            n = j - i
            if n == 1:
                table.handed_at[first], table.ahead[first] = before, ahead
                table.sent_at[first] = before + span * (i - start) // rows if i > start else before
            else:
                table.handed_at[first : first + n] = array("q", [before]) * n
                table.ahead[first : first + n] = array("q", [ahead]) * n
                # Within one batched call the rows leave evenly, as far as anyone can tell.
                step = span // rows
                table.sent_at[first : first + n] = column_of(ramp(before + step * (i - start), step, n), n)
            if plan is not None and not plan.template.carries_token:
                self.matching.quarantine.hold(first, n, tx.after)
            if plan is not None and plan.patient:
                cast("PatientPlan", plan).left(i, j, before)
            run = Run(first, n, token >> 16 & 0xFFFFFFFF, tx.after + (plan.timeout if plan else 0))
            if plan is not None and plan in self._plans:
                table.await_until(run, plan.timeout)
            else:
                for slot in table.open_in(run):
                    self.matching.close(slot, FORGOTTEN)
                self.matching.let_go(tx.token[i:j])
            i = j

    def _end_of_run(self, tx: PacketBatch, i: int, stop: int, first: int, plan: Plan | None) -> int:
        """Where the run from row i, slot `first`, ends: neighbours in lane, generation and plan."""
        token, n = tx.token[i], stop - i
        # Tokens are handed out in order: if the last row is as far from this one in token, all between are.
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
        earliest, due = self.table.next_deadline(), self._plans.next_due()
        plan = self._plans.first()
        if plan is not None:
            lane = self.room.emptiest
            if self._vacant(plan, lane) > 0 and self.room.fitting(lane, plan.template.size) > 0:
                return 0
            release = self.matching.quarantine.next_release()
            if release is not None and (due is None or release < due):
                due = release
        if due is None or (earliest is not None and earliest < due):
            return earliest
        return due

    def _tell(self, results: Results, now: int) -> Results:
        told: Results = []
        for plan, batch in results:
            if plan in self._plans:
                told.append((plan, plan.heard(batch)))
                if plan.responsive and not plan.done:
                    self._plans.ask(plan, now)
        return told
