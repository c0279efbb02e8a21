"""An observer hears of every probe and outcome, and what it raises hurts nobody."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

import anyicmp
from anyicmp.testing import SimulatedNetwork

pytestmark = pytest.mark.anyio


class Notes(anyicmp.Observer):
    def __init__(self) -> None:
        self.sent: list[object] = []
        self.outcomes: list[anyicmp.Outcome] = []

    def on_sent(self, target: anyicmp.IPAddress, sent_at: float) -> None:
        self.sent.append(target)

    def on_outcome(self, outcome: anyicmp.Outcome) -> None:
        self.outcomes.append(outcome)


async def test_it_hears_of_every_probe_and_every_outcome() -> None:
    network, notes = SimulatedNetwork(), Notes()
    network.add("10.0.0.1")
    async with anyicmp.Prober(network=network, observer=notes) as prober:
        result = await prober.sweep(["10.0.0.1", "10.0.0.2"], timeout=1.0)
    assert notes.sent == [IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")]
    assert notes.outcomes == list(result)
    assert [outcome.kind for outcome in notes.outcomes] == ["reply", "timeout"]


class Broken(anyicmp.Observer):
    def on_sent(self, target: anyicmp.IPAddress, sent_at: float) -> None:
        raise RuntimeError("mine")

    def on_outcome(self, outcome: anyicmp.Outcome) -> None:
        raise RuntimeError("mine")


async def test_what_it_raises_is_logged_and_goes_no_further(caplog: pytest.LogCaptureFixture) -> None:
    network = SimulatedNetwork()
    network.add("10.0.0.1")
    async with anyicmp.Prober(network=network, observer=Broken()) as prober:
        assert (await prober.ping("10.0.0.1", count=2, interval=0.1)).is_alive
    assert "on_sent raised" in caplog.text
    assert "on_outcome raised" in caplog.text
