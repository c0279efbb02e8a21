"""Who is on this link? Each responder to a multicast address: python examples/multicast.py GROUP [INTERFACE].

224.0.0.1 and ff02::1 are all hosts, 224.0.0.2 and ff02::2 all routers of a link. Many hosts stay silent.
"""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(group: str, interface: str | None) -> None:
    """Print each responder until the timeout."""
    async with anyicmp.open_ping(group, count=1, timeout=2.0, interface=interface) as outcomes:
        async for outcome in outcomes:
            if outcome.kind == "reply":
                print(f"{outcome.source} answered in {outcome.rtt * 1000:.1f} ms")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
