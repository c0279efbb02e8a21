"""Measure, and make one HTML report of it: python examples/make_report.py [HOST [FILE]]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import anyio

import anyicmp
from anyicmp.export import to_json
from anyicmp.plot import report


async def main(host: str, file: Path) -> None:
    """Ping and trace a host, and write what came of it."""
    async with anyicmp.Prober() as prober:
        results = [await prober.ping(host, count=20, interval=0.02), await prober.traceroute(host)]
    text = report({host: map(to_json, results)}, title=f"The way to {host}")
    await anyio.Path(file).write_text(text, "utf-8")
    print(f"{len(results)} measurements are in {file}")


if __name__ == "__main__":
    given = sys.argv[1:]
    target = given[0] if given else "127.0.0.1"
    file = Path(given[1]) if len(given) > 1 else Path(tempfile.gettempdir()) / "report.html"
    anyio.run(main, target, file)
