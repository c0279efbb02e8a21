"""That something is being waited for, on standard error while it is a terminal; gone when it has come.

The only file that uses rich, which loads when there is a terminal. Results are never printed here.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

__all__ = ["spinner"]


def spinner(text: str, *, live: bool) -> AbstractContextManager[object]:
    """Show that something is being waited for, for the time of the block."""
    if not (live and sys.stderr.isatty()):
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)
