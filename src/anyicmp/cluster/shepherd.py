"""A sweep over a cluster, as it runs on the loop of Dask's client: chunks out, parcels in.

Which chunk is next and what of a parcel is new is decided in `chunks.py`; for people there is `stream.py`.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from distributed import KilledWorker

from anyicmp import KINDS, OutcomeBatch, SweepPosition
from anyicmp.cluster.chunks import Chunk, Division
from anyicmp.cluster.jobs import Order, Parcel, probe_chunk
from anyicmp.cluster.vantage import LANE, METADATA

__all__ = ["Found", "Shepherd"]

UNREAD = 131_072
"""Outcomes that may wait for the consumer before parcels are left where they are."""

PARCELS = 4
"""So many may wait at the scheduler; then workers wait, and their sweeps with them."""

LOOK = 0.5
"""Seconds between two looks at how many workers there are."""

FAREWELL = 1.0
"""Seconds that jobs have to end after they were told to."""

REPLY = KINDS.index("reply")

RATES = ("rate", "per_network_rate")

Found = tuple[str, OutcomeBatch]
"""The name of the vantage point, and what it found."""


@attrs.define(eq=False)
class Shepherd:
    """Runs the chunks of one sweep.

    Attributes:
        client, plugin, job: of Dask, of the shared probers, of this sweep.
        targets, options: of the sweep.
        division: of its targets.
        workers: asks how many workers can take chunks.
        received: targets that answered, of the outcomes handed out.
        before: what had an outcome before the parcel whose batches are being handed out.
    """

    client: Any
    plugin: str
    job: str
    targets: tuple[Any, ...]
    options: Mapping[str, Any]
    division: Division
    workers: Callable[[], Any]
    received: int = 0
    before: SweepPosition = attrs.field(factory=SweepPosition)
    _parcels: deque[Parcel] = attrs.field(factory=deque)
    _unread: int = 0
    _found: deque[Found] = attrs.field(factory=deque)
    _news: asyncio.Event = attrs.field(factory=asyncio.Event)
    _room: asyncio.Event = attrs.field(factory=asyncio.Event)
    _error: BaseException | None = None
    _here: int = 0
    _ending: bool = False
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set)
    _jobs: set[asyncio.Task[None]] = attrs.field(factory=set)

    async def begin(self) -> None:
        """Begin with the first chunks."""
        await self.client.scheduler.queue_create(name=self.job, maxsize=PARCELS)
        self._here = await self.workers()
        for work in (self._read(), self._look()):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        self._submit()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._error = self._error or task.exception()
            self._news.set()

    async def next(self) -> Found | None:
        """What a vantage point found next; None at the end. Raises what ended the sweep early."""
        while not self._found:
            if self._parcels:
                self._open(self._parcels.popleft())
                continue
            if self._error is not None:
                raise self._error
            if self.division.over:
                return None
            self._news.clear()
            await self._news.wait()
        return self._found.popleft()

    @property
    def position(self) -> SweepPosition:
        """What has an outcome that was handed out; of a parcel all have, or none."""
        return self.before if self._found else self.division.position

    async def end(self) -> None:
        """Stop all probing, and leave nothing behind."""
        self._ending = True
        if self.client.status != "running":
            self._cancel()
            return
        scheduler = self.client.scheduler
        await scheduler.event_set(name=self.job)
        self._room.set()  # what comes now is read and dropped, so that no job waits to post it
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=FAREWELL)
        self._cancel()
        await self.client.set_metadata([METADATA, self.job], None)
        self.client._send_to_scheduler({"op": "queue_release", "name": self.job})
        await scheduler.event_clear(name=self.job)

    def _cancel(self) -> None:
        for task in (*self._tasks, *self._jobs):
            task.cancel()

    # Chunks out.

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self._here = await self.workers()
            if self._jobs:
                await self.client.run_on_scheduler(_waiting_again())
            self._submit()

    def _submit(self) -> None:
        while self._here and not self._ending and (chunk := self.division.next(self._here)) is not None:
            job = asyncio.create_task(self._run(chunk))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
            job.add_done_callback(self._ended)

    async def _run(self, chunk: Chunk) -> None:
        options = dict(self.options)
        for name in RATES:
            if options.get(name) is not None:
                options[name] *= chunk.share
        key = f"{self.job}-{chunk.number}-{chunk.attempt}"
        order = Order(
            plugin=self.plugin,
            job=self.job,
            key=key,
            chunk=chunk.number,
            targets=self.targets,
            options=options,
            position=str(chunk.position),
        )
        future = self.client.submit(probe_chunk, order, key=key, resources={LANE: 1}, pure=False)
        try:
            await future
        except KilledWorker as error:
            self.division.fail(chunk.number, f"its workers died, one after the other: {error}", for_good=True)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a job may fail by anything that happens to its machine
            self.division.fail(chunk.number, f"{type(error).__name__}: {error}")
        finally:
            # A result that lies on a worker is computed again if the worker dies: it is let go at once.
            future.release()
        self._news.set()
        self._submit()

    # Parcels in.

    async def _read(self) -> None:
        while True:
            record = await self.client.scheduler.queue_get(name=self.job, timeout=None, batch=False)
            parcel: Parcel = pickle.loads(record["value"])  # noqa: S301 - whoever runs the scheduler may do more
            self._parcels.append(parcel)
            self._unread += sum(map(len, parcel.batches))
            self._news.set()
            while self._unread > UNREAD and not self._ending:
                self._room.clear()
                await self._room.wait()

    def _open(self, parcel: Parcel) -> None:
        """Hand out what is new in a parcel. Now, not when it arrives: so the position is the consumer's."""
        self.before = self.division.position
        self._unread -= sum(map(len, parcel.batches))
        self._room.set()
        numbers = [number for batch in parcel.batches for number in batch.sequences]
        new = self.division.take(
            parcel.chunk,
            parcel.run,
            numbers,
            sent=parcel.sent,
            position=parcel.position,
            over=parcel.over,
        )
        for batch in parcel.batches if new is None else _only(parcel.batches, new):
            self._found.append((parcel.vantage, batch))
            self.received += batch.kinds.count(REPLY)
        self._submit()


def _waiting_again() -> Callable[[Any], None]:
    """What has the scheduler look for workers for the tasks that found none.

    Dask looks when a worker joins, and that one has no lanes yet: if all had gone, nobody would look again.
    A function within a function travels as it is, so the scheduler need not know this package.
    """

    def look(dask_scheduler: Any) -> None:
        for worker in list(dask_scheduler.running):
            wanted = dask_scheduler.bulk_schedule_unrunnable_after_adding_worker(worker)
            dask_scheduler.transitions(wanted, "lanes-added")

    return look


def _only(batches: list[OutcomeBatch], rows: list[int]) -> list[OutcomeBatch]:
    """Some rows of several batches, counted through."""
    wanted, first, found = set(rows), 0, []
    for batch in batches:
        kept = [i for i in range(len(batch)) if first + i in wanted]
        first += len(batch)
        if kept:
            found.append(batch.only(kept))
    return found
