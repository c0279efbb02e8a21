"""Inbox: the sink of one call, where outcomes wait for the task that asked.

It parks the task and wakes it. What the outcomes mean is for the front doors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import anyio.lowlevel

from anyicmp.api.wake import Place
from anyicmp.engine.outcome import OutcomeBatch

__all__ = ["Ending", "Inbox"]


class Ending(Protocol):
    """What waits for something and is told when it is over."""

    def ended(self, error: BaseException | None) -> None:
        """Nothing more will come; `error` says why, if that was not to be expected."""
        ...


class Inbox:
    """Takes batches from a driver's turn, gives them to one task.

    Attributes:
        unread: outcomes that wait to be taken.
        dropped: outcomes dropped, the oldest first, because more than `most` were unread.
    """

    def __init__(
        self, *, most: int | None = None, look: Callable[[OutcomeBatch], None] | None = None
    ) -> None:
        """`look` sees each batch as it arrives. One plan must end before the inbox does; see `expect`."""
        self.unread = 0
        self.dropped = 0
        self._most = most
        self._look = look
        self._plans = 1
        self._batches: deque[OutcomeBatch] = deque()
        self._error: BaseException | None = None
        self._place = Place()

    def expect(self) -> None:
        """One more plan will end."""
        self._plans += 1

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._plans <= 0

    def outcomes(self, batch: OutcomeBatch) -> None:
        if self._look is not None:
            self._look(batch)
        if not len(batch):
            return
        self._batches.append(batch)
        self.unread += len(batch)
        while self._most is not None and self.unread > self._most and len(self._batches) > 1:
            oldest = self._batches.popleft()
            self.unread -= len(oldest)
            self.dropped += len(oldest)
        self._place.wake()

    def ended(self, error: BaseException | None) -> None:
        self._plans -= 1
        if error is not None:
            self._error = self._error or error
            self._plans = 0
        if self.over:
            self._place.wake()

    def close(self) -> None:
        """Nothing more will come: whoever took outcomes has left."""
        self._plans = 0
        self._place.wake()

    async def next(self) -> OutcomeBatch | None:
        """The next batch; None at the end. Raises what ended the driver, once all outcomes were taken.

        Raises anyio.BusyResourceError if another task waits for it.
        """
        if self._batches:
            await anyio.lowlevel.checkpoint()
        while not self._batches:
            if self.over:
                if self._error is not None:
                    raise self._error
                return None
            await self._place.wait()
        batch = self._batches.popleft()
        self.unread -= len(batch)
        return batch
