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
from anyicmp.engine.stamps import believed
from anyicmp.engine.table import ANSWERED, FORGOTTEN, OPEN, Run
from anyicmp.wire.batch import STAMP_TOKEN, PacketBatch, RowKind

__all__ = ["Lone"]

SECOND = 1_000_000_000
STAMP = int(RowKind.STAMP)


class Lone:
    """One series at a time, at most one probe in flight, on an exchange without plans.

    Of that probe the table knows whose it is and that it was sent; when, and that it is in flight, is known
    here, until the exchange is to go on with it.

    Attributes:
        plan: what it is one series of; series: what is alone.
        in_flight: whether a probe is on its way; over: whether all are answered.
        until: when something is to be done, in nanoseconds: the probe's deadline, or the next one's time.
    """

    __slots__ = (
        "_ahead",
        "_before",
        "_counts",
        "_deadline",
        "_exchange",
        "_head",
        "_longest",
        "_method",
        "_sent_at",
        "_size",
        "_slot",
        "_stamp",
        "_table",
        "_token",
        "_tx",
        "in_flight",
        "over",
        "plan",
        "series",
        "until",
    )

    series: Series
    _tx: PacketBatch
    _head: bytes

    def __init__(self, exchange: Exchange, plan: PingPlan[Any]) -> None:
        """The plan `fits`."""
        self.plan = plan
        self.in_flight = self.over = False
        self.until = self._token = self._slot = self._stamp = self._deadline = 0
        self._before = self._ahead = self._sent_at = 0
        self._exchange, self._table, self._method = exchange, exchange.table, exchange.method
        self._counts, self._size = exchange.counts, plan.template.size
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
        plan, series = self.plan, self.series
        token = self._table.open_only(plan, series.tag(now), series.peer, series.scope, nonce)
        if not again:
            plan.write(tx, 0, series)
            self._method.stamp(tx, 0, 1, token, plan.template)
            self._head, self._tx = self._method.head_of_reply(tx, 0), tx
        self._method.renew(tx, 0, token, nonce)
        self._token, self._slot, self._stamp = token, token & 0xFFFF, token & STAMP_TOKEN

    def left(self, tx: PacketBatch) -> None:
        """The probe has left between `tx.before` and `tx.after`."""
        self._before = self._sent_at = self._table.sent_at[self._slot] = before = tx.before
        self._ahead, series = tx.real - before, self.series
        self._counts.sent += 1
        self.in_flight = True
        self._deadline = until = tx.after + self.plan.timeout
        if series.taken != series.number and series.due < until:
            until = series.due
        self.until = until

    def heard(self, rx: PacketBatch, n: int) -> Answered | tuple[()] | None:
        """The probe's reply, nothing where there are stamps alone, None: what only the exchange can judge."""
        i, kind = 0, rx.kind
        while kind[i] == STAMP:
            # As in `stamps.py`, of the only probe in flight.
            if self.in_flight and rx.token[i] == self._stamp:
                left = believed(rx, i, self._before, self._ahead)
                if left is not None:
                    self._sent_at = left
            i += 1
            if i == n:
                return ()
        return self._reply(rx, i) if i == n - 1 else None

    def _reply(self, rx: PacketBatch, i: int) -> Answered | None:
        series, at, width = self.series, i * rx.width, rx.width
        if (
            not self.in_flight
            or rx.lane[i]
            or rx.peer[at : at + width] != series.peer
            or not self._method.is_reply(rx, i, self._tx, self._head)
        ):
            return None
        sent_at, arrived = self._sent_at, believed(rx, i, self._before, self._ahead)
        trip = (rx.after if arrived is None else arrived) - sent_at
        if trip > self._longest and arrived is not None:
            return None
        self._counts.received += 1
        self._table.state[self._slot] = ANSWERED
        self.in_flight = False
        self.until = series.due
        series.ended = ended = series.ended + 1
        self.over = ended == series.number
        hops = rx.hop_limit[i]
        return (
            series.taken - 1,
            (rx.real - rx.after + sent_at) / SECOND,
            trip / SECOND if trip > 0 else 0.0,
            hops if hops >= 0 else None,
            self._size,
            CLOCKS[arrived is not None],
        )

    def rejoin(self, now: int) -> None:
        """Put the plan on the exchange, where it stands."""
        exchange, plan = self._exchange, self.plan
        plan.resume(self.series)
        exchange.start(plan, now)
        if self._table.state[self._slot] == OPEN:
            self._hand_over()

    def forget(self) -> None:
        """Nobody waits for it any longer."""
        if self.in_flight:
            self._hand_over()
            self._exchange.matching.close(self._slot, FORGOTTEN)

    def _hand_over(self) -> None:
        """Tell the exchange of the probe whose slot is open, and when it left if it has."""
        table, slot, room, plan = self._table, self._slot, self._exchange.room, self.plan
        table.count_only(plan)
        room.used[0] += room.cost[self._size]
        if self.in_flight:
            self.in_flight = False
            table.handed_at[slot], table.ahead[slot] = self._before, self._ahead
            table.sent_at[slot] = self._sent_at
            table.await_until(Run(slot, 1, self._token >> 16, self._deadline), plan.timeout)
