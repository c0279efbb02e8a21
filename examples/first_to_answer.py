"""The first of several hosts that answers, on trio: python examples/first_to_answer.py HOST [HOST ...].

All are asked at once, and whoever is slower is cancelled: nothing of it is left in flight.
"""

from __future__ import annotations

import sys

import trio

import anyicmp


async def first(hosts: list[str], within: float) -> str | None:
    """The host that answers first, None if nobody does within so many seconds."""
    winners: list[str] = []

    async def ask(host: str) -> None:
        result = await prober.ping(host, count=1, timeout=within)
        if result.is_alive:
            winners.append(host)
            nursery.cancel_scope.cancel()

    async with anyicmp.Prober() as prober, trio.open_nursery() as nursery:
        for host in hosts:
            nursery.start_soon(ask, host)
    return winners[0] if winners else None


if __name__ == "__main__":
    print("first:", trio.run(first, sys.argv[1:], 1.0))
