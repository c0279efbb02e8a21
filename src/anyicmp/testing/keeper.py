"""Keepers: how the drivers on an event loop get their turns, and when nothing is left to do and time jumps.

With the file on trio beside it, all that knows event loops apart here. It moves no packet.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sized
from weakref import WeakValueDictionary

from anyicmp.testing.clock import Timeline
from anyicmp.testing.loop import VirtualTimeLoop

__all__ = ["Keeper", "running_keeper"]

CYCLES = 8
"""Cycles of an asyncio loop in which no driver was called: then all tasks are taken to be waiting."""

JUMPS = 8
"""Jumps within one cycle of a loop that waits for nothing but a network: its descriptors wait so long."""


class Keeper:
    """Gives the drivers on one event loop their turns, and moves the clocks of their networks.

    Attributes:
        timeline: what these clocks move on.
        lasting: the application's own sleeps are on the timeline too: clocks move with it even where no
            prober is open.
    """

    lasting = False

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def soon(self, call: Callable[[], None]) -> None:
        """Call something once others have run."""
        raise NotImplementedError


class LoopKeeper(Keeper):
    """On a `VirtualTimeLoop`, which lets time pass by itself."""

    lasting = True

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__(loop.timeline)
        self.soon = loop.call_soon  # type: ignore[method-assign,assignment]


class AsyncioKeeper(Keeper):
    """On a loop whose own time is real: it jumps after cycles in which nothing was called."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(Timeline(self._arm))
        self._loop = loop
        self._armed = False
        self._left = CYCLES
        # asyncio's own loops show what is ready: where there is nothing, no further cycle is needed.
        self._ready: Sized | None = getattr(loop, "_ready", None)
        timers: Sized | None = getattr(loop, "_scheduled", None)
        self._work = None if self._ready is None or timers is None else (self._ready, timers)

    def soon(self, call: Callable[[], None]) -> None:
        self._left = CYCLES
        self._loop.call_soon(self._run, call)

    def _run(self, call: Callable[[], None]) -> None:
        self._left = CYCLES
        call()

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            self._left = CYCLES
            self._loop.call_soon(self._count_down)

    def _count_down(self) -> None:
        if self._left and (self._ready is None or self._ready):
            self._left -= 1
            self._loop.call_soon(self._count_down)
        else:
            timeline, work, passed = self.timeline, self._work, True
            try:
                passed = (work is not None and timeline.leap(JUMPS, work)) or timeline.step(None)
            finally:
                self._armed = False
                if passed:
                    self._arm()


_keepers: WeakValueDictionary[object, Keeper] = WeakValueDictionary()
"""One for each loop, as long as a network needs it."""


def running_keeper() -> Keeper:
    """The keeper of the running event loop. Raises RuntimeError where none runs."""
    trio = sys.modules.get("trio")
    in_trio = trio is not None and trio.lowlevel.in_trio_run()
    key = trio.lowlevel.current_trio_token() if trio is not None and in_trio else asyncio.get_running_loop()
    keeper = _keepers.get(key)
    if keeper is None:
        if in_trio:
            from anyicmp.testing.keeper_trio import TrioKeeper

            keeper = TrioKeeper()
        elif isinstance(key, VirtualTimeLoop):
            keeper = LoopKeeper(key)
        else:
            keeper = AsyncioKeeper(key)
        _keepers[key] = keeper
    return keeper
