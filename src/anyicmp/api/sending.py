"""Rows on their way into a transport: how many a call takes, and which are held back when it is full.

Which rows they are is the exchange's to say, when to try again the driver's.
"""

from __future__ import annotations

from errno import EAGAIN, ENOBUFS
from typing import TYPE_CHECKING, NamedTuple

from anyicmp.api.observer import Observer, tell_sent

if TYPE_CHECKING:
    from anyicmp.api.driver import Driver

__all__ = ["Sending"]

FEWEST = 8
"""Rows in the first call, when nothing is known of how long one takes; after a pause too: the first rows then
take several times as long as others, and in a longer call nobody could tell which they were."""

RETRY, PATIENCE = 1_000_000, 50_000_000


class Pace(NamedTuple):
    """How much at once, in nanoseconds.

    Attributes:
        call: after a longer send call the next ones have fewer rows, as a row left somewhere within it.
        turn: when sending has taken so long, the rest of a batch has the next turn.
        rows: in one send call at most.
        growth: after a shorter call the next ones have so many times as many rows.
    """

    call: int
    turn: int
    rows: int
    growth: int


HURRIED = Pace(call=300_000, turn=700_000, rows=64, growth=2)
UNHURRIED = Pace(call=1_000_000, turn=3_000_000, rows=80, growth=10)
"""Where all that goes on is patient: fewer calls and turns, each of which others wait for a little longer."""


class Sending:
    """The rows of the driver's batch that are to leave.

    Attributes:
        pending: those that are written but not sent yet, from one to before another.
        interrupted: they are only because sending them all takes longer than a turn.
        patience: nanoseconds until they shall be tried again.
    """

    def __init__(self, driver: Driver, observer: Observer | None) -> None:
        self.pending = (0, 0)
        self.interrupted = False
        self.patience = 0
        self._driver = driver
        self._observer = observer
        self._rows = FEWEST

    @property
    def held_back(self) -> bool:
        """Whether rows are pending."""
        return self.pending[0] != self.pending[1]

    def send(self, start: int, stop: int, *, patient: bool) -> bool:
        """Send rows of the batch; returns False when the kernel's buffers are full.

        Takes a turn's time at most; what is left then is pending. `patient`: all that goes on is.
        """
        driver = self._driver
        tx, exchange = driver.batches.tx, driver.exchange
        self.interrupted, began, pace = False, driver.now(), UNHURRIED if patient else HURRIED
        if patient:
            self._rows = FEWEST
        while start < stop:
            tx.before, tx.real = driver.both_clocks()
            n, errno = driver.transport.send(tx, start, min(stop, start + self._rows))
            tx.after = driver.now()
            slow = tx.after - tx.before > pace.call
            self._rows = self._rows // 2 or 1 if slow else min(pace.rows, self._rows * pace.growth)
            if n:
                exchange.sent(tx, start, start + n)
                if self._observer is not None:
                    tell_sent(self._observer, tx, start, start + n)
                start += n
                self._relax()
            if errno in (EAGAIN, ENOBUFS):
                self.pending = (start, stop)
                self._hold_back()
                return False
            if errno:
                driver.deliver(exchange.failed(tx, start, errno, tx.after))
                start += 1
            if start < stop and tx.after - began > pace.turn:
                self.pending, self.interrupted = (start, stop), True
                return True
        self.pending = (0, 0)
        return True

    def drop(self) -> None:
        """Nobody wants what is pending any longer."""
        self.pending, self.interrupted = (0, 0), False
        self._relax()

    def _hold_back(self) -> None:
        # The first time room in the buffer is waited for; where there is room and yet nothing leaves (a
        # full queue behind the socket), only time helps.
        self._driver.transport.watch_writable(self.patience == 0)
        self.patience = min(max(RETRY, self.patience * 2), PATIENCE)

    def _relax(self) -> None:
        if self.patience:
            self.patience = 0
            self._driver.transport.watch_writable(False)
