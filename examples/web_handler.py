"""A web handler that pings, and never takes longer than its time limit: python examples/web_handler.py HOST.

One prober lives as long as the application; each request is one call. What serves HTTP is left to the
framework: an `Application` is what ASGI servers call, and this script calls it once by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio

import anyicmp
from anyicmp.export import to_dict

Message = MutableMapping[str, Any]
LIMIT = 2.0


class Application:
    """Answers `GET /HOST` with the figures of a short ping."""

    def __init__(self, prober: anyicmp.Prober) -> None:
        """`prober` is opened at start-up, and closed at shutdown."""
        self.prober = prober

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        status, body = await self.ping(scope["path"].strip("/"))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    async def ping(self, host: str) -> tuple[int, dict[str, Any]]:
        """Status and body. What is in flight when the limit ends is left out of the figures."""
        try:
            result = await self.prober.ping(host, count=3, interval=0.2, time_limit=LIMIT)
        except anyicmp.NameLookupError as error:
            return 404, {"error": str(error)}
        except ValueError as error:
            return 400, {"error": str(error)}
        figures = to_dict(result.statistics)
        return 200 if result.is_alive else 504, {name: figures[name] for name in ("sent", "received", "loss")}


async def main(host: str) -> None:
    """One request, as a framework would make it."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        print(message.get("status") or message["body"].decode())

    async with anyicmp.Prober() as prober:
        await Application(prober)({"type": "http", "path": f"/{host}"}, receive, send)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
