"""The agent's HTTP server: the standard library's, in threads of its own, in front of an event loop.

It knows paths and status codes. What they answer runs on the loop, and is handed in.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

import attrs

__all__ = ["Answer", "Asked", "serving"]

logger = logging.getLogger("anyicmp")

PATIENCE = 30.0
"""Seconds that a connection may be idle, or slow."""

AT_ONCE = 32
"""Requests that are answered at once; more are refused."""

PLAIN = "text/plain; charset=utf-8"


@attrs.frozen
class Asked:
    """A request: its path, the parameters of its query, and seconds that the caller waits (None: unknown)."""

    path: str
    parameters: dict[str, str]
    limit: float | None


@attrs.frozen
class Answer:
    """Status code, text (or its octets in parts), and its content type."""

    status: int
    text: str | list[bytes]
    content_type: str = PLAIN


class Answering(Protocol):
    """Answers a request to a path; called in a thread."""

    def __call__(self, asked: Asked, /) -> Answer: ...


@contextmanager
def serving(listen: tuple[str, int], paths: dict[tuple[str, str], Answering]) -> Iterator[tuple[str, int]]:
    """Serve until the block is left; yields host and port. `paths`: method and path to what answers it.

    Raises OSError where nothing can listen there.
    """
    room = BoundedSemaphore(AT_ONCE)

    class Handler(_Handler):
        table = paths
        places = room

    server_class = _Server6 if ":" in listen[0] else _Server
    server = server_class(listen, Handler)
    thread = Thread(target=server.serve_forever, args=(0.1,), name="anyicmp agent", daemon=True)
    thread.start()
    try:
        yield server.server_name, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def server_bind(self) -> None:
        # HTTPServer's own looks up the host's name, which may take long.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        logger.debug("a connection from %s failed", client_address)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    table: ClassVar[dict[tuple[str, str], Answering]]
    places: BoundedSemaphore
    protocol_version = "HTTP/1.1"
    server_version = "anyicmp"
    sys_version = ""
    timeout = PATIENCE

    def _answer(self) -> None:
        url = urlsplit(self.path)
        answering = self.table.get((self.command, url.path))
        if answering is None:
            others = sorted(method for method, path in self.table if path == url.path)
            answer = Answer(405 if others else 404, "no such path\n" if not others else f"use {others[0]}\n")
        elif not self.places.acquire(blocking=False):
            answer = Answer(503, f"more than {AT_ONCE} requests at once\n")
        else:
            try:
                query = {name: values[-1] for name, values in parse_qs(url.query).items()}
                answer = answering(Asked(url.path, query, self._limit()))
            except Exception as error:
                logger.exception("answering %s failed", url.path)
                answer = Answer(500, f"{type(error).__name__}\n")
            finally:
                self.places.release()
        self._write(answer)

    def _limit(self) -> float | None:
        """The scraper says how long it waits; half a second is left for the way back."""
        try:
            return max(0.1, float(self.headers["X-Prometheus-Scrape-Timeout-Seconds"]) - 0.5)
        except (TypeError, ValueError):
            return None

    def _write(self, answer: Answer) -> None:
        body = [answer.text.encode("utf-8")] if isinstance(answer.text, str) else answer.text
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(sum(map(len, body))))
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # nobody reads the body of a request
            self.send_header("Connection", "close")
        self.end_headers()
        for part in body:
            self.wfile.write(part)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        logger.debug("%s: %s", self.client_address[0], format % args)
