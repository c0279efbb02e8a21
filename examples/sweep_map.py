"""Sweep a network and draw its map: python examples/sweep_map.py [NETWORK [FILE]].

For a /16: python examples/sweep_map.py 10.1.0.0/16 map.svg
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import anyio

import anyicmp
from anyicmp.plot import svg


async def main(network: str, file: Path) -> None:
    """Probe each address once, at most 10,000 a second, and write the map."""
    result = await anyicmp.sweep(network, timeout=1.0, rate=10_000)
    await anyio.Path(file).write_text(svg(result), "utf-8")
    print(f"{len(result.alive)} of {len(result.outcomes)} hosts answered; the map is in {file}")


if __name__ == "__main__":
    given = sys.argv[1:]
    target = given[0] if given else "127.1.0.0/22"
    file = Path(given[1]) if len(given) > 1 else Path(tempfile.gettempdir()) / "map.svg"
    anyio.run(main, target, file)
