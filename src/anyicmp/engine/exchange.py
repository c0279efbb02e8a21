"""The hub of the engine: plans' rows out, answers matched to them, timeouts.

A deterministic function of verb, time and bytes. It holds no socket, clock, loop or random source; time
is int nanoseconds of a monotonic clock that the caller reads.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from anyicmp.engine.belief import is_ours
from anyicmp.engine.block import FEW, match_replies
from anyicmp.engine.counts import Counts
from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, ErrorBytes, OutcomeBatch
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.plan import Plan
from anyicmp.engine.quarantine import Quarantine
from anyicmp.engine.room import Room
from anyicmp.engine.schedule import Schedule
from anyicmp.engine.stamps import note_sending, stamp_time
from anyicmp.engine.table import ANSWERED, FORGOTTEN, NEVER, OPEN, OVER, SLOTS, Run, Table, slot_of
from anyicmp.methods.base import Answer, Answers, ProbeMethod
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind

__all__ = ["Exchange", "Results"]

Results = list[tuple[Plan, OutcomeBatch]]
"""What ended: each plan with the outcomes of its probes, already told to the plan."""

SECOND = 1_000_000_000


class Exchange:
    """Probes of one method over one transport.

    Attributes:
        counts: all that was sent and heard.
        room: the receive buffers that answers may take; probes whose answers would not fit wait.
        doubted_at: when packets were last found lost on this host: what left before may be silent for that.
        quarantine: slots that wait for late answers to probes without a token.
    """

    def __init__(self, method: ProbeMethod, room: Room) -> None:
        self.method, self.room = method, room
        self.table = Table(4 if method.version == 4 else 16, len(room.used))
        self.quarantine = Quarantine(len(room.used), SLOTS)
        self.counts = Counts()
        self._plans = Schedule()
        self._largest = 0
        self.doubted_at = -1
        self._responders: dict[int, set[bytes]] = {}

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
                self._close(slot, FORGOTTEN)
        self._plans.remove(plan)
        if not self._plans:
            self._largest = 0

    def release(self, plan: Plan, wanted: Callable[[int], bool]) -> None:
        """Wait for those probes of a plan alone whose tags are wanted."""
        tags = self.table.tag
        for slot in self.table.waiting_for(plan):
            if not wanted(tags[slot]):
                self._close(slot, FORGOTTEN)

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
        self.quarantine.release(now)
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
        return self.table.vacant(lane) - (0 if whole else self.quarantine.in_lane[lane])

    def _take(self, tx: PacketBatch, at: int, room: int, plan: Plan, now: int) -> int:
        """Let one plan write up to `room` rows from `at` on, and open their slots."""
        pacer = self._plans.pacer(plan)
        if pacer is not None:
            room = min(room, pacer.allowance(now))
            if room < 1:
                return 0
        lane, whole = self.room.emptiest, plan.template.carries_token
        token, most = self.table.reserve(room, lane, None if whole else self.quarantine)
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
                self.quarantine.hold(first, n, tx.after)
            run = Run(first, n, tx.token[i] >> 16 & 0xFFFFFFFF, tx.after + (plan.timeout if plan else 0))
            if plan is not None and plan in self._plans:
                table.await_until(run, plan.timeout)
            else:
                for slot in table.open_in(run):
                    self._close(slot, FORGOTTEN)
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

    def failed(self, tx: PacketBatch, i: int, errno: int, now: int) -> Results:
        """Row i could not be sent, for the reason that `errno` gives."""
        slot = slot_of(tx.token[i])
        if self.table.state[slot] != OPEN:
            return []
        batch = OutcomeBatch(self.method.version)
        plan = self._close(slot, OVER)
        batch.failures[0] = (errno, None)
        self._append(batch, FAILED, slot, sent_at=(tx.real - tx.before + now) / SECOND)
        return self._tell([(plan, batch)], now)

    # Rows in.

    def feed(self, rx: PacketBatch, n: int) -> Results:
        """Match the first n rows of `rx`, received at `rx.after`."""
        if n >= FEW and (block := self._feed_block(rx, n)) is not None:
            return self._tell([block], rx.after)
        answers = self.method.tokens(rx, n)
        results: dict[Plan, OutcomeBatch] = {}
        for i in range(n):
            kind = answers.kinds[i]
            if kind == Answer.FOREIGN:
                self.counts.foreign += 1
            elif kind == Answer.MALFORMED:
                self.counts.malformed += 1
            elif kind in (Answer.REPLY, Answer.ERROR):
                self._match(rx, i, answers, results)
            elif kind == Answer.STAMP:
                note_sending(self.table, rx, i, answers.tokens[i])
        return self._tell(list(results.items()), rx.after)

    def _feed_block(self, rx: PacketBatch, n: int) -> tuple[Plan, OutcomeBatch] | None:
        """All rows at once, if all are replies that one plan waits for."""
        replies = self.method.replies(rx, n)
        found = None if replies is None else match_replies(self.table, rx, n, replies)
        if found is not None:
            self.counts.received += n
            self.room.give(rx.lane[0], found[0].template.size, n)
        return found

    def _match(self, rx: PacketBatch, i: int, answers: Answers, results: dict[Plan, OutcomeBatch]) -> None:
        token, table, counts = answers.tokens[i], self.table, self.counts
        slot, kind = slot_of(token), answers.kinds[i]
        plan, state = table.plan[slot], table.state[slot]
        if plan is None or state == NEVER or not table.sent_at[slot]:
            counts.foreign += 1
            return
        width = rx.width
        peer = table.peer[slot * width : (slot + 1) * width]
        about = rx.peer if kind == Answer.REPLY else rx.original
        right_peer = about[i * width : (i + 1) * width] == peer or (plan.many and kind == Answer.REPLY)
        if not is_ours(self.method, table, self.quarantine, rx, i, answers, slot, plan):
            if answers.whole[i] and token >> 16 & 0xFFFFFFFF < table.generation[slot]:
                counts.late += 1
            else:
                counts.foreign += 1
            return
        if not right_peer:
            counts.foreign += 1
        elif state == OPEN:
            batch = self._batch(results, plan)
            if plan.many and kind == Answer.REPLY and not self._first_of(slot, rx.address(rx.peer, i)):
                counts.duplicates += 1
                batch.copies.append(table.tag[slot])
                return
            counts.received += 1
            self._record(rx, i, answers, slot, batch)
            if not (plan.many and kind == Answer.REPLY):
                self._close(slot, ANSWERED)
        elif state == ANSWERED:
            counts.duplicates += 1
            self._batch(results, plan).count_copy(table.tag[slot])
        else:
            counts.late += 1
            self._batch(results, plan).late.append(table.tag[slot])

    def _batch(self, results: dict[Plan, OutcomeBatch], plan: Plan) -> OutcomeBatch:
        batch = results.get(plan)
        if batch is None:
            batch = results[plan] = OutcomeBatch(self.method.version)
            batch.timeout = plan.timeout / SECOND
        return batch

    def _first_of(self, slot: int, responder: bytes) -> bool:
        """Whether this responder to a broadcast or multicast probe was not heard before."""
        heard = self._responders.setdefault(slot, set())
        known = len(heard)
        heard.add(responder)
        return len(heard) > known

    def _record(self, rx: PacketBatch, i: int, answers: Answers, slot: int, batch: OutcomeBatch) -> None:
        sent_at, width = self.table.sent_at[slot], rx.width
        arrived = stamp_time(self.table, slot, rx, i)
        error = answers.kinds[i] == Answer.ERROR
        queued = rx.kind[i] in (RowKind.ERROR, RowKind.LOCAL_ERROR)
        column = rx.reporter if queued else rx.peer
        if error:
            batch.errors[len(batch)] = ErrorBytes(
                data=bytes(rx.message(i)),
                quoted=Quoted(rx.quoted[i]) if queued else Quoted.PACKET,
                extension=rx.extension[i] - rx.start[i] if rx.extension[i] else 0,
                original=rx.address(rx.original, i),
            )
        self._append(
            batch,
            ERROR if error else REPLY,
            slot,
            sent_at=(rx.real - rx.after + sent_at) / SECOND,
            rtt=max(0, (rx.after if arrived is None else arrived) - sent_at) / SECOND,
            source=column[i * width : (i + 1) * width],
            ttl=rx.hop_limit[i],
            size=answers.sizes[i],
            kernel=arrived is not None,
        )

    def expire(self, now: int, real: int) -> Results:
        """End the waiting of all probes whose timeout has passed; `real` is the Unix time at `now`."""
        results: dict[Plan, OutcomeBatch] = {}
        table = self.table
        for slot in table.overdue(now):
            plan = self._close(slot, OVER)
            batch = self._batch(results, plan)
            if self._responders.pop(slot, None):
                batch.ended.append(table.tag[slot])
            else:
                if table.sent_at[slot] <= self.doubted_at:
                    batch.doubtful.add(table.tag[slot])
                self._append(batch, TIMEOUT, slot, sent_at=(real - now + table.sent_at[slot]) / SECOND)
        return self._tell(list(results.items()), now)

    def next_deadline(self) -> int | None:
        """When the next timeout or due row is, None if nothing is; 0 if a plan is ready now."""
        plan = self._plans.first()
        if plan is not None and self._fitting(plan) > 0:
            return 0
        release = None if plan is None else self.quarantine.next_release()
        times = (self.table.next_deadline(), self._plans.next_due(), release)
        return min((at for at in times if at is not None), default=None)

    def _append(self, batch: OutcomeBatch, kind: int, slot: int, **columns: object) -> None:
        table, width = self.table, self.table.width
        batch.append(
            kind,
            target=bytes(table.peer[slot * width : (slot + 1) * width]),
            scope=table.scope[slot],
            tag=table.tag[slot],
            **columns,  # type: ignore[arg-type]
        )

    def _close(self, slot: int, state: int) -> Plan:
        plan = self.table.plan[slot]
        assert plan is not None
        self.table.close(slot, state)
        self.room.give(slot // SLOTS, plan.template.size)
        if state != OVER:  # the end of its waiting asks who answered
            self._responders.pop(slot, None)
        return plan

    def _tell(self, results: Results, now: int) -> Results:
        told: Results = []
        for plan, batch in results:
            if plan in self._plans:
                told.append((plan, plan.heard(batch)))
                if not plan.done:
                    self._plans.ask(plan, now)
        return told
