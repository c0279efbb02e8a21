"""List the hosts of a network that answer: python examples/sweep_subnet.py [NETWORK ...]."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(targets: list[str]) -> None:
    """Sweep all targets."""
    # A rate keeps a large sweep from flooding a small network; without it the library is as fast as it can.
    async with anyicmp.open_sweep(targets, timeout=0.5, retries=1, rate=5000) as outcomes:
        async for outcome in outcomes:
            if outcome.kind == "reply":
                print(outcome.target, f"{outcome.rtt * 1000:.3f} ms")
        progress = outcomes.progress
    print(f"{progress.received} of {progress.done} hosts answered")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:] or ["127.0.0.0/28"])
