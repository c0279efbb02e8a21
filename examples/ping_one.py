"""Ping one host and show each answer as it comes: python examples/ping_one.py [HOST]."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(host: str) -> None:
    """Ping `host` three times."""
    async with anyicmp.Prober() as prober, prober.open_ping(host, count=3, interval=0.2) as outcomes:
        async for outcome in outcomes:
            match outcome:
                case anyicmp.Reply(source=source, rtt=rtt, ttl=ttl):
                    print(f"{source} answered in {rtt * 1000:.3f} ms (hop limit {ttl} left)")
                case anyicmp.ErrorReply(source=source, reason=reason):
                    print(f"{source} says: {reason}")
                case anyicmp.NoReply(timeout=timeout):
                    print(f"no answer within {timeout:g} s")
                case anyicmp.SendFailure(reason=reason):
                    print(f"not sent: {reason}")
        statistics = outcomes.statistics
    print(f"{statistics.received} of {statistics.sent} answered")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1")
