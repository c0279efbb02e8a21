"""`anyicmp trace --rounds`: a table of the hops, drawn again and again on a terminal; else a table a round.

With JSON one object a round. What a round finds, and when a path has changed, is the library's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import anyio
import click

from anyicmp import ErrorReply, Hop, IPAddress, Prober, Reply, Statistics, Trace, TraceStream
from anyicmp.cli.hop_text import mark, remarks, who
from anyicmp.cli.live import Live, Surface
from anyicmp.cli.options import Setting
from anyicmp.cli.screen import Screen, can_redraw, fit
from anyicmp.cli.status import exit_status
from anyicmp.cli.text import milliseconds, named, paint, write_lines
from anyicmp.export import to_json

__all__ = ["Rounds", "follow"]

Cell = Callable[[Statistics], str]


def _time(seconds: float | None) -> str:
    return "" if seconds is None else milliseconds(seconds)


COLUMNS: dict[str, Cell] = {
    "loss": lambda statistics: "" if statistics.loss is None else f"{statistics.loss * 100:.1f}%",
    "sent": lambda statistics: str(statistics.sent),
    "last": lambda statistics: _time(statistics.last),
    "avg": lambda statistics: _time(statistics.average),
    "best": lambda statistics: _time(statistics.minimum),
    "worst": lambda statistics: _time(statistics.maximum),
    "stddev": lambda statistics: _time(statistics.stddev),
    "jitter": lambda statistics: _time(statistics.jitter),
}
"""In order of importance: where a terminal is narrow, the last ones are left out."""

DRAWN: dict[str, Cell] = {
    **COLUMNS,
    "median": lambda statistics: _time(statistics.median),
    "p95": lambda statistics: _time(statistics.p95),
    "p99": lambda statistics: _time(statistics.p99),
}
"""Those of a table that is drawn: what is printed is read by programs, which know the columns above."""

WIDTH = 7
LEAST = 4
"""So many columns are there on any terminal, however long the names."""

NUMBER = 4
"""Columns of a hop's number and the blanks behind it."""


