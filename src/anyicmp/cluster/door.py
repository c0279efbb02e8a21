"""The door to a cluster: open it, see from where can be measured, sweep, and measure from many places.

Options are checked here, before anything is sent. Jobs stand in `jobs.py`, a sweep's course in `shepherd.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import count
from types import TracebackType
from typing import Any, Self

from dask.base import tokenize
from distributed import Client, Security
from distributed.deploy.cluster import Cluster as DaskCluster

from anyicmp import (
    Capabilities,
    ClosedError,
    Diagnosis,
    IPAddress,
    PathGraph,
    PathMtu,
    PingResult,
    Prober,
    SweepPosition,
    Trace,
    UnsupportedError,
    count_targets,
)
from anyicmp.cluster.bridge import Bridge, Portal
from anyicmp.cluster.chunks import SENDING, Division
from anyicmp.cluster.comparison import Comparison
from anyicmp.cluster.jobs import Measurement
from anyicmp.cluster.measuring import measure_from
from anyicmp.cluster.safety import Promptness, check_address, connect, security_for
from anyicmp.cluster.shepherd import Shepherd
from anyicmp.cluster.stream import ClusterSweep, ClusterSweepResult, whole
from anyicmp.cluster.vantage import METADATA, SharedProber, VantagePoint

__all__ = ["Cluster", "open_cluster"]

LARGEST, SMALLEST = 32_768, 256
"""Targets of a chunk, unless the caller says how many chunks there are."""

SPAN = 5.0
"""Seconds that a chunk takes to send where there is a rate: so soon a rate is divided anew."""

_numbers = count()


def open_cluster(
    address_or_client: str | Client | DaskCluster,
    *,
    security: Security | Mapping[str, str] | None = None,
    insecure: bool = False,
    timeout: float = 10.0,
    **prober: Any,
) -> Cluster:
    """Measure from the workers of a Dask cluster: `async with open_cluster("tls://host:8786") as cluster`.

    Args:
        address_or_client: of the scheduler; or a client, or a cluster of Dask's.
        security: certificates, as a `distributed.Security` or its options (`tls_ca_file`, `tls_client_cert`,
            `tls_client_key`); None takes those of Dask's configuration.
        insecure: allow a scheduler elsewhere without TLS. Whoever reaches it can run programs on all workers.
        timeout: seconds to wait for the scheduler.
        prober: options of the workers' probers, as of `Prober`; a worker has one prober for each set of them.

    Raises:
        ValueError: the scheduler is elsewhere and has no TLS, or an option is wrong.
        OSError: no scheduler answers there (on entering).
    """
    Prober(**prober)  # wrong options show now
    return Cluster(address_or_client, security, insecure, timeout, prober)


class Cluster:
    """Workers of a Dask cluster to measure from. Entered once; on asyncio, uvloop or trio."""

    def __init__(
        self,
        address_or_client: str | Client | DaskCluster,
        security: Security | Mapping[str, str] | None,
        insecure: bool,
        timeout: float,
        prober: dict[str, Any],
    ) -> None:
        """See `open_cluster`."""
        given: Any = address_or_client  # distributed annotates these in part, and wrongly in part
        self._given: Any = None
        if isinstance(address_or_client, Client):
            self._given = given
            self._address, self._security = given.scheduler.address, None
        elif isinstance(address_or_client, str):
            self._address = address_or_client
            self._security = security_for(self._address, security)
        else:
            self._address, self._security = given.scheduler_address, given.security
        check_address(self._address, insecure=insecure)
        self._timeout = timeout
        self._options = prober
        self._plugin = f"anyicmp-{tokenize(sorted(prober.items()))}"
        self._portal: Portal | None = None
        self._client: Any
        self._bridge: Bridge | None = None
        self._vantage_points: tuple[VantagePoint, ...] = ()

    async def __aenter__(self) -> Self:
        if self._bridge is not None:
            raise ClosedError("a cluster can be entered once: open another one")
        if self._given is not None:
            self._bridge = Bridge(self._given.loop.asyncio_loop)
        else:
            self._portal = Portal()
            self._bridge = Bridge(self._portal.loop)
        try:
            await self._bridge.call(self._open)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def _open(self) -> None:
        if self._given is not None:
            self._client = self._given
        else:
            self._client = await connect(self._address, security=self._security, timeout=self._timeout)
        await self._client.register_plugin(Promptness())
        await self._client.register_plugin(SharedProber(self._plugin, self._options))
        await self._look()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave the cluster; a client that was given stays open.

        Workers keep their probers until they end.
        """
        if self._given is None and self._bridge is not None and hasattr(self, "_client"):
            await self._bridge.call(self._client.close)
        if self._portal is not None:
            portal, self._portal = self._portal, None
            await portal.aclose()

    # From where.

    @property
    def vantage_points(self) -> tuple[VantagePoint, ...]:
        """The workers there were when last looked, in order of their names; `refresh` looks again."""
        return self._vantage_points

    async def refresh(self) -> tuple[VantagePoint, ...]:
        """Look which workers there are."""
        await self._call(self._look)
        return self._vantage_points

    async def _look(self) -> tuple[VantagePoint, ...]:
        scheduler = self._client.scheduler
        here = await scheduler.ncores(workers=None)
        told = await scheduler.get_metadata(keys=[METADATA, self._plugin], default={})
        points = [
            VantagePoint(name=one["name"], host=one["host"], capabilities=_capabilities(one["capabilities"]))
            for address, one in told.items()
            if address in here
        ]
        self._vantage_points = tuple(sorted(points, key=lambda point: point.name))
        return self._vantage_points

    async def _names(self) -> set[str]:
        return {point.name for point in await self._look()}

    async def _able(self) -> int:
        """How many workers can probe."""
        return sum(bool(point.capabilities.families) for point in await self._look())

    async def _call(self, function: Any, *args: Any) -> Any:
        if self._bridge is None or not hasattr(self, "_client"):
            raise ClosedError("the cluster is not open: enter it with 'async with' first")
        return await self._bridge.call(function, *args)

    # Sweeps.

    async def sweep(
        self,
        targets: Any,
        *,
        shards: int | None = None,
        resume: SweepPosition | str | None = None,
        time_limit: float | None = None,
        **options: Any,
    ) -> ClusterSweepResult:
        """Probe each of many targets from any of the workers, and wait for all outcomes.

        Args:
            targets: as of `Prober.sweep`. They are read whole, and sent along with each chunk.
            shards: into how many chunks to divide them; None: as many as are useful.
            resume: where a sweep over a cluster of the same targets was when it stopped.
            time_limit: seconds for the whole, after which it returns what has ended.
            options: as of `Prober.sweep`, without `shard` and `recheck`. `rate` and `per_network_rate` are
                of all workers together.

        Each target has one outcome, unless it is among `given_up`. Raises as `Prober.sweep` does.
        """
        stream = self.open_sweep(targets, shards=shards, resume=resume, **options)
        return await whole(stream, time_limit=time_limit)

    def open_sweep(
        self,
        targets: Any,
        *,
        shards: int | None = None,
        resume: SweepPosition | str | None = None,
        **options: Any,
    ) -> ClusterSweep:
        """Sweep and yield outcomes as they come from the workers. Options and exceptions as in `sweep`."""
        if self._bridge is None:
            raise ClosedError("the cluster is not open: enter it with 'async with' first")
        for name in ("shard", "recheck"):
            if options.get(name):
                raise ValueError(f"a sweep over a cluster has no {name}")
        if shards is not None and shards < 1:
            raise ValueError(f"shards must be a whole number from 1 on, not {shards!r}")
        Prober(**self._options).open_sweep(targets, resume=resume, **options)  # mistakes show now
        position = SweepPosition.of(str(resume)) if resume is not None else SweepPosition()

        async def prepare() -> Shepherd:
            every = await _read(targets)
            size = await count_targets(every, exclude=options.get("exclude", ()))
            workers = await self._call(self._able)
            if not workers:
                raise UnsupportedError(self._why_none())
            limited = options.get("rate") is not None or options.get("per_network_rate") is not None
            division = Division(
                size,
                size=_chunk(size, shards, workers, options.get("rate")),
                resume=position,
                limited=limited,
            )
            job = self._new_job()
            return Shepherd(self._client, self._plugin, job, every, options, division, self._able)

        return ClusterSweep(self._bridge, prepare)

    def _new_job(self) -> str:
        return f"anyicmp-{self._client.id}-{next(_numbers)}"

    def _why_none(self) -> str:
        missing = {why for point in self._vantage_points for why in point.capabilities.missing.values()}
        return "; ".join(sorted(missing)) or "the cluster has no workers: start one with 'dask worker'"

    # Measurements.

    async def ping(
        self, host: str | IPAddress, *, vantage: str | Iterable[str] = "all", **options: Any
    ) -> Comparison[PingResult]:
        """Ping a host from several places. `vantage`: "all", or names of vantage points.

        Options as of `Prober.ping`, and so are those of the other measurements of their method. Raises
        ValueError for names that no vantage point has, and for wrong options; what else goes wrong at one
        place is among the `failures`.
        """
        return await self._measure("ping", host, vantage, options)

    async def traceroute(
        self, host: str | IPAddress, *, vantage: str | Iterable[str] = "all", **options: Any
    ) -> Comparison[Trace]:
        """Trace the path to a host from several places. See `ping`."""
        return await self._measure("traceroute", host, vantage, options)

    async def multipath(
        self, host: str | IPAddress, *, vantage: str | Iterable[str] = "all", **options: Any
    ) -> Comparison[PathGraph]:
        """Find all load-balanced paths to a host from several places. See `ping`."""
        return await self._measure("multipath", host, vantage, options)

    async def path_mtu(
        self, host: str | IPAddress, *, vantage: str | Iterable[str] = "all", **options: Any
    ) -> Comparison[PathMtu]:
        """Find the MTU of the paths to a host from several places. See `ping`."""
        return await self._measure("path_mtu", host, vantage, options)

    async def diagnose(
        self, host: str | IPAddress, *, vantage: str | Iterable[str] = "all", **options: Any
    ) -> Comparison[Diagnosis]:
        """Find out what stands between a host and several places. See `ping`."""
        return await self._measure("diagnose", host, vantage, options)

    async def _measure(
        self, call: str, host: str | IPAddress, vantage: str | Iterable[str], options: Mapping[str, Any]
    ) -> Comparison[Any]:
        names: set[str] = await self._call(self._names)
        if vantage != "all":
            wanted = {vantage} if isinstance(vantage, str) else set(vantage)
            if strange := wanted - names:
                raise ValueError(f"no vantage point is named {', '.join(sorted(strange))}")
            names = wanted
        if not names:
            raise UnsupportedError(self._why_none())
        job = self._new_job()
        what = Measurement(plugin=self._plugin, job=job, key=job, call=call, host=host, options=options)
        answers = await self._call(measure_from, sorted(names), self._client, what, self._names)
        if mistakes := [text for kind, text in answers.values() if kind == "mistake"]:
            raise ValueError(mistakes[0])
        return Comparison(
            host=str(host),
            measurement=call,
            results={name: it for name, (kind, it) in answers.items() if kind == "result"},
            failures={name: it for name, (kind, it) in answers.items() if kind == "failed"},
        )


def _capabilities(told: Mapping[str, Any]) -> Capabilities:
    # On its way through the scheduler a tuple becomes a list.
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}
    return Capabilities(**values)


async def _read(targets: Any) -> tuple[Any, ...]:
    if isinstance(targets, (str, IPv4Address, IPv6Address, IPv4Network, IPv6Network)):
        return (targets,)
    if isinstance(targets, AsyncIterable):
        return tuple([target async for target in targets])
    return tuple(targets)


def _chunk(targets: int, shards: int | None, workers: int, rate: float | None) -> int:
    """Targets of a chunk."""
    if shards is not None:
        return max(1, -(-targets // shards))
    lanes = workers * SENDING
    most = LARGEST if rate is None else int(min(max(rate / lanes * SPAN, SMALLEST), LARGEST))
    return max(1, min(most, -(-targets // lanes)))
