"""Turns in virtual time: the drivers of one simulated network, and when each has its turn.

What the running event loop is, is not known here. It moves no packet.
"""

from __future__ import annotations

from collections.abc import Callable

from anyicmp.testing.clock import Event, VirtualClock
from anyicmp.testing.keeper import Keeper, running_keeper

__all__ = ["Turns", "VirtualWake"]


class Turns:
    """All drivers of one simulated network, and the clock that they live by."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._automatic = True
        self._keeper: Keeper | None = None
        self._wakes: list[VirtualWake] = []

    @property
    def automatic(self) -> bool:
        """Whether the clock jumps to its next event whenever all tasks wait.

        Set False, time passes only by `VirtualClock.advance`.
        """
        return self._automatic

    @automatic.setter
    def automatic(self, automatic: bool) -> None:
        self._automatic = automatic
        self._follow()

    def resume(self) -> None:
        """Let time jump again after `automatic` was False."""
        self.automatic = True

    def open_wake(self, turn: Callable[[bool], None], fileno: int) -> VirtualWake:
        """See `Environment.open_wake`; there is no descriptor to watch."""
        keeper = running_keeper()
        if self._keeper is not keeper:
            # What was left open on a loop that has ended gets no more turns.
            self._keeper, self._wakes = keeper, []
        wake = VirtualWake(self, keeper, turn)
        self._wakes.append(wake)
        self._follow()
        return wake

    def close_wake(self, wake: VirtualWake) -> None:
        """It gets no more turns."""
        if wake in self._wakes:
            self._wakes.remove(wake)
            self._follow()

    def readable(self) -> None:
        """A packet has arrived, or a buffer has room: a turn for all, as if they shared a descriptor."""
        for wake in self._wakes:
            if not wake.readable:
                wake.readable = True
                if wake.listening:
                    wake.soon()

    def _follow(self) -> None:
        keeper = self._keeper
        if keeper is not None and self._automatic and (self._wakes or keeper.lasting):
            self.clock.join(keeper.timeline)
        else:
            self.clock.leave()


class VirtualWake:
    """A driver's turns; see `api.wake.Wake` for the contract.

    Attributes:
        readable: the next turn shall look for what has arrived.
        listening: what arrives gives a turn.
    """

    def __init__(self, turns: Turns, keeper: Keeper, turn: Callable[[bool], None]) -> None:
        self._turns = turns
        self._keeper = keeper
        self._timeline = keeper.timeline
        self._at, self._put_off = turns.clock.at, turns.clock.put_off
        self._turn = turn
        self.readable = False
        self.listening = True
        self._called = False
        self._closed = False
        self._timer: Event | None = None

    def soon(self) -> None:
        """A turn as soon as the loop has let others run."""
        if not self._called:
            self._called = True
            timeline = self._timeline
            if timeline.stepping:
                timeline.turns.append(self._run)
            else:
                self._keeper.soon(self._run)

    def _run(self) -> None:
        self._called = False
        if not self._closed:
            # Who does not listen is not told, and what it leaves shows when it does.
            readable = self.readable and self.listening
            if readable:
                self.readable = False
            self._turn(readable)

    def listen(self, on: bool) -> None:
        """Whether a turn is given when something has arrived."""
        self.listening = on
        if on and self.readable:
            self.soon()

    def after(self, delay: float | None, at: int = 0) -> None:
        """A turn in `delay` seconds of virtual time, that is `at`, unless something arrives before."""
        timer = self._timer
        if timer is not None:
            if delay is not None and timer[2] is not None and self._put_off(timer, at):
                return
            timer[2] = None
        self._timer = None if delay is None else self._at(at, self.soon)

    def close(self) -> None:
        """No more turns."""
        self._closed = True
        self.after(None)
        self._turns.close_wake(self)
