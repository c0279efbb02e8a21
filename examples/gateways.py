"""Which gateway to use, and for how long: python examples/gateways.py [GATEWAY ...].

A small application that pings. `test_gateways.py` tests it without a network.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import anyio

import anyicmp


async def choose(gateways: Sequence[str]) -> str | None:
    """The first gateway that answers two of three probes, or None."""
    async with anyicmp.Prober() as prober:
        for gateway in gateways:
            result = await prober.ping(gateway, count=3)
            if result.statistics.received >= 2:
                return gateway
    return None


async def until_lost(gateway: str, *, interval: float = 60.0, tolerated: int = 3) -> int:
    """Watch a gateway until so many probes in a row stay unanswered; returns how many were answered."""
    answered = silent = 0
    async with anyicmp.open_ping(gateway, interval=interval) as outcomes:
        async for outcome in outcomes:
            if outcome.kind == "reply":
                answered, silent = answered + 1, 0
            else:
                silent += 1
            if silent == tolerated:
                break
    return answered


if __name__ == "__main__":
    print("use", anyio.run(choose, sys.argv[1:] or ["127.0.0.1"]))
