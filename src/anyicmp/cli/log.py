"""What the library logs while a command runs: warnings and errors, a line each on standard error.

What is worth a warning is the library's to say.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["warnings_shown"]


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        words = [record.getMessage()]
        if record.exc_info is not None and (error := record.exc_info[1]) is not None:
            words.append(f"{type(error).__name__}: {error}")
        print("anyicmp:", " ".join(": ".join(words).split()), file=sys.stderr, flush=True)


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Show them within the block."""
    logger, lines = logging.getLogger("anyicmp"), _Lines(logging.WARNING)
    logger.addHandler(lines)
    try:
        yield
    finally:
        logger.removeHandler(lines)
