"""A loop that other tasks keep busy does not lengthen round trips: beside iputils' ping, on real sockets."""

from __future__ import annotations

import re
import shutil
import statistics
from collections.abc import Iterator

import pytest

from anyicmp.testing import Internet, Topology
from anyicmp.testing.tun import behind_tun

from conftest import LOOPS
from namespaces import NOBODY, command, run_in
from products import paired

pytestmark = [pytest.mark.usefixtures("needs_namespaces", "needs_tun"), pytest.mark.once]

TARGET = {4: "203.0.113.80", 6: "2001:db8:300::80"}
NEAR = 0.0005
"""Seconds that a median may differ from ping's: a tenth of what one turn of the busy task takes."""


@pytest.fixture(scope="module")
def far() -> Iterator[str]:
    """The namespace of a host that is 50 ms away."""
    topology = Topology().router("gateway", "192.0.2.254", "2001:db8::fe").host("server", *TARGET.values())
    topology.link("client", "gateway", delay="25 ms").link("gateway", "server")
    with behind_tun(Internet(topology)) as network:
        yield network.namespace


@pytest.fixture(scope="module")
def pinged(far: str) -> dict[int, float]:
    """The median that iputils' ping finds, in seconds."""
    if shutil.which("ping") is None:
        pytest.skip("needs the program ping (iputils)")
    medians = {}
    for version, target in TARGET.items():
        shown = command(far, ["ping", "-n", "-i", "0.05", "-c", "40", target]).stdout
        times = [float(text) for text in re.findall(r"time=([\d.]+) ms", shown)]
        assert len(times) == 40
        medians[version] = statistics.median(times) / 1000
    return medians


async def while_busy(target: str, privileged: bool) -> object:
    """The round trips of 40 pings beside a task that blocks the loop 5 ms at a time."""
    import time

    import anyio
    import anyio.lowlevel

    import anyicmp

    async def block() -> None:
        while True:
            end = time.monotonic() + 0.005
            while time.monotonic() < end:
                pass
            await anyio.lowlevel.checkpoint()

    async with anyicmp.Prober(privileged=privileged) as prober, anyio.create_task_group() as tasks:
        tasks.start_soon(block)
        result = await prober.ping(target, count=40, interval=0.05)
        tasks.cancel_scope.cancel()
    return [[outcome.rtt, outcome.clock] for outcome in result.outcomes if outcome.kind == "reply"]


@pytest.mark.parametrize(("version", "uid", "loop"), paired([4, 6], [None, NOBODY], list(LOOPS)))
def test_a_busy_loop_does_not_lengthen_round_trips(
    far: str, pinged: dict[int, float], version: int, uid: int | None, loop: str
) -> None:
    found = run_in(far, while_busy, TARGET[version], uid is None, uid=uid, backend=loop)
    assert len(found) == 40
    assert {clock for _, clock in found} == {"kernel"}
    assert statistics.median(rtt for rtt, _ in found) == pytest.approx(pinged[version], abs=NEAR)
    assert min(rtt for rtt, _ in found) >= 0.05
