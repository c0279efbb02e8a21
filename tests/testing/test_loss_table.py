"""What loss makes of sweeps and traces: a table per seed, exact, and near what probability says.

A change in these numbers is a change in retries, in matching or in the simulation's chance.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from anyicmp import Prober, Reply
from anyicmp.testing import Internet, SimulatedNetwork, Topology

from conftest import LOOPS

LOSSES = ("0 %", "10 %", "30 %", "50 %", "90 %")
HOSTS = 254
HOPS = 20

# Of 254 hosts, how many are found alive. Rows: loss of requests; columns: 0, 1, 2 and 5 retries.
RETRIES = (0, 1, 2, 5)
ALIVE: dict[str, tuple[int, ...]] = {
    "0 %": (254, 254, 254, 254),
    "10 %": (234, 253, 254, 254),
    "30 %": (182, 237, 251, 254),
    "50 %": (132, 196, 226, 252),
    "90 %": (23, 51, 66, 119),
}

# Of 20 hops, how many show themselves. Rows: loss of the first link; columns: 1, 2, 3 and 6 probes a hop.
PROBES = (1, 2, 3, 6)
SHOWN: dict[str, tuple[int, ...]] = {
    "0 %": (20, 20, 20, 20),
    "10 %": (19, 20, 20, 20),
    "30 %": (17, 20, 19, 20),
    "50 %": (12, 17, 18, 20),
    "90 %": (4, 7, 8, 11),
}


def lossy(loss: str, hops: int = HOPS) -> SimulatedNetwork:
    """Routers, then a network of hosts at the last hop; the first link loses."""
    topology = Topology(seed=2024)
    names = [f"r{number}" for number in range(1, hops)]
    for number, name in enumerate(names, 1):
        topology.router(name, f"10.9.{number}.1")
    topology.host("lan", "10.64.0.0/24").link("client", "r1", delay="1 ms", loss=loss)
    return SimulatedNetwork(internet=Internet(topology.link(*names, "lan", delay="1 ms")))


async def alive(loss: str, retries: int) -> int:
    async with Prober(network=lossy(loss, hops=2)) as prober:
        result = await prober.sweep("10.64.0.0/24", retries=retries, timeout=0.2)
    return len(result.alive)


async def shown(loss: str, probes: int) -> int:
    async with Prober(network=lossy(loss)) as prober:
        trace = await prober.traceroute("10.64.0.1", probes=probes, max_hops=HOPS, timeout=0.2)
    return sum(bool(hop.addresses) for hop in trace.hops)


Count = Callable[[str, int], Awaitable[int]]


async def some_of(
    count: Count, loss: str, columns: tuple[int, ...], table: dict[str, tuple[int, ...]], backend: object
) -> list[tuple[int, int]]:
    """Columns of a row of a table that hold, and what was counted: each loop has other ones of a row."""
    loop: Any = list(LOOPS.values()).index(backend)  # type: ignore[arg-type]
    mine = range((loop + LOSSES.index(loss)) % len(LOOPS), len(columns), len(LOOPS))
    found = [(columns[place], await count(loss, columns[place])) for place in mine]
    assert [number for _, number in found] == [table[loss][place] for place in mine]
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("loss", LOSSES)
async def test_loss_by_retries(loss: str, anyio_backend: object) -> None:
    for retries, number in await some_of(alive, loss, RETRIES, ALIVE, anyio_backend):
        assert_likely(number, HOSTS, 1 - _chance(loss) ** (retries + 1))


@pytest.mark.anyio
@pytest.mark.parametrize("loss", LOSSES)
async def test_loss_by_probes(loss: str, anyio_backend: object) -> None:
    for probes, number in await some_of(shown, loss, PROBES, SHOWN, anyio_backend):
        assert_likely(number, HOPS, 1 - _chance(loss) ** probes)


def _chance(loss: str) -> float:
    return float(loss.removesuffix(" %")) / 100


def assert_likely(number: int, of: int, chance: float) -> None:
    """Within four standard deviations of the binomial distribution."""
    assert abs(number - of * chance) <= 4 * (of * chance * (1 - chance)) ** 0.5


@pytest.mark.anyio
async def test_equal_seeds_send_and_hear_equal_octets() -> None:
    """Everything that chance decides, the prober's own identifiers and nonces too, comes from the seed."""

    async def run() -> tuple[list[bytes], list[object]]:
        network = lossy("30 %")
        async with Prober(network=network) as prober:
            result = await prober.ping("10.64.0.7", count=20, interval=0.1)
        return network.sent, [(type(each), getattr(each, "rtt", None)) for each in result.outcomes]

    first, second = await run(), await run()
    assert first == second
    assert len(first[0]) == 20
    assert 5 < sum(kind is Reply for kind, _ in first[1]) < 20  # type: ignore[misc]
