"""The jobs that workers run: a chunk of a sweep, or one measurement.

A job ends when its event is set, when its client has left, or when the scheduler cannot be reached: the
engine itself does not stop a coroutine that runs. Who runs which job is decided in `stream.py` and `door.py`.
"""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
from distributed.worker import get_worker

from anyicmp import AnyicmpError, Environment, OutcomeBatch, SweepStream, UnsupportedError
from anyicmp.cluster.vantage import METADATA, SharedProber, shared_prober

__all__ = ["Measurement", "Order", "Parcel", "measure", "probe_chunk"]

UNSENT = 32_768
"""Outcomes that may wait for the scheduler before the sweep of a chunk pauses."""

PULSE = 0.25
"""Seconds between two parcels of a chunk, but for the first and the last: a scheduler takes only so many."""

UNREACHABLE = 12.0
"""Seconds after which a scheduler that does not answer counts as gone, and probing ends."""


@attrs.frozen(kw_only=True)
class Order:
    """What a job is told of a chunk.

    Attributes:
        plugin: whose prober to use.
        job: name of the sweep: of its queue and its event.
        key: of the task.
        chunk: its number.
        targets, options: of the sweep.
        position: as text: what of the sweep is to be left out.
    """

    plugin: str
    job: str
    key: str
    chunk: int
    targets: tuple[Any, ...]
    options: Mapping[str, Any]
    position: str


@attrs.frozen(kw_only=True)
class Parcel:
    """News of a chunk. Fields as in `Division.take`.

    Attributes:
        vantage: who probed.
        batches: the outcomes.
    """

    chunk: int
    run: str
    vantage: str
    batches: list[OutcomeBatch]
    sent: int
    position: str
    over: bool


@attrs.frozen(kw_only=True)
class Measurement:
    """What a job is told of a measurement. As in `Order`, and:

    Attributes:
        call: name of the prober's method.
        host, options: for it.
    """

    plugin: str
    job: str
    key: str
    call: str
    host: Any
    options: Mapping[str, Any]


@asynccontextmanager
async def _wanted(worker: Any, shared: SharedProber, job: str, key: str) -> AsyncIterator[None]:
    """Cancel the block once nobody wants the job any more."""

    async def watch(scope: anyio.CancelScope) -> None:
        # A task whose client has left, or has released it, stays here as a cancelled one.
        while (task := worker.state.tasks.get(key)) is not None and task.state == "executing":
            with anyio.fail_after(UNREACHABLE):
                if await shared.called_off(worker, job):
                    break
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            yield
        finally:
            group.cancel_scope.cancel()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def measure(what: Measurement) -> tuple[str, Any]:
    """One measurement: ("result", it), ("failed", why), or ("mistake", which) for wrong arguments."""
    worker: Any = get_worker()
    answer: tuple[str, Any] = ("failed", "it was called off")
    try:
        shared = shared_prober(worker, what.plugin)
        async with _wanted(worker, shared, what.job, what.key):
            try:
                answer = "result", await getattr(shared.prober, what.call)(what.host, **what.options)
            except AnyicmpError as error:
                answer = "failed", str(error)
            except (TypeError, ValueError) as error:
                answer = "mistake", str(error)
    except UnsupportedError as error:
        return "failed", str(error)
    except BaseExceptionGroup as group:
        raise _first(group) from None
    return answer


async def probe_chunk(order: Order) -> None:
    """Probe a chunk and post its outcomes as they come."""
    worker: Any = get_worker()
    # If the engine repeats the job because a worker died: from where that one had come.
    keys = [METADATA, order.job, str(order.chunk)]
    start = await worker.scheduler.get_metadata(keys=keys, default=order.position)
    shared = shared_prober(worker, order.plugin)
    stream = shared.prober.open_sweep(order.targets, resume=start, **order.options)
    outbox = _Outbox(order, worker, stream)
    try:
        async with _wanted(worker, shared, order.job, order.key), anyio.create_task_group() as group:
            group.start_soon(outbox.post, keys)
            async with stream:
                while (batch := await stream.next_batch()) is not None:
                    await outbox.add(batch)
            outbox.close()
    except BaseExceptionGroup as group:
        # What crosses machines is the error itself: a group says nothing more.
        raise _first(group) from None


class _Outbox:
    """Outcomes that the scheduler has not got yet: they leave in one parcel when the last one has arrived."""

    def __init__(self, order: Order, worker: Any, stream: SweepStream) -> None:
        self._order = order
        self._worker = worker
        self._stream = stream
        self._run = Environment().entropy(8).hex()
        self._batches: list[OutcomeBatch] = []
        self._unsent = 0
        self._over = False
        self._hurry, self._room = anyio.Event(), anyio.Event()
        self._begun = False

    async def add(self, batch: OutcomeBatch) -> None:
        """One more; waits while there are too many."""
        self._batches.append(batch)
        self._unsent += len(batch)
        if not self._begun or self._unsent > UNSENT // 2:
            self._begun = True
            self._hurry.set()
        while self._unsent > UNSENT:
            self._room = anyio.Event()
            await self._room.wait()

    def close(self) -> None:
        """Nothing more will come."""
        self._over = True
        self._hurry.set()

    async def post(self, keys: list[str]) -> None:
        """Post until all has been, and note where the chunk is, for whoever may have to go on with it."""
        scheduler, over, told = self._worker.scheduler, False, 0
        while not over:
            with anyio.move_on_after(PULSE):
                await self._hurry.wait()
            sent = self._stream.progress.sent
            if not (self._batches or self._over or sent != told):
                continue
            self._hurry, over, told = anyio.Event(), self._over, sent
            parcel = Parcel(
                chunk=self._order.chunk,
                run=self._run,
                vantage=str(self._worker.name),
                batches=[_alone(batch) for batch in OutcomeBatch.joined(self._batches)],
                sent=sent,
                position=str(self._stream.position),
                over=over,
            )
            self._batches, self._unsent = [], 0
            self._room.set()
            await scheduler.queue_put(name=self._order.job, data=pickle.dumps(parcel), timeout=None)
            if not over:
                await scheduler.set_metadata(keys=keys, value=parcel.position)


def _alone(batch: OutcomeBatch) -> OutcomeBatch:
    """A batch that brings along what it needs and no more."""
    if batch.hosts:  # of the whole sweep
        batch.hosts = {number: batch.hosts[number] for number in batch.sequences if number in batch.hosts}
    batch.tags = batch.sequences
    return batch
