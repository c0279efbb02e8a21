"""The doors as functions: each opens a Prober for its one call. Options as the Prober's methods.

Nothing is decided here; whoever probes more than once keeps a Prober instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from anyicmp.api.environment import active_environment
from anyicmp.api.names import AsnLookup
from anyicmp.api.ping import PingStream
from anyicmp.api.prober import Prober
from anyicmp.api.prober_options import ProberOptions
from anyicmp.api.sweep import SweepStream
from anyicmp.api.targets import Targets
from anyicmp.api.trace import TraceStream
from anyicmp.engine.collection import SweepResult
from anyicmp.engine.position import SweepPosition
from anyicmp.engine.targets import Target
from anyicmp.paths import Trace
from anyicmp.results import Capabilities, IPAddress, PingResult

__all__ = [
    "capabilities",
    "open_ping",
    "open_sweep",
    "open_traceroute",
    "ping",
    "resolve",
    "sweep",
    "traceroute",
]


def _for_one_call(family: int | None, options: ProberOptions) -> Prober:
    prober = Prober(family=family, **options)
    prober.owned = True
    return prober


async def ping(
    host: str | IPAddress,
    *,
    count: int = 4,
    interval: float = 1.0,
    timeout: float = 1.0,
    size: int | None = None,
    payload: bytes | None = None,
    ttl: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    broadcast: bool = False,
    anycast: bool = False,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    time_limit: float | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> PingResult:
    """Send echo requests to one host; see `Prober.ping` and, for the other options, `Prober`."""
    async with Prober(family=family, **options) as prober:
        return await prober.ping(
            host,
            count=count,
            interval=interval,
            timeout=timeout,
            size=size,
            payload=payload,
            ttl=ttl,
            dscp=dscp,
            dont_fragment=dont_fragment,
            broadcast=broadcast,
            anycast=anycast,
            source=source,
            interface=interface,
            mark=mark,
            time_limit=time_limit,
        )


def open_ping(
    host: str | IPAddress,
    *,
    count: int | None = None,
    interval: float = 1.0,
    timeout: float = 1.0,
    size: int | None = None,
    payload: bytes | None = None,
    ttl: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    broadcast: bool = False,
    anycast: bool = False,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> PingStream:
    """Ping a host, outcome by outcome; see `Prober.open_ping` and, for the other options, `Prober`."""
    return _for_one_call(family, options).open_ping(
        host,
        count=count,
        interval=interval,
        timeout=timeout,
        size=size,
        payload=payload,
        ttl=ttl,
        dscp=dscp,
        dont_fragment=dont_fragment,
        broadcast=broadcast,
        anycast=anycast,
        source=source,
        interface=interface,
        mark=mark,
    )


async def sweep(
    targets: Targets,
    *,
    timeout: float = 1.0,
    retries: int = 0,
    backoff: float = 1.5,
    rate: float | None = None,
    per_network_rate: float | None = None,
    network_prefixes: tuple[int, int] = (24, 64),
    in_flight: int | None = None,
    size: int | None = None,
    payload: bytes | None = None,
    exclude: Target | Iterable[Target] = (),
    shuffle: int | None = None,
    shard: tuple[int, int] | None = None,
    resume: SweepPosition | str | None = None,
    exact: bool = False,
    recheck: int = 0,
    ttl: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    time_limit: float | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> SweepResult:
    """Probe each of many targets; see `Prober.sweep` and, for the other options, `Prober`."""
    async with Prober(family=family, **options) as prober:
        return await prober.sweep(
            targets,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            rate=rate,
            per_network_rate=per_network_rate,
            network_prefixes=network_prefixes,
            in_flight=in_flight,
            size=size,
            payload=payload,
            exclude=exclude,
            shuffle=shuffle,
            shard=shard,
            resume=resume,
            exact=exact,
            recheck=recheck,
            ttl=ttl,
            dscp=dscp,
            dont_fragment=dont_fragment,
            source=source,
            interface=interface,
            mark=mark,
            time_limit=time_limit,
        )


def open_sweep(
    targets: Targets,
    *,
    timeout: float = 1.0,
    retries: int = 0,
    backoff: float = 1.5,
    rate: float | None = None,
    per_network_rate: float | None = None,
    network_prefixes: tuple[int, int] = (24, 64),
    in_flight: int | None = None,
    size: int | None = None,
    payload: bytes | None = None,
    exclude: Target | Iterable[Target] = (),
    shuffle: int | None = None,
    shard: tuple[int, int] | None = None,
    resume: SweepPosition | str | None = None,
    exact: bool = False,
    recheck: int = 0,
    ttl: int | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> SweepStream:
    """Sweep, outcome by outcome; see `Prober.open_sweep` and, for the other options, `Prober`."""
    return _for_one_call(family, options).open_sweep(
        targets,
        timeout=timeout,
        retries=retries,
        backoff=backoff,
        rate=rate,
        per_network_rate=per_network_rate,
        network_prefixes=network_prefixes,
        in_flight=in_flight,
        size=size,
        payload=payload,
        exclude=exclude,
        shuffle=shuffle,
        shard=shard,
        resume=resume,
        exact=exact,
        recheck=recheck,
        ttl=ttl,
        dscp=dscp,
        dont_fragment=dont_fragment,
        source=source,
        interface=interface,
        mark=mark,
    )


async def traceroute(
    host: str | IPAddress,
    *,
    method: str = "icmp",
    max_hops: int = 30,
    first_hop: int = 1,
    probes: int = 3,
    timeout: float = 1.0,
    flow: int | None = None,
    port: int | None = None,
    size: int | None = None,
    names: bool = False,
    asn: AsnLookup | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    time_limit: float | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> Trace:
    """Find the routers on the way to a host; see `Prober.traceroute` and, for other options, `Prober`."""
    async with Prober(family=family, **options) as prober:
        return await prober.traceroute(
            host,
            method=method,
            max_hops=max_hops,
            first_hop=first_hop,
            probes=probes,
            timeout=timeout,
            flow=flow,
            port=port,
            size=size,
            names=names,
            asn=asn,
            dscp=dscp,
            dont_fragment=dont_fragment,
            source=source,
            interface=interface,
            mark=mark,
            time_limit=time_limit,
        )


def open_traceroute(
    host: str | IPAddress,
    *,
    rounds: int | None = None,
    interval: float = 1.0,
    method: str = "icmp",
    max_hops: int = 30,
    first_hop: int = 1,
    probes: int = 1,
    timeout: float = 1.0,
    flow: int | None = None,
    port: int | None = None,
    size: int | None = None,
    names: bool = False,
    asn: AsnLookup | None = None,
    dscp: int | None = None,
    dont_fragment: bool | None = None,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> TraceStream:
    """Trace in rounds; see `Prober.open_traceroute` and, for the other options, `Prober`."""
    return _for_one_call(family, options).open_traceroute(
        host,
        rounds=rounds,
        interval=interval,
        method=method,
        max_hops=max_hops,
        first_hop=first_hop,
        probes=probes,
        timeout=timeout,
        flow=flow,
        port=port,
        size=size,
        names=names,
        asn=asn,
        dscp=dscp,
        dont_fragment=dont_fragment,
        source=source,
        interface=interface,
        mark=mark,
    )


async def resolve(
    host: str | IPAddress, *, family: int | None = None, **options: Unpack[ProberOptions]
) -> tuple[IPAddress, ...]:
    """All addresses of a host, in the order to try; see `Prober.resolve`."""
    return await Prober(**options).resolve(host, family=family)


async def capabilities() -> Capabilities:
    """What works on this host: found out by opening sockets and closing them again."""
    return active_environment().capabilities()
