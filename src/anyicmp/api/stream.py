"""What all streams share: entered once, iterated by one task, ended by leaving or by closing the prober.

What a stream yields stands in the files of the measurements.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Generic, Self, TypeVar

from anyicmp.api.owner import SocketOwner
from anyicmp.errors import ClosedError

__all__ = ["Stream"]

Item = TypeVar("Item")


class Stream(ABC, Generic[Item]):
    """An async context manager that is entered once and, inside, an async iterator.

    Attributes:
        begun: whether it was entered, and the work begun.
    """

    def __init__(self, prober: SocketOwner, *, owns: bool) -> None:
        """`owns`: the stream opens and closes the prober with itself."""
        self._prober = prober
        self._owns = owns
        self._entered = False
        self.begun = False

    @abstractmethod
    async def _begin(self) -> None:
        """Start the work on an open prober."""

    @abstractmethod
    def _end(self) -> None:
        """Stop the work; iterating comes to its end. Called once, only where `_begin` came through."""

    @abstractmethod
    async def _next(self) -> Item:
        """The next item. Raises StopAsyncIteration at the end."""

    def _check_begun(self) -> None:
        if not self.begun:
            raise ClosedError("the stream has not begun: enter it with 'async with' first")

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ClosedError("a stream can be entered once: open another one")
        self._entered = True
        if self._owns:
            await self._prober.open()
        try:
            await self._begin()
        except BaseException:
            if self._owns:
                await self._prober.aclose()
            raise
        self.begun = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if self._owns:
            await self._prober.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        self._check_begun()
        return await self._next()
