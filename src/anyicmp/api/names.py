"""Names of addresses, looked up at once and never blocking the event loop; and numbers of autonomous systems.

Each address is asked for once. Which addresses there are is for the doors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import anyio
import attrs

from anyicmp.api.environment import ReverseResolver
from anyicmp.api.resolve import in_thread
from anyicmp.host.names import name_of
from anyicmp.paths import Hop
from anyicmp.results import IPAddress

__all__ = ["AsnLookup", "Names", "with_numbers"]

NAMES_LIMIT = 2.0
"""Seconds that all names of a trace may take together; those that take longer are None."""

AsnLookup = Callable[[IPAddress], int | None]
"""An address to the number of its autonomous system, None where that is not known."""


class Names:
    """Names that were found, and those that were looked for in vain."""

    def __init__(self, resolver: ReverseResolver | None) -> None:
        self._resolver = resolver or _system
        self._known: dict[IPAddress, str | None] = {}

    async def learn(self, addresses: Iterable[IPAddress]) -> None:
        """Look up those that are not known yet, all at once; what takes too long has no name."""
        new = [address for address in dict.fromkeys(addresses) if address not in self._known]
        if not new:
            return
        with anyio.move_on_after(NAMES_LIMIT):
            async with anyio.create_task_group() as tasks:
                for address in new:
                    tasks.start_soon(self._look_up, address)
        for address in new:
            self._known.setdefault(address, None)

    async def _look_up(self, address: IPAddress) -> None:
        try:
            self._known[address] = await self._resolver(address)
        except (OSError, UnicodeError):
            self._known[address] = None

    def named(self, hops: Sequence[Hop]) -> tuple[Hop, ...]:
        """The hops with the names of their addresses."""
        return tuple(attrs.evolve(hop, names=tuple(map(self._known.get, hop.addresses))) for hop in hops)


async def _system(address: IPAddress) -> str | None:
    """The system resolver's answer."""
    return await in_thread(lambda: name_of(address), f"anyicmp lookup of {address}")


def with_numbers(hops: Sequence[Hop], lookup: AsnLookup) -> tuple[Hop, ...]:
    """The hops with the numbers of their autonomous systems."""
    return tuple(
        attrs.evolve(hop, asn=next((n for n in map(lookup, hop.addresses) if n is not None), None))
        for hop in hops
    )
