"""What a monitor measures, in Prometheus' text format, without any library.

Names, labels and buckets as smokeping_prober has them, and our own under `anyicmp_`. Nothing is served here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from errno import errorcode
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from anyicmp import BUCKETS
from anyicmp.wire import code_name, type_name

if TYPE_CHECKING:
    from anyicmp import Monitor, TargetCounters

__all__ = [
    "CONTENT_TYPE",
    "FAMILIES",
    "OWN",
    "VALUES",
    "Exposition",
    "labels_of",
    "own_values",
    "reasons_of",
]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

FAMILIES: dict[str, tuple[str, str]] = {
    "smokeping_requests_total": ("counter", "Number of ping requests that have ended"),
    "smokeping_response_duration_seconds": ("histogram", "A histogram of latencies for ping responses."),
    "smokeping_response_ttl": ("gauge", "The last response Time To Live (TTL)."),
    "smokeping_response_duplicates_total": ("counter", "The number of duplicated response packets."),
    "smokeping_send_errors_total": ("counter", "The number of errors when the prober sends packets."),
    "anyicmp_target_up": ("gauge", "1 where the target answers, 0 where it does not; absent while unknown."),
    "anyicmp_target_degraded": ("gauge", "1 where the target answers badly."),
    "anyicmp_target_state_timestamp_seconds": ("gauge", "Unix time since when the state is what it is."),
    "anyicmp_target_resolved": ("gauge", "0 where the last lookup of the name failed."),
    "anyicmp_late_responses_total": ("counter", "Answers that came after the timeout."),
    "anyicmp_icmp_errors_total": ("counter", "ICMP errors that came instead of an answer, by reason."),
    "anyicmp_send_failures_total": ("counter", "Probes that this host did not send, by reason."),
}
"""Metrics of each target: type and help."""

OWN: dict[str, tuple[str, str]] = {
    "smokeping_receive_errors_total": ("counter", "The number of messages with a wrong checksum or form."),
    "anyicmp_dropped_packets_total": ("counter", "Packets that this host dropped for want of buffer."),
    "anyicmp_foreign_packets_total": ("counter", "Messages that answer none of the probes."),
    "anyicmp_dropped_changes_total": ("counter", "State changes that nobody read in time."),
    "anyicmp_targets": ("gauge", "Targets that are watched."),
    "anyicmp_probe_lateness_median_seconds": ("gauge", "How far from when due probes leave: half of them."),
    "anyicmp_probe_lateness_p99_seconds": ("gauge", "How far from when due probes leave: 99 % of them."),
    "anyicmp_probe_lateness_max_seconds": ("gauge", "How far from when due probes leave: all of them."),
}
"""Metrics of the monitor itself."""


def labels_of(target: TargetCounters) -> dict[str, str]:
    """The labels that all metrics of a target have; `key` only where it is not the host."""
    address = "" if target.target is None else str(target.target)
    host = target.host or address
    labels = {
        "ip": address,
        "host": host,
        "source": "" if target.source is None else str(target.source),
        "tos": str(target.tos),
    }
    if target.key != host:
        labels["key"] = target.key
    for name, value in target.labels.items():
        labels.setdefault(name, value)
    return labels


@lru_cache(maxsize=1024)
def _reason(version: int, number: int, code: int) -> str:
    return code_name(version, number, code) or type_name(version, number) or "unknown"


VALUES: dict[str, Callable[[TargetCounters], float | None]] = {
    "smokeping_requests_total": attrgetter("probes"),
    "smokeping_response_ttl": attrgetter("ttl"),
    "smokeping_response_duplicates_total": attrgetter("duplicates"),
    "smokeping_send_errors_total": lambda target: sum(target.failures.values()),
    "anyicmp_target_up": lambda target: _UP[target.state],
    "anyicmp_target_degraded": lambda target: _DEGRADED[target.state],
    "anyicmp_target_state_timestamp_seconds": attrgetter("since"),
    "anyicmp_target_resolved": lambda target: 1 if target.lookup_error is None else 0,
    "anyicmp_late_responses_total": attrgetter("late"),
}
"""Values of the metrics that have a target's labels and no others; None: it has no such line."""

