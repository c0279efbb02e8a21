"""Turns in virtual time: drivers get theirs from the running loop, and time jumps when nothing is left to do.

The only file here that knows event loops apart. It moves no packet.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from anyicmp.testing.clock import Event, VirtualClock

__all__ = ["Turns", "VirtualWake"]

SECOND = 1_000_000_000

CYCLES = 8
"""Cycles of an asyncio loop in which no driver was called: then all tasks are taken to be waiting."""


class Loop(Protocol):
    """The two things that are asked of an event loop."""

    @property
    def key(self) -> object:
        """The running loop itself, to tell it from others."""
        ...

    def soon(self, call: Callable[[], None]) -> None:
        """Call something once others have run."""
        ...

    def when_still(self, call: Callable[[], None]) -> None:
        """Call something once all tasks wait."""
        ...


class Turns:
    """All drivers of one simulated network, and the clock that they live by.

    Attributes:
        automatic: the clock jumps to its next event whenever all tasks wait. Set False, time passes
            only by `VirtualClock.advance`.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.automatic = True
        self.loop: Loop | None = None
        self._wakes: list[VirtualWake] = []
        self._stirred = 0
        self._armed = False
        clock.on_event = self._arm

    def open_wake(self, turn: Callable[[], None], fileno: int) -> VirtualWake:
        """See `Environment.open_wake`; there is no descriptor to watch."""
        loop = _running_loop()
        if self.loop is None or self.loop.key is not loop.key:
            # What was left open on a loop that has ended gets no more turns.
            self.loop, self._wakes, self._armed = loop, [], False
        wake = VirtualWake(self, loop, turn)
        self._wakes.append(wake)
        self._arm()
        return wake

    def close_wake(self, wake: VirtualWake) -> None:
        """It gets no more turns."""
        if wake in self._wakes:
            self._wakes.remove(wake)

    def readable(self) -> None:
        """A packet has arrived, or a buffer has room: a turn for all, as if they shared a descriptor."""
        for wake in self._wakes:
            wake.soon()

    def stir(self) -> None:
        """Something was called: the loop is not still."""
        self._stirred += 1

    def _arm(self) -> None:
        if self.loop is not None and self._wakes and not self._armed and self.clock.due() is not None:
            self._armed = True
            self._wait(self.loop)

    def _wait(self, loop: Loop) -> None:
        stirred = self._stirred
        loop.when_still(lambda: self._jump(loop, stirred))

    def _jump(self, loop: Loop, stirred: int) -> None:
        if loop is not self.loop:
            return
        if stirred != self._stirred:
            self._wait(loop)
            return
        self._armed = False
        if self.automatic and self._wakes:
            self.clock.jump()
            self._arm()

    def resume(self) -> None:
        """Let time jump again after `automatic` was False."""
        self.automatic = True
        self._arm()


class VirtualWake:
    """A driver's turns; see `api.wake.Wake` for the contract."""

    def __init__(self, turns: Turns, loop: Loop, turn: Callable[[], None]) -> None:
        self._turns = turns
        self._loop = loop
        self._turn = turn
        self._called = False
        self._closed = False
        self._timer: Event | None = None

    def soon(self) -> None:
        """A turn as soon as the loop has let others run."""
        self._turns.stir()
        if not self._called:
            self._called = True
            self._loop.soon(self._run)

    def _run(self) -> None:
        self._called = False
        self._turns.stir()
        if not self._closed:
            self._turn()

    def after(self, delay: float | None) -> None:
        """A turn in `delay` seconds of virtual time unless something arrives before."""
        if self._timer is not None:
            self._timer.cancel()
        clock = self._turns.clock
        self._timer = (
            None if delay is None else clock.at(clock.monotonic() + round(delay * SECOND), self.soon)
        )

    def close(self) -> None:
        """No more turns."""
        self._closed = True
        self.after(None)
        self._turns.close_wake(self)


def _running_loop() -> Loop:
    trio = sys.modules.get("trio")
    return _TrioLoop(trio) if trio is not None and trio.lowlevel.in_trio_run() else _AsyncioLoop()


class _AsyncioLoop:
    def __init__(self) -> None:
        self.key: asyncio.AbstractEventLoop = asyncio.get_running_loop()

    def soon(self, call: Callable[[], None]) -> None:
        self.key.call_soon(call)

    def when_still(self, call: Callable[[], None]) -> None:
        self._count_down(call, CYCLES)

    def _count_down(self, call: Callable[[], None], cycles: int) -> None:
        if cycles:
            self.key.call_soon(self._count_down, call, cycles - 1)
        else:
            call()


class _TrioLoop:
    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._testing = import_module("trio.testing")
        self.key: Any = trio.lowlevel.current_trio_token()

    def soon(self, call: Callable[[], None]) -> None:
        self.key.run_sync_soon(call)

    def when_still(self, call: Callable[[], None]) -> None:
        async def wait() -> None:
            await self._testing.wait_all_tasks_blocked()
            call()

        self._trio.lowlevel.spawn_system_task(wait, name="anyicmp virtual time")
