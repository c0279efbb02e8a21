"""A Prometheus collector of what a monitor measures; needs the extra `prometheus`.

It reads what the monitor counts, from whatever thread a registry collects in. Names, labels and buckets
are said in `exposition.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

try:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.registry import Collector
except ImportError as error:  # pragma: no cover - a test asks a process without it
    raise ImportError(
        "anyicmp.export.prometheus needs the extra 'prometheus': pip install 'anyicmp[prometheus]'"
    ) from error

from anyicmp import BUCKETS, Monitor
from anyicmp.export.exposition import FAMILIES, OWN, VALUES, labels_of, own_values, reasons_of

__all__ = ["MonitorCollector"]

_KINDS = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
_BOUNDS = [*map(repr, BUCKETS), "+Inf"]


class MonitorCollector(Collector):
    """Put it into a registry: `REGISTRY.register(MonitorCollector(monitor))`.

    The metrics are those of smokeping_prober, so that its dashboards and rules work, and more under
    `anyicmp_`. A target's series are gone when it is. Collecting takes no lock that probing waits for longer
    than it takes to read one target; but rendering thousands of targets in Python takes the interpreter from
    the event loop for a while: an agent with more than some hundred targets should render with
    `anyicmp.export.exposition.Exposition`.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def describe(self) -> Iterator[Metric]:
        """The metrics without values, so that registering collects nothing."""
        return iter(_families().values())

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now; from any thread."""
        families = _families()
        for target in self._monitor.counters():
            common = labels_of(target)
            histogram = families["smokeping_response_duration_seconds"]
            for bound, count in zip(_BOUNDS, (*target.buckets, target.received), strict=True):
                histogram.add_sample(f"{histogram.name}_bucket", {**common, "le": bound}, count)
            histogram.add_sample(f"{histogram.name}_sum", common, target.total_rtt)
            histogram.add_sample(f"{histogram.name}_count", common, target.received)
            for name, value_of in VALUES.items():
                if (value := value_of(target)) is not None:
                    families[name].add_sample(name, common, value)
            for name, more, value in reasons_of(target):
                families[name].add_sample(name, {**common, **more}, value)
        for name, labels, value in own_values(self._monitor):
            families[name].add_sample(name, dict(labels), value)
        return iter(families.values())


def _families() -> dict[str, Metric]:
    return {
        name: _KINDS[kind](name.removesuffix("_total"), about)
        for name, (kind, about) in (FAMILIES | OWN).items()
    }
