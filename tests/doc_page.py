"""The code blocks of a page of the documentation: what is typed, and what the page shows.

Only text is read here, so that it works before anything is installed. `doc_blocks.py` runs the blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^( *)(?:```([\w-]*)|<!-- (python))$")
FILE = re.compile(r"^# ([\w.-]+\.(?:toml|py))$")
ANYTHING = "..."


@dataclass(frozen=True)
class Block:
    """A block between fences, or Python that the page needs and does not show (`<!-- python`)."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the reader saves it as, where its first line names one in a comment."""
        named = FILE.match(self.text.partition("\n")[0])
        return named[1] if named and self.language in {"toml", "python"} else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in order."""
    lines = iter(enumerate(page.read_text("utf-8").splitlines(), 1))
    for number, line in lines:
        if (opened := FENCE.match(line)) is not None:
            indent, end = len(opened[1]), "-->" if opened[3] else "```"
            inside = []
            for _, each in lines:
                if each.strip() == end:
                    break
                inside.append(each[indent:])
            yield Block(page, number, opened[2] or opened[3] or "", "\n".join(inside))


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """What is typed in a `console` block, and what the page says is then printed."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        typed, _, printed = part.partition("\n")
        yield typed, printed


def shows(page: str, printed: str) -> bool:
    """Whether a page shows what was printed; a line `...` of the page stands for any lines."""
    wanted = [
        "(?s:.*?)" if line == ANYTHING else re.escape(line) + "\n" for line in page.rstrip().splitlines()
    ]
    is_said = "\n".join(line.rstrip() for line in printed.rstrip().splitlines())
    return re.fullmatch("".join(wanted), is_said + "\n" if is_said else "") is not None
