"""Matching: what becomes of the probes in flight, by what is heard of them, or by silence.

It closes slots and writes outcomes. Whose turn it is to send, and what plans make of outcomes, is for the
exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from anyicmp.engine.belief import is_ours
from anyicmp.engine.block import FEW, expected, match_replies, silence
from anyicmp.engine.counts import Counts
from anyicmp.engine.heard import ErrorBytes
from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, OutcomeBatch
from anyicmp.engine.plan import Plan
from anyicmp.engine.quarantine import Quarantine
from anyicmp.engine.room import Room
from anyicmp.engine.stamps import note_sending, note_sendings, stamp_time
from anyicmp.engine.suspects import suspects
from anyicmp.engine.table import ANSWERED, NEVER, OPEN, OVER, SLOTS, Table, slot_of
from anyicmp.methods.base import Answer, Answers, ProbeMethod, Told
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind

__all__ = ["Matching", "Results"]

Results = list[tuple[Plan, OutcomeBatch]]
"""What ended: each plan with the outcomes of its probes."""

SECOND = 1_000_000_000
STAMP = int(RowKind.STAMP)
SLACK = 20_000_000
"""Nanoseconds: a probe's time counts from the end of the call that sent it, its round trip from before."""


class Matching:
    """The probes of one exchange, from their leaving to their end.

    Attributes:
        counts: all that was heard.
        doubted_at: when packets were last found lost on this host: what left before may be silent for that.
        quarantine: slots that wait for late answers to probes without a token.
        on_close: called with the token of each probe that is not waited for any longer; None: nobody asks.
    """

    def __init__(self, method: ProbeMethod, table: Table, room: Room) -> None:
        self.method, self.table, self.room = method, table, room
        self.quarantine = Quarantine(table.lanes, SLOTS)
        self.counts = Counts()
        self.doubted_at = -1
        self.on_close: Callable[[int], None] | None = None
        self._responders: dict[int, set[bytes]] = {}

    def failed(self, tx: PacketBatch, i: int, errno: int, now: int) -> Results:
        """Row i could not be sent, for the reason that `errno` gives."""
        slot = slot_of(tx.token[i])
        if self.table.state[slot] != OPEN:
            return []
        batch = OutcomeBatch(self.method.version)
        plan = self.close(slot, OVER)
        batch.failures[0] = (errno, None)
        self._append(batch, FAILED, slot, sent_at=(tx.real - tx.before + now) / SECOND)
        return [(plan, batch)]

    def feed(self, rx: PacketBatch, n: int) -> Results:
        """Match the first n rows of `rx`, received at `rx.after`."""
        if n >= FEW:
            if rx.kind[0] == STAMP and rx.kind.count(STAMP, 0, n) == n:
                note_sendings(self.table, rx, n)
                return []
            if (block := self._feed_block(rx, n)) is not None:
                return [block]
        answers: Answers | None = None
        results: dict[Plan, OutcomeBatch] = {}
        for i in range(n):
            if rx.kind[i] == STAMP:
                note_sending(self.table, rx, i)
                continue
            if (reply := self.method.reply(rx, i)) and (plan := expected(self.table, rx, i, reply)):
                slot = reply[0] * SLOTS + reply[1]
                if self._came_late(rx, i, slot, plan):
                    self._end_late(rx, slot, self._batch(results, plan))
                    continue
                self.counts.received += 1
                self._record(rx, i, REPLY, reply[4], slot, self._batch(results, plan))
                self.close(slot, ANSWERED)
                continue
            answers = answers or self.method.tokens(rx, n)
            kind = answers.kinds[i]
            if kind == Answer.FOREIGN:
                self.counts.foreign += 1
            elif kind == Answer.MALFORMED:
                self.counts.malformed += 1
            elif kind in (Answer.REPLY, Answer.ERROR):
                self._match(rx, i, answers, results)
        return list(results.items())

    def _came_late(self, rx: PacketBatch, i: int, slot: int, plan: Plan) -> bool:
        """Whether the kernel got a reply after the probe's time, though this process looks only now.

        Asked of plans whose timeout is one: that of a probe which is repeated is not known any longer.
        """
        if plan.responsive or rx.after - self.table.sent_at[slot] <= plan.timeout + SLACK:
            return False
        arrived = stamp_time(self.table, slot, rx, i)
        return arrived is not None and arrived - self.table.sent_at[slot] > plan.timeout + SLACK

    def _end_late(self, rx: PacketBatch, slot: int, batch: OutcomeBatch) -> None:
        """The probe had timed out when its answer came."""
        self._append(batch, TIMEOUT, slot, sent_at=(rx.real - rx.after + self.table.sent_at[slot]) / SECOND)
        batch.late.append(self.table.tag[slot])
        self.counts.late += 1
        self.close(slot, OVER)

    def _feed_block(self, rx: PacketBatch, n: int) -> tuple[Plan, OutcomeBatch] | None:
        """All rows at once, if all are replies that one plan waits for."""
        replies = self.method.replies(rx, n)
        found = None if replies is None else match_replies(self.table, rx, n, replies)
        if found is not None:
            self.counts.received += n
            self.room.used[rx.lane[0]] -= n * self.room.cost[found[0].template.size]
        return found

    def _match_flow(
        self, rx: PacketBatch, i: int, answers: Answers, results: dict[Plan, OutcomeBatch]
    ) -> None:
        """A row that tells the flow alone is about the only probe of it in flight; else it is unclear."""
        found = suspects(self.table, rx, i, answers)
        if len(found) == 1:
            self.counts.received += 1
            kind = ERROR if answers.kinds[i] == Answer.ERROR else REPLY
            batch = self._batch(results, self.table.owner(found[0]))
            self._record(rx, i, kind, answers.sizes[i], found[0], batch)
            self.close(found[0], ANSWERED)
            return
        if not found:
            self.counts.foreign += 1
        for plan in {self.table.owner(slot) for slot in found}:
            tags = tuple(self.table.tag[slot] for slot in found if self.table.plan[slot] is plan)
            self._batch(results, plan).unclear.append(tags)

    def _match(self, rx: PacketBatch, i: int, answers: Answers, results: dict[Plan, OutcomeBatch]) -> None:
        if answers.whole[i] == Told.FLOW:
            self._match_flow(rx, i, answers, results)
            return
        token, table, counts = answers.tokens[i], self.table, self.counts
        slot, kind = slot_of(token), answers.kinds[i]
        state = table.state[slot]
        if state == NEVER or not table.sent_at[slot]:
            counts.foreign += 1
            return
        plan, width = table.owner(slot), rx.width
        peer = table.peer[slot * width : (slot + 1) * width]
        about = rx.peer if kind == Answer.REPLY else rx.original
        right_peer = about[i * width : (i + 1) * width] == peer or (plan.many and kind == Answer.REPLY)
        if not is_ours(self.method, table, self.quarantine, rx, i, answers, slot, plan):
            if answers.whole[i] == Told.WHOLE and token >> 16 & 0xFFFFFFFF < table.generation[slot]:
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
            self._record(rx, i, ERROR if kind == Answer.ERROR else REPLY, answers.sizes[i], slot, batch)
            if not (plan.many and kind == Answer.REPLY):
                self.close(slot, ANSWERED)
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

    def _record(self, rx: PacketBatch, i: int, kind: int, size: int, slot: int, batch: OutcomeBatch) -> None:
        table, width = self.table, rx.width
        sent_at, arrived = table.sent_at[slot], stamp_time(table, slot, rx, i)
        source = rx.peer
        if kind == ERROR:
            queued = rx.kind[i] in (RowKind.ERROR, RowKind.LOCAL_ERROR)
            source = rx.reporter if queued else rx.peer
            batch.errors[len(batch)] = ErrorBytes(
                data=bytes(rx.message(i)),
                quoted=Quoted(rx.quoted[i]) if queued else Quoted.PACKET,
                extension=rx.extension[i] - rx.start[i] if rx.extension[i] else 0,
                original=rx.address(rx.original, i),
                protocol=self.method.protocol,
            )
        batch.append(
            kind,
            target=table.peer[slot * width : (slot + 1) * width],
            scope=table.scope[slot],
            tag=table.tag[slot],
            sent_at=(rx.real - rx.after + sent_at) / SECOND,
            rtt=max(0, (rx.after if arrived is None else arrived) - sent_at) / SECOND,
            source=source[i * width : (i + 1) * width],
            ttl=rx.hop_limit[i],
            size=size,
            kernel=arrived is not None,
        )

    def expire(self, now: int, real: int) -> Results:
        """End the waiting of all probes whose timeout has passed; `real` is the Unix time at `now`."""
        results: dict[Plan, OutcomeBatch] = {}
        table = self.table
        for run in table.overdue(now):
            plan = table.plan[run.first]
            alike = plan is not None and not plan.many and self.on_close is None
            if plan is not None and alike and run.count >= FEW and table.waits_whole(run):
                silence(table, run, plan, real - now, self.doubted_at, self._batch(results, plan))
                self.room.used[run.first // SLOTS] -= run.count * self.room.cost[plan.template.size]
                continue
            for slot in table.open_in(run):
                plan = self.close(slot, OVER)
                batch = self._batch(results, plan)
                if self._responders.pop(slot, None):
                    batch.ended.append(table.tag[slot])
                else:
                    if table.sent_at[slot] <= self.doubted_at:
                        batch.doubtful.add(table.tag[slot])
                    self._append(batch, TIMEOUT, slot, sent_at=(real - now + table.sent_at[slot]) / SECOND)
        return list(results.items())

    def _append(self, batch: OutcomeBatch, kind: int, slot: int, **columns: object) -> None:
        table, width = self.table, self.table.width
        batch.append(
            kind,
            target=bytes(table.peer[slot * width : (slot + 1) * width]),
            scope=table.scope[slot],
            tag=table.tag[slot],
            **columns,  # type: ignore[arg-type]
        )

    def let_go(self, tokens: Iterable[int]) -> None:
        """Nobody waits for these probes any longer, which may have left after they were given up."""
        if self.on_close is not None:
            for token in tokens:
                self.on_close(token)

    def close(self, slot: int, state: int) -> Plan:
        """End the waiting of one open slot; returns whose it was."""
        plan = self.table.close(slot, state)
        if self.on_close is not None:
            self.on_close(slot // SLOTS << 48 | self.table.generation[slot] << 16 | slot % SLOTS)
        self.room.used[slot // SLOTS] -= self.room.cost[plan.template.size]
        if state != OVER:  # the end of its waiting asks who answered
            self._responders.pop(slot, None)
        return plan
