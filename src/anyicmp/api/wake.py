"""When to run: how a driver gets its turns from asyncio, uvloop or trio, and how a task parks.

With `loop.py` the only file that knows event loops apart. It moves no packet and reads no clock: delays are
given.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

import anyio

if TYPE_CHECKING:
    import trio

__all__ = ["Background", "Place", "Waiter", "Wake", "in_background", "open_wake", "running_trio", "waiter"]


class Wake(Protocol):
    """Gives a driver its turns. A turn never overlaps another, and no turn comes after `close`."""

    def soon(self) -> None:
        """A turn as soon as the loop has let others run."""
        ...

    def after(self, delay: float | None, at: int = 0) -> None:
        """A turn in `delay` seconds at the latest, sooner if the descriptor is readable; None: no limit.

        `at` is the same as a time of the caller's clock. It tells whether a timer is early enough already.
        """
        ...

    def listen(self, on: bool) -> None:
        """Whether a turn is given when the descriptor is readable, at first yes. Ask for `after` next."""
        ...

    def close(self) -> None:
        """No more turns."""
        ...


class Waiter(Protocol):
    """One task's parking place. Waking it before it waits makes the next wait return at once."""

    def wake(self) -> None: ...

    def wake_from_thread(self) -> None:
        """As `wake`, from any thread; does nothing where the loop has ended."""
        ...

    async def wait(self) -> None: ...


class Background(Protocol):
    """A task that belongs to an object instead of a block."""

    def cancel(self) -> None: ...


def running_trio() -> Any:
    """The trio module if the caller runs inside trio, else None."""
    module = sys.modules.get("trio")
    return module if module is not None and module.lowlevel.in_trio_run() else None


def open_wake(turn: Callable[[bool], None], fileno: int) -> Wake:
    """Turns of the running loop whenever `fileno` is readable (-1: no descriptor) or as asked.

    A turn is told whether it is given because the descriptor is readable.
    """
    return _TrioWake(turn, fileno) if running_trio() else _AsyncioWake(turn, fileno)


def waiter() -> Waiter:
    """A parking place for the calling task."""
    return _TrioWaiter() if running_trio() else _AsyncioWaiter()


class Place:
    """A parking place for whoever iterates over one thing: one task at a time."""

    def __init__(self) -> None:
        self._waiter = waiter()
        self._taken = False

    def wake(self) -> None:
        """Wake the task, or make its next wait return at once."""
        self._waiter.wake()

    async def wait(self) -> None:
        """Until woken. Raises anyio.BusyResourceError if another task waits here."""
        if self._taken:
            # The second task would take the first one's place and leave it asleep for ever.
            raise anyio.BusyResourceError("iterating over")
        self._taken = True
        try:
            await self._waiter.wait()
        finally:
            self._taken = False


def in_background(run: Callable[[], Awaitable[None]]) -> Background:
    """Start a task on the running loop. `run` must raise nothing; it is cancelled through the result."""
    return _TrioBackground(run) if running_trio() else _AsyncioBackground(run)


