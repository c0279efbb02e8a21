"""A terminal's screen that is drawn again and again, and given back as it was.

Control sequences of ECMA-48, and those of xterm for its second screen. What is drawn is not known here.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

__all__ = ["Screen", "can_redraw", "fit"]

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Another screen, no cursor, and what is too wide after all is cut and not wrapped."""

LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
HOME, END_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def can_redraw() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def fit(text: str, width: int | None) -> str:
    """A text cut to a width, with an ellipsis where something is missing; None: as wide as it is."""
    if width is None or len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" * (width > 0)


class Screen:
    """The screen for the time of the block; what stood there before is back afterwards."""

    def __enter__(self) -> Self:
        self._write(ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(LEAVE)

    @staticmethod
    def width() -> int:
        """Columns, which a user may change at any time."""
        return shutil.get_terminal_size().columns

    def draw(self, lines: Sequence[str]) -> None:
        """Show lines instead of what is there; those that have no room below are left out."""
        height = shutil.get_terminal_size().lines
        # Erased before, not after: behind a line as wide as the screen the cursor stands on its last letter.
        shown = [f"{END_OF_LINE}{line}" for line in lines[:height]]
        self._write(HOME + "\r\n".join(shown) + (f"\r\n{BELOW}" if len(lines) < height else ""))

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
