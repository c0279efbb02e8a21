"""One measurement from several vantage points at once, on the loop of Dask's client.

A vantage point that goes and comes back under its name is waited for a little. What is measured is the job's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import attrs
from distributed import KilledWorker

from anyicmp.cluster.jobs import Measurement, measure
from anyicmp.cluster.vantage import pinned

__all__ = ["measure_from"]

LOOK = 0.5
"""Seconds between two looks at who is there."""

GRACE = 5.0
"""Seconds that a vantage point which has gone may take to come back."""

Answer = tuple[str, Any]


async def measure_from(
    names: Collection[str],
    client: Any,
    what: Measurement,
    present: Callable[[], Awaitable[Collection[str]]],
) -> dict[str, Answer]:
    """The job's answer by the name of the vantage point. `present` asks for the names of those there are."""
    futures = {
        name: client.submit(
            measure,
            attrs.evolve(what, key=f"{what.job}-{name}"),
            key=f"{what.job}-{name}",
            resources={pinned(name): 1},
            pure=False,
        )
        for name in names
    }
    waiting = {name: asyncio.create_task(_answer(future)) for name, future in futures.items()}
    missed = dict.fromkeys(names, 0.0)
    try:
        while left := [task for task in waiting.values() if not task.done()]:
            await asyncio.wait(left, timeout=LOOK)
            here = await present() if any(not task.done() for task in left) else names
            for name, task in waiting.items():
                missed[name] = 0.0 if name in here else missed[name] + LOOK
                if missed[name] > GRACE:
                    task.cancel()
        return {
            name: ("failed", "the vantage point has gone") if task.cancelled() else task.result()
            for name, task in waiting.items()
        }
    finally:
        await _call_off(client, what.job, list(futures.values()), list(waiting.values()))


async def _answer(future: Any) -> Answer:
    try:
        answer: Answer = await future
    except KilledWorker as error:
        return "failed", f"its workers died, one after the other: {error}"
    except Exception as error:  # noqa: BLE001 - a job may fail by anything that happens to its machine
        return "failed", f"{type(error).__name__}: {error}"
    return answer


async def _call_off(client: Any, job: str, futures: list[Any], waiting: list[asyncio.Task[Answer]]) -> None:
    """Stop what still runs, and leave nothing behind."""
    late = any(not task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    if client.status == "running":
        await client.scheduler.event_set(name=job)
        for future in futures:
            future.release()
        if late:
            await asyncio.sleep(LOOK)  # for jobs that are just about to look
        await client.scheduler.event_clear(name=job)
