"""Ping, sweep and traceroute for async Python: the public names and nothing else."""

from anyicmp.api.environment import Environment
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
from anyicmp.api.observer import Observer
from anyicmp.api.ping import PingStream
from anyicmp.api.prober import Prober
from anyicmp.api.sweep import SweepResult, SweepStream
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
from anyicmp.results import (
    KINDS,
    Capabilities,
    ErrorReply,
    Hop,
    IPAddress,
    NoReply,
    Outcome,
    PingResult,
    ProberStatistics,
    Reply,
    SendFailure,
    Statistics,
    SweepProgress,
    Trace,
)
from anyicmp.wire import MplsLabel

__version__ = "0.1.0.dev0"

__all__ = [
    "KINDS",
    "AnyicmpError",
    "Capabilities",
    "ClosedError",
    "DecodeError",
    "Environment",
    "ErrorReply",
    "Hop",
    "IPAddress",
    "MplsLabel",
    "NameLookupError",
    "NoReply",
    "Observer",
    "Outcome",
    "OutcomeBatch",
    "PingResult",
    "PingStream",
    "Prober",
    "ProberStatistics",
    "Reply",
    "SendFailure",
    "SocketPermissionError",
    "Statistics",
    "SweepProgress",
    "SweepResult",
    "SweepStream",
    "Trace",
    "TraceStream",
    "UnsupportedError",
    "__version__",
    "capabilities",
    "open_ping",
    "open_sweep",
    "open_traceroute",
    "ping",
    "resolve",
    "sweep",
    "traceroute",
]
