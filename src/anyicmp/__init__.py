"""Ping, sweep and traceroute for async Python: the public names and nothing else.

A name is loaded when it is first used (PEP 562), so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyicmp.api.diagnose import DiagnosisStream
    from anyicmp.api.environment import Environment
    from anyicmp.api.finding_functions import diagnose, open_diagnose, open_listener
    from anyicmp.api.functions import (
        capabilities,
        open_ping,
        open_sweep,
        open_traceroute,
        ping,
        resolve,
        sweep,
        traceroute,
    )
    from anyicmp.api.listener import Listener
    from anyicmp.api.monitor import Monitor
    from anyicmp.api.monitor_functions import open_monitor
    from anyicmp.api.multipath import MultipathStream
    from anyicmp.api.observer import Observer
    from anyicmp.api.path_functions import multipath, open_multipath, path_mtu
    from anyicmp.api.ping import PingStream
    from anyicmp.api.prefixes import PrefixTable
    from anyicmp.api.prober import Prober
    from anyicmp.api.sweep import SweepPosition, SweepResult, SweepStream
    from anyicmp.api.table_functions import interfaces, neighbors, route_to, routes
    from anyicmp.api.targets import count_targets
    from anyicmp.api.trace import TraceStream
    from anyicmp.engine.outcome import OutcomeBatch
    from anyicmp.errors import (
        AnyicmpError,
        ClosedError,
        DecodeError,
        NameLookupError,
        SocketPermissionError,
        UnsupportedError,
    )
    from anyicmp.findings import Diagnosis, DiagnosisStep, Received
    from anyicmp.paths import (
        Diamond,
        Hop,
        PathChange,
        PathEdge,
        PathGraph,
        PathMtu,
        PathMtuStep,
        PathNode,
        Trace,
        Translation,
    )
    from anyicmp.results import (
        KINDS,
        Capabilities,
        ErrorReply,
        IPAddress,
        NoReply,
        Outcome,
        PingResult,
        ProberStatistics,
        RateLoss,
        Reply,
        SendFailure,
        Statistics,
        SweepProgress,
    )
    from anyicmp.states import (
        BUCKETS,
        Lateness,
        MonitorTarget,
        StateChange,
        TargetCounters,
        TargetStatus,
    )
    from anyicmp.tables import Interface, Neighbor, NextHop, Route
    from anyicmp.wire import MplsLabel

__version__ = "0.1.0.dev0"

__all__ = [
    "BUCKETS",
    "KINDS",
    "AnyicmpError",
    "Capabilities",
    "ClosedError",
    "DecodeError",
    "Diagnosis",
    "DiagnosisStep",
    "DiagnosisStream",
    "Diamond",
    "Environment",
    "ErrorReply",
    "Hop",
    "IPAddress",
    "Interface",
    "Lateness",
    "Listener",
    "Monitor",
    "MonitorTarget",
    "MplsLabel",
    "MultipathStream",
    "NameLookupError",
    "Neighbor",
    "NextHop",
    "NoReply",
    "Observer",
    "Outcome",
    "OutcomeBatch",
    "PathChange",
    "PathEdge",
    "PathGraph",
    "PathMtu",
    "PathMtuStep",
    "PathNode",
    "PingResult",
    "PingStream",
    "PrefixTable",
    "Prober",
    "ProberStatistics",
    "RateLoss",
    "Received",
    "Reply",
    "Route",
    "SendFailure",
    "SocketPermissionError",
    "StateChange",
    "Statistics",
    "SweepPosition",
    "SweepProgress",
    "SweepResult",
    "SweepStream",
    "TargetCounters",
    "TargetStatus",
    "Trace",
    "TraceStream",
    "Translation",
    "UnsupportedError",
    "__version__",
    "capabilities",
    "count_targets",
    "diagnose",
    "interfaces",
    "multipath",
    "neighbors",
    "open_diagnose",
    "open_listener",
    "open_monitor",
    "open_multipath",
    "open_ping",
    "open_sweep",
    "open_traceroute",
    "path_mtu",
    "ping",
    "resolve",
    "route_to",
    "routes",
    "sweep",
    "traceroute",
]

_HOMES = {
    "anyicmp.api.diagnose": "DiagnosisStream",
    "anyicmp.api.environment": "Environment",
    "anyicmp.api.finding_functions": "diagnose open_diagnose open_listener",
    "anyicmp.api.functions": (
        "capabilities open_ping open_sweep open_traceroute ping resolve sweep traceroute"
    ),
    "anyicmp.api.monitor": "Monitor",
    "anyicmp.api.monitor_functions": "open_monitor",
    "anyicmp.api.multipath": "MultipathStream",
    "anyicmp.api.listener": "Listener",
    "anyicmp.api.observer": "Observer",
    "anyicmp.api.path_functions": "multipath open_multipath path_mtu",
    "anyicmp.api.ping": "PingStream",
    "anyicmp.api.prefixes": "PrefixTable",
    "anyicmp.api.prober": "Prober",
    "anyicmp.api.sweep": "SweepPosition SweepResult SweepStream",
    "anyicmp.api.table_functions": "interfaces neighbors route_to routes",
    "anyicmp.api.targets": "count_targets",
    "anyicmp.api.trace": "TraceStream",
    "anyicmp.engine.outcome": "OutcomeBatch",
    "anyicmp.errors": (
        "AnyicmpError ClosedError DecodeError NameLookupError SocketPermissionError UnsupportedError"
    ),
    "anyicmp.findings": "Diagnosis DiagnosisStep Received",
    "anyicmp.paths": (
        "Diamond Hop PathChange PathEdge PathGraph PathMtu PathMtuStep PathNode Trace Translation"
    ),
    "anyicmp.results": (
        "KINDS Capabilities ErrorReply IPAddress NoReply Outcome PingResult "
        "ProberStatistics RateLoss Reply SendFailure Statistics SweepProgress"
    ),
    "anyicmp.states": "BUCKETS Lateness MonitorTarget StateChange TargetCounters TargetStatus",
    "anyicmp.tables": "Interface Neighbor NextHop Route",
    "anyicmp.wire": "MplsLabel",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "wire":  # a submodule, for whoever wrote `import anyicmp` alone
        return import_module("anyicmp.wire")
    if name not in _HOME:
        raise AttributeError(f"module 'anyicmp' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
