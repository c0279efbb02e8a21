"""A terminal that is drawn on again and again, and given back as it was: all of it, or its last lines.

Control sequences of ECMA-48, and those of xterm for its second screen. What is drawn is not known here.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

__all__ = ["Footer", "Screen", "can_redraw", "fit", "has_footer"]

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Another screen, no cursor, and what is too wide after all is cut and not wrapped."""

LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
HOME, END_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
ABOVE = 5
"""Lines that a footer leaves to what is printed above it, and a blank one."""

SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def can_redraw() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def has_footer(stream: TextIO) -> bool:
    """Whether lines may be drawn below what is printed: on a terminal, unless it shall get text alone."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


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

    def draw(self, lines: Sequence[str], below: Sequence[str] = ()) -> None:
        """Show lines instead of what is there, `below` the last; of the others some may have no room."""
        height = shutil.get_terminal_size().lines
        lines = [*lines[: max(0, height - len(below))], *below]
        # Erased before, not after: behind a line as wide as the screen the cursor stands on its last letter.
        shown = [f"{END_OF_LINE}{line}" for line in lines[:height]]
        self._write(HOME + "\r\n".join(shown) + (f"\r\n{BELOW}" if len(lines) < height else ""))

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


class Footer:
    """The last lines of a terminal for the time of the block, below what is printed; gone afterwards."""

    def __init__(self, stream: TextIO) -> None:
        """`stream`: standard output or standard error, a terminal."""
        self._stream = stream
        self._printed: list[str] = []
        self._drawn: list[int] = []

    def __enter__(self) -> Self:
        self._write(HIDE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(self._fresh() + SHOW)

    def width(self) -> int:
        """Columns, which a user may change at any time."""
        return self._size().columns

    def print(self, lines: Sequence[str]) -> None:
        """Print lines above it, together with the next drawing."""
        self._printed += lines

    def draw(self, lines: Sequence[str], below: Sequence[str] = ()) -> None:
        """Show lines instead of what is there, `below` the last; of the others some may have no room.

        None may be wider than the terminal.
        """
        room = max(1, self._size().lines - ABOVE - len(below))
        left = [fit(f"… and {len(lines) - room + 1} more", self.width())] if len(lines) > room else []
        shown = ["", *lines[: room - len(left)], *left, *below]
        text = self._fresh() + "\n".join(shown)
        self._drawn = [len(SEQUENCE.sub("", line)) for line in shown]
        self._write(text)

    def _fresh(self) -> str:
        """What takes the drawing away, and then what is to be printed in its place."""
        width = max(1, self.width())
        # Where the terminal has become narrower, it has wrapped the lines.
        rows = sum(max(1, -(-length // width)) for length in self._drawn)
        erased = ("\r" + (f"\x1b[{rows - 1}A" if rows > 1 else "") + BELOW) if rows else ""
        text = erased + "".join(f"{line}\n" for line in self._printed)
        self._drawn, self._printed = [], []
        return text

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except OSError:
            size = os.terminal_size((0, 0))
        usual = shutil.get_terminal_size()
        return os.terminal_size((size.columns or usual.columns, size.lines or usual.lines))

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
