"""A cluster in this process, for whoever tests what a cluster does and not what a machine does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from distributed import LocalCluster


@pytest.fixture(scope="module")
def scheduler(needs_icmp_socket: None) -> Iterator[str]:
    """Address of a scheduler on loopback with two workers, a and b, in a thread of this process."""
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        cluster.scale(2)
        cluster.wait_for_workers(2)
        yield cluster.scheduler_address
