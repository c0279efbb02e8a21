"""What a cluster costs and brings, beside a plain sweep of the same targets:

    python bench/cluster.py [TARGETS] [--workers 1,2,4] [--runs 3]

All of it on this machine, on loopback: a scheduler, worker processes, and this client. Printed are targets a
second (the best of some runs), what the engine costs beside the plain sweep, and when the first outcome came.
With more workers than cores the rate cannot rise: what is seen then is what sharing costs.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from distributed import LocalCluster

import anyicmp
from anyicmp.cluster import Cluster, open_cluster


async def plain(targets: str) -> tuple[float, float]:
    """Seconds until the first outcome and until the last."""
    began, first = time.perf_counter(), 0.0
    async with anyicmp.Prober() as prober, prober.open_sweep(targets) as stream:
        while await stream.next_batch() is not None:
            first = first or time.perf_counter() - began
    return first, time.perf_counter() - began


async def shared(cluster: Cluster, targets: str) -> tuple[float, float, int]:
    """As `plain`, over a cluster; and how many outcomes there were."""
    began, first, n = time.perf_counter(), 0.0, 0
    async with cluster.open_sweep(targets) as stream:
        async for _, batch in stream.batches():
            first = first or time.perf_counter() - began
            n += len(batch)
        took = time.perf_counter() - began
    return first, took, n


async def main(targets: int, workers: list[int], runs: int) -> None:
    """Measure and print."""
    span = f"127.1.0.0-{anyicmp_address(targets)}"
    best = min([await plain(span) for _ in range(runs)], key=lambda run: run[1])
    print(f"plain sweep:  {targets / best[1]:>9,.0f} targets/s, first outcome after {best[0] * 1e3:.0f} ms")
    for n in workers:
        async with (
            LocalCluster(
                n_workers=n,
                threads_per_worker=8,
                processes=True,
                asynchronous=True,
                dashboard_address="127.0.0.1:0",
            ) as local,
            open_cluster(local) as cluster,
        ):
            found = [await shared(cluster, span) for _ in range(runs)]
            assert all(count == targets for _, _, count in found)
            first, took, _ = min(found, key=lambda run: run[1])
            latest = max(run[0] for run in found)
            print(
                f"{n} worker{'s' * (n > 1):<1}:    {targets / took:>9,.0f} targets/s, "
                f"first outcome after {first * 1e3:.0f} ms (at most {latest * 1e3:.0f}), "
                f"{took / best[1] - 1:+.0%} time beside the plain sweep"
            )


def anyicmp_address(targets: int) -> str:
    """The last of so many loopback addresses from 127.1.0.0 on."""
    last = (127 << 24) + (1 << 16) + targets - 1
    return ".".join(str(last >> shift & 255) for shift in (24, 16, 8, 0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="?", type=int, default=262_144)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(main(given.targets, [int(n) for n in given.workers.split(",")], given.runs))
