"""A network in memory, in virtual time, for those who embed anyicmp and for its own tests.

The public shelf of this room. Nothing in the engine or behind the doors imports it: it is handed in.
"""

from anyicmp.testing.clock import VirtualClock
from anyicmp.testing.internet import Internet, ScenarioError, Topology
from anyicmp.testing.loop import VirtualTimeLoop
from anyicmp.testing.network import SimulatedNetwork
from anyicmp.testing.topology import Host, Router

__all__ = [
    "Host",
    "Internet",
    "Router",
    "ScenarioError",
    "SimulatedNetwork",
    "Topology",
    "VirtualClock",
    "VirtualTimeLoop",
]
