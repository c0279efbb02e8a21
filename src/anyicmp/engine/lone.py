"""A series of pings that has its exchange to itself: a probe at a time, without schedule and columns.

A shortcut of the exchange, as `block.py` is for many rows. It opens the same slots and accepts only what the
exchange would have accepted. Whatever else happens is not for it: the series rejoins the exchange, which goes
on as if it had been there from the start.
"""

from __future__ import annotations

from typing import Any

from anyicmp.engine.exchange import Exchange
from anyicmp.engine.matching import SLACK
from anyicmp.engine.ping import PingPlan, Series
from anyicmp.engine.rows import CLOCKS, Answered
from anyicmp.engine.stamps import stamp_time
from anyicmp.engine.table import ANSWERED, FORGOTTEN, Run
from anyicmp.wire.batch import STAMP_TOKEN, PacketBatch, RowKind

__all__ = ["Lone"]

SECOND = 1_000_000_000
STAMP = int(RowKind.STAMP)


class Lone:
    """One series at a time, at most one probe in flight, on an exchange without plans.

    Attributes:
        plan: what it is one series of; series: what is alone.
        in_flight: whether a probe is on its way; over: whether all are answered.
        until: when something is to be done, in nanoseconds: the probe's deadline, or the next one's time.
    """

    __slots__ = (
        "_cost",
        "_counts",
        "_deadline",
        "_exchange",
        "_expected",
        "_longest",
        "_method",
        "_slot",
        "_table",
        "_token",
        "_used",
        "in_flight",
        "over",
        "plan",
        "series",
        "until",
    )

    series: Series
    _expected: bytearray

    def __init__(self, exchange: Exchange, plan: PingPlan[Any]) -> None:
        """The plan `fits`."""
        self.plan = plan
        self.in_flight = self.over = False
        self.until = self._token = self._slot = self._deadline = 0
        self._exchange, self._table, self._method = exchange, exchange.table, exchange.method
        self._counts, self._used = exchange.counts, exchange.room.used
        self._cost = exchange.room.cost[plan.template.size]
        self._longest = plan.timeout + SLACK

    @staticmethod
    def fits(exchange: Exchange, plan: PingPlan[Any]) -> bool:
        """Whether a series of this plan may be alone: its probes have one answer each, and a token."""
        return exchange.matching.on_close is None and not plan.many and plan.template.carries_token

    def begin(self, series: Series) -> None:
        """It is the only one of its plan, which is not on the exchange; nothing is in flight."""
        self.series, self.until = series, series.due
        self.over = False

    def take(self, tx: PacketBatch, now: int, nonce: int, *, again: bool) -> None:
        """Write the series' next probe to row 0 and open its slot.

        `again`: a probe of this plan to this address stands there already.
        """
        plan, series, method = self.plan, self.series, self._method
        token = self._table.open_only(plan, series.tag(now), series.peer, series.scope, nonce)
        self._used[0] += self._cost
        if not again:
            plan.write(tx, 0, series)
            method.stamp(tx, 0, 1, token, plan.template)
            self._expected = method.whole_reply(tx, 0)
        method.renew(tx, 0, token, nonce, self._expected)
        self._token, self._slot = token, token & 0xFFFF

    def left(self, tx: PacketBatch) -> None:
        """The probe has left between `tx.before` and `tx.after`."""
        table, slot, before, series = self._table, self._slot, tx.before, self.series
        table.sent_at[slot] = table.handed_at[slot] = before
        table.ahead[slot] = tx.real - before
        self._counts.sent += 1
        self.in_flight = True
        self._deadline = until = tx.after + self.plan.timeout
        if series.taken != series.number and series.due < until:
            until = series.due
        self.until = until

    def heard(self, rx: PacketBatch, n: int) -> Answered | tuple[()] | None:
        """The probe's reply, nothing where there are stamps alone, None: what only the exchange can judge."""
        kind, last = rx.kind, n - 1
        for i in range(last):
            if kind[i] != STAMP:
                return None
            self._note_sending(rx, i)
        if kind[last] == STAMP:
            self._note_sending(rx, last)
            return ()
        return self._reply(rx, last)

    def _note_sending(self, rx: PacketBatch, i: int) -> None:
        """As in `stamps.py`, of the only probe in flight."""
        if self.in_flight and rx.token[i] == self._token & STAMP_TOKEN:
            left = stamp_time(self._table, self._slot, rx, i)
            if left is not None:
                self._table.sent_at[self._slot] = left

    def _reply(self, rx: PacketBatch, i: int) -> Answered | None:
        table, slot, series, width = self._table, self._slot, self.series, rx.width
        if (
            not self.in_flight
            or rx.lane[i]
            or rx.peer[i * width : (i + 1) * width] != series.peer
            or not self._method.is_expected(rx, i, self._expected)
        ):
            return None
        sent_at, arrived, clock = table.sent_at[slot], stamp_time(table, slot, rx, i), CLOCKS[1]
        if arrived is None:
            trip, clock = rx.after - sent_at, CLOCKS[0]
        elif (trip := arrived - sent_at) > self._longest:
            return None
        self._counts.received += 1
        table.state[slot] = ANSWERED
        table.in_flight = table.in_lane[0] = self.plan.waiting = 0
        self._used[0] -= self._cost
        self.in_flight = False
        self.until = series.due
        series.ended += 1
        self.over = series.ended == series.number
        hops, left = rx.hop_limit[i], rx.real - rx.after + sent_at
        return (
            series.taken - 1,
            left / SECOND,
            trip / SECOND if trip > 0 else 0.0,
            hops if hops >= 0 else None,
            self.plan.template.size,
            clock,
        )

    def rejoin(self, now: int) -> None:
        """Put the plan on the exchange, where it stands."""
        exchange, plan = self._exchange, self.plan
        plan.resume(self.series)
        exchange.start(plan, now)
        if self.in_flight:
            run = Run(self._slot, 1, self._token >> 16, self._deadline)
            exchange.table.await_until(run, plan.timeout)
            self.in_flight = False

    def forget(self) -> None:
        """Nobody waits for it any longer."""
        if self.in_flight:
            self._exchange.matching.close(self._slot, FORGOTTEN)
            self.in_flight = False
