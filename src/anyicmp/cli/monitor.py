"""`anyicmp monitor`: an agent that watches the targets of a file, tells what changes, and serves metrics.

It joins the file, the monitor and the HTTP server. How targets are judged is decided in the library.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import attrs
import click

from anyicmp import AnyicmpError, IPAddress, Monitor, MonitorTarget, Observer, Prober, StateChange
from anyicmp.cli.agent_file import AgentFile, read_agent_file
from anyicmp.cli.agent_http import Answer, Answering, Asked, serving
from anyicmp.cli.agent_probe import probe
from anyicmp.cli.live import Live
from anyicmp.cli.loop import run
from anyicmp.cli.monitor_view import COLOURS, MonitorView
from anyicmp.cli.options import Setting, command_options
from anyicmp.cli.screen import Footer, has_footer
from anyicmp.cli.status import exit_status
from anyicmp.cli.text import count, paint, write_lines
from anyicmp.export import CONTENT_TYPE, Exposition, to_json

__all__ = ["monitor"]


@click.command(short_help="Watch the targets of a file, serve metrics.")
@click.argument("file", metavar="TARGETS.toml", type=click.Path(dir_okay=False))
@command_options(
    click.option("--listen", metavar="ADDRESS:PORT", help="Serve HTTP here instead; '' for no server."),
    click.option("--check", is_flag=True, default=None, help="Check the file and end."),
    click.option(
        "--duration", type=float, metavar="SECONDS", help="End after so long.  [default: go on for ever]"
    ),
)
def monitor(setting: Setting, *, file: str, **options: Any) -> int:
    """Watch the hosts of TARGETS.toml and print what changes; serve /metrics and /probe to Prometheus.

    SIGHUP and a POST to /-/reload read the file again. See the page "Watch many hosts" for its keys.
    """
    if options.get("check"):
        found = read_agent_file(file, Prober(**setting.prober))
        print(f"{file}: {count(len(found.targets), 'target')}")
        return 0
    options.pop("check", None)
    return run(_Agent(setting, file, **options).run, setting.backend)


class _Until(Observer):
    """Stops when the network's own time has come, which is virtual in a simulated one."""

    def __init__(self, duration: float) -> None:
        self._duration = duration
        self._end = 0.0
        self.stop: anyio.CancelScope

    def on_sent(self, target: IPAddress, sent_at: float) -> None:
        self._end = self._end or sent_at + self._duration
        if sent_at >= self._end:
            self.stop.cancel()


