"""The only pump and the only clock: fill, send, sent; recv, feed; expire; wake.

One driver moves the packets of one exchange through one transport. It decides nothing about what is
probed and knows no event loop; who waits for outcomes hands in a sink.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from errno import EAGAIN, ENOBUFS
from typing import Protocol

from anyicmp.api.batches import Batches
from anyicmp.api.environment import Clocks, Network
from anyicmp.api.observer import Observer, tell_outcomes, tell_sent
from anyicmp.engine.exchange import Exchange, Results
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.plan import Plan
from anyicmp.errors import ClosedError
from anyicmp.net.transport import Transport
from anyicmp.wire.batch import RowKind

__all__ = ["Driver", "Sink", "SystemClocks"]

logger = logging.getLogger("anyicmp")

ROUNDS = 2
"""Batches each way in one turn, about a millisecond's work, before other tasks have theirs."""

LONG = 300_000
"""Nanoseconds: after a longer send call the next ones have fewer rows, as a row left somewhere within it."""

MOST = 64
"""Rows that one send call takes at most."""

STAMP = int(RowKind.STAMP)

FEWEST = 8
"""Rows in the first call, when nothing is known of how long one takes."""

AT_ONCE = 8
"""Plans in a row that may leave within the caller's own step, before the loop gives a turn: what a thousand
tasks ask for in one cycle of the loop leaves in batches."""

TRIES = 4
TOGETHER = 5_000
"""Nanoseconds: less than by what the engine sees that the wall clock was set."""

RETRY = 0.001
PATIENCE = 0.05
SECOND = 1_000_000_000


class SystemClocks:
    """The system's monotonic clock and wall clock."""

    monotonic = staticmethod(time.monotonic_ns)
    real = staticmethod(time.time_ns)


class Sink(Protocol):
    """Where a plan's outcomes go. Called within a driver's turn: it must not block."""

    def outcomes(self, batch: OutcomeBatch) -> None: ...

    def ended(self, error: BaseException | None) -> None:
        """Nothing more will come: the plan is done (None), or the driver closed or failed."""
        ...


