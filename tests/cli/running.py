"""The command run as users run it: a process of its own, through pipes or on a pseudo-terminal.

Nothing is asserted here.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Self

from namespaces import python

COMMAND = (sys.executable, "-W", "error", "-m", "anyicmp")
BACKENDS = ("asyncio", "uvloop", "trio")
LIMIT = 60.0


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command with pipes to its end, in an interpreter that has imported much of it already."""
    return subprocess.run(
        [*python(*COMMAND[1:]), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )


def start(*arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start the command with pipes. `before` stands before it: a program that runs it in its own place."""
    return subprocess.Popen(
        [*before, *COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Terminal:
    """The command with standard error, and standard output too if asked, on a pseudo-terminal.

    Attributes:
        process: the child; its standard output is a pipe unless it is on the terminal.
        seen: what has come out of the terminal so far.
    """

    def __init__(
        self,
        *arguments: str,
        output_too: bool,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
        self.process = subprocess.Popen(
            [*before, *COMMAND, *arguments],
            stdin=slave,
            stdout=slave if output_too else subprocess.PIPE,
            stderr=slave,
            env={**clean, "TERM": "xterm", "COLUMNS": "100", **(environment or {})},
        )
        os.close(slave)
        self.seen = ""

    def read(self, until: str | None = None) -> str:
        """Read the terminal until a text has come, or to the end; all that was seen."""
        deadline = time.monotonic() + LIMIT
        while until is None or until not in self.seen:
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{until!r} has not come; seen: {self.seen!r}")
            try:
                octets = os.read(self._master, 65536)
            except OSError:  # the last writer has closed the terminal
                break
            if not octets:
                break
            self.seen += octets.decode("utf-8", "replace")
        return self.seen

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    @property
    def takes_lines(self) -> bool:
        """Whether the terminal hands over lines, as shells want it, and not single keys."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ICANON)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(LIMIT)
        if self.process.stdout is not None:
            self.process.stdout.close()
        os.close(self._master)