class _AsyncioWake:
    def __init__(self, turn: Callable[[bool], None], fileno: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._turn = turn
        self._fileno = fileno
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0
        self._soon: asyncio.Handle | None = None
        if fileno >= 0:
            self._loop.add_reader(fileno, self._run_readable)

    def soon(self) -> None:
        if self._soon is None:
            self._soon = self._loop.call_soon(self._run_soon)

    def _run_soon(self) -> None:
        self._soon = None
        self._turn(False)

    def after(self, delay: float | None, at: int = 0) -> None:
        # A timer that comes too early gives a turn, which asks again: cheaper than a new one each turn.
        if delay is None or (self._timer is not None and self._at <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._at = self._loop.call_later(delay, self._run_timed), at

    def _run_readable(self) -> None:
        # Where a turn is to come anyway, a second one in the same cycle would make others wait twice as long.
        # Who goes on reads when it has sent; and what is left shows again.
        if self._soon is None:
            self._turn(True)

    def _run_timed(self) -> None:
        self._timer = None
        self._turn(False)

    def listen(self, on: bool) -> None:
        if self._fileno >= 0 and on:
            self._loop.add_reader(self._fileno, self._run_readable)
        elif self._fileno >= 0:
            self._loop.remove_reader(self._fileno)

    def close(self) -> None:
        for handle in (self._timer, self._soon):
            if handle is not None:
                handle.cancel()
        if self._fileno >= 0 and not self._loop.is_closed():
            self._loop.remove_reader(self._fileno)


class _AsyncioWaiter:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] | None = None
        self._woken = False

    def wake(self) -> None:
        self._woken = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def wake_from_thread(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any longer
            self._loop.call_soon_threadsafe(self.wake)

    async def wait(self) -> None:
        if not self._woken:
            self._future = self._loop.create_future()
            try:
                await self._future
            finally:
                self._future = None
        self._woken = False


class _AsyncioBackground:
    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        async def guarded() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await run()

        self._task = asyncio.create_task(guarded())

    def cancel(self) -> None:
        self._task.cancel()


class _TrioWake:
    def __init__(self, turn: Callable[[bool], None], fileno: int) -> None:
        self._trio = running_trio()
        self._turn = turn
        self._fileno = fileno
        self._delay: float | None = None
        self._at: int | None = None
        self._moved = False
        self._listening = fileno >= 0
        self._closed = False
        self._scope: trio.CancelScope | None = None
        self._trio.lowlevel.spawn_system_task(self._run, name="anyicmp driver")

    async def _run(self) -> None:
        lowlevel = self._trio.lowlevel
        while not self._closed:
            delay, readable = self._delay, False
            self._delay = None
            if delay == 0:
                await lowlevel.checkpoint()
            else:
                with self._trio.move_on_after(float("inf") if delay is None else delay) as self._scope:
                    try:
                        if self._listening:
                            await lowlevel.wait_readable(self._fileno)
                            readable = True
                        else:
                            await self._trio.sleep_forever()
                    except self._trio.ClosedResourceError:
                        return
                self._scope = None
            if self._moved and not readable:
                self._moved = False
                continue
            self._moved = False
            self._delay = self._at = None  # whatever was asked for, this is the turn
            if not self._closed:
                self._turn(readable)

    def soon(self) -> None:
        self._delay = 0
        if self._scope is not None:
            self._scope.cancel()

    def after(self, delay: float | None, at: int = 0) -> None:
        if self._scope is None:
            if self._delay != 0:
                self._delay, self._at = delay, None if delay is None else at
        elif delay is not None and (self._at is None or at < self._at):
            # Asked outside of a turn: the task that waits shall wait less. A turn too early asks again.
            self._delay, self._at, self._moved = delay, at, True
            self._scope.cancel()

    def listen(self, on: bool) -> None:
        self._listening = on and self._fileno >= 0
        if self._listening and self._scope is not None:
            self._at, self._moved = None, True
            self._scope.cancel()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._fileno >= 0:
                self._trio.lowlevel.notify_closing(self._fileno)
            if self._scope is not None:
                self._scope.cancel()


class _TrioWaiter:
    def __init__(self) -> None:
        self._lowlevel = running_trio().lowlevel
        self._token = self._lowlevel.current_trio_token()
        self._task: trio.lowlevel.Task | None = None
        self._woken = False

    def wake(self) -> None:
        self._woken = True
        if self._task is not None:
            task, self._task = self._task, None
            self._lowlevel.reschedule(task)

    def wake_from_thread(self) -> None:
        with contextlib.suppress(sys.modules["trio"].RunFinishedError):
            self._token.run_sync_soon(self.wake)

    async def wait(self) -> None:
        if self._woken:
            await self._lowlevel.checkpoint()
        else:
            self._task = self._lowlevel.current_task()

            def abort(_: Callable[[], Any]) -> Any:
                self._task = None
                return self._lowlevel.Abort.SUCCEEDED

            await self._lowlevel.wait_task_rescheduled(abort)
        self._woken = False


class _TrioBackground:
    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        module = running_trio()
        self._scope: trio.CancelScope = module.CancelScope()

        async def guarded() -> None:
            with self._scope:
                await run()

        module.lowlevel.spawn_system_task(guarded, name="anyicmp background")

    def cancel(self) -> None:
        self._scope.cancel()
