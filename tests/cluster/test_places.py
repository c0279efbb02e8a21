"""Workers in network namespaces, as true vantage points: what differs between them, and what happens when one
dies, is cut off, or is told to stop. The packets are counted where they arrive.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from namespaces import _ip, _settle, namespaces, neighbors, run_in, settings

TARGETS = "10.88.128.0/20"
COUNT = 4094


@contextmanager
def two_places() -> Iterator[tuple[str, ...]]:
    """A hub that reaches two places, and a target that both reach by a router of their own.

    The way of b takes packets of 1,400 octets, and its router refuses 10.88.200.1.
    """
    roles = ("hub", "a", "b", "ra", "rb", "target")
    with neighbors(alone=False), namespaces(*roles) as names:
        hub, a, b, ra, rb, target = names
        for k, place, router in ((1, a, ra), (2, b, rb)):
            mtu = 1500 if k == 1 else 1400
            _ip(
                lines=[
                    f"link add place{k} netns {hub} type veth peer name control netns {place}",
                    f"link add way netns {place} type veth peer name left netns {router}",
                    f"link add right netns {router} type veth peer name side{k} netns {target}",
                ]
            )
            _ip("-n", hub, lines=[f"addr add 10.99.{k}.1/24 dev place{k}", f"link set place{k} up"])
            _ip(
                "-n",
                place,
                lines=[
                    f"addr add 10.99.{k}.2/24 dev control",
                    "link set control up",
                    f"addr add 10.88.{k}.1/24 dev way",
                    "link set way up",
                    f"route add 10.99.0.0/16 via 10.99.{k}.1",
                    f"route add 10.88.0.0/16 via 10.88.{k}.2",
                ],
            )
            _ip(
                "-n",
                router,
                lines=[
                    f"addr add 10.88.{k}.2/24 dev left",
                    "link set left up",
                    f"addr add 10.88.1{k}.1/24 dev right",
                    f"link set right mtu {mtu} up",
                    f"route add 10.88.0.0/16 via 10.88.1{k}.2",
                ],
            )
            _ip(
                "-n",
                target,
                lines=[
                    f"addr add 10.88.1{k}.2/24 dev side{k}",
                    f"link set side{k} mtu {mtu} up",
                    f"route add 10.88.{k}.0/24 via 10.88.1{k}.1",
                ],
            )
            _settle(place, "control")
            _settle(place, "way")
            _settle(router, "right")
        _ip("-n", hub, lines=["addr add 10.99.9.1/32 dev lo"])
        _ip("-n", rb, lines=["route add prohibit 10.88.200.1/32"])
        _ip(
            "-n",
            target,
            lines=[
                "addr add 10.88.100.1/32 dev lo",
                "addr add 10.88.200.1/32 dev lo",
                "route add local 10.88.128.0/18 dev lo",
            ],
        )
        settings(hub, {"net/ipv4/tcp_syn_retries": "2"})
        yield names


async def drama(a: str, b: str, target: str, network: str, soon: bool) -> dict[str, object]:
    """Runs in the hub: the scheduler and the client are here. `soon`: silence is noticed early."""
    import asyncio
    import contextlib
    import logging
    import subprocess
    import sys
    import time
    from typing import Any

    import dask.config
    from distributed import Scheduler

    from anyicmp.cluster import measuring, open_cluster

    logging.disable(logging.CRITICAL)  # that a worker dies is what is asked for
    if soon:
        measuring.GRACE = 1.0
        # The scheduler looks no sooner than after ten signs of life that did not come, 5 s with few workers.
        dask.config.set({"distributed.scheduler.worker-ttl": "2s"})
    told: dict[str, Any] = {}

    def echoes() -> int:
        done = subprocess.run(
            ["ip", "netns", "exec", target, "cat", "/proc/net/snmp"],
            capture_output=True,
            text=True,
            check=True,
        )
        names, values = (line.split() for line in done.stdout.splitlines() if line.startswith("Icmp:"))
        return int(values[names.index("InEchos")])

    async with contextlib.AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(
            Scheduler(host="10.99.9.1", port=0, dashboard_address="127.0.0.1:0")
        )

        def start(name: str, namespace: str, k: int) -> subprocess.Popen[bytes]:
            program = [sys.executable, "-m", "distributed.cli.dask_worker"]
            options = [
                "--no-nanny",
                "--no-dashboard",
                "--nthreads=8",
                f"--name={name}",
                f"--host=10.99.{k}.2",
            ]
            worker = subprocess.Popen(
                ["ip", "netns", "exec", namespace, *program, scheduler.address, *options],
                stderr=subprocess.DEVNULL,
            )
            stack.callback(worker.wait)
            stack.callback(worker.kill)
            return worker

        async def until(names: set[str]) -> None:
            for _ in range(2000):  # interpreters that start on a busy machine take their time
                if {point.name for point in await cluster.refresh()} == names:
                    return
                await asyncio.sleep(0.1)
            raise AssertionError(f"not {names}: {cluster.vantage_points}")

        start("a", a, 1)
        second = start("b", b, 2)
        cluster = await stack.enter_async_context(open_cluster(scheduler.address, insecure=True))
        await until({"a", "b"})

        # What is seen from one place and not from the other.
        compared = await asyncio.gather(
            cluster.ping("10.88.200.1", count=1),
            cluster.traceroute("10.88.100.1", probes=1),
            cluster.path_mtu("10.88.100.1"),
            cluster.ping("10.88.100.1", count=1),
        )
        told["differences"] = [
            {one.what: one.values for one in each.differences() if one.what != "limited_by"}
            for each in compared
        ]
        told["words"] = str(compared[0].differences()[0])

        # Told to stop.
        async with cluster.open_sweep(network, rate=3000) as stream:
            while stream.progress.done < 300:
                await stream.next_batch()
            began = time.monotonic()
        await asyncio.sleep(max(0.0, 0.2 - (time.monotonic() - began)))
        stopped = echoes()
        await asyncio.sleep(0.4)
        told["after the end"] = echoes() - stopped

        async def sweep(what: Any) -> dict[str, Any]:
            before, began, seen, places = echoes(), time.monotonic(), [], set()
            async with cluster.open_sweep(network, rate=2000) as stream:
                async for vantage, batch in stream.batches():
                    if len(seen) < 1000 <= len(seen) + len(batch):
                        what()
                    seen += batch.sequences
                    places.add(vantage)
                again, lost = stream.sent_again, [str(part) for part in stream.given_up]
            return {
                "each once": sorted(seen) == list(range(len(seen))) and len(seen),
                "places": sorted(places),
                "stated": again,
                "counted": echoes() - before - len(seen),
                "given up": lost,
                "seconds": time.monotonic() - began,
            }

        told["one killed"] = await sweep(second.kill)
        await until({"a"})
        start("b", b, 2)
        await until({"a", "b"})
        told["back"] = (await cluster.ping("10.88.100.1", vantage="b", count=1)).results["b"].is_alive
        cut = ["ip", "-n", b, "link", "set", "control", "down"]
        watching: list[asyncio.Task[None]] = []

        async def notice() -> None:
            began = time.monotonic()
            await until({"a"})
            told["noticed"] = time.monotonic() - began

        def cut_off() -> None:
            subprocess.run(cut, check=True)
            watching.append(asyncio.create_task(notice()))

        told["one cut off"] = await sweep(cut_off)
        await watching[0]
        alone = await cluster.ping("10.88.100.1", count=1)
        told["alone"] = sorted(alone.results)
    return told


@pytest.mark.once
@pytest.mark.parametrize("soon", [True, pytest.param(False, marks=pytest.mark.slow, id="as usual")])
def test_two_places(needs_namespaces: None, soon: bool) -> None:
    with two_places() as (hub, a, b, _, _, target):
        told = run_in(hub, drama, a, b, target, TARGETS, soon, timeout=400)
    reached, path, mtu, same = told["differences"]
    assert reached == {"reachable": {"a": True, "b": False}}
    assert told["words"] == "from a it is reachable; from b it is not reachable"
    ways = {place: [[f"10.88.{k}.2"], ["10.88.100.1"]] for k, place in ((1, "a"), (2, "b"))}
    assert path == {"path": ways}
    assert mtu == {"mtu": {"a": 1500, "b": 1400}}
    assert same == {}

    assert told["after the end"] == 0

    killed, cut = told["one killed"], told["one cut off"]
    for sweep in (killed, cut):
        assert sweep["each once"] == COUNT
        assert sweep["places"] == ["a", "b"]
        assert sweep["given up"] == []
        assert 0 <= sweep["stated"] <= sweep["counted"] < COUNT
    assert told["back"]
    assert told["noticed"] < 15
    assert cut["seconds"] < 15 + 3
    assert told["alone"] == ["a"]
