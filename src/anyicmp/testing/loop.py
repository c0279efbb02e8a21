"""VirtualTimeLoop: an event loop of asyncio's on which no time is spent waiting.

It knows timers and threads; of networks it sees no more than a `Timeline`. No clock is read here.
"""

from __future__ import annotations

import asyncio
from asyncio import SelectorEventLoop
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from math import ulp
from selectors import DefaultSelector, SelectorKey
from typing import Any, TypeVar, TypeVarTuple

import anyio.to_thread

from anyicmp.testing.clock import SECOND, Timeline

__all__ = ["VirtualTimeLoop"]

SELDOM = 64
"""Cycles, and jumps in one cycle, in which no descriptor is looked at where the loop watches but its own.

That one tells of signals: now and then is enough.
"""

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class VirtualTimeLoop(SelectorEventLoop):
    """An asyncio event loop whose `time()` jumps to what is due next whenever all tasks wait.

    Sleeps, timeouts and the networks that are used on it share this time, and what is due in any of them
    comes in one order. Time stands still while work in threads is waited for that the loop was told of
    (`run_in_executor`, `asyncio.to_thread`, `anyio.to_thread.run_sync` with the default limiter). Sockets
    and processes are real: time does not wait for what they will bring.

    It is what `loop_factory` takes: `asyncio.Runner(loop_factory=VirtualTimeLoop)`, or
    `anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})`.

    Attributes:
        timeline: its time, from 0 on, and the clocks of the networks that are used on it.
    """

    def __init__(self) -> None:
        self.timeline = Timeline()
        self._closed: bool
        self._debug: bool
        self._stopping: bool
        self._ready: deque[asyncio.Handle]
        self._scheduled: list[asyncio.TimerHandle]
        self._working: set[object] = set()
        self._threads: anyio.CapacityLimiter | None = None
        self._chooser = _Selector(self)
        super().__init__(self._chooser)
        self._work = self._ready, self._scheduled, self._working
        self._refine()

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.timeline.elapsed / SECOND

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        """See `asyncio.loop.run_in_executor`; time stands still until the work is done."""
        future = super().run_in_executor(executor, func, *args)
        self._working.add(future)
        future.add_done_callback(self._working.discard)
        return future

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        """See `asyncio.loop.shutdown_default_executor`."""
        self._working.add(self)
        try:
            await super().shutdown_default_executor(*args, **options)
        finally:
            self._working.discard(self)

    def call_soon(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """See `asyncio.loop.call_soon`."""
        if self._debug or self._closed:
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _run_once(self) -> None:
        # A cycle of the loop. Where all wait for one network, time passes without a look at descriptors.
        chooser, threads = self._chooser, self._threads
        chooser.passed_by += 1
        if (
            any(self._work)
            or self._stopping
            or self._debug
            or chooser.passed_by >= SELDOM
            or chooser.watched > 1
            or threads is None
            or threads.borrowed_tokens
            or not self.timeline.leap(SELDOM, self._work)
        ):
            super()._run_once()  # type: ignore[misc]
            return
        if self.timeline.elapsed >= self._coarser:
            self._refine()
        ready = self._ready
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def pass_time(self, timer: float | None, jumps: int = 1) -> bool:
        """Nothing is left to do before a timer in so many seconds (None: no timer): go to what is due next.

        And on, up to so many jumps, until something is ready. Returns False where time must not pass,
        because nothing is due or a thread works.
        """
        if self._threads is None:
            # Only a task is told anyio's limiter.
            asyncio.Task(self._find_threads(), loop=self)
            return True
        if self._threads.borrowed_tokens:
            return False
        timeline, timers = self.timeline, len(self._scheduled)
        end = None if timer is None else timeline.elapsed + round(timer * SECOND)
        for _ in range(jumps):
            if self._working or not timeline.step(timer):
                return False
            if timeline.elapsed >= self._coarser:
                self._refine()
            if self._ready or len(self._scheduled) > timers:
                break
            if end is not None:
                if timeline.elapsed >= end:
                    break
                timer = (end - timeline.elapsed) / SECOND
        return True

    async def _find_threads(self) -> None:
        self._threads = anyio.to_thread.current_default_thread_limiter()

    def _refine(self) -> None:
        # What lies within this span of a timer is its time: the loop counts in float seconds, of which a
        # nanosecond is less than the last digit after some months.
        self._coarser = max(SECOND, 2 * self.timeline.elapsed)
        self._clock_resolution = 1 / SECOND + 2 * ulp(self._coarser / SECOND)


class _Selector(DefaultSelector):
    """Asks the loop to let time pass before it waits.

    Attributes:
        watched: how many descriptors.
        passed_by: cycles of the loop in which none was looked at.
    """

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop
        self.watched = 0
        self.passed_by = 0

    def register(self, *args: Any, **options: Any) -> SelectorKey:
        self.watched += 1
        return super().register(*args, **options)

    def unregister(self, fileobj: Any) -> SelectorKey:
        self.watched -= 1
        return super().unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        others = self.watched > 1
        if others or self.passed_by >= SELDOM:
            self.passed_by = 0
            if found := super().select(0):
                return found
        if (timeout is None or timeout > 0) and not self._loop.pass_time(timeout, 1 if others else SELDOM):
            return super().select(None)
        return []
