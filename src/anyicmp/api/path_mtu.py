"""The front door of a path's MTU: from the outcomes of sized probes to a `PathMtu`.

Which sizes are tried is the search's to say; here they become probes, and what comes back is read.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EMSGSIZE
from typing import Self

import anyio
import attrs

from anyicmp.api.driver import Driver
from anyicmp.api.inbox import Inbox
from anyicmp.api.options import nanoseconds, seconds, whole
from anyicmp.api.owner import SocketOwner
from anyicmp.api.ping import label, name_of
from anyicmp.api.route import Route
from anyicmp.engine.path_mtu import Fate, MtuSearch, Shot, Volley
from anyicmp.engine.probe import Probe
from anyicmp.errors import NameLookupError
from anyicmp.paths import PathMtu, PathMtuStep
from anyicmp.results import ErrorReply, IPAddress, NoReply, Outcome, Reply, SendFailure
from anyicmp.wire import DestinationUnreachable, PacketTooBig, TimeExceeded
from anyicmp.wire.batch import Version

__all__ = ["PathMtuOptions", "Progress", "path_mtu"]

HEADERS: dict[Version, int] = {4: 28, 6: 48}
"""Octets of a probe's IP header and echo header."""


@attrs.frozen(kw_only=True)
class PathMtuOptions:
    """The options of a search, checked; times in nanoseconds."""

    probes: int
    max_hops: int
    timeout: int
    route: Route

    @classmethod
    def check(
        cls,
        prober: SocketOwner,
        *,
        probes: int,
        max_hops: int,
        timeout: float,
        dscp: int | None,
        family: int | None,
        source: str | IPAddress | None,
        interface: str | None,
        mark: int | None,
        new_identifier: bool,
    ) -> Self:
        """Raises ValueError or TypeError for what is out of range."""
        route = prober.route(
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            dscp=dscp,
            dont_fragment=True,
            new_identifier=new_identifier,
            hop_limited=True,
        )
        return cls(
            probes=whole("probes", probes, 1, 255),
            max_hops=whole("max_hops", max_hops, 1, 255),
            timeout=nanoseconds("timeout", timeout),
            route=route,
        )


Progress = Callable[[PathMtu], object]
"""Called with what is known by now, whenever more is."""


async def path_mtu(
    prober: SocketOwner,
    host: str | IPAddress,
    options: PathMtuOptions,
    *,
    time_limit: float | None,
    on_progress: Progress | None,
) -> PathMtu:
    """Find how large a packet may be to reach a host; see `Prober.path_mtu`."""
    limit = None if time_limit is None else seconds("time_limit", time_limit)
    if on_progress is not None and not callable(on_progress):
        raise TypeError(f"on_progress must be a function that takes a PathMtu, not {on_progress!r}")
    target: IPAddress | None = None
    with anyio.move_on_after(limit) as until:
        target = (await prober.resolve(host, family=options.route.family_of(host)))[0]
    if target is None:
        raise NameLookupError(str(host), f"no address within the time limit of {limit:g} seconds")
    driver = prober.driver(4 if target.version == 4 else 6, options.route)
    try:
        probing = _Probing(prober, driver, host, target, options, on_progress)
        with anyio.CancelScope(deadline=until.deadline):
            await probing.run()
    finally:
        prober.leave(driver)
    return probing.result()


class _Probing:
    """One search under way."""

    def __init__(
        self,
        prober: SocketOwner,
        driver: Driver,
        host: str | IPAddress,
        target: IPAddress,
        options: PathMtuOptions,
        on_progress: Progress | None,
    ) -> None:
        version: Version = 4 if target.version == 4 else 6
        self._driver = driver
        self._target = target
        self._name = name_of(host, target)
        self._timeout = options.timeout
        self._headers = HEADERS[version]
        self._probe: Probe = prober.probe(target, options.route, driver)
        self._search = MtuSearch(version, probes=options.probes, max_hops=options.max_hops)
        self._on_progress = on_progress
        self._complete = False
        self._shots: list[Shot] = []
        self._outcomes: dict[int, Outcome] = {}

    async def run(self) -> None:
        """Go on until all is known."""
        waves = self._search.waves()
        wave = next(waves)
        while True:
            fates = await self._send(wave)
            try:
                wave = waves.send(fates)
            except StopIteration:
                self._complete = True
                return

    def result(self) -> PathMtu:
        """What is known by now."""
        search = self._search
        return PathMtu(
            target=self._target,
            host=self._name,
            mtu=search.mtu,
            confirmed=search.passed > 0,
            limited_by=search.limited_by,
            limited_at=search.limited_at,
            black_hole=search.black_hole,
            steps=tuple(
                PathMtuStep(size=shot.size, ttl=shot.ttl, outcome=self._outcomes[number])
                for number, shot in enumerate(self._shots)
                if number in self._outcomes
            ),
            complete=self._complete,
        )

    async def _send(self, wave: tuple[Shot, ...]) -> dict[Shot, Fate]:
        """Send shots together and wait for what becomes of all of them."""
        method = self._driver.exchange.method
        numbers: dict[int, Shot] = {}
        inbox, plans = Inbox(), []
        for size in dict.fromkeys(shot.size for shot in wave):
            shots = [shot for shot in wave if shot.size == size]
            first = len(self._shots)
            numbers.update(enumerate(shots, first))
            self._shots += shots
            # One flow for all sizes: another one may go another way, with another MTU.
            template = method.template(size=size - self._headers, flow=method.own_flow)
            probe = attrs.evolve(self._probe, flow_label=template.label)
            ttls = [shot.ttl for shot in shots]
            plans.append(Volley(probe, template, ttls, first=first, timeout=self._timeout))
        fates: dict[Shot, Fate] = {}
        try:
            for plan in plans:
                if plan is not plans[0]:
                    inbox.expect()
                self._driver.start(plan, inbox)
            while (batch := await inbox.next()) is not None:
                label(batch, self._name, self._target)
                for i, number in enumerate(batch.tags):
                    self._outcomes[number] = outcome = batch[i]
                    fate = fates[numbers[number]] = _fate(outcome)
                    self._search.hear(numbers[number], fate)
                if self._on_progress is not None:
                    self._on_progress(self.result())
        finally:
            for plan in plans:
                self._driver.stop(plan)
        return fates


def _fate(outcome: Outcome) -> Fate:
    """What an outcome says of its probe's size."""
    match outcome:
        case Reply():
            return Fate("reply", outcome.source)
        case NoReply():
            return Fate("silence")
        case SendFailure():
            return Fate("own link" if outcome.errno == EMSGSIZE else "other")
        case ErrorReply(message=PacketTooBig() as message):
            return Fate("too big", outcome.source, message.mtu)
        case ErrorReply(message=DestinationUnreachable(version=4, code=4) as message):
            return Fate("too big", outcome.source, message.next_hop_mtu or 0)
        case ErrorReply(message=TimeExceeded()):
            return Fate("exceeded", outcome.source)
        case _:
            return Fate("other")