class Rounds:
    """What is known after some rounds, as lines.

    Attributes:
        trace: of the last round, None before the first.
        number: rounds that have ended.
        reached: whether the target answered in any of them.
    """

    def __init__(self, host: str, rounds: int | None) -> None:
        """`rounds`: how many there will be, None: until Ctrl-C."""
        self._host = host
        self._of = "" if rounds is None else f" of {rounds}"
        self.trace: Trace | None = None
        self.number = self._taken = 0
        self.reached = False
        # Each hop's addresses with what is written of them, the one that answered last at the end.
        self._seen: dict[int, dict[IPAddress, str]] = {}
        self._until: dict[tuple[int, IPAddress], int] = {}

    def add(self, trace: Trace, missed: int) -> None:
        """Take the trace of a round; `missed`: how many others were not seen."""
        self._taken += 1
        self.number = self._taken + missed
        self._show(trace)
        for change in trace.changes:
            self._until[change.ttl, change.before] = self.number
            self._until.pop((change.ttl, change.after), None)

    def end(self, trace: Trace) -> None:
        """No round follows. `trace`: what is known of the one under way, of use if it is the first."""
        if not self.number:
            self._show(trace)

    def _show(self, trace: Trace) -> None:
        self.trace = trace
        self.reached |= trace.reached
        for hop in trace.hops:
            seen = self._seen.setdefault(hop.ttl, {})
            for address in reversed(hop.addresses):
                seen.pop(address, None)
                seen[address] = who(hop, address)

    def lines(self, width: int | None) -> list[str]:
        """The table, in lines that are no wider than so many columns; None: as wide as it takes."""
        trace = self.trace
        if trace is None:
            return [fit(f"tracing the path to {self._host}", width)]
        port = "" if trace.port is None else f" port {trace.port}"
        when = f"round {self.number}{self._of}" if self.number else "stopped in the first round"
        title = f"trace to {named(trace.host, trace.target)}, {trace.method}{port}, {when}; times in ms"
        reasons: dict[str, str] = {}
        rows = [(hop, self._who(hop, reasons)) for hop in trace.hops]
        longest = max((len(text) for _, text in rows), default=0)
        shown, room = list(COLUMNS), longest
        if width is not None:
            shown = list(DRAWN)
            fitting = (width - NUMBER - longest) // WIDTH
            shown = shown[: max(LEAST, fitting)]
            room = max(0, width - NUMBER - WIDTH * len(shown))
        header = " " * (NUMBER + room) + "".join(f"{name:>{WIDTH}}" for name in shown)
        lines = [fit(title, width), fit(header, width)]
        for hop, text in rows:
            lines += self._row(hop, text, shown, room, width)
        if trace.loop:
            lines.append(paint(fit(f"the path goes round: {' '.join(map(str, trace.loop))}", width), "red"))
        lines += [fit(f"{found}: {reason}", width) for found, reason in reasons.items()]
        if not self.reached:
            lines.append(paint(fit(f"{trace.target} did not answer", width), "yellow"))
        return lines

    def _who(self, hop: Hop, reasons: dict[str, str]) -> str:
        seen = list(self._seen[hop.ttl].values())
        answers = [outcome for outcome in hop.outcomes if isinstance(outcome, Reply | ErrorReply)]
        marks = dict.fromkeys(mark(outcome, reasons) for outcome in answers)
        return " ".join([seen[-1] if seen else "*", *filter(None, marks)])

    def _row(self, hop: Hop, text: str, shown: list[str], room: int, width: int | None) -> Iterator[str]:
        others = list(self._seen[hop.ttl])[-2::-1]
        until = {address: self._until.get((hop.ttl, address)) for address in others}
        left = fit(f"{hop.ttl:>2}  {fit(text, room):<{room}}", width)
        cells = "".join(f"{DRAWN[name](hop.statistics):>{WIDTH}}" for name in shown)
        if width is not None:
            cells = cells[: max(0, width - len(left))]
        cells = cells.rstrip()
        if any(until.values()) or not hop.statistics.received:
            left = paint(left, "yellow")
        if hop.statistics.received and hop.statistics.loss and not hop.rate_limited:
            cells = paint(cells, "red")
        yield left + cells
        for address, number in until.items():
            was = f"until round {number}:" if number else "also"
            line = fit(f"      {was} {self._seen[hop.ttl][address]}", width)
            yield paint(line, "yellow") if number else line
        for remark in remarks(hop):
            yield fit(f"      {remark}", width)


async def follow(
    setting: Setting, host: str, options: dict[str, Any], rounds: int | None, stop: anyio.CancelScope
) -> int:
    """Trace round after round and print; returns the exit status."""
    view = Rounds(host, rounds)
    redraws = setting.live and can_redraw() and not setting.as_json

    def show(trace: Trace) -> None:
        write_lines([to_json(trace)] if setting.as_json else [*view.lines(None), ""])

    async with Prober(**setting.prober) as prober:
        with stop, Screen() if redraws else nullcontext() as screen:
            async with prober.open_traceroute(host, rounds=rounds, **options) as stream:
                try:
                    if screen is not None:
                        await _redraw(stream, view, screen)
                    else:
                        async for trace in stream:
                            view.add(trace, stream.dropped)
                            show(trace)
                finally:
                    view.end(stream.trace)
    last = view.trace
    if last is None:
        click.echo(f"anyicmp: {host} did not answer: the trace was stopped before it began", err=True)
        return exit_status(answered=0, sent=0, failed=0)
    if redraws:
        write_lines(view.lines(Screen.width()))
    elif not view.number:
        show(last)
    counts = [hop.statistics for hop in last.hops]
    return exit_status(
        answered=int(view.reached),
        sent=sum(count.sent for count in counts),
        failed=sum(count.failed for count in counts),
    )


async def _redraw(stream: TraceStream, view: Rounds, surface: Surface) -> bool:
    """Draw what is new, and not too often; a round that comes meanwhile is not lost. True: `q` ended it."""
    drawing = Live(surface, view.lines)

    async def follow() -> None:
        async for trace in stream:
            view.add(trace, stream.dropped)
            drawing.changed()

    return await drawing.run(follow)
