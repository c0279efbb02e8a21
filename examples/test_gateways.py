"""How an application that pings is tested, without network, root or waiting.

    python -m pytest examples/test_gateways.py

The fixture `simulated_network` comes with anyicmp; it makes the network of the marker that of every prober.
"""

from __future__ import annotations

import anyio
import pytest
from gateways import choose, until_lost

from anyicmp.testing import Host, SimulatedNetwork


@pytest.mark.simulated_network("gateways.toml")
def test_a_gateway_that_answers_is_chosen(simulated_network: SimulatedNetwork) -> None:
    """The second one loses too much, and the address beside it is nobody's."""
    assert anyio.run(choose, ["second", "192.0.2.13", "first"]) == "first"


@pytest.mark.simulated_network("gateways.toml")
def test_its_loss_is_noticed_an_hour_later(simulated_network: SimulatedNetwork) -> None:
    """An hour of the prober's time is over at once."""
    began = simulated_network.clocks.monotonic()
    assert anyio.run(until_lost, "first") == 59
    assert 3600 < (simulated_network.clocks.monotonic() - began) / 1e9 < 3800


def test_without_a_gateway_there_is_none(simulated_network: SimulatedNetwork) -> None:
    """Without a marker the network is empty, and built in code."""
    simulated_network.add("192.0.2.11", Host(silent=True))
    assert anyio.run(choose, ["192.0.2.11"]) is None
