"""Draw the pictures of the live views again: docs/screens/*.svg, as a terminal shows them.

    python docs/screens.py

Each view runs on the demo internet in virtual time inside tmux, 80 and 140 columns wide, and stops at one of
its drawings; what tmux then sees is the picture, the same every time. Needs tmux; sends no packet.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
SIZES = {80: 24, 140: 24}
HOSTS = ("gateway.home.demo", "www.demo", "203.0.113.5", "203.0.113.129", "203.0.113.130", "203.0.113.200")
AGENT = "[monitor]\nlisten = ''\ninterval = 1\n" + "".join(f"[[target]]\nhost = '{host}'\n" for host in HOSTS)

# Name to the command and the number of the drawing that is shown.
VIEWS = {
    "ping": ("ping www.demo -4 -c 60", 45),
    "sweep": ("sweep 203.0.113.0/24 --rate 50 --shuffle 7", 20),
    "trace": ("trace server.demo -4 --rounds 30", 28),
    "monitor": ("monitor {agent} --duration 60", 21),
}

# rich's own frame, without fonts that a reader's machine would have to fetch.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        agent = Path(folder, "targets.toml")
        agent.write_text(AGENT, "utf-8")
        for name, (command, drawing) in VIEWS.items():
            for width, height in SIZES.items():
                arguments = shlex.split(command.format(agent=agent))
                seen = captured(arguments, drawing, width, height, str(Path(folder, "tmux")))
                save(f"{name}-{width}", f"anyicmp {command.format(agent='targets.toml')}", seen, width)


def captured(arguments: list[str], drawing: int, width: int, height: int, socket: str) -> str:
    """What a terminal shows at a drawing, with the sequences for colours."""
    tmux = ["tmux", "-S", socket, "-f", os.devnull]
    inside = [sys.executable, __file__, str(drawing), socket, *arguments, "--simulate", "demo"]
    size = ["-x", str(width), "-y", str(height)]
    try:
        subprocess.run([*tmux, "new-session", "-d", *size, shlex.join(inside)], check=True, timeout=30)
        subprocess.run([*tmux, "wait-for", "drawn"], check=True, timeout=60)
        return subprocess.run(
            [*tmux, "capture-pane", "-e", "-p"], check=True, timeout=30, capture_output=True, text=True
        ).stdout.rstrip("\n")
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, timeout=30, capture_output=True)


def save(name: str, title: str, seen: str, width: int) -> None:
    console = Console(
        record=True, width=width, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(seen), end="")
    picture = console.export_svg(title=title, code_format=FRAME, unique_id=name)
    (HERE / "screens" / f"{name}.svg").write_text(
        "\n".join(line.rstrip() for line in picture.splitlines()) + "\n", "utf-8"
    )


def play(drawing: int, socket: str, arguments: list[str]) -> None:
    """Inside tmux: run the command until it has drawn so often, say so, and stand still."""
    from anyicmp.cli import loop, screen
    from anyicmp.cli.__main__ import main as command
    from anyicmp.testing import VirtualTimeLoop

    left = drawing

    def standing(draw):
        def drawn(*given):
            nonlocal left
            draw(*given)
            left -= 1
            if not left:
                subprocess.run(["tmux", "-S", socket, "wait-for", "-S", "drawn"], check=True, timeout=30)
                time.sleep(60)
                sys.exit()

        return drawn

    loop.BACKENDS["asyncio"] = ("asyncio", {"loop_factory": VirtualTimeLoop})
    screen.Footer.draw = standing(screen.Footer.draw)
    screen.Screen.draw = standing(screen.Screen.draw)
    command(arguments)


if __name__ == "__main__":
    if sys.argv[1:]:
        play(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    else:
        main()
