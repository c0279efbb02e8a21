"""Show the routers on the way to a host: python examples/traceroute.py [HOST]."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(host: str) -> None:
    """Trace the way to `host`."""
    trace = await anyicmp.traceroute(host, probes=3, timeout=1.0)
    for hop in trace.hops:
        who = ", ".join(str(address) for address in hop.addresses) or "*"
        rtt = hop.statistics.average
        print(f"{hop.ttl:3}  {who}" + ("" if rtt is None else f"  {rtt * 1000:.3f} ms"))
    if not trace.reached:
        reason = getattr(trace.stopped_by, "reason", "the way ends in silence")
        print(f"{host} was not reached: {reason}")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1")
