"""A cluster in one process: the same results as a prober's, on all loops, and its ends."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from distributed import LocalCluster, Security

import anyicmp
from anyicmp.cluster import Cluster, ClusterSweep, open_cluster, shepherd

pytestmark = [pytest.mark.anyio, pytest.mark.once]
NETWORK = "127.9.0.0/21"
HOSTS = 2046


@contextlib.asynccontextmanager
async def opened(address: str) -> AsyncIterator[Cluster]:
    async with open_cluster(address) as cluster:
        yield cluster


def test_the_package_does_not_load_dask() -> None:
    code = "import sys, anyicmp, anyicmp.cli.sweep, anyicmp.cli.trace; print('distributed' in sys.modules)"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert child.stdout == "False\n"


async def test_a_cluster_does_what_a_prober_does(scheduler: str) -> None:
    async with opened(scheduler) as cluster:
        points = cluster.vantage_points
        assert [point.name for point in points] == ["0", "1"]
        assert all(4 in point.capabilities.families for point in points)

        # A sweep: shuffled, in chunks, each target once, from both.
        result = await cluster.sweep(NETWORK, shards=7, shuffle=3)
        assert sorted(outcome.sequence for outcome in result) == list(range(HOSTS))
        assert len(result.alive) == len(set(map(str, (row.target for row in result)))) == HOSTS
        assert set(result.by_vantage) == {"0", "1"}
        assert sum(len(found.outcomes) for found in result.by_vantage.values()) == HOSTS
        assert result.statistics.received == HOSTS
        assert (result.sent_again, result.given_up) == (0, ())
        assert result.position == anyicmp.SweepPosition(HOSTS)

        # Names and mistakes cross machines too.
        mixed = await cluster.sweep(["localhost", "not a name!", "127.0.0.9"], shards=3)
        kinds = {outcome.sequence: (outcome.kind, outcome.host) for outcome in mixed}
        assert kinds == {0: ("reply", "localhost"), 1: ("failed", "not a name!"), 2: ("reply", None)}

        # A measurement from each place, and from one.
        compared = await cluster.ping("127.0.0.1", count=2, interval=0.01)
        assert set(compared.results) == {"0", "1"}
        assert all(ping.is_alive and len(ping.outcomes) == 2 for ping in compared.results.values())
        assert compared.differences() == ()
        assert set((await cluster.traceroute("127.0.0.1", vantage="1")).results) == {"1"}
        told = await cluster.diagnose("127.0.0.1", vantage=("1",))
        assert told.results["1"].ok, told
        nowhere = await cluster.ping("nowhere.invalid", vantage=["0"])
        assert list(nowhere.failures) == ["0"]
        assert "nowhere.invalid" in nowhere.failures["0"]


async def test_mistakes_show_before_anything_is_sent(scheduler: str) -> None:
    async with opened(scheduler) as cluster:
        for options in ({"timeout": -1}, {"shards": 0}, {"shard": (0, 2)}, {"resume": "x"}, {"recheck": 3}):
            with pytest.raises(ValueError, match=next(iter(options)).replace("resume", "position")):
                cluster.open_sweep(NETWORK, **options)
        with pytest.raises(ValueError, match="no vantage point is named berlin"):
            await cluster.ping("127.0.0.1", vantage="berlin")
        with pytest.raises(ValueError, match="count"):
            await cluster.ping("127.0.0.1", count=-1)
    with pytest.raises(anyicmp.ClosedError):
        open_cluster(scheduler).open_sweep(NETWORK)


async def test_a_sweep_goes_on_where_it_was_left_and_leaving_ends_all_probing(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shepherd, "FAREWELL", 60.0)
    async with opened(scheduler) as cluster:
        stream: ClusterSweep = cluster.open_sweep(NETWORK, rate=1500, shards=9)
        seen: list[int] = []
        async with stream:
            async for outcome in stream:
                seen.append(outcome.sequence)
                if len(seen) == 700:
                    break
            began = time.perf_counter()
        # The jobs heard of it themselves: else it would have waited for them in vain. How soon the packets
        # end is counted in test_places.py.
        assert time.perf_counter() - began < shepherd.FAREWELL
        rest = await cluster.sweep(NETWORK, resume=str(stream.position), shards=9)
        assert len(set(seen)) == 700
        again = {outcome.sequence for outcome in rest}
        assert again | set(seen) == set(range(HOSTS))
        # What was handed out is probed again only if it came in one parcel with what was not.
        assert len(again) < HOSTS
        assert stream.progress.total == HOSTS


async def test_a_time_limit_and_a_rate_hold_for_all_workers_together(scheduler: str) -> None:
    """Nothing is said of how slow it may be: that is the machine's to say."""
    async with opened(scheduler) as cluster:
        left: list[float] = []
        with anyio.fail_after(300):
            async with cluster.open_sweep(NETWORK, rate=1000, per_network_rate=800) as stream:
                async for outcome in stream:
                    left.append(outcome.sent_at)
                    if len(left) == 700:
                        break
        left.sort()
        # 0.3 s by the rate; a turn that is late makes up for some, and chunks begin with one packet at once.
        assert min(last - first for first, last in zip(left, left[300:], strict=False)) > 0.2
        result = await cluster.sweep(NETWORK, rate=1000, time_limit=0.2)
        assert len(result.outcomes) < HOSTS


def test_a_scheduler_elsewhere_needs_tls() -> None:
    """Whoever reaches it may run programs on all workers."""
    for address in ("tcp://10.0.0.1:8786", "tcp://scheduler.example:8786", "tcp://[2001:db8::1]:8786"):
        with pytest.raises(ValueError, match="not TLS"):
            open_cluster(address)
        open_cluster(address, insecure=True)
    with pytest.raises(ValueError, match="certificates"):
        open_cluster("tls://10.0.0.1:8786")
    open_cluster("tls://10.0.0.1:8786", security={"tls_ca_file": "ca.pem"})


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it_works_over_tls(needs_icmp_socket: None) -> None:
    security = Security.temporary()
    options: dict[str, Any] = {"protocol": "tls://", "host": "127.0.0.1", "security": security}
    async with LocalCluster(
        n_workers=1, processes=False, asynchronous=True, dashboard_address="127.0.0.1:0", **options
    ) as local:
        assert local.scheduler_address.startswith("tls://")
        async with open_cluster(local.scheduler_address, security=security) as cluster:
            assert len((await cluster.sweep("127.0.0.0/28")).alive) == 14
        stranger = open_cluster("tcp://" + local.scheduler_address[6:], timeout=0.5)
        with pytest.raises(OSError, match="TCP"):
            await stranger.__aenter__()
