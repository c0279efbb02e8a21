"""A few echo requests from a socket of their own, whose packets may be taped as they pass.

What they are for, and what their outcomes mean, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from anyicmp.api.options import nanoseconds
from anyicmp.api.owner import SocketOwner
from anyicmp.api.ping import Rows
from anyicmp.api.ping_options import PingOptions
from anyicmp.api.pings import Kind
from anyicmp.api.resolve import destination_at
from anyicmp.api.route import Route
from anyicmp.net.transport import Transport
from anyicmp.results import IPAddress, Outcome

__all__ = ["EchoRequests"]

SIZE = 56


class EchoRequests:
    """Requests under way; leaving the block ends them and closes their socket.

    Attributes:
        rows: what came of them so far.
    """

    def __init__(
        self,
        prober: SocketOwner,
        target: IPAddress,
        route: Route,
        *,
        number: int,
        timeout: float,
        interval: float = 0.0,
        tape: Callable[[Transport], Transport] | None = None,
    ) -> None:
        """`route` asks for a new identifier; times in seconds; `tape` is put around their transport."""
        to = destination_at(target)
        kind = Kind(route, SIZE, None, nanoseconds("timeout", timeout))
        options = PingOptions(count=number, interval=nanoseconds("interval", interval, zero=True), kind=kind)
        pings = prober.pings(to, kind)
        if tape is not None:
            pings.driver.transport = tape(pings.driver.transport)
        self.rows = Rows(prober, pings, to, None, options)

    async def __aenter__(self) -> Self:
        self.rows.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.rows.leave()

    def outcomes(self) -> tuple[Outcome, ...]:
        """What has come of them, in their order."""
        return tuple(sorted(self.rows.rows, key=lambda outcome: outcome.sequence))
