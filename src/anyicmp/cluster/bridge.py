"""From the caller's event loop to the one that Dask's client lives in, and back.

On asyncio they may be the same; on trio, and with a client of another thread, they never are. What is
called there is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread

__all__ = ["Bridge", "Portal"]

P = ParamSpec("P")
T = TypeVar("T")

WAITING = 10_000
"""Calls that may be waited for at once, each by a thread that sleeps."""


class Bridge:
    """Calls coroutine functions on an asyncio loop, from whatever loop its caller runs on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._limit: anyio.CapacityLimiter | None = None

    def _is_here(self) -> bool:
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    async def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await `function(...)` over there. If the caller is cancelled, so is the call."""
        if self._is_here():
            return await function(*args, **kwargs)
        if self._limit is None:
            self._limit = anyio.CapacityLimiter(WAITING)

        async def run() -> T:
            return await function(*args, **kwargs)

        future = asyncio.run_coroutine_threadsafe(run(), self.loop)
        try:
            return await anyio.to_thread.run_sync(future.result, abandon_on_cancel=True, limiter=self._limit)
        finally:
            future.cancel()


class Portal:
    """An asyncio loop for Dask's client: the one that runs here, or one in a thread of its own.

    Attributes:
        loop: that loop.
    """

    def __init__(self) -> None:
        self._thread = None
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            self._thread = anyio.from_thread.start_blocking_portal("asyncio")
            self.loop = self._thread.__enter__().call(asyncio.get_running_loop)

    async def aclose(self) -> None:
        """End the thread, if there is one."""
        if self._thread is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._thread.__exit__, None, None, None)
