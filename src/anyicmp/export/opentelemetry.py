"""What a monitor measures as OpenTelemetry metrics, through the API alone; needs the extra `otel`.

Names as the collector's ICMP check receiver has them. Which SDK reads them, and when, is the application's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

try:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter
except ImportError as error:  # pragma: no cover - a test asks a process without it
    raise ImportError(
        "anyicmp.export.opentelemetry needs the extra 'otel': pip install 'anyicmp[otel]'"
    ) from error

from anyicmp import Monitor, Statistics, TargetStatus

__all__ = ["instrument"]

MS = 1000.0


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * MS


_GAUGES: dict[str, tuple[str, str, Callable[[Statistics], float | None]]] = {
    "ping.rtt.min": ("ms", "Minimum round-trip time", lambda figures: _milliseconds(figures.minimum)),
    "ping.rtt.max": ("ms", "Maximum round-trip time", lambda figures: _milliseconds(figures.maximum)),
    "ping.rtt.avg": ("ms", "Average round-trip time", lambda figures: _milliseconds(figures.average)),
    "ping.rtt.stddev": (
        "ms",
        "Standard deviation of round-trip times",
        lambda figures: _milliseconds(figures.stddev),
    ),
    "ping.loss.ratio": ("1", "Share of packets lost, 0 to 1", lambda figures: figures.loss),
}


def instrument(monitor: Monitor, meter: Meter | None = None) -> None:
    """Have a meter (None: the global provider's) observe each target's figures over the monitor's window.

    Attributes of each observation: `net.peer.ip`, `net.peer.name`, and the target's labels. A figure that
    has no value is not observed.
    """
    meter = get_meter("anyicmp") if meter is None else meter
    for name, (unit, about, read) in _GAUGES.items():
        meter.create_observable_gauge(name, [_observing(monitor, read)], unit=unit, description=about)


def _observing(
    monitor: Monitor, read: Callable[[Statistics], float | None]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        for status in monitor.snapshot().values():
            value = read(status.statistics)
            if value is not None:
                yield Observation(value, _attributes(status))

    return observe


def _attributes(status: TargetStatus) -> dict[str, str]:
    address = "" if status.target is None else str(status.target)
    return {
        **status.labels,
        "net.peer.ip": address,
        "net.peer.name": status.host or address,
    }
