"""Mapper: the doors to all load-balanced ways, a part of the prober.

They check their options and hand over to the file that does the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyicmp.api.sweeper import Sweeper
from anyicmp.paths import PathGraph
from anyicmp.results import IPAddress

if TYPE_CHECKING:
    from anyicmp.api.multipath import MultipathStream, Rule

__all__ = ["Mapper"]


class Mapper(Sweeper):
    """Finds all load-balanced ways to a host; see `Prober`."""

    async def multipath(
        self,
        host: str | IPAddress,
        *,
        method: str = "udp",
        confidence: float = 0.95,
        max_hops: int = 30,
        per_node: bool = False,
        lite: bool = False,
        rule: Rule = "veitch",
        attempts: int = 3,
        timeout: float = 1.0,
        port: int | None = None,
        size: int | None = None,
        dscp: int | None = None,
        dont_fragment: bool | None = None,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
        time_limit: float | None = None,
    ) -> PathGraph:
        """Find all load-balanced ways to a host: the Multipath Detection Algorithm, with node control.

        Args:
            method: "udp" or "tcp" (flows differ in this host's port), or "icmp" (in the checksum of the echo
                request).
            confidence: that the whole graph is complete; above 0, below 1.
            max_hops: the largest hop limit, 1 to 255.
            per_node: the confidence is that of each router alone, as other tools have it.
            lite: begin with MDA-Lite, which takes the routers of a hop together: far fewer probes where flows
                come evenly to all of them. If the links found speak against that it goes on in full.
            rule: how many flows are enough: "veitch" counts stopping too early as a failure, "exact" not.
            attempts: probes of one flow to a silent hop, at most.
            timeout: seconds that each probe waits.
            port, size: as in `traceroute`.
            dscp, dont_fragment, source, interface, mark, new_identifier, time_limit: as in `ping`, which
                raises the same.
        """
        from anyicmp.api.multipath import MultipathOptions, multipath

        options = MultipathOptions.check(
            self,
            method=method,
            confidence=confidence,
            per_node=per_node,
            lite=lite,
            rule=rule,
            max_hops=max_hops,
            attempts=attempts,
            timeout=timeout,
            port=port,
            size=size,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            dscp=dscp,
            dont_fragment=dont_fragment,
            new_identifier=new_identifier,
        )
        return await multipath(self, host, options, time_limit=time_limit)

    def open_multipath(
        self,
        host: str | IPAddress,
        *,
        method: str = "udp",
        confidence: float = 0.95,
        max_hops: int = 30,
        per_node: bool = False,
        lite: bool = False,
        rule: Rule = "veitch",
        attempts: int = 3,
        timeout: float = 1.0,
        port: int | None = None,
        size: int | None = None,
        dscp: int | None = None,
        dont_fragment: bool | None = None,
        family: int | None = None,
        source: str | IPAddress | None = None,
        interface: str | None = None,
        mark: int | None = None,
        new_identifier: bool = False,
    ) -> MultipathStream:
        """Find all ways to a host, and yield the graph whenever it has grown; the last one is the whole.

        Options and exceptions as in `multipath`; names are looked up and sockets opened on entering.
        """
        from anyicmp.api.multipath import MultipathOptions, MultipathStream

        options = MultipathOptions.check(
            self,
            method=method,
            confidence=confidence,
            per_node=per_node,
            lite=lite,
            rule=rule,
            max_hops=max_hops,
            attempts=attempts,
            timeout=timeout,
            port=port,
            size=size,
            family=family,
            source=source,
            interface=interface,
            mark=mark,
            dscp=dscp,
            dont_fragment=dont_fragment,
            new_identifier=new_identifier,
        )
        return MultipathStream(self, host, options, owns=self.owned)
