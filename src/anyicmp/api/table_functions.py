"""The doors to this host's tables as functions, beside those of `functions.py`.

Nothing is decided here, and nothing is opened: reading the tables needs no socket to probe with.
"""

from __future__ import annotations

from typing import Unpack

from anyicmp.api.prober import Prober
from anyicmp.api.prober_options import ProberOptions
from anyicmp.results import IPAddress
from anyicmp.tables import Interface, Neighbor, Route

__all__ = ["interfaces", "neighbors", "route_to", "routes"]


async def routes(
    family: int | None = None, *, local: bool = False, **options: Unpack[ProberOptions]
) -> tuple[Route, ...]:
    """The routes of this host; see `Prober.routes` and, for the other options, `Prober`."""
    return await Prober(**options).routes(family, local=local)


async def route_to(
    host: str | IPAddress,
    *,
    source: str | IPAddress | None = None,
    interface: str | None = None,
    mark: int | None = None,
    family: int | None = None,
    **options: Unpack[ProberOptions],
) -> Route | None:
    """The route that packets to a host take; see `Prober.route_to` and, for other options, `Prober`."""
    prober = Prober(**options)
    return await prober.route_to(host, source=source, interface=interface, mark=mark, family=family)


async def neighbors(family: int | None = None, **options: Unpack[ProberOptions]) -> tuple[Neighbor, ...]:
    """What this host knows of its links; see `Prober.neighbors` and, for the other options, `Prober`."""
    return await Prober(**options).neighbors(family)


async def interfaces(**options: Unpack[ProberOptions]) -> tuple[Interface, ...]:
    """The interfaces of this host; see `Prober.interfaces` and, for the other options, `Prober`."""
    return await Prober(**options).interfaces()
