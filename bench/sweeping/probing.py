"""A child that sweeps once with anyicmp, and prints what it took as JSON.

    probing.py [FIRST, COUNT, HOW, TIMEOUT, PRIVILEGED, FRESH]      HOW: "rows" or "batches"

Before the neighbouring addresses it probes two hosts that get bad answers (`door.py planter`). The clock
stops with the last answer of the others, or where all are silent with the last outcome. A bad answer that
never came, was not caught, or made its host alive, ends the child with an error. `FRESH`: the time counts
from before the loop and the prober are there; else the sweep alone.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import anyio

import anyicmp

DECOYS = {4: ["10.94.0.2", "10.94.0.3"], 6: ["fd94::2", "fd94::3"]}


def refused_by_kernel() -> int:
    """ICMP messages with a wrong checksum that the kernel counted in this namespace."""
    lines = [
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Icmp:")
    ]
    four = int(dict(zip(*lines, strict=True))["InCsumErrors"])
    six = [
        line.split()[1] for line in Path("/proc/net/snmp6").read_text().splitlines() if "Icmp6InCsum" in line
    ]
    return four + sum(map(int, six))


def now() -> tuple[float, float]:
    """Wall clock and CPU time, in seconds."""
    return time.perf_counter(), time.process_time()


async def main(
    first: str, count: int, how: str, timeout: float, privileged: bool, fresh: bool
) -> dict[str, float]:
    """Sweep and return seconds, CPU seconds, answers, and when the bad answers were caught."""
    if not fresh:
        began[0] = now()
    base = ip_address(first)
    targets = [*DECOYS[base.version], f"{first}-{base + (count - 1)}"]
    async with anyicmp.Prober(privileged=privileged) as prober:
        if not fresh:
            began[0] = now()
        ended, n, decoys = None, 0, []
        async with prober.open_sweep(targets, timeout=timeout) as sweep:
            if how == "batches":
                async for batch in sweep.batches():
                    n += batch.kinds.count(0)
                    _ = batch.packed, batch.sequences, batch.rtts
                    if n == count and ended is None:
                        ended, seen = now(), prober.statistics
                    if min(batch.sequences) < len(DECOYS):
                        decoys += [o for o in batch if o.sequence < 2 and o.kind == "timeout"]
            else:
                async for outcome in sweep:
                    if outcome.kind == "reply":
                        n += 1
                        _ = outcome.target, outcome.source, outcome.rtt, outcome.ttl, outcome.size
                        if n == count:
                            ended, seen = now(), prober.statistics
                    elif outcome.sequence < 2:
                        decoys.append(outcome)
        if ended is None:
            ended, seen = now(), prober.statistics
        counts = prober.statistics
    by_kernel = refused_by_kernel() - refused
    assert n <= count, "a host with bad answers alone is alive"
    assert [outcome.kind for outcome in decoys] == ["timeout"] * 2, decoys
    # A raw IPv6 socket counts the wrong checksum as a loss of this host's own: the silent are asked again.
    most = 4 if base.version == 6 and counts.dropped else 1
    assert 1 <= counts.foreign <= most, f"a reply from a wrong source was sent: {counts}"
    assert by_kernel + counts.malformed >= 1, f"one reply with a wrong checksum was sent: {counts}"
    if privileged and base.version == 4:
        assert counts.malformed == 1, f"one reply with a wrong checksum was sent: {counts}"
    return {
        "seconds": ended[0] - began[0][0],
        "cpu": ended[1] - began[0][1],
        "got": n,
        "dropped": counts.dropped,
        "in_time": seen.foreign + max(seen.malformed, by_kernel > 0),
    }


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    if given[-1]:  # fresh: the imports shall not count
        for name in anyicmp.__all__:
            getattr(anyicmp, name)
    for late in ("anyio._backends._asyncio", "anyicmp.net.mmsg", "anyicmp.methods.echo"):
        importlib.import_module(late)
    refused = refused_by_kernel()
    began = [now()]
    found = anyio.run(main, *given)
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))
