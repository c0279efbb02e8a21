"""A reader of a page of the documentation, who types its blocks one after the other.

What may not run, and what is asserted, is said in `test_docs.py`.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anyicmp.cli.__main__ import main as command
from anyicmp.testing import VirtualTimeLoop
from doc_page import Block, blocks, commands, shows


@contextlib.contextmanager
def listening() -> Iterator[io.StringIO]:
    """What is printed within the block, on standard output or standard error, as a terminal shows both."""
    with io.StringIO() as both, contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        yield both


class Reader:
    """Types the blocks of one page in a folder of their own; names stay from block to block.

    `await` may stand outside of functions, as in `python -m asyncio`. The current folder is the caller's
    to choose, and so is the network.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.status = 0
        self.loop = asyncio.Runner(loop_factory=VirtualTimeLoop)

    def close(self) -> None:
        """End the loop of the page."""
        self.loop.close()

    def run(self, block: Block) -> str:
        """Run a Python block; what it prints."""
        code = compile(block.text, str(block), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        with listening() as both:
            if code.co_flags & inspect.CO_COROUTINE:
                self.loop.run(eval(code, self.names))
            else:
                exec(code, self.names)
            return both.getvalue()

    def type(self, line: str) -> str:
        """Run a line of a console; what it prints."""
        program, *arguments = shlex.split(line, comments=True)
        with listening() as both:
            match program, arguments:
                case "anyicmp", _:
                    self.status = command(arguments)
                case "echo", ["$?"]:
                    both.write(f"{self.status}\n")
                case "python", ["-m", "pytest", *_]:
                    done = subprocess.run(
                        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
                    )
                    both.write(re.sub(r" in [\d.]+s", " in 0.01s", done.stdout))
                    self.status = done.returncode
                case "python", [script, *_]:
                    before, sys.argv = sys.argv, arguments
                    try:
                        runpy.run_path(script, run_name="__main__")
                    finally:
                        sys.argv = before
                case _:
                    raise ValueError(f"nobody knows how to run {program!r} here")
            return both.getvalue()


def read(page: Path, left_out: set[Block]) -> Iterator[tuple[Block, str]]:
    """Read a page to its end; yields each block that does not say what is true, and what it must say."""
    reader = Reader()
    with contextlib.closing(reader):
        all_blocks = list(blocks(page))
        for block, after in zip(all_blocks, [*all_blocks[1:], None], strict=True):
            if block in left_out:
                continue
            if block.file is not None:
                Path(block.file).write_text(block.text + "\n", "utf-8")
            elif block.language == "toml":
                tomllib.loads(block.text)
            elif block.language == "python":
                printed = reader.run(block)
                if printed:
                    if after is None or after.language != "text":
                        raise ValueError(f"{block} prints what the page does not show:\n{printed}")
                    if not shows(after.text, printed):
                        yield after, printed.rstrip()
            elif block.language == "console":
                is_shown = True
                said = []
                for typed, page_says in commands(block):
                    printed = reader.type(typed)
                    is_shown &= shows(page_says, printed)
                    said += [f"$ {typed}", *(line.rstrip() for line in printed.rstrip().splitlines())]
                if not is_shown:
                    yield block, "\n".join(said)
            elif block.language == "sh":
                raise ValueError(f"{block} is not run:\n{block.text}")


def write(page: Path, corrections: Iterable[tuple[Block, str]]) -> None:
    """Let the blocks of a page say what is true."""
    text = page.read_text("utf-8")
    for block, correct in corrections:
        text = text.replace(f"```{block.language}\n{block.text}\n", f"```{block.language}\n{correct}\n", 1)
    page.write_text(text, "utf-8")
