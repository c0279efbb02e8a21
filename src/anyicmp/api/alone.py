"""A driver's turns while one series of pings has it to itself.

They move one packet each way and ask `engine/lone.py` what it means. Whatever is more than that is left to
the driver, which then goes on with what was alone as one plan of several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyicmp.engine.lone import Lone

if TYPE_CHECKING:
    from anyicmp.api.driver import Driver
    from anyicmp.api.sink import PingSink
    from anyicmp.engine.ping import PingPlan, Series

__all__ = ["Alone"]

SECOND = 1_000_000_000


class Alone:
    """A series of one plan on a driver that does nothing else; made once, for one series after the other.

    Attributes:
        plan, sink: what the driver is to go on with, where it is alone no longer.
    """

    def __init__(self, driver: Driver, plan: PingPlan[Any], sink: PingSink) -> None:
        """The plan is one that may be alone (`Lone.fits`)."""
        self.plan = plan
        self.sink = sink
        self._lone = Lone(driver.exchange, plan)
        self._driver = driver

    def begin(self, series: Series) -> None:
        """From now on it is this series."""
        self._lone.begin(series)
        self._kept = self.plan, series.peer, series.scope

    def turn(self, readable: bool) -> bool:
        """Receive, send, say when to come again; returns False where the driver must go on."""
        driver, lone = self._driver, self._lone
        now = driver.now()
        if (readable or (lone.in_flight and now >= lone.until)) and not self._receive():
            return False
        if now >= lone.until and not lone.over:
            if lone.in_flight:
                driver.rejoin()
                return False
            # Where the answer is there already, no other turn is needed.
            if not (self._send(now) and self._receive()):
                return False
            now = driver.batches.tx.after
        if lone.over:
            driver.alone = None
        else:
            driver.wake.after((lone.until - now) / SECOND if lone.until > now else 0.0, lone.until)
        return True

    def _receive(self) -> bool:
        """Hear what is there; returns False where it is more than one reply."""
        driver, rx = self._driver, self._driver.batches.rx
        n = driver.transport.recv(rx, 0)
        if n:
            rx.after, rx.real = driver.both_clocks()
            answered = self._lone.heard(rx, n)
            if answered is None:
                driver.rejoin()
                driver.deliver(driver.exchange.feed(rx, n))
                return False
            if answered:
                self.sink.answered(self._lone.series, answered)
        return True

    def _send(self, now: int) -> bool:
        """Send the next probe; returns False where it did not leave."""
        driver, lone, batches = self._driver, self._lone, self._driver.batches
        again = batches.stands(self._kept)
        if again:
            tx, nonce = batches.tx, batches.nonce()
        else:
            tx = batches.to_send(self.plan.template.octets)
            nonce, batches.used = int.from_bytes(tx.nonce[:4], "big"), 1
        lone.take(tx, now, nonce, again=again)
        tx.before, tx.real = driver.both_clocks()
        n, _ = driver.transport.send(tx, 0, 1)
        tx.after = driver.now()
        if n:
            lone.left(tx)
            return True
        driver.rejoin()
        driver.sending.pending = (0, 1)
        return False

    def rejoin(self, now: int) -> None:
        """Put the plan on the exchange, where it stands."""
        self._lone.rejoin(now)

    def forget(self) -> None:
        """Nobody waits for it any longer."""
        self._lone.forget()
