"""How long a probe waits, in virtual time: to the nanosecond, whatever else waits."""

from __future__ import annotations

import anyio
import pytest

from anyicmp import Prober
from anyicmp.testing import SimulatedNetwork

SECOND = 1_000_000_000
TIMEOUTS = (1.0, 0.3, 0.000001, 1.7, 0.1 + 0.2, 59.999999999)

pytestmark = pytest.mark.anyio


async def test_each_of_many_probes_waits_as_long_as_it_was_told(network: SimulatedNetwork) -> None:
    clocks, waited = network.clocks, []
    async with Prober(network=network) as prober:

        async def ping(timeout: float) -> None:
            began = clocks.monotonic()
            (outcome,) = await prober.ping("10.0.0.2", count=1, timeout=timeout)
            assert outcome.kind == "timeout"
            waited.append((timeout, clocks.monotonic() - began))

        async with anyio.create_task_group() as tasks:
            for i in range(60):
                tasks.start_soon(ping, TIMEOUTS[i % len(TIMEOUTS)])
    assert len(waited) == 60
    assert dict(waited) == {timeout: round(timeout * SECOND) for timeout in TIMEOUTS}
    assert [nanoseconds for _, nanoseconds in waited] == sorted(nanoseconds for _, nanoseconds in waited)


@pytest.mark.parametrize("address", ["10.0.0.2", "2001:db8:1::2"])
async def test_a_trace_and_a_sweep_wait_no_longer(network: SimulatedNetwork, address: str) -> None:
    clocks = network.clocks
    async with Prober(network=network) as prober:
        began = clocks.monotonic()
        await prober.traceroute(address, max_hops=3, probes=2, timeout=0.7)
        assert clocks.monotonic() - began == 7 * SECOND // 10
        began = clocks.monotonic()
        await prober.sweep([address], timeout=0.7, retries=2, backoff=2)
        assert clocks.monotonic() - began == (1 + 2 + 4) * 7 * SECOND // 10
