"""What this host loses itself is not called silence: it is noticed, told once, and probed again."""

from __future__ import annotations

import logging
from ipaddress import ip_address

import pytest

from anyicmp import Prober
from anyicmp.engine.room import Costs
from anyicmp.testing import Host, Router, SimulatedNetwork
from anyicmp.testing.transport import SimulatedTransport

pytestmark = pytest.mark.anyio


def flooded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine believes in a sixteenth of what an answer takes, so that buffers overflow."""
    cost = Costs.__missing__
    monkeypatch.setattr(Costs, "__missing__", lambda costs, size: cost(costs, size) // 16)


async def test_replies_that_found_no_room_are_asked_for_again(
    either_network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network = either_network
    flooded(monkeypatch)
    network.receive_buffer = 60_000
    async with Prober(network=network) as prober:
        with caplog.at_level(logging.WARNING, logger="anyicmp"):
            result = await prober.sweep("10.1.0.0/22")
            assert len(result.alive) == 1022
            assert prober.statistics.dropped > 0
            assert prober.statistics.sent == 1022 + prober.statistics.dropped
            await prober.sweep("10.1.0.0/22")
    (warning,) = caplog.messages
    assert "net.core.rmem_max" in warning
    assert "receive_buffer=" in warning


async def test_errors_that_no_kernel_counted_are_asked_for_again(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error queue that overflows says nothing; that it was full is what can be seen."""
    flooded(monkeypatch)
    network.receive_buffer = 60_000
    gateway = Router(address=ip_address("10.9.9.9"), delay=0.001)
    network.add("10.2.0.0/16", Host(delay=0.005, path=(gateway,)))
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.2.0.0/22", ttl=1)
        assert len(result.errors) == 1022
        assert prober.statistics.dropped == 0
        assert prober.statistics.sent > 1022


async def test_silence_is_not_doubted_for_ever(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that loses packets all the time still calls a silent target silent: after four probes."""
    counter = iter(range(1, 1_000_000))
    monkeypatch.setattr(SimulatedTransport, "dropped", lambda _: next(counter))
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.0.0.2", retries=1)
        assert len(result.unanswered) == 1
        assert prober.statistics.sent == 8


async def test_without_loss_silence_is_believed_at_once(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        await prober.sweep("10.0.0.2")
        assert prober.statistics.sent == 1


async def test_a_ping_reports_what_it_saw(network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ping's probes have their times: a second one would be another's. `dropped` tells what to think."""
    counter = iter(range(1, 1_000_000))
    monkeypatch.setattr(SimulatedTransport, "dropped", lambda _: next(counter))
    async with Prober(network=network) as prober:
        result = await prober.ping("10.0.0.2", count=2)
        assert [outcome.kind for outcome in result.outcomes] == ["timeout", "timeout"]
        assert prober.statistics.sent == 2
        assert prober.statistics.dropped > 0
