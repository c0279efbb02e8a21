"""A series of pings that has its exchange to itself: a probe at a time, without schedule and columns.

A shortcut of the exchange, as `block.py` is for many rows. It opens the same slots and accepts only what the
exchange would have accepted. Whatever else happens is not for it: the series rejoins the exchange, which goes
on as if it had been there from the start.
"""

from __future__ import annotations

from struct import Struct

from anyicmp.engine.exchange import Exchange
from anyicmp.engine.matching import SLACK
from anyicmp.engine.ping import PingPlan, Series
from anyicmp.engine.rows import Answered
from anyicmp.engine.stamps import note_sending, stamp_time
from anyicmp.engine.table import ANSWERED, FORGOTTEN, Run
from anyicmp.wire.batch import PacketBatch, RowKind

__all__ = ["Lone"]

SECOND = 1_000_000_000
STAMP = int(RowKind.STAMP)
NOTHING = -1
NONCE = Struct("!I")


class Lone:
    """One series, at most one probe in flight, on an exchange without plans.

    Attributes:
        plan, series: what is alone.
        in_flight: whether a probe is on its way; over: whether all are answered.
        until: when something is to be done, in nanoseconds: the probe's deadline, or the next one's time.
    """

    __slots__ = (
        "_deadline",
        "_exchange",
        "_expected",
        "_slot",
        "_token",
        "in_flight",
        "over",
        "plan",
        "series",
        "until",
    )

    def __init__(self, exchange: Exchange, plan: PingPlan, series: Series) -> None:
        """The plan is not on the exchange, and has no other series."""
        self._exchange = exchange
        self.plan = plan
        self.series = series
        self.in_flight = self.over = False
        self.until = series.due
        self._token = self._deadline = 0
        self._slot = NOTHING
        self._expected = b""

    @staticmethod
    def fits(exchange: Exchange, plan: PingPlan) -> bool:
        """Whether a series of this plan may be alone: its probes have one answer each, and a token."""
        free = not exchange.table.in_flight and exchange.matching.on_close is None
        return free and not plan.many and plan.template.carries_token

    def take(self, tx: PacketBatch, now: int, *, again: bool) -> None:
        """Write the series' next probe to row 0 and open its slot.

        `again`: a probe of this plan to this address stands there already.
        """
        exchange, plan, series = self._exchange, self.plan, self.series
        method, room, template = exchange.method, exchange.room, plan.template
        (nonce,) = NONCE.unpack_from(tx.nonce)
        self._token = token = exchange.table.open_next(
            plan, series.tag(now), series.peer, series.scope, nonce
        )
        room.used[0] += room.cost[template.size]
        if not again:
            plan.write(tx, 0, series)
            method.stamp(tx, 0, 1, token, template)
        self._expected = method.renew(tx, 0, token, nonce)
        self._slot = token & 0xFFFF

    def left(self, tx: PacketBatch) -> None:
        """The probe has left between `tx.before` and `tx.after`."""
        exchange, slot, before, series = self._exchange, self._slot, tx.before, self.series
        table = exchange.table
        table.sent_at[slot] = table.handed_at[slot] = before
        table.ahead[slot] = tx.real - before
        exchange.counts.sent += 1
        self.in_flight = True
        self._deadline = until = tx.after + self.plan.timeout
        self.until = series.due if series.due < until and series.taken != series.number else until

    def heard(self, rx: PacketBatch, n: int) -> Answered | tuple[()] | None:
        """The probe's reply among the first n rows, nothing, or None: what only the exchange can judge."""
        table, at = self._exchange.table, NOTHING
        for i in range(n):
            if rx.kind[i] == STAMP:
                note_sending(table, rx, i)
            elif at < 0:
                at = i
            else:
                return None
        return self._reply(rx, at) if at >= 0 else ()

    def _reply(self, rx: PacketBatch, i: int) -> Answered | None:
        exchange, slot, series = self._exchange, self._slot, self.series
        table, width = exchange.table, rx.width
        if (
            not self.in_flight
            or rx.lane[i]
            or rx.peer[i * width : (i + 1) * width] != series.peer
            or not exchange.method.is_expected(rx, i, self._expected)
        ):
            return None
        sent_at, arrived = table.sent_at[slot], stamp_time(table, slot, rx, i)
        trip = (rx.after if arrived is None else arrived) - sent_at
        if trip > self.plan.timeout + SLACK and arrived is not None:
            return None
        plan, room = self.plan, exchange.room
        size = plan.template.size
        exchange.counts.received += 1
        table.state[slot] = ANSWERED
        table.in_flight = table.in_lane[0] = plan.waiting = 0
        room.used[0] -= room.cost[size]
        self.in_flight = False
        self.until = series.due
        series.ended += 1
        self.over = series.ended == series.number
        departed = (rx.real - rx.after + sent_at) / SECOND
        return (
            series.taken - 1,
            departed,
            trip / SECOND if trip > 0 else 0.0,
            rx.hop_limit[i],
            size,
            arrived is not None,
        )

    def rejoin(self, now: int) -> None:
        """Put the plan on the exchange, where it stands."""
        exchange, plan = self._exchange, self.plan
        plan.resume(self.series)
        exchange.start(plan, now)
        if self.in_flight:
            run = Run(self._slot, 1, self._token >> 16, self._deadline)
            exchange.table.await_until(run, plan.timeout)

    def forget(self) -> None:
        """Nobody waits for it any longer."""
        if self.in_flight:
            self._exchange.matching.close(self._slot, FORGOTTEN)
            self.in_flight = False
