"""What runs on a worker and lasts: one prober that all jobs share, and what the worker says of itself.

The jobs themselves stand in `jobs.py`.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping
from typing import Any

import attrs
from distributed import WorkerPlugin

from anyicmp import AnyicmpError, Capabilities, Prober, UnsupportedError
from anyicmp.cluster.chunks import LANES

__all__ = ["LANE", "METADATA", "SharedProber", "VantagePoint", "pinned", "shared_prober"]

METADATA = "anyicmp"
"""Under this key the scheduler keeps what workers and jobs tell."""

LANE = "anyicmp-lanes"
"""The resource of which a chunk of a sweep takes one."""

LOOK = 2.0
"""Seconds between two looks whether somebody still wants a job."""

AT_ONCE = 1_000_000
"""Measurements that one vantage point may run at once: no limit."""


def pinned(name: str) -> str:
    """The resource that only the vantage point of this name has, and again after a restart."""
    return f"anyicmp-at-{name}"


@attrs.frozen(kw_only=True, order=False)
class VantagePoint:
    """A place from which can be measured: a worker.

    Attributes:
        name: of the worker; it keeps its name if it is restarted under it.
        host: the name of its machine.
        capabilities: what its prober may do.
    """

    name: str
    host: str
    capabilities: Capabilities


class SharedProber(WorkerPlugin):
    """Opens a prober when a worker starts, and closes it when the worker ends."""

    idempotent = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """`name`: of the plugin, one for each set of options. Options of the prober."""
        self.name = name
        self._options = dict(options)
        self.prober: Prober
        self.why_not: str | None = None
        self._waits: dict[str, asyncio.Task[Any]] = {}

    async def setup(self, worker: Any) -> None:
        """Open the prober, and tell the scheduler what this worker can do. See `WorkerPlugin.setup`."""
        self.prober = Prober(**self._options)
        try:
            await self.prober.open()
        except AnyicmpError as error:
            # Whoever measures from here is told why, and what would help.
            self.why_not = str(error)
        name = str(worker.name)
        told = {
            "name": name,
            "host": platform.node(),
            "capabilities": attrs.asdict(self.prober.capabilities),
        }
        await worker.scheduler.set_metadata(keys=[METADATA, self.name, worker.address], value=told)
        lanes = 0 if self.why_not else LANES
        await worker.set_resources(**{LANE: lanes, pinned(name): AT_ONCE})

    async def called_off(self, worker: Any, job: str) -> bool:
        """Wait until the event of a job is set, True, or for `LOOK` seconds.

        The jobs of one name share a wait, which nobody cuts short: the scheduler would log that as an error.
        """
        wait = self._waits.get(job)
        if wait is None:
            wait = asyncio.create_task(worker.scheduler.event_wait(name=job, timeout=LOOK))
            self._waits[job] = wait
            wait.add_done_callback(lambda done: self._forget(job, done))
        return bool(await asyncio.shield(wait))

    def _forget(self, job: str, wait: asyncio.Task[Any]) -> None:
        del self._waits[job]
        if not wait.cancelled():
            wait.exception()  # whoever still waits has it

    async def teardown(self, worker: Any) -> None:
        """Close the prober. See `WorkerPlugin.teardown`."""
        await self.prober.aclose()


def shared_prober(worker: Any, plugin: str) -> SharedProber:
    """The plugin of a worker with its prober. Raises UnsupportedError where that could not open."""
    shared: SharedProber = worker.plugins[plugin]
    if shared.why_not is not None:
        raise UnsupportedError(shared.why_not)
    return shared
