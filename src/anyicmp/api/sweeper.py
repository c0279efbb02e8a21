"""Sweeper: the doors to sweeps, a part of the prober.

They check their options and hand over to the file that does the work.
"""

from __future__ import annotations

from collections.abc import Iterable

from anyicmp.api.sweep import SweepStream, whole
from anyicmp.api.sweep_options import SweepOptions
from anyicmp.api.tables import TableReader
from anyicmp.api.targets import Targets
from anyicmp.engine.collection import SweepResult
from anyicmp.engine.position import SweepPosition
from anyicmp.engine.targets import Target
from anyicmp.results import IPAddress

__all__ = ["Sweeper"]


class Sweeper(TableReader):
    """Probes each of many targets; see `Prober`."""

    async def sweep(
        self,
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
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
        time_limit: float | None = None,
    ) -> SweepResult:
        """Send one echo request to each of many targets and wait for all outcomes.

        Args:
            targets: any iterable or async iterable of names, addresses, networks ("10.0.0.0/16", meaning
                its hosts) and ranges ("10.0.0.1-10.0.0.99"), never expanded in memory; or one of them.
            timeout: seconds that each probe waits for its answer.
            retries: how often a silent target is probed again, 0 to 255.
            backoff: how many times as long each further probe to a target waits as the one before, at most
                a minute (or `timeout`, if that is longer). 1: all wait alike.
            rate: packets a second, None for all that buffers allow.
            per_network_rate: packets a second into any one network, None for no such limit. A network that
                waits holds up no other.
            network_prefixes: how many first bits of an IPv4 address and of an IPv6 address tell one such
                network from another.
            in_flight: unanswered probes at once, None for all that buffers allow.
            exclude: addresses, networks (all their addresses) and ranges to leave out; "reserved": all that
                are no host's on the internet, such as private, documentation and multicast addresses.
            shuffle: seed of the order to probe in, None for the order given. All targets are read first.
            shard: (index, of): probe only each of-th target, from the index-th on; the shards of the same
                targets and seed are disjoint and together complete.
            resume: where a sweep of the same targets, with the same `exclude`, `shuffle` and `shard`, was
                when it stopped (its `position`, or the text of it): only what had no outcome then is probed.
            exact: have the kernel say when each probe leaves, so that round trips at full speed are right
                to the microsecond; the sweep is slower by about a half.
            recheck: how many silent targets and how many that answered are probed once more at the end, ten
                times slower and for ten seconds at most: `rate_loss` of the result then tells whether the
                rate lost answers.
            size, payload, ttl, dscp, dont_fragment, source, interface, mark, new_identifier, time_limit: as
                in `ping`.

        A target that is no address and no known name is a SendFailure in its place. Raises as `ping`
        does; a network with host bits set or an empty list is a ValueError.
        """
        stream = self.open_sweep(
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
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            new_identifier=new_identifier,
        )
        return await whole(stream, time_limit=time_limit)

    def open_sweep(
        self,
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
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
    ) -> SweepStream:
        """Sweep and yield an outcome for each target as it ends. Options and exceptions as in `sweep`."""
        options = SweepOptions.check(
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
            recheck=recheck,
            route=self.route(
                family=family,
                source=source,
                interface=interface,
                mark=mark,
                ttl=ttl,
                dscp=dscp,
                dont_fragment=dont_fragment,
                new_identifier=new_identifier,
                bulk=True,
                exact=exact,
            ),
        )
        return SweepStream(self, targets, options, owns=self.owned)
