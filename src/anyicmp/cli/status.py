"""Exit statuses of the command, and which one an end has.

The numbers stand here once. Nothing is printed and nothing ends the process here.
"""

from __future__ import annotations

__all__ = ["ANSWERED", "BROKEN_PIPE", "INTERRUPTED", "NOT_ANSWERED", "WRONG_USAGE", "exit_status"]

ANSWERED = 0
NOT_ANSWERED = 1
WRONG_USAGE = 2  # also: nothing could be sent
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells report it of programs that the signal ends


def exit_status(*, answered: int, sent: int, failed: int) -> int:
    """The status for counts of probes (or targets) answered, sent, and not to be sent."""
    if answered:
        return ANSWERED
    return NOT_ANSWERED if sent or not failed else WRONG_USAGE
