"""The keys of a terminal, read as they are pressed while something is drawn.

Knows terminals, not what a key means. The signals of the terminal (Ctrl-C, Ctrl-Z) stay signals.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio

__all__ = ["keyboard", "pressed"]

SHELL_HAS_IT = 0.5
"""Seconds between two looks whether a program in the background is in the foreground again."""


@contextmanager
def keyboard() -> Iterator[int | None]:
    """Have keys arrive one by one and unseen; the descriptor to read, None where no keys can be had."""
    descriptor = _terminal()
    if descriptor is None:
        yield None
        return
    import termios

    before = termios.tcgetattr(descriptor)
    modes: list[Any] = [*before]
    modes[3] &= ~(termios.ICANON | termios.ECHO)
    modes[6] = [*before[6]]
    modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)
    try:
        yield descriptor
    finally:
        if _in_foreground(descriptor):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def pressed(descriptor: int, wanted: bytes) -> bool:
    """Wait until one of these keys is pressed; False if the terminal is gone before."""
    while True:
        await anyio.wait_readable(descriptor)
        if not _in_foreground(descriptor):  # whoever reads in the background is stopped
            await anyio.sleep(SHELL_HAS_IT)
            continue
        try:
            keys = os.read(descriptor, 64)
        except OSError:
            return False
        if not keys or any(key in wanted for key in keys):
            return bool(keys)


def _terminal() -> int | None:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or it is closed
        return None
    return descriptor if os.isatty(descriptor) and _in_foreground(descriptor) else None


def _in_foreground(descriptor: int) -> bool:
    """Whether we may use it. The kernel stops a background program that does (termios(3), SIGTTOU)."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # it controls no session of ours: it stops nobody
        return True
