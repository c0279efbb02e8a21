"""Sweeps shared out over many machines, and measurements from many places, on Dask distributed."""

from anyicmp.cluster.chunks import GivenUp
from anyicmp.cluster.comparison import Comparison, Difference
from anyicmp.cluster.door import Cluster, open_cluster
from anyicmp.cluster.stream import ClusterSweep, ClusterSweepResult
from anyicmp.cluster.vantage import VantagePoint

__all__ = [
    "Cluster",
    "ClusterSweep",
    "ClusterSweepResult",
    "Comparison",
    "Difference",
    "GivenUp",
    "VantagePoint",
    "open_cluster",
]
