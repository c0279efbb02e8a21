"""The pytest plugin: a fixture and a marker that put a test, and what it tests, on a simulated network.

pytest loads it by the entry point `anyicmp`. No network is made unless a test asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anyicmp.testing.network import SimulatedNetwork

__all__ = ["pytest_configure", "simulated_network"]

MARKER = (
    "simulated_network(scenario, *, seed=None, privileged=False): the network of the fixture of that name: "
    "a TOML file (first looked for beside the test), its text, or a built-in one"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def simulated_network(request: pytest.FixtureRequest) -> Iterator[SimulatedNetwork]:
    """A simulated network in virtual time, in which each prober lives that opens without a `network`.

    What it consists of is said by the marker `@pytest.mark.simulated_network("file.toml")`; without the
    marker there is nothing, and `add` puts hosts into it.
    """
    marker = request.node.get_closest_marker("simulated_network")
    network = SimulatedNetwork() if marker is None else _marked(marker, request.path.parent)
    with network.activate():
        yield network


def _marked(marker: pytest.Mark, beside: Path) -> SimulatedNetwork:
    """The network that a marker describes; a relative path begins where the test file is."""

    def made(scenario: str | Path, **options: Any) -> SimulatedNetwork:
        text = isinstance(scenario, str) and "\n" in scenario
        if not text and (beside / scenario).is_file():
            scenario = beside / scenario
        return SimulatedNetwork.from_toml(scenario, **options)

    return made(*marker.args, **marker.kwargs)
