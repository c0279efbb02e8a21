"""Pings: the series of one prober that are alike, as one plan on a driver.

It joins whoever asks with what the engine tells, and knows neither options nor rows for people.
"""

from __future__ import annotations

from typing import Protocol

from anyicmp.api.driver import Driver
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.ping import PingPlan, Series
from anyicmp.engine.rows import Answered

__all__ = ["Listener", "Pings"]


class Listener(Protocol):
    """Who asked for a series. Called within a driver's turn: it must not block."""

    def outcome(self, batch: OutcomeBatch, i: int) -> None:
        """Row i of a batch is of one of its probes."""
        ...

    def answered(self, answered: Answered) -> None:
        """The same of a reply without further copies."""
        ...

    def copy(self) -> None:
        """Another copy of an answer came."""
        ...

    def answered_late(self) -> None:
        """An answer came after its probe's timeout."""
        ...

    def probe_ended(self, tag: int) -> None:
        """The wait for more answers to a probe with several is over."""
        ...

    def ended(self, error: BaseException | None) -> None:
        """All probes have ended (None), or the driver closed or failed."""
        ...


class Pings:
    """All series with the same header fields, payload and timeout; a `Sink` of the driver.

    The plan is on the driver while there are any (`running`).
    """

    def __init__(self, driver: Driver, plan: PingPlan) -> None:
        self.driver = driver
        self.many = plan.many
        self._plan = plan
        self.running = False

    def begin(self, series: Series) -> None:
        """Its `listener` is told of all that comes of it. Raises ClosedError if the driver is closed."""
        alone = not self.running and self.driver.is_free_for(self._plan)
        first = self._plan.add(series, alone=alone)
        if self.running:
            if first:
                self.driver.poke(self._plan)
            return
        self.running = True  # all may be over before `start` returns
        try:
            if alone:
                self.driver.ping(self._plan, series, self)
            else:
                self.driver.start(self._plan, self)
        except BaseException:
            self.running = False
            self._plan.drop(series)
            raise

    def stop(self, series: Series) -> None:
        """Nobody waits for it any longer. Does nothing for one that is over."""
        if series.name not in self._plan.series:
            return
        self._plan.drop(series)
        if self._plan.done:
            self.running = False
            self.driver.stop(self._plan)
        elif series.taken > series.ended:
            self.driver.release(self._plan, self._plan.wants)

    # What the driver tells.

    def answered(self, series: Series, answered: Answered) -> None:
        """See `PingSink`."""
        series.listener.answered(answered)
        if series.ended == series.number:
            self._plan.drop(series)
            self.running = not self._plan.done
            series.listener.ended(None)

    def outcomes(self, batch: OutcomeBatch) -> None:
        """See `Sink`."""
        alive, replies = self._plan.series, not self.many and batch.plain_replies()
        if replies:
            for tag, answered in replies:
                if (series := alive.get(tag >> 32)) is not None:
                    self.answered(series, answered)
            return
        for i, tag in enumerate(batch.tags):
            if (series := alive.get(tag >> 32)) is not None:
                series.listener.outcome(batch, i)
        for tag in batch.copies:
            if (series := alive.get(tag >> 32)) is not None:
                series.listener.copy()
        for tag in batch.late:
            if (series := alive.get(tag >> 32)) is not None:
                series.listener.answered_late()
        for tag in batch.ended:
            if (series := alive.get(tag >> 32)) is not None:
                series.listener.probe_ended(tag)
        # Only now: a reply and its copy may come in one batch.
        for tag in (*batch.tags, *batch.ended):
            series = alive.get(tag >> 32)
            if series is not None and series.over:
                self._plan.drop(series)
                series.listener.ended(None)

    def ended(self, error: BaseException | None) -> None:
        """See `Sink`."""
        self.running = False
        for series in list(self._plan.series.values()):
            self._plan.drop(series)
            series.listener.ended(error)