class Driver:
    """Turns of work, as its wake gives them.

    Attributes:
        exchange, transport: what it moves packets between.
        closed: whether it was closed, or failed.
        now: the time of the engine, in nanoseconds.
    """

    def __init__(
        self,
        exchange: Exchange,
        transport: Transport,
        environment: Network,
        observer: Observer | None = None,
        on_dropped: Callable[[], None] = lambda: None,
    ) -> None:
        self._observer = observer
        self._on_dropped = on_dropped
        self.exchange = exchange
        self.transport = transport
        self.closed = False
        self._lost = (0, 0)
        self._rows = FEWEST
        self._at_once = 0
        self._lanes = len(transport.identifiers)
        self._working = self._unread = False
        self._clocks: Clocks = environment.clocks or SystemClocks()
        self.now = self._clocks.monotonic
        self._own_address = environment.own_address
        self._sinks: dict[Plan, Sink] = {}
        self._released: dict[Plan, Callable[[int], bool]] = {}
        self._batches = Batches(exchange.method.version, transport, environment.entropy)
        self._pending = (0, 0)
        self._patience = 0.0
        self._wake = environment.open_wake(self.turn, transport.fileno())

    def dropped(self, *, look: bool = True) -> int:
        """Packets that the kernel dropped for want of receive buffer (an upper bound).

        `look`: ask the kernel now; else as of the last time, which other threads may do.
        """
        if look and not self.closed:
            self._look_for_losses()
        return self._lost[0]

    def _look_for_losses(self) -> None:
        """Doubt the silence of what is in flight if this host has lost packets since the last look."""
        before, self._lost = self._lost, (self.transport.dropped(), self.transport.overfull)
        if self._lost != before:
            self.exchange.be_careful(self.now())
            if self._lost[0] > before[0]:
                self._on_dropped()

    # Plans and their waiters.

    def start(self, plan: Plan, sink: Sink, pacer: Pacer | None = None) -> None:
        """Begin a plan; its outcomes go to the sink. Raises ClosedError if the driver is closed."""
        if self.closed:
            raise ClosedError("the prober is closed: open a new one")
        self._sinks[plan] = sink
        self.exchange.start(plan, self.now(), pacer)
        self._go()

    def _go(self) -> None:
        """Work at once, but for a caller who has just done so often, or who is called by that work."""
        if self._at_once < AT_ONCE and not self._working:
            self._at_once += 1
            self._work(readable=False)
        else:
            self._wake.soon()

    def poke(self, plan: Plan) -> None:
        """The plan was told something from outside: ask it anew for rows, end it if it is done."""
        if plan in self._sinks:
            if plan.done:
                self._end(plan)
            else:
                self.exchange.schedule(plan, self.now())
                self._go()

    def release(self, plan: Plan, wanted: Callable[[int], bool]) -> None:
        """Before the next turn, forget those probes of a plan whose tags are not wanted.

        However many are given up in one turn of the loop, what is in flight is looked through once.
        """
        self._released[plan] = wanted
        self._wake.soon()

    def stop(self, plan: Plan) -> None:
        """Forget a plan and its sink at once; the other plans are not touched."""
        if self._sinks.pop(plan, None) is not None:
            self.exchange.forget(plan)

    def close(self, error: BaseException | None = None) -> None:
        """End all plans with ClosedError (whose cause is `error`, if one is given) and free the sockets."""
        if self.closed:
            return
        self.dropped()
        self.closed = True
        self._wake.close()
        self.transport.close()
        sinks, self._sinks = self._sinks, {}
        for plan, sink in sinks.items():
            self.exchange.forget(plan)
            # Each waiter raises an exception of its own.
            closed = ClosedError(f"the prober {'failed' if error else 'was closed'} while this was in flight")
            closed.__cause__ = error
            sink.ended(closed)

    def abandon(self) -> None:
        """In a child process after a fork: free its descriptors, touch nothing that it shares (epoll(7))."""
        self.closed = True
        self.transport.close()

    # One turn.

    def turn(self, readable: bool = True) -> None:
        """Receive, expire, send, and say when to come again. `readable`: the descriptor may be."""
        self._at_once = 0
        self._work(readable)

    def _work(self, readable: bool) -> None:
        if self.closed:
            return
        self._working = True
        try:
            while self._released:
                self.exchange.release(*self._released.popitem())
            now = self.now()
            expires = now >= self.exchange.table.earliest
            # What has come may end what is overdue.
            if (readable or self._unread or expires) and self._receive():
                now = self.now()
            if expires:
                self._look_for_losses()
                self._deliver(self.exchange.expire(now, self._clocks.real()))
            if self._pending[0] != self._pending[1] or self.exchange.is_due(now):
                self._rest(self._send(now), self.now())
            else:
                self._rest(False, now)
        except BaseException as error:
            # Whoever waits must learn of it; the loop that gave the turn has no use for it.
            self.close(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._working = False

    def _receive(self) -> bool:
        """Receive what is there, but for what must wait for the next turn; returns whether anything was."""
        rx, any_ = self._batches.rx, False
        for _ in range(max(ROUNDS, self._lanes)):
            n = self.transport.recv(rx, 0)
            if n:
                any_ = True
                rx.after, rx.real = self._both_clocks()
                self._deliver(self.exchange.feed(rx, n))
            # More may wait behind a full batch, behind the stamps of one lane, and in another lane.
            if not n or (self._lanes == 1 and n < rx.capacity and rx.kind[n - 1] != STAMP):
                self._unread = False  # that was all; what came since shows at the descriptor
                return any_
        self._unread = True
        return True

    def _both_clocks(self) -> tuple[int, int]:
        """Monotonic and wall clock at one moment: read again if the process was stopped in between."""
        clocks, tries = self._clocks, TRIES
        now, real = clocks.monotonic(), clocks.real()
        while tries and clocks.monotonic() - now > TOGETHER:
            tries -= 1
            now, real = clocks.monotonic(), clocks.real()
        return now, real

    def _send(self, now: int) -> bool:
        """Send what is due; returns whether more is due at once."""
        for again in range(ROUNDS):
            start, stop = self._pending
            if start == stop:
                tx = self._batches.to_send(self.exchange.largest)
                start, stop = 0, self.exchange.fill(tx, self.now() if again else now)
                self._batches.used = stop
                if not stop:
                    return False
            if not self._send_rows(start, stop):
                return False
            self._receive()
            if not self.exchange.room.careful:
                self._look_for_losses()
            if stop < self._batches.tx.capacity:
                return False  # nobody else was ready; `_rest` asks who is since
        return True

    def _send_rows(self, start: int, stop: int) -> bool:
        """Send rows of the batch; returns False when the kernel's buffers are full."""
        tx, monotonic = self._batches.tx, self._clocks.monotonic
        while start < stop:
            tx.before, tx.real = self._both_clocks()
            n, errno = self.transport.send(tx, start, min(stop, start + self._rows))
            tx.after = monotonic()
            self._rows = self._rows // 2 or 1 if tx.after - tx.before > LONG else min(MOST, self._rows * 2)
            if n:
                self.exchange.sent(tx, start, start + n)
                if self._observer is not None:
                    tell_sent(self._observer, tx, start, start + n)
                start += n
                self._relax()
            if errno in (EAGAIN, ENOBUFS):
                self._pending = (start, stop)
                self._hold_back()
                return False
            if errno:
                self._deliver(self.exchange.failed(tx, start, errno, tx.after))
                start += 1
        self._pending = (0, 0)
        return True

    def _hold_back(self) -> None:
        # The first time room in the buffer is waited for; where there is room and yet nothing leaves (a
        # full queue behind the socket), only time helps.
        self.transport.watch_writable(self._patience == 0.0)
        self._patience = min(max(RETRY, self._patience * 2), PATIENCE)

    def _relax(self) -> None:
        if self._patience:
            self._patience = 0.0
            self.transport.watch_writable(False)

    def _deliver(self, results: Results) -> None:
        for plan, batch in results:
            sink = self._sinks.get(plan)
            if sink is not None:
                if batch.errors:
                    batch.find_local(self._own_address)
                sink.outcomes(batch)
                if self._observer is not None:
                    tell_outcomes(self._observer, batch)
                if plan.done:
                    self._end(plan)

    def _end(self, plan: Plan) -> None:
        sink = self._sinks.pop(plan, None)
        if sink is not None:
            self.exchange.forget(plan)
            sink.ended(None)

    def _rest(self, busy: bool, now: int) -> None:
        if self.closed:
            return
        if busy or self._unread:
            self._wake.soon()
            return
        deadline = self.exchange.next_deadline()
        held_back = self._pending[0] != self._pending[1]
        if deadline == 0 and not held_back:
            self._wake.soon()
            return
        if held_back:
            again = now + round(self._patience * SECOND)
            deadline = min(deadline, again) if deadline else again
        if deadline is None:
            self._wake.after(None)
        else:
            self._wake.after((deadline - now) / SECOND if deadline > now else 0.0, deadline)
