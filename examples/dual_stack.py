"""Compare a host's IPv4 and IPv6: python examples/dual_stack.py HOST."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(host: str) -> None:
    """Ping all addresses of `host` at once."""
    async with anyicmp.Prober() as prober, anyio.create_task_group() as tasks:

        async def measure(address: anyicmp.IPAddress) -> None:
            result = await prober.ping(address, count=3)
            rtt = result.statistics.average
            print(f"IPv{address.version} {address}:", "silent" if rtt is None else f"{rtt * 1000:.1f} ms")

        for address in await prober.resolve(host):
            tasks.start_soon(measure, address)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
