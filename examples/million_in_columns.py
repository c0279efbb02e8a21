"""A million answers without a million objects: python examples/million_in_columns.py NETWORK.

A batch owns columns: addresses, round trips and kinds, one after the other in memory. Rows are made when
someone looks at them; here nobody does.
"""

from __future__ import annotations

import sys
from array import array

import anyio

import anyicmp

REPLY = anyicmp.KINDS.index("reply")


async def main(network: str) -> None:
    """Count by columns, and sort the round trips."""
    rtts = array("d")
    done = alive = 0
    async with anyicmp.open_sweep(network, rate=None, timeout=1.0) as sweep:
        async for batch in sweep.batches():
            done += len(batch)
            alive += batch.kinds.count(REPLY)
            rtts.extend(rtt for rtt in batch.rtts if rtt == rtt)  # noqa: PLR0124 # NaN: no answer
    middle = sorted(rtts)[len(rtts) // 2] if rtts else float("nan")
    print(f"{alive} of {done} answered, half of them within {middle * 1000:.2f} ms")
    print(f"{8 * len(rtts)} octets of times")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
