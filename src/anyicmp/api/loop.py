"""The event loop of a prober, as an awaited call needs it: whether it is this one, to pause, to wait once.

What a ping costs beside its packet is largely this, so it is no more than each loop asks for. How a driver
gets its turns, and waiters for everything else, are in `wake.py`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any, Protocol

from anyicmp.api.wake import running_trio

__all__ = ["Loop", "Parking", "this_loop"]


class Parking(Protocol):
    """What one task waits for, once.

    Attributes:
        parked: the loop's word for that task while it waits, None where none does.
    """

    parked: Any


class Loop(Protocol):
    """One event loop."""

    def is_current(self) -> bool:
        """Whether the caller runs in it."""
        ...

    def pause(self) -> Awaitable[object]:
        """Let others run for one cycle; the caller may be cancelled here."""
        ...

    def park(self, parking: Parking) -> Awaitable[object]:
        """Wait for `wake`, which must not have been called before."""
        ...

    def wake(self, parking: Parking) -> None:
        """Wake the task that waits, if one does."""
        ...


def this_loop() -> Loop:
    """The running event loop."""
    return _TrioLoop() if running_trio() else _AsyncioLoop()


@coroutine
def _one_cycle() -> Generator[None]:
    """What asyncio.sleep(0) does."""
    yield


class _AsyncioLoop:
    pause = staticmethod(_one_cycle)

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def is_current(self) -> bool:
        # In the guest mode of trio both run.
        return asyncio._get_running_loop() is self._loop and ("trio" not in sys.modules or not running_trio())

    def park(self, parking: Parking) -> Awaitable[object]:
        parking.parked = future = self._loop.create_future()
        return future

    def wake(self, parking: Parking) -> None:
        future = parking.parked
        if future is not None and not future.done():
            future.set_result(None)


class _TrioLoop:
    def __init__(self) -> None:
        self._lowlevel = lowlevel = running_trio().lowlevel
        self._token = lowlevel.current_trio_token()
        self.pause = lowlevel.checkpoint

    def is_current(self) -> bool:
        return bool(running_trio()) and self._lowlevel.current_trio_token() is self._token

    def park(self, parking: Parking) -> Awaitable[object]:
        lowlevel = self._lowlevel

        def abort(_: object) -> Any:
            parking.parked = None
            return lowlevel.Abort.SUCCEEDED

        parking.parked = lowlevel.current_task()
        waits: Awaitable[object] = lowlevel.wait_task_rescheduled(abort)
        return waits

    def wake(self, parking: Parking) -> None:
        task, parking.parked = parking.parked, None
        if task is not None:
            self._lowlevel.reschedule(task)
