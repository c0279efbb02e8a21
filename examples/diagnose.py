"""Say whether one can talk with a host, and if not, why: python examples/diagnose.py [HOST]."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(host: str) -> None:
    """Print each step as it ends, and the verdict."""
    async with anyicmp.open_diagnose(host) as steps:
        async for step in steps:
            print(f"{step.name:9} {step.status:8} {step.detail}")
    print(steps.result.verdict)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1")
