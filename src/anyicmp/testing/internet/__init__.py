"""A simulated internet that works on IP packets in bytes: topology, scenarios in TOML, and `Internet`."""

from anyicmp.testing.internet.internet import Internet
from anyicmp.testing.internet.scenario import load
from anyicmp.testing.internet.tables import ScenarioError
from anyicmp.testing.internet.topology import Topology

__all__ = ["Internet", "ScenarioError", "Topology", "load"]
