"""The doors to what this host hears, and to diagnoses, as functions, beside those of `functions.py`.

Nothing is decided here; whoever probes more than once keeps a Prober instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from anyicmp.api.diagnose import DiagnosisStream
from anyicmp.api.diagnoser import USUAL_PORTS
from anyicmp.api.listener import Kind, Listener
from anyicmp.api.prober import Prober
from anyicmp.api.prober_options import ProberOptions
from anyicmp.findings import Diagnosis
from anyicmp.results import IPAddress

__all__ = ["diagnose", "open_diagnose", "open_listener"]


async def diagnose(
    host: str | IPAddress,
    *,
    ports: Iterable[int] = USUAL_PORTS,
    timeout: float = 1.0,
    max_hops: int = 30,
    dscp: int | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    time_limit: float | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> Diagnosis:
    """Find out whether one can talk with a host; see `Prober.diagnose` and, for other options, `Prober`."""
    async with Prober(family=family, **options) as prober:
        return await prober.diagnose(
            host,
            ports=ports,
            timeout=timeout,
            max_hops=max_hops,
            dscp=dscp,
            source=source,
            interface=interface,
            mark=mark,
            time_limit=time_limit,
        )


def open_diagnose(
    host: str | IPAddress,
    *,
    ports: Iterable[int] = USUAL_PORTS,
    timeout: float = 1.0,
    max_hops: int = 30,
    dscp: int | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> DiagnosisStream:
    """Diagnose, step by step; see `Prober.open_diagnose` and, for the other options, `Prober`."""
    prober = Prober(family=family, **options)
    prober.owned = True
    return prober.open_diagnose(
        host,
        ports=ports,
        timeout=timeout,
        max_hops=max_hops,
        dscp=dscp,
        source=source,
        interface=interface,
        mark=mark,
    )


def open_listener(
    types: Iterable[Kind] | Kind | None = None,
    *,
    interface: str | None = None,
    buffer: int = 10_000,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> Listener:
    """Hear all ICMP that reaches this host; see `Prober.open_listener` and, for other options, `Prober`."""
    prober = Prober(family=family, **options)
    prober.owned = True
    return prober.open_listener(types, interface=interface, buffer=buffer)
