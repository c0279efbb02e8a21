"""Pings: the series of one prober that are alike, as one plan on a driver.

It joins whoever asks with what the engine tells, and knows neither options nor rows for people.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import attrs

from anyicmp.api.alone import Alone
from anyicmp.api.driver import Driver
from anyicmp.api.route import Route
from anyicmp.engine.lone import Lone
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.ping import PingPlan, Series
from anyicmp.engine.rows import Answered

__all__ = ["Asked", "Kind", "Pings"]


@attrs.frozen(cache_hash=True)
class Kind:
    """What series have in common that are one plan; the timeout in nanoseconds."""

    route: Route
    size: int
    payload: bytes | None
    timeout: int


class Asked(Series, ABC):
    """A series, and who asked for it. Told of what comes within a driver's turn: it must not block."""

    @abstractmethod
    def outcome(self, batch: OutcomeBatch, i: int) -> None:
        """Row i of a batch is of one of its probes."""

    @abstractmethod
    def answered(self, answered: Answered) -> None:
        """The same of a reply without further copies."""

    @abstractmethod
    def copy(self) -> None:
        """Another copy of an answer came."""

    @abstractmethod
    def answered_late(self) -> None:
        """An answer came after its probe's timeout."""

    @abstractmethod
    def probe_ended(self, tag: int) -> None:
        """The wait for more answers to a probe with several is over."""

    @abstractmethod
    def finish(self, error: BaseException | None) -> None:
        """All probes have ended (None), or the driver closed or failed."""


class Pings:
    """All series with the same header fields, payload and timeout; a `Sink` of the driver.

    The plan is on the driver while there are any (`running`).

    Attributes:
        alone: how a series goes on that has the driver to itself; None where none may.
        brief: the driver is there for one call alone.
    """

    def __init__(self, driver: Driver, plan: PingPlan[Asked]) -> None:
        self.driver = driver
        self.many = plan.many
        self.running = False
        self.brief = bool(driver.transport.spec.session)
        self.alone = Alone(driver, plan, self) if Lone.fits(driver.exchange, plan) else None
        self._plan = plan
        self._alive = plan.series

    def begin(self, series: Asked) -> None:
        """It is told of all that comes of it. Raises ClosedError if the driver is closed."""
        driver, plan = self.driver, self._plan
        if self.running:
            if plan.add(series):
                driver.poke(plan)
            return
        self.running = True  # all may be over before the driver returns
        try:
            if self.alone is not None and driver.is_free():
                plan.keep(series)
                driver.ping(self.alone, series)
            else:
                plan.add(series)
                driver.start(plan, self)
        except BaseException:
            self.running = False
            plan.drop(series)
            raise

    def stop(self, series: Asked) -> None:
        """Nobody waits for it any longer. Does nothing for one that is over."""
        if series.name not in self._alive:
            return
        self._plan.drop(series)
        if self._plan.done:
            self.running = False
            self.driver.stop(self._plan)
        elif series.taken > series.ended:
            self.driver.release(self._plan, self._plan.wants)

    # What the driver tells.

    def answered(self, series: Asked, answered: Answered) -> None:
        """The reply to a series, which is told of nothing else."""
        series.answered(answered)
        if series.ended == series.number:
            self._over(series)

    def _over(self, series: Asked) -> None:
        # It waits for no other time: nothing else is to be dropped.
        del self._alive[series.name]
        if not self._alive:
            self.running = False
        series.finish(None)

    def outcomes(self, batch: OutcomeBatch) -> None:
        """See `Sink`."""
        alive, replies = self._alive, None if self.many else batch.plain_replies()
        if replies is not None:
            over: dict[int, Asked] = {}
            for tag, answered in replies:
                if (series := alive.get(name := tag >> 32)) is not None:
                    series.answered(answered)
                    if series.ended == series.number:
                        over[name] = series
            # Only now: several replies to one series may come in one batch, which the plan has heard whole.
            for series in over.values():
                self._over(series)
            return
        for i, tag in enumerate(batch.tags):
            if (series := alive.get(tag >> 32)) is not None:
                series.outcome(batch, i)
        for tag in batch.copies:
            if (series := alive.get(tag >> 32)) is not None:
                series.copy()
        for tag in batch.late:
            if (series := alive.get(tag >> 32)) is not None:
                series.answered_late()
        for tag in batch.ended:
            if (series := alive.get(tag >> 32)) is not None:
                series.probe_ended(tag)
        # Only now: a reply and its copy may come in one batch.
        for tag in (*batch.tags, *batch.ended):
            series = alive.get(tag >> 32)
            if series is not None and series.over:
                self._plan.drop(series)
                series.finish(None)

    def ended(self, error: BaseException | None) -> None:
        """See `Sink`."""
        self.running = False
        for series in list(self._alive.values()):
            self._plan.drop(series)
            series.finish(error)