class _Agent:
    def __init__(
        self, setting: Setting, path: str, *, listen: str | None = None, duration: float | None = None
    ) -> None:
        self._setting = setting
        self._path = path
        self._listen = listen
        self._until = None if duration is None else _Until(duration)
        self._prober: Prober
        self._monitor: Monitor
        self._file: AgentFile
        self._portal: anyio.from_thread.BlockingPortal | None = None
        self._rendering = anyio.Lock()
        self._begun = self._rendered = 0
        self._text: list[bytes] = []

    async def run(self, stop: anyio.CancelScope) -> int:
        """Until it is stopped: by Ctrl-C, SIGTERM, or at the end of its duration."""
        end = anyio.CancelScope()
        if self._until is not None:
            self._until.stop = end
        async with Prober(observer=self._until, **self._setting.prober) as self._prober:
            self._file = file = self._read()
            kept = {key: value for key, value in file.options.items() if key in _FOR_GOOD}
            async with self._prober.open_monitor(_filled(file), **kept) as self._monitor:
                # Else the collector looks at all targets again and again, and stops probing meanwhile.
                gc.collect()
                gc.freeze()
                with self._server(), stop, end:
                    await self._work(end)
            statuses = self._monitor.snapshot().values()
        answering = sum(status.state in {"up", "degraded"} for status in statuses)
        return exit_status(answered=answering, sent=len(statuses), failed=0)

    def _read(self) -> AgentFile:
        return read_agent_file(self._path, self._prober, listen=self._listen)

    async def _work(self, end: anyio.CancelScope) -> None:
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks, anyio.from_thread.BlockingPortal() as self._portal:
            tasks.start_soon(self._obey, end)
            try:
                await self._tell()
            except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _tell(self) -> None:
        if self._setting.as_json or not (self._setting.live and has_footer(sys.stdout)):
            async for change in self._monitor:
                write_lines([to_json(change) if self._setting.as_json else _line(change)])
            return
        view = MonitorView(self._monitor.snapshot)
        with Footer(sys.stdout) as footer:

            async def follow() -> None:
                async for change in self._monitor:
                    footer.print([_line(change)])

            try:
                await Live(footer, view.lines, pause=view.pause, apart=True).run(follow)
            finally:
                footer.print(view.lines(footer.width()))

    async def _obey(self, end: anyio.CancelScope) -> None:
        """SIGTERM ends, SIGHUP has the file read again."""
        wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        with anyio.open_signal_receiver(*wanted) as signals:
            async for number in signals:
                if number == signal.SIGTERM:
                    end.cancel()
                else:
                    await self._reload()

    async def _reload(self) -> str:
        """Read the file again; returns what is wrong with it, "" if nothing is. Then all stays as it was."""
        try:
            file = await anyio.to_thread.run_sync(self._read)
            self._monitor.replace(_filled(file))
        except (OSError, ValueError, TypeError) as error:
            print("anyicmp: not reloaded:", error, file=sys.stderr)
            return f"{error}\n"
        self._file = file
        return ""

    # What the server answers, called in its threads.

    @contextmanager
    def _server(self) -> Iterator[None]:
        listen = self._file.listen
        if listen is None or ("network" in self._setting.prober and self._listen is None):
            yield
            return
        paths: dict[tuple[str, str], Answering] = {
            ("GET", "/metrics"): self._on_loop(self._metrics),
            ("GET", "/probe"): self._on_loop(self._probe),
            ("GET", "/-/healthy"): lambda _: Answer(200, "Healthy\n"),
            ("POST", "/-/reload"): self._on_loop(self._reloaded),
            ("PUT", "/-/reload"): self._on_loop(self._reloaded),
        }
        with serving(listen, paths) as (host, port):
            where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            print(f"anyicmp: metrics at http://{where}/metrics", file=sys.stderr, flush=True)
            yield

    def _on_loop(self, answer: Callable[[Asked], Awaitable[Answer]]) -> Answering:
        def answering(asked: Asked) -> Answer:
            if self._portal is None:
                return Answer(503, "starting\n")
            try:
                return self._portal.call(answer, asked)
            except (RuntimeError, CancelledError):  # the loop has ended meanwhile
                return Answer(503, "ending\n")

        return answering

    async def _metrics(self, _: Asked) -> Answer:
        """Render a few targets at a time, so that probing goes on; who asks meanwhile gets the same text."""
        wanted = self._begun + 1
        async with self._rendering:
            if self._rendered < wanted:
                self._begun += 1
                exposition = Exposition(self._monitor)
                for _step in exposition.steps():
                    await anyio.lowlevel.checkpoint()
                self._text, self._rendered = exposition.parts, self._begun
            return Answer(200, self._text, CONTENT_TYPE)

    async def _probe(self, asked: Asked) -> Answer:
        target, name = asked.parameters.get("target", ""), asked.parameters.get("module", "icmp")
        module = self._file.modules.get(name)
        if not target:
            return Answer(400, "Target parameter is missing\n")
        if module is None:
            return Answer(400, f"Unknown module {name!r}\n")
        try:
            return Answer(200, await probe(self._prober, target, module, asked.limit), CONTENT_TYPE)
        except (AnyicmpError, ValueError) as error:
            return Answer(400, f"{error}\n")

    async def _reloaded(self, _: Asked) -> Answer:
        wrong = await self._reload()
        return Answer(500 if wrong else 200, wrong)


_FOR_GOOD = ("resolve_interval", "path_changes")
"""Options that a reload does not change."""


def _filled(file: AgentFile) -> list[MonitorTarget]:
    """The targets with what the file says for all of them, so that a reload may change that too."""
    usual = {key: value for key, value in file.options.items() if key not in _FOR_GOOD}
    return [
        attrs.evolve(target, **{key: value for key, value in usual.items() if getattr(target, key) is None})
        for target in file.targets
    ]


def _line(change: StateChange) -> str:
    when = datetime.fromtimestamp(change.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    who = change.key if str(change.target) in {change.key, "None"} else f"{change.key} ({change.target})"
    return f"{when} {who} {paint(change.state, COLOURS.get(change.state, 'white'))}: {change.reason}"
