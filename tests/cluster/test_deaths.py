"""A chunk that kills whatever process takes it: it is given up with a reason, and the rest goes on."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
import dask.config
import pytest
from distributed import LocalCluster

from anyicmp.cluster import open_cluster

pytestmark = [pytest.mark.once, pytest.mark.slow]

NETWORK, HOSTS, SHARDS = "127.9.0.0/22", 1022, 8
DEADLY = """
import os
from anyicmp.cluster import jobs

def made_deadly(probe):
    async def deadly(order):
        if order.chunk == 3:
            os._exit(1)
        return await probe(order)
    return deadly

jobs.probe_chunk = made_deadly(jobs.probe_chunk)
"""


# Two of three die of it, and the one that is left does the rest. Or both of two: then their successors do.
@pytest.mark.parametrize(("workers", "allowed"), [(3, 1), (2, 3)])
def test_a_chunk_that_kills_its_workers_is_given_up(
    needs_icmp_socket: None, tmp_path: Path, workers: int, allowed: int
) -> None:
    preload = tmp_path / "deadly.py"
    preload.write_text(DEADLY, "utf-8")

    async def sweep(address: str) -> tuple[list[int], list[str]]:
        with anyio.fail_after(60):
            async with open_cluster(address) as cluster, cluster.open_sweep(NETWORK, shards=SHARDS) as stream:
                seen = [outcome.sequence async for outcome in stream]
                return seen, [str(part) for part in stream.given_up]

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": allowed}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=4,
            processes=True,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            preload=[str(preload)],
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        seen, given_up = anyio.run(sweep, cluster.scheduler_address)
    assert len(seen) == len(set(seen))
    # Dask cannot tell which of the chunks of a worker killed it: others may be given up with this one.
    assert given_up
    assert all("its workers died, one after the other" in reason for reason in given_up)
    chunk = HOSTS // SHARDS + 1
    assert HOSTS - len(given_up) * chunk <= len(seen) <= HOSTS - chunk + SHARDS
