"""A newcomer: types a page of the documentation into a shell, to the letter, in a clone of the repository.

    python tests/newcomer.py docs/tutorial.md

Run it in a fresh clone, as an unprivileged user. It makes `.venv` there and the files that the page wants
saved, and says how long it took. `test_docs.py` reads the pages without a shell, and fast.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# The blocks are read before anything is installed, so without the package.
sys.path.insert(0, str(Path(__file__).parent))
from doc_page import Block, blocks, commands, shows


def typed(block: Block) -> Iterator[tuple[str, str | None]]:
    """What a newcomer types of a block, and what the page shows."""
    if block.file is not None:
        yield f"cat > {block.file} <<'END'\n{block.text}\nEND", None
    elif block.language == "sh":
        yield block.text, None
    elif block.language == "console":
        yield from commands(block)


def main(page: Path) -> int:
    """Type all of it; the number of commands that printed something else."""
    began = time.monotonic()
    wrong = number = 0
    shell = subprocess.Popen(
        ["bash"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    for block in blocks(page):
        for line, wanted in typed(block):
            number += 1
            shell.stdin.write(f"{line}\n(s=$?; echo; echo end-of-{number}; exit $s)\n")
            shell.stdin.flush()
            said = ""
            while not said.endswith(f"\nend-of-{number}\n"):
                said += shell.stdout.readline()
            said = said.removesuffix(f"\nend-of-{number}\n")
            print(f"{time.monotonic() - began:6.1f} s $ {line.partition(chr(10))[0]}")
            if wanted is not None and not shows(wanted, said):
                wrong += 1
                print(said)
    shell.stdin.close()
    shell.wait()
    print(f"{number} commands, {wrong} printed something else, {time.monotonic() - began:.0f} s")
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
