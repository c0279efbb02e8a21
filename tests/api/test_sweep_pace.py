"""How fast a sweep goes, and how long it waits: for each network, and from probe to probe."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from itertools import pairwise

import pytest

from anyicmp import NoReply, Prober
from anyicmp.testing import Host, SimulatedNetwork

pytestmark = pytest.mark.anyio


@pytest.fixture
def times(network: SimulatedNetwork) -> dict[str, list[float]]:
    """For each destination, when probes left, in seconds since the first."""
    found: dict[str, list[float]] = {}
    began: list[float] = []

    def noting(packet: bytes) -> None:
        destination = ip_address(packet[16:20] if packet[0] >> 4 == 4 else packet[24:40])
        now = network.clocks.monotonic() / 1e9
        began.append(now)
        found.setdefault(str(destination), []).append(round(now - began[0], 9))

    network.on_sent = noting
    return found


def of(times: dict[str, list[float]], start: str) -> list[float]:
    """The times of all destinations whose text starts so."""
    return sorted(at for target, each in times.items() if target.startswith(start) for at in each)


@pytest.mark.parametrize("rate", [10, 250, 5000, 200_000])
async def test_the_rate_is_exact(network: SimulatedNetwork, rate: float) -> None:
    """Within 1 % over every window of 100 packets, whatever else ends meanwhile."""
    sent: list[int] = []
    network.on_sent = lambda packet: sent.append(network.clocks.monotonic())
    network.add("10.2.0.0/16", Host(silent=True))
    async with Prober(network=network) as prober:
        await prober.sweep(["10.1.0.0/26", "10.2.0.0/26", "2001:db8:2::/123"], rate=rate, timeout=0.05)
    assert len(sent) == 62 + 62 + 31
    for first, last in zip(sent, sent[100:], strict=False):
        assert last - first == pytest.approx(100e9 / rate, rel=0.01)


async def test_a_stall_is_not_made_up_for(network: SimulatedNetwork) -> None:
    """The process was stopped for an hour in the middle: what follows is 20 ms' worth and then the rate."""
    sent: list[float] = []
    stall = 3600.0

    def noting(packet: bytes) -> None:
        sent.append(network.clocks.monotonic() / 1e9)
        if len(sent) == 100:
            network.clocks.advance(stall)

    network.on_sent = noting
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/24", rate=1000)
    assert len(result.outcomes) == 254
    after = [at for at in sent if at >= sent[99] + stall]
    assert len([at for at in after if at < after[0] + 0.001]) <= 22
    assert after[-1] - after[0] == pytest.approx((len(after) - 20) / 1000, rel=0.01)


async def test_each_network_has_its_rate(network: SimulatedNetwork, times: dict[str, list[float]]) -> None:
    async with Prober(network=network) as prober:
        result = await prober.sweep([f"10.1.{k}.0/26" for k in range(4)], per_network_rate=50)
    assert len(result.alive) == 4 * 62
    for k in range(4):
        sent = of(times, f"10.1.{k}.")
        assert len(sent) == 62
        assert {round(b - a, 6) for a, b in pairwise(sent)} == {0.02}
    assert max(of(times, "10.1.")) < 1.3, "all at the same time"


async def test_both_families_have_their_prefixes(
    network: SimulatedNetwork, times: dict[str, list[float]]
) -> None:
    targets = ["10.1.0.0/27", "2001:db8:2::/123"]
    async with Prober(network=network) as prober:
        await prober.sweep(targets, per_network_rate=10, network_prefixes=(28, 124))
    assert len(of(times, "10.1.0.")) == 30
    assert max(of(times, "10.1.0.")) == pytest.approx(1.4)
    assert max(of(times, "2001:db8:2::")) == pytest.approx(1.5)


