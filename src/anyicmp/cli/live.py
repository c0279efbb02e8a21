"""A measurement that is watched: a view of it is drawn at most four times a second, until it ends or `q`.

Knows neither what is measured nor what is drawn. Drawing never happens in the driver's turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio
from anyio.to_thread import run_sync as run_in_thread

from anyicmp.cli.keys import keyboard, pressed
from anyicmp.cli.screen import fit
from anyicmp.cli.text import paint

__all__ = ["PAUSE", "Live", "Surface"]

PAUSE = 0.25
"""Seconds between two drawings at least."""

END = b"qQ"
HINT = "q ends it"


class Surface(Protocol):
    """Where lines are drawn instead of those that were drawn before."""

    def width(self) -> int:
        """Columns, which a user may change at any time."""
        ...

    def draw(self, lines: Sequence[str], below: Sequence[str] = ()) -> None:
        """Show these lines, and others below them, for which there is room whatever happens to the first."""
        ...


class Live:
    """Draws a view whenever it has changed, but not too often."""

    def __init__(
        self,
        surface: Surface,
        lines: Callable[[int], Sequence[str]],
        *,
        pause: Callable[[], float] = lambda: PAUSE,
        apart: bool = False,
    ) -> None:
        """What is drawn where.

        Args:
            surface: where.
            lines: the view as lines no wider than so many columns, asked for when it is drawn.
            pause: seconds until the next drawing, asked for after each.
            apart: making the lines takes long and is done in a thread; nobody tells that they have changed.
        """
        self._surface = surface
        self._lines = lines
        self._news = anyio.Event()
        self._pause = pause
        self._apart = apart
        self._hint: list[str] = []

    def changed(self) -> None:
        """There is something new to draw."""
        self._news.set()

    async def run(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work while its view is drawn; True if the key `q` ended it. Raises what the work raises."""
        failure: Exception | None = None
        ended = False

        async def end_at_key(descriptor: int) -> None:
            nonlocal ended
            if await pressed(descriptor, END):
                ended = True
                tasks.cancel_scope.cancel()

        with keyboard() as descriptor:
            async with anyio.create_task_group() as tasks:
                if descriptor is not None:
                    self._hint = [HINT]
                    tasks.start_soon(end_at_key, descriptor)
                tasks.start_soon(self._draw)
                try:
                    await work()
                except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                    failure = error
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return ended

    async def _draw(self) -> None:
        while True:
            width = self._surface.width()
            hint = [paint(fit(text, width), "bright_black") for text in self._hint]
            lines = await run_in_thread(self._lines, width) if self._apart else self._lines(width)
            self._surface.draw(lines, hint)
            await anyio.sleep(self._pause())
            if not self._apart:
                await self._news.wait()
                self._news = anyio.Event()