_UP: dict[str, int | None] = {"unknown": None, "up": 1, "degraded": 1, "down": 0, "unreachable": 0}
_DEGRADED: dict[str, int | None] = {"unknown": None, "up": 0, "degraded": 1, "down": 0, "unreachable": 0}


def reasons_of(target: TargetCounters) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Metric, further labels and value of what happened to a target's probes."""
    version = 4 if target.target is None else target.target.version
    for (number, code), count in target.errors.items():
        labels = {"type": str(int(number)), "code": str(code), "reason": _reason(version, number, code)}
        yield "anyicmp_icmp_errors_total", labels, count
    for errno, count in target.failures.items():
        yield "anyicmp_send_failures_total", {"reason": errorcode.get(errno, "other")}, count


def own_values(monitor: Monitor) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Metric, labels and value of the monitor itself."""
    heard, late = monitor.prober_statistics, monitor.lateness
    yield "smokeping_receive_errors_total", {}, heard.malformed
    yield "anyicmp_dropped_packets_total", {}, heard.dropped
    yield "anyicmp_foreign_packets_total", {}, heard.foreign
    yield "anyicmp_dropped_changes_total", {}, monitor.dropped
    yield "anyicmp_targets", {}, len(monitor)
    for which, value in (("median", late.median), ("p99", late.p99), ("max", late.maximum)):
        if value is not None:
            yield f"anyicmp_probe_lateness_{which}_seconds", {}, value


class Exposition:
    """Renders a monitor, target by target, so that whoever probes can probe in between.

    >>> exposition = Exposition(monitor)
    >>> for _ in exposition.steps():
    ...     await anyio.lowlevel.checkpoint()
    >>> exposition.text
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._parts: dict[str, list[bytes]] = {name: [] for name in FAMILIES}

    def steps(self, targets: int = 16) -> Iterator[None]:
        """Render so many targets a step."""
        counters = self._monitor.counters()
        while some := list(islice(counters, targets)):
            labeled = [(_pairs(labels_of(target)), target) for target in some]
            self._add(_NAME, [_histogram(labels, target) for labels, target in labeled])
            for name, value_of in VALUES.items():
                self._add(
                    name,
                    [
                        f"{name}{{{labels}}} {value!r}\n"
                        for labels, target in labeled
                        if (value := value_of(target)) is not None
                    ],
                )
            for labels, target in labeled:
                if target.errors or target.failures:
                    for name, more, value in reasons_of(target):
                        self._add(name, [f"{name}{{{labels},{_pairs(more)}}} {value!r}\n"])
            yield

    def _add(self, name: str, lines: list[str]) -> None:
        if lines:
            self._parts[name].append("".join(lines).encode())

    @property
    def parts(self) -> list[bytes]:
        """All that was rendered and the metrics of the monitor itself, in pieces."""
        own: dict[str, list[bytes]] = {name: [] for name in OWN}
        for name, labels, value in own_values(self._monitor):
            braces = f"{{{_pairs(labels)}}}" if labels else ""
            own[name].append(f"{name}{braces} {value!r}\n".encode())
        return [
            part
            for kinds, parts in ((FAMILIES, self._parts), (OWN, own))
            for name, (kind, about) in kinds.items()
            if parts[name]
            for part in (f"# HELP {name} {about}\n# TYPE {name} {kind}\n".encode(), *parts[name])
        ]

    @property
    def text(self) -> str:
        """The same as text."""
        return b"".join(self.parts).decode()


def _histogram(labels: str, target: TargetCounters) -> str:
    received = target.received
    return (_HISTOGRAM % (*target.buckets, received, target.total_rtt, received)).replace("\0", labels)


def _pairs(labels: Mapping[str, str]) -> str:
    return ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items()])


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


_NAME = "smokeping_response_duration_seconds"
_HISTOGRAM = "".join(
    [f'{_NAME}_bucket{{\0,le="{bound!r}"}} %d\n' for bound in BUCKETS]
    + [f'{_NAME}_bucket{{\0,le="+Inf"}} %d\n', f"{_NAME}_sum{{\0}} %r\n", f"{_NAME}_count{{\0}} %d\n"]
)
"""All lines of a target's histogram; the labels stand where \\0 is."""