async def test_a_network_that_waits_holds_up_no_other(
    network: SimulatedNetwork, times: dict[str, list[float]]
) -> None:
    """Neither in a generator of many addresses, one after the other."""

    def addresses() -> Iterator[IPv4Address]:
        first = IPv4Address("10.1.0.0")
        yield from (first + k for k in range(256))
        yield from (first + 256 * k for k in range(1, 200))

    async with Prober(network=network) as prober:
        result = await prober.sweep(addresses(), per_network_rate=100)
    assert len(result.alive) == 455
    assert max(at for target, (at,) in times.items() if target.endswith(".0")) < 0.01
    assert max(of(times, "10.1.0.")) == pytest.approx(2.55)


async def test_what_is_probed_again_counts_too(
    network: SimulatedNetwork, times: dict[str, list[float]]
) -> None:
    network.add("10.2.0.0/16", Host(silent=True))
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.2.0.0/28", per_network_rate=20, retries=2, timeout=0.1)
    assert len(result.unanswered) == 14
    sent = of(times, "10.2.0.")
    assert len(sent) == 42
    assert min(b - a for a, b in pairwise(sent)) >= 0.05 - 1e-9


async def test_the_whole_rate_holds_beside_that_of_each_network(
    network: SimulatedNetwork, times: dict[str, list[float]]
) -> None:
    async with Prober(network=network) as prober:
        await prober.sweep(["10.1.0.0/25", "10.1.1.0/25"], per_network_rate=400, rate=500)
    assert max(of(times, "10.1.")) == pytest.approx(0.504, rel=0.01)


@pytest.mark.parametrize(
    ("options", "expected", "waited"),
    [
        ({"timeout": 1.0, "retries": 3}, [0.0, 1.0, 2.5, 4.75], 3.375),
        ({"timeout": 0.5, "retries": 2, "backoff": 1}, [0.0, 0.5, 1.0], 0.5),
        ({"timeout": 40.0, "retries": 3, "backoff": 2.0}, [0.0, 40.0, 100.0, 160.0], 60.0),
        ({"timeout": 90.0, "retries": 1, "backoff": 2.0}, [0.0, 90.0], 90.0),
        ({"timeout": 1.0}, [0.0], 1.0),
    ],
)
async def test_each_further_probe_waits_longer(
    network: SimulatedNetwork,
    times: dict[str, list[float]],
    options: dict[str, float],
    expected: list[float],
    waited: float,
) -> None:
    async with Prober(network=network) as prober:
        result = await prober.sweep(["10.0.0.2"], **options)  # type: ignore[arg-type]
    (outcome,) = result
    assert times == {"10.0.0.2": expected}
    assert isinstance(outcome, NoReply)
    assert outcome.timeout == waited


async def test_who_answers_slowly_is_heard_by_a_later_probe(network: SimulatedNetwork) -> None:
    network.add("10.2.0.1", Host(delay=1.2))
    async with Prober(network=network) as prober:
        result = await prober.sweep(["10.2.0.1", "10.0.0.1", "10.0.0.2"], retries=1)
    assert {str(reply.target): round(reply.rtt, 6) for reply in result.alive} == {
        "10.2.0.1": 1.2,
        "10.0.0.1": 0.01,
    }


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"backoff": 0.9}, "backoff must be 1 to 10"),
        ({"backoff": 11}, "backoff must be 1 to 10"),
        ({"per_network_rate": 0}, "per_network_rate must be above 0"),
        ({"network_prefixes": 24}, "network_prefixes must be a prefix length for IPv4 and one for IPv6"),
        ({"network_prefixes": (33, 64)}, "IPv4's of network_prefixes must be 0 to 32"),
        ({"network_prefixes": (24, -1)}, "IPv6's of network_prefixes must be 0 to 128"),
    ],
)
async def test_what_is_out_of_range(
    network: SimulatedNetwork, options: dict[str, object], match: str
) -> None:
    async with Prober(network=network) as prober:
        with pytest.raises(ValueError, match=match):
            await prober.sweep("10.1.0.1", **options)  # type: ignore[arg-type]
    assert not network.sent
