"""SystemTables: the tables of the host that this process runs on, read without holding up the event loop.

Waits and pauses here; sockets and bytes are `host/`'s.
"""

from __future__ import annotations

from anyicmp.api.environment import RouteQuery
from anyicmp.errors import UnsupportedError
from anyicmp.tables import Interface, Neighbor, Route

__all__ = ["SystemTables"]


class SystemTables:
    """See `api.environment.HostTables`."""

    async def routes(self, family: int | None, local: bool) -> tuple[Route, ...]:
        raise UnsupportedError("not written yet")

    async def route_to(self, query: RouteQuery) -> Route | None:
        raise UnsupportedError("not written yet")

    async def neighbors(self, family: int | None) -> tuple[Neighbor, ...]:
        raise UnsupportedError("not written yet")

    async def interfaces(self) -> tuple[Interface, ...]:
        raise UnsupportedError("not written yet")
