"""Progress on standard error while it is a terminal, gone without a trace when the work has ended.

The only file that uses rich, which loads when there is a terminal. Results are never printed here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from anyicmp import SweepProgress

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["SweepBar", "spinner", "sweep_bar"]


class SweepBar:
    """A bar that follows a sweep; without a terminal it does nothing."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=None, alive=0)
        self._shares_terminal = sys.stdout.isatty()

    def show(self, progress: SweepProgress) -> None:
        """Draw how far the sweep is."""
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, completed=progress.done, total=progress.total, alive=progress.received
            )

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while results are printed to the same terminal."""
        if self._bar is None or not self._shares_terminal:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


@contextmanager
def sweep_bar() -> Iterator[SweepBar]:
    """A `SweepBar` for the time of the block."""
    if not sys.stderr.isatty():
        yield SweepBar(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[alive]} alive"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        yield SweepBar(bar)


def spinner(text: str) -> AbstractContextManager[object]:
    """Show that something is being waited for, for the time of the block."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)
