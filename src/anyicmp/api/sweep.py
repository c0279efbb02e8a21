"""The front door of a sweep: one outcome for each of many targets.

Targets are read as they are needed and never expanded in memory. Reading and looking up happen in a
task of the stream's own, so that names and slow iterables never hold up the others' answers.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from operator import length_hint
from typing import Self

import anyio

from anyicmp.api.driver import Driver
from anyicmp.api.inbox import Inbox
from anyicmp.api.options import seconds
from anyicmp.api.owner import SocketOwner
from anyicmp.api.stream import Stream
from anyicmp.api.sweep_options import SweepOptions
from anyicmp.api.targets import TargetReader, Targets
from anyicmp.api.wake import Background, Waiter, in_background, waiter
from anyicmp.engine.collection import SweepResult
from anyicmp.engine.gathering import Gathering
from anyicmp.engine.outcome import FAILED, REPLY, OutcomeBatch
from anyicmp.engine.pacer import Pacer
from anyicmp.engine.position import Ended, SweepPosition
from anyicmp.engine.probe import Probe
from anyicmp.engine.rate_loss import Recheck
from anyicmp.engine.segments import Segment
from anyicmp.engine.statistics import Tally
from anyicmp.engine.sweep import InFlight, SweepPlan
from anyicmp.engine.targets import BadTarget, Span, subtract
from anyicmp.errors import AnyicmpError, ClosedError, NameLookupError, SocketPermissionError
from anyicmp.results import Outcome, RateLoss, SweepProgress
from anyicmp.wire.batch import Version

__all__ = ["SweepPosition", "SweepResult", "SweepStream", "whole"]

UNREAD = 4096
"""Outcomes that may wait for the consumer before the sweep pauses."""

LOOKUPS = 32
"""Names that are looked up at once."""


async def whole(stream: SweepStream, *, time_limit: float | None) -> SweepResult:
    """Wait for all outcomes of a sweep; see `Prober.sweep`."""
    limit = None if time_limit is None else seconds("time_limit", time_limit)
    found = Gathering()
    async with stream:
        with anyio.move_on_after(limit):
            while (batch := await stream.next_batch()) is not None:
                found.add(batch)
        return SweepResult(
            columns=found.batches(),
            statistics=stream.tally.statistics(),
            rate_loss=stream.rate_loss,
            position=stream.position,
        )


class SweepStream(Stream[Outcome]):
    """Outcomes of a sweep as they happen: an async context manager and, inside, an async iterator.

    Nothing is dropped: a consumer that falls behind slows the sweep. Leaving the block stops it.

    Attributes:
        rate_loss: with `recheck`, once all outcomes were taken: whether the rate lost answers.
    """

    def __init__(self, prober: SocketOwner, targets: Targets, options: SweepOptions, *, owns: bool) -> None:
        """`owns`: the stream opens and closes the prober with itself. Raises as `TargetReader` does."""
        super().__init__(prober, owns=owns)
        self.tally = Tally(one_host=False)
        self.rate_loss: RateLoss | None = None
        self._found = Recheck(options.recheck) if options.recheck else None
        self._reader = TargetReader(targets, options.exclude, options.shuffle, options.shard, options.resume)
        self._options = options
        self._pacer = None if options.rate is None else Pacer(options.rate)
        self._in_flight = InFlight(options.in_flight)
        self._plans: dict[Version, tuple[Driver, SweepPlan]] = {}
        self._hosts: dict[int, str] = {}
        self._zones: dict[int, str] = {}
        self._all_read = False
        self._left = False
        self._done = 0
        self._received = 0
        self._ended = Ended(options.resume)
        self._shown: OutcomeBatch | None = None  # whose rows are handed out; how many were made, and noted
        self._made = self._noted = 0
        self._parts: Iterator[Sequence[Outcome]] = iter(())
        self._rows: Iterator[Outcome] = iter(())
        self._feeder: Background | None = None
        self._inbox: Inbox
        self._hungry: Waiter

    async def _begin(self) -> None:
        # The feeder counts as one plan: the sweep is not over before all targets were read.
        self._inbox = Inbox(look=self._look)
        self._hungry = waiter()
        self._prober.watch(self._inbox)
        self._feeder = in_background(self._feed)

    def _end(self) -> None:
        self._left = True
        if self._feeder is not None:
            self._feeder.cancel()
        for driver, plan in self._plans.values():
            driver.stop(plan)
            self._prober.leave(driver)
        self._prober.unwatch(self._inbox)
        self._inbox.close()

    @property
    def progress(self) -> SweepProgress:
        """How far the sweep is. `total` is None until all targets were read."""
        return SweepProgress(
            done=self._done,
            total=self._reader.numbered - self._reader.skipped if self._all_read else None,
            sent=sum(plan.sent for _, plan in self._plans.values()),
            received=self._received,
        )

    @property
    def position(self) -> SweepPosition:
        """Which targets had their outcome handed out, at any time: `resume` another sweep with it."""
        if self._shown is not None:
            self._note_shown(self._shown, self._made - length_hint(self._rows))
        return self._ended.position

    def _note_shown(self, batch: OutcomeBatch, handed_out: int) -> None:
        """So many rows of the batch whose rows are handed out have been."""
        whole = not self._noted and handed_out == len(batch)
        self._note(batch.sequences if whole else batch.sequences[self._noted : handed_out])
        self._noted = handed_out

    def _note(self, numbers: array[int]) -> None:
        """The outcomes of these targets have been handed out."""
        if numbers:
            places = self._reader.places
            self._ended.end(numbers if places is None else array("Q", map(places.pop, numbers)))

    # Outcomes out.

    def _look(self, batch: OutcomeBatch) -> None:
        batch.hosts, batch.zones = self._hosts, batch.zones or self._zones
        self.tally.add(batch)
        self._done += len(batch)
        self._received += batch.kinds.count(REPLY)
        if self._found is not None:
            self._found.add(batch)
        if self._inbox.unread + len(batch) > UNREAD:
            self._hold(True)
        elif self._options.in_flight is not None:
            # The limit is shared: what ends in one family makes room in the other.
            for driver, plan in self._plans.values():
                driver.poke(plan)

    def _hold(self, held: bool) -> None:
        for driver, plan in self._plans.values():
            if plan.held != held:
                plan.held = held
                driver.poke(plan)

    def batches(self) -> SweepBatches:
        """The outcomes as they come, in columns: an async iterator of `OutcomeBatch`."""
        return SweepBatches(self)

    async def next_batch(self) -> OutcomeBatch | None:
        """The next outcomes; None at the end."""
        batch = await self._take()
        if batch is not None:
            self._note(batch.sequences)
        return batch

    async def _take(self) -> OutcomeBatch | None:
        self._check_begun()
        batch = await self._inbox.next()
        if batch is None and self._found is not None:
            await self._recheck(self._found)
        if self._inbox.unread <= UNREAD // 2:
            self._hold(False)
            self._hungry.wake()
        return batch

    async def _recheck(self, found: Recheck) -> None:
        """Probe some targets again, slowly, now that all have their outcome."""
        from anyicmp.api.recheck import probe_again

        self._found = None
        plans: dict[Version, tuple[Driver, SweepPlan]] = {
            version: (driver, self._new_plan(version, driver, InFlight(None)))
            for version, (driver, _) in self._plans.items()
        }
        self.rate_loss = await probe_again(found, plans)

    async def __anext__(self) -> Outcome:
        # One call a row and nothing else: at this point of a sweep a call weighs as much as a packet.
        for row in self._rows:
            return row
        return await self._next()

    async def _next(self) -> Outcome:
        while not (part := next(self._parts, None)):
            if self._shown is not None:
                shown, self._shown = self._shown, None
                self._note_shown(shown, len(shown))
            batch = await self._take()
            if batch is None:
                raise StopAsyncIteration
            self._shown, self._made, self._noted, self._parts = batch, 0, 0, batch.parts()
        # The iterator of a list knows how many are left.
        self._made, self._rows = self._made + len(part), iter(part)
        return next(self._rows)

    # Targets in.

    async def _feed(self) -> None:
        """Read the targets, look up names, hand spans to the plans; runs as a task of its own."""
        error: BaseException | None = None
        try:
            async with aclosing(aiter(self._reader)) as parts, anyio.create_task_group() as lookups:
                slots = anyio.Semaphore(LOOKUPS)
                async for found, number in parts:
                    if isinstance(found, Span):
                        self._add(found, number)
                    elif isinstance(found, BadTarget):
                        self._fail(found.text, found.reason, number)
                    else:
                        await slots.acquire()
                        lookups.start_soon(self._look_up, found.text, number, slots)
                    await self._until_hungry()
        except BaseExceptionGroup as group:
            error = group.exceptions[0]
        except Exception as mistake:  # noqa: BLE001 - the caller's iterable may raise anything: it gets it back
            error = mistake
        self._all_read = True
        for driver, plan in self._plans.values():
            plan.finish()
            driver.poke(plan)
        self._inbox.ended(error)

    async def _until_hungry(self) -> None:
        # What cannot be probed is an outcome at once: its consumer slows the reading too.
        while self._inbox.unread > UNREAD or any(plan.full for _, plan in self._plans.values()):
            await self._hungry.wait()

    def _add(self, span: Span, number: int) -> None:
        if self._left:  # a cancelled feeder may run on to its next checkpoint
            return
        try:
            self._options.route.check(span.version)
            scope = self._prober.scope(span.zone)
            driver, plan = self._plan(span.version)
        except (AnyicmpError, ValueError) as error:
            if span.count > 1 or isinstance(error, (ClosedError, SocketPermissionError)):
                raise
            self._fail(None, str(error), number, span)
            return
        if span.zone is not None:
            self._zones[scope] = span.zone
        plan.add(Segment(span.first, span.count, number, scope))
        driver.poke(plan)

    def _plan(self, version: Version) -> tuple[Driver, SweepPlan]:
        if version not in self._plans:
            driver = self._prober.driver(version, self._options.route)
            plan = self._new_plan(version, driver, self._in_flight)
            self._plans[version] = driver, plan
            self._inbox.expect()
            driver.start(plan, self._inbox, self._pacer)
        return self._plans[version]

    def _new_plan(self, version: Version, driver: Driver, in_flight: InFlight) -> SweepPlan:
        options, route = self._options, self._options.route
        return SweepPlan(
            Probe(
                peer=b"",
                hop_limit=route.hop_limit,
                traffic_class=route.traffic_class,
                stamped=self._prober.stamps(driver),
            ),
            driver.exchange.method.template(size=options.size, payload=options.payload),
            timeout=options.timeout,
            retries=options.retries,
            backoff=options.backoff,
            in_flight=in_flight,
            segments=options.segments(version),
            on_hungry=self._hungry.wake,
        )

    async def _look_up(self, name: str, number: int, slots: anyio.Semaphore) -> None:
        try:
            addresses = await self._prober.resolve(name, family=self._options.route.family_of(name))
        except NameLookupError as error:
            self._fail(name, error.reason, number)
        else:
            self._hosts[number] = name
            address = addresses[0]
            version: Version = 4 if address.version == 4 else 6
            zone = getattr(address, "scope_id", None)
            span = Span(version, int(address), 1, zone)
            if any(subtract(span, self._options.exclude)):
                self._add(span, number)
            else:
                self._fail(name, f"its address {address} is excluded", number, span)
        finally:
            slots.release()

    def _fail(self, host: str | None, reason: str, number: int, span: Span | None = None) -> None:
        """A target that cannot be probed is an outcome in its place; the span is its address, if any."""
        if self._left:
            return
        version: Version = 4 if span is None else span.version
        batch = OutcomeBatch(version)
        batch.nowhere = span is None
        if span is not None and span.zone is not None:
            batch.zones = {0: span.zone}
        target = (0 if span is None else span.first).to_bytes(4 if version == 4 else 16, "big")
        batch.append(FAILED, target=target, scope=0, tag=number, sent_at=self._prober.unix_time())
        batch.failures[0] = (None, reason)
        if host is not None:
            self._hosts[number] = host
        self._inbox.outcomes(batch)


class SweepBatches:
    """The batches of a sweep. Instead of an async generator, which whoever leaves early must close."""

    def __init__(self, stream: SweepStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OutcomeBatch:
        batch = await self._stream.next_batch()
        if batch is None:
            raise StopAsyncIteration
        return batch
