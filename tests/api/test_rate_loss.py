"""A sweep that loses answers because it is fast is told from others that lose some or find silent hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import anyio
import pytest

import anyicmp
from anyicmp import Prober, RateLoss
from anyicmp.testing import Host, SimulatedNetwork

pytestmark = pytest.mark.anyio

HOSTS = "10.1.0.0/23"


@pytest.fixture(autouse=True)
def each_packet_is_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host has a way that is known."""
    monkeypatch.setattr(Host, "way", None)


def losing(network: SimulatedNetwork, loses: Callable[[], bool]) -> None:
    """Each answer may be lost."""
    carry = network.carry

    def carry_some(packet: bytes) -> Iterable[tuple[int, bytes]]:
        return () if loses() else carry(packet)

    network.carry = carry_some  # type: ignore[method-assign]


def limited(network: SimulatedNetwork, rate: float, burst: float) -> None:
    """A router on the way passes so many packets a second."""
    level, last = burst, network.clocks.monotonic()

    def loses() -> bool:
        nonlocal level, last
        now = network.clocks.monotonic()
        level, last = min(burst, level + (now - last) / 1e9 * rate), now
        if level < 1:
            return True
        level -= 1
        return False

    losing(network, loses)


async def swept(network: SimulatedNetwork, targets: object, **options: object) -> RateLoss | None:
    async with Prober(network=network) as prober:
        result = await prober.sweep(targets, recheck=100, **options)  # type: ignore[arg-type]
    return result.rate_loss


async def test_a_limit_on_the_way_is_found(network: SimulatedNetwork) -> None:
    limited(network, 500, 50)
    loss = await swept(network, HOSTS, rate=2000)
    assert loss is not None
    assert loss.rises
    assert loss.loss == pytest.approx(0.65, abs=0.08)
    assert (loss.slow_loss, loss.slow_rate) == (0.0, pytest.approx(200, rel=0.01))
    assert loss.rate == pytest.approx(2000, rel=0.01)
    assert (loss.silent, loss.answered) == (100, 100)


async def test_loss_that_does_not_ask_for_the_rate_is_no_alarm(network: SimulatedNetwork) -> None:
    random = Random(1)
    losing(network, lambda: random.random() < 0.2)
    loss = await swept(network, HOSTS, rate=2000)
    assert loss is not None
    assert not loss.rises
    assert loss.loss == pytest.approx(0.2, abs=0.06)
    assert loss.slow_loss == pytest.approx(0.2, abs=0.1)


async def test_silent_hosts_are_no_alarm(network: SimulatedNetwork) -> None:
    network.add("10.2.0.0/16", Host(silent=True))
    loss = await swept(network, ["10.1.0.0/25", "10.2.0.0/25"], rate=1000)
    assert loss is not None
    assert (loss.rises, loss.loss, loss.slow_loss, loss.chance) == (False, 0.0, 0.0, 1.0)


async def test_where_nothing_is_silent_nothing_is_probed_again(network: SimulatedNetwork) -> None:
    assert await swept(network, "10.1.0.0/26", rate=1000) is None
    assert len(network.sent) == 62


async def test_without_asking_nothing_is_probed_again(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        result = await prober.sweep(["10.0.0.1", "10.0.0.2"])
    assert result.rate_loss is None
    assert len(network.sent) == 2


async def test_a_stream_has_it_after_its_last_outcome(network: SimulatedNetwork) -> None:
    """Both families; what is probed again is nobody's outcome."""
    limited(network, 300, 10)
    targets = ["10.1.0.0/25", "2001:db8:2::/121"]
    async with Prober(network=network) as prober, prober.open_sweep(targets, rate=3000, recheck=100) as sweep:
        outcomes = [outcome async for outcome in sweep]
        assert len(outcomes) == 126 + 127
        assert sweep.progress.sent == 126 + 127
        assert sweep.rate_loss is not None
        assert sweep.rate_loss.rises


async def test_whoever_is_cancelled_meanwhile_leaves_nothing_behind(network: SimulatedNetwork) -> None:
    network.add("10.2.0.0/16", Host(silent=True))
    targets = ["10.1.0.0/25", "10.2.0.0/25"]
    async with Prober(network=network) as prober:
        async with prober.open_sweep(targets, rate=1000, recheck=200) as sweep:
            with anyio.CancelScope() as scope:
                network.clocks.after(1.75, scope.cancel)
                async for _ in sweep:
                    pass
            assert scope.cancelled_caught
            assert sweep.progress.done == 252
            assert sweep.rate_loss is None
        sent = len(network.sent)
        assert 252 < sent < 252 + 100
        await prober.ping("10.0.0.1", count=3)
        assert len(network.sent) == sent + 3


async def test_how_many_is_checked(network: SimulatedNetwork) -> None:
    with pytest.raises(ValueError, match="recheck must be 0 to 100000"):
        await anyicmp.sweep("10.1.0.1", recheck=-1, network=network)
