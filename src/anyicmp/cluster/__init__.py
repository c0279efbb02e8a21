"""Sweeps shared out over many machines, and measurements from many places, on Dask distributed."""

from importlib.util import find_spec

if find_spec("distributed") is None:
    raise ImportError("anyicmp.cluster needs the extra 'dask': pip install 'anyicmp[dask]'")

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
