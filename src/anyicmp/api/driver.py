"""The only pump, which with `alone.py` and `sending.py` alone asks the time: fill, send, sent; recv, feed.

One driver moves the packets of one exchange through one transport. It decides nothing about what is
probed and knows no event loop; who waits for outcomes hands in a sink.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from anyicmp.api.alone import Alone
from anyicmp.api.batches import Batches
from anyicmp.api.clock import SystemClocks, both_of
from anyicmp.api.environment import Clocks, Network
from anyicmp.api.observer import Observer, tell_outcomes
from anyicmp.api.sending import Sending
from anyicmp.api.sink import PingSink, Sink
from anyicmp.engine.exchange import Exchange, Results
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.ping import PingPlan, Series
from anyicmp.engine.plan import Plan
from anyicmp.engine.room import SMALL
from anyicmp.errors import ClosedError
from anyicmp.net.transport import Transport
from anyicmp.wire.batch import RowKind

__all__ = ["Driver"]

ROUNDS = 2
"""Batches each way in one turn, at most, before other tasks have theirs."""

ENOUGH = 500_000
"""Nanoseconds: where a batch takes longer, it is all of a turn."""

STAMP = int(RowKind.STAMP)

PATIENCE = 20_000_000
"""Nanoseconds for which what comes may wait where all plans are patient: many cost little more than one."""

AT_ONCE = 8
"""Plans in a row that may leave within the caller's own step, before the loop gives a turn: what a thousand
tasks ask for in one cycle of the loop leaves in batches."""

SECOND = 1_000_000_000


class Driver:
    """Turns of work, as its wake gives them.

    Attributes:
        exchange, transport: what it moves packets between.
        closed: whether it was closed, or failed.
        batches: what it sends from and receives into; wake: what gives it its turns.
        sending: what it has to send; alone: the series of pings that goes on by itself, if one does.
        now: the time of the engine, in nanoseconds; both_clocks: the same and Unix time, at one moment.
        turns: how many it has had.
    """

    def __init__(
        self,
        exchange: Exchange,
        transport: Transport,
        environment: Network,
        observer: Observer | None = None,
        on_dropped: Callable[[], None] = lambda: None,
    ) -> None:
        self._observer, self._on_dropped = observer, on_dropped
        self.exchange, self.transport = exchange, transport
        self._lost = (0, 0)
        self._at_once = self.turns = self._behind = 0
        self._lanes = len(transport.identifiers)
        self.closed = self._working = self._unread = self._deaf = self._patient = False
        clocks: Clocks = environment.clocks or SystemClocks()
        self.now, self.both_clocks = clocks.monotonic, both_of(clocks)
        self._own_address = environment.own_address
        self.alone: Alone | None = None
        self._sinks: dict[Plan, Sink] = {}
        self._released: dict[Plan, Callable[[int], bool]] = {}
        self.batches = Batches(exchange.method.version, transport, environment.entropy)
        self.sending = Sending(self, observer)
        self.wake = environment.open_wake(self.turn, transport.fileno())

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
        self._check_open()
        self.rejoin()
        self._sinks[plan] = sink
        self.exchange.start(plan, self.now(), pacer)
        self._go()

    def is_free(self) -> bool:
        """Whether `ping` may be asked: nothing else goes on, and nobody wants to be told of everything."""
        return (
            not (self._sinks or self.alone or self._working or self._observer or self.closed)
            and self._at_once < AT_ONCE
            and not self.exchange.table.in_flight
        )

    def ping(self, alone: Alone, series: Series) -> None:
        """Begin the only series of a plan, which is alone until something else begins."""
        alone.begin(series)
        self.alone = alone
        if self._deaf:
            self._listen(True)
        self._at_once += 1
        self._work(readable=False)

    def rested(self, turns: int) -> None:
        """Who had worked at once, when there had been so many `turns`, has let the loop run since."""
        if turns == self.turns and self._at_once:
            self._at_once -= 1

    def rejoin(self) -> None:
        """What was alone is one plan of several from now on."""
        alone, self.alone = self.alone, None
        if alone is not None:
            self._sinks[alone.plan] = alone.sink
            alone.rejoin(self.now())

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedError("the prober is closed: open a new one")

    def _go(self) -> None:
        """Work at once, but for a caller who has just done so often, or who is called by that work."""
        if self._at_once < AT_ONCE and not self._working:
            self._at_once += 1
            self._work(readable=False)
        else:
            self.wake.soon()

    def poke(self, plan: Plan) -> None:
        """The plan was told something from outside: ask it anew for rows, end it if it is done."""
        self.rejoin()
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
        self.wake.soon()

    def stop(self, plan: Plan) -> None:
        """Forget a plan and its sink at once; the other plans are not touched."""
        if self.alone is not None and self.alone.plan is plan:
            self.alone.forget()
            self.alone = None
        if self._sinks.pop(plan, None) is not None:
            self.exchange.forget(plan)
            if not self._sinks:
                self.sending.drop()

    def close(self, error: BaseException | None = None) -> None:
        """End all plans with ClosedError (whose cause is `error`, if one is given) and free the sockets."""
        if self.closed:
            return
        self.rejoin()
        self.dropped()
        self.closed = True
        self.wake.close()
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
        self.turns += 1
        self._work(readable)

    def _work(self, readable: bool) -> None:
        if self.closed:
            return
        self._working = True
        try:
            if self.alone is not None and self.alone.turn(readable):
                return
            while self._released:
                self.exchange.release(*self._released.popitem())
            began = now = self.now()
            busy, owed, expires = False, self._unread, now >= self.exchange.table.earliest
            # What has come may end what is overdue. Who is deaf hears it when it has sent.
            listens = self._deaf and not (self.sending.held_back or self.exchange.is_due(now))
            if (readable or owed or expires or listens) and self._receive():
                now = self.now()
                busy = now - began > ENOUGH
            if expires:
                # What was here by now is heard first, in several turns: it is no more than the buffers held.
                held = self.transport.receive_buffer * self._lanes // (SMALL * self.batches.rx.capacity)
                self._behind = self._behind + 1 if self._unread and self._behind < held else 0
                expires = not self._behind
            if expires or (owed and not self.exchange.room.careful):
                self._look_for_losses()
            if expires:
                after, real = self.both_clocks()  # what came since `began` may not be read yet
                self.deliver(self.exchange.expire(began, real - after + began))
            if not busy and (self.sending.held_back or self.exchange.is_due(now)):
                self._rest(self._send(now), self.now())
            else:
                self._rest(busy, now)
        except BaseException as error:
            # Whoever waits must learn of it; the loop that gave the turn has no use for it.
            self.close(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._working = False

    def _receive(self) -> bool:
        """Receive what is there, but for what must wait for the next turn; returns whether anything was."""
        rx, any_ = self.batches.rx, False
        for _ in range(max(ROUNDS, self._lanes)):
            n = self.transport.recv(rx, 0)
            if n:
                any_ = True
                rx.after, rx.real = self.both_clocks()
                self.deliver(self.exchange.feed(rx, n))
            # More may wait behind a full batch, behind the stamps of one lane, and in another lane.
            if not n or (self._lanes == 1 and n < rx.capacity and rx.kind[n - 1] != STAMP):
                self._unread = False  # that was all; what came since shows at the descriptor
                return any_
        self._unread = True
        return True

    def _send(self, now: int) -> bool:
        """Send what is due; returns whether more is due at once."""
        began = now
        for again in range(ROUNDS):
            if again and (now := self.now()) - began > ENOUGH:
                return True
            start, stop = self.sending.pending
            if start == stop:
                tx = self.batches.to_send(self.exchange.largest, patient=self._patient)
                self.batches.stands(None)
                start, stop = 0, self.exchange.fill(tx, now)
                self.batches.used = stop
                if not stop:
                    return False
            if not self.sending.send(start, stop, patient=self._patient):
                return False
            if self.sending.interrupted or (not self._patient and self.batches.tx.after - began > ENOUGH):
                self._unread |= not self.sending.interrupted  # what has come is for the next turn
                return True
            self._receive()
            if not self.exchange.room.careful:
                self._look_for_losses()
            if stop < self.batches.tx.capacity:
                return False  # nobody else was ready; `_rest` asks who is since
        return True

    def deliver(self, results: Results) -> None:
        """Give outcomes to whom they belong."""
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

    def _part(self) -> bool:
        """Let what is left go on alone, if it is one series of pings; returns whether it is."""
        ((plan, sink),) = self._sinks.items()
        if not isinstance(plan, PingPlan) or self._observer:
            return False
        alone = cast("PingSink", sink).alone
        series = plan.lend() if alone is not None else None
        if alone is None or series is None:
            return False
        self._sinks.clear()
        self.exchange.forget(plan)
        alone.begin(series)
        self.alone = alone
        self._listen(True)
        return alone.turn(readable=False)

    def _listen(self, on: bool) -> None:
        """Whether what comes gives a turn; else all of it waits for the next one."""
        if self._deaf == on:
            self._deaf = not on
            self.wake.listen(on)

    def _rest(self, busy: bool, now: int) -> None:
        if self.closed:
            return
        if busy or self._unread:
            self.wake.soon()
            return
        if len(self._sinks) == 1 and not self.exchange.table.in_flight and self._part():
            return
        deadline = self.exchange.next_deadline()
        held_back = self.sending.held_back
        if deadline == 0 and not held_back:
            self.wake.soon()
            return
        if held_back:
            deadline = min(filter(None, (deadline, now + self.sending.patience)))
        soon = deadline is not None and deadline - now <= PATIENCE and not held_back
        stamped = bool(self.batches.rx.when[0])  # as what came last is; else it is timed when it is read
        self._patient = soon and stamped and all(plan.patient for plan in self._sinks)
        self._listen(not self._patient)
        self.wake.after(None if deadline is None else max(0, deadline - now) / SECOND, deadline or 0)
