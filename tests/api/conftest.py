"""A simulated network for each test."""

from __future__ import annotations

import pytest

from anyicmp.testing import SimulatedNetwork
from api.scene import made


@pytest.fixture(params=[False, True], ids=["datagram", "raw"])
def either_network(request: pytest.FixtureRequest) -> SimulatedNetwork:
    """The same network, seen through datagram sockets and through raw ones."""
    return made(privileged=request.param)


@pytest.fixture
def network() -> SimulatedNetwork:
    return made(privileged=False)
