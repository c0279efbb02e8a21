"""From the synchronous command line into an event loop, and out again at the end or at Ctrl-C.

Knows the three backends and the signal. What runs inside is the subcommands' business.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import anyio
import anyio.abc

from anyicmp import UnsupportedError
from anyicmp.cli.log import warnings_shown
from anyicmp.cli.status import INTERRUPTED

__all__ = ["BACKENDS", "run"]

BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
"""Name of a backend, which is also that of its package, to anyio's name and options for it."""

Work = Callable[[anyio.CancelScope], Awaitable[int]]
"""A subcommand's coroutine function. It does what may be stopped within the scope that it is given, and
returns the exit status."""


def run(work: Work, backend: str) -> int:
    """Run `work` on a new event loop and return its exit status, 130 if Ctrl-C stopped it.

    The first Ctrl-C cancels the scope, so that a summary can still be printed; a second one raises
    KeyboardInterrupt. Raises UnsupportedError where the backend is not installed.
    """
    if find_spec(backend) is None:
        raise UnsupportedError(
            f"the backend {backend} needs the extra '{backend}': pip install 'anyicmp[{backend}]'"
        )
    name, options = BACKENDS[backend]
    with warnings_shown():
        return anyio.run(_until_interrupted, work, backend=name, backend_options=options)


async def _until_interrupted(work: Work) -> int:
    stop = anyio.CancelScope()
    status = 0
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        await group.start(_stop_at_interrupt, stop)
        try:
            status = await work(stop)
        except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return INTERRUPTED if stop.cancel_called else status


async def _stop_at_interrupt(
    stop: anyio.CancelScope, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            stop.cancel()
            return
