"""Live views: what they show, how a terminal is drawn on, how keys end them; and that lines stay lines."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

import anyio
import pytest
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from anyicmp import (
    NoReply,
    OutcomeBatch,
    Reply,
    SendFailure,
    Statistics,
    SweepProgress,
    TargetStatus,
)
from anyicmp.cli.live import HINT, PAUSE, Live
from anyicmp.cli.monitor_view import MonitorView
from anyicmp.cli.ping_view import BARS, BOUNDS, ERROR, SILENT, PingView
from anyicmp.cli.screen import ABOVE, ENTER, HIDE, LEAVE, SHOW, Footer, Screen
from anyicmp.cli.sweep_summary import SweepSummary
from anyicmp.cli.sweep_view import CELLS, NONE_ALIVE, NOT_YET, SHADES, SweepView
from anyicmp.testing import VirtualTimeLoop
from cli.running import BACKENDS, LIMIT, Terminal

pytestmark = pytest.mark.anybody

TARGET = IPv4Address("192.0.2.1")
COLOUR = re.compile(r"\x1b\[[0-9;]+m")
WIDTHS = st.integers(1, 200)


class Glass(io.StringIO):
    """A terminal as far as a footer needs one: text, line feeds, up, erase below.

    What is wider than it, after a user has made it narrower, takes several rows.
    """

    def __init__(self, width: int, height: int = 24) -> None:
        super().__init__()
        self.size = os.terminal_size((width, height))
        self.lines = [""]
        self.at = 0

    def write(self, text: str) -> int:
        for piece in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            if piece == "\n":
                self.at += 1
                self.lines += [""] * (self.at + 1 - len(self.lines))
            elif piece.endswith("A"):
                self._up(int(piece[2:-1]))
            elif piece.endswith("J"):
                self.lines[self.at :] = [""]
            elif not piece.startswith(("\x1b", "\r")):
                assert self.lines[self.at] == ""
                self.lines[self.at] = piece
        return len(text)

    def _up(self, rows: int) -> None:
        rows -= self._rows(self.at) - 1
        while rows > 0:
            self.at -= 1
            rows -= self._rows(self.at)
        assert rows == 0, "in the middle of a line"

    def _rows(self, line: int) -> int:
        return max(1, -(-len(self.lines[line]) // self.size.columns))


class OnGlass(Footer):
    def __init__(self, glass: Glass) -> None:
        super().__init__(glass)
        self._glass = glass

    def _size(self) -> os.terminal_size:
        return self._glass.size


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("print"), st.lists(st.text("ab", min_size=1, max_size=9), max_size=3)),
        st.tuples(st.just("draw"), st.lists(st.text("xy", max_size=12), max_size=30)),
        st.tuples(st.just("resize"), st.integers(1, 20)),
    )
)


@given(STEPS)
def test_what_is_printed_stays_and_what_is_drawn_goes(steps: list[tuple[str, list[str] | int]]) -> None:
    """Whatever is printed and drawn in whatever order, and whatever the terminal's width becomes."""
    glass = Glass(12)
    printed: list[str] = []
    with OnGlass(glass) as footer:
        for what, how in steps:
            if isinstance(how, int):
                glass.size = os.terminal_size((how, glass.size.lines))
            elif what == "print":
                footer.print(how)
                printed += how
            else:
                footer.draw([line[: footer.width()] for line in how], ["end"])
                assert glass.lines[: len(printed)] == printed
                assert glass.lines[-1] == "end"
                assert len(glass.lines) - len(printed) <= glass.size.lines - ABOVE + 1
    assert glass.lines == [*printed, ""]


def test_a_footer_hides_the_cursor_and_gives_it_back_whatever_happens() -> None:
    stream = io.StringIO()

    def fail() -> None:
        with Footer(stream) as footer:
            footer.print(["kept"])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert stream.getvalue() == f"{HIDE}kept\n{SHOW}"


def test_what_has_no_room_in_a_footer_is_counted() -> None:
    glass = Glass(80, 10)
    OnGlass(glass).draw([str(number) for number in range(20)], ["end"])
    assert glass.lines == ["", "0", "1", "2", "… and 17 more", "end"]


# Views.


def reply(rtt: float, sequence: int = 0) -> Reply:
    return Reply(
        target=TARGET,
        sequence=sequence,
        sent_at=0.0,
        source=TARGET,
        rtt=rtt,
        ttl=64,
        size=56,
        duplicates=0,
        clock="kernel",
    )


def silent() -> NoReply:
    return NoReply(target=TARGET, sequence=0, sent_at=0.0, timeout=1.0)


FIGURES = Statistics(
    sent=12, received=9, loss=0.25, last=0.0123, minimum=0.001, average=0.0456, maximum=0.789, jitter=0.00005
)


def test_a_curve_shows_steps_losses_and_bounds() -> None:
    view = PingView(lambda: FIGURES)
    for rtt in (0.010, 0.020, 0.0152):
        view.add(reply(rtt))
    view.add(silent())
    view.add(SendFailure(target=TARGET, sequence=4, sent_at=0.0, errno=1, reason="no"))
    view.add(reply(0.01))
    curve, counts, figures = view.lines(100)
    assert curve == f"▁█▅{SILENT}{ERROR}▁ 10.0 to 20.0 ms"
    assert counts == "12 packets transmitted, 9 received, 25% packet loss"
    assert figures == "last 12.3  min 1.00  avg 45.6  max 789  jitter 0.050"


def test_noise_is_drawn_flat_and_a_spike_high() -> None:
    view = PingView(lambda: FIGURES)
    for rtt in (0.0300, 0.0302, 0.0301):
        view.add(reply(rtt))
    assert view.lines(100)[0].startswith("▁▁▁ ")
    view.add(reply(0.09))
    assert view.lines(100)[0].startswith("▁▁▁█ ")


@given(WIDTHS, st.lists(st.one_of(st.none(), st.floats(1e-6, 100.0)), max_size=300))
def test_no_line_of_a_ping_is_wider_than_the_terminal(width: int, rtts: list[float | None]) -> None:
    view = PingView(lambda: FIGURES)
    for rtt in rtts:
        view.add(silent() if rtt is None else reply(rtt))
    lines = view.lines(width)
    assert max(map(len, lines)) <= width
    if rtts:
        marks = sum(mark in BARS + SILENT for mark in lines[0])
        assert marks == min(len(rtts), width - BOUNDS if width >= 3 * BOUNDS else width)


def batch(sequences: Sequence[int], alive: Callable[[int], bool]) -> OutcomeBatch:
    made = OutcomeBatch(4)
    for sequence in sequences:
        kind = 0 if alive(sequence) else 2
        made.append(kind, target=bytes(4), scope=0, tag=sequence, sent_at=1.0 + sequence / 100, rtt=0.01)
    return made


def swept(
    total: int | None, sequences: Sequence[int], alive: Callable[[int], bool], *, known_after: int = 0
) -> SweepView:
    summary, done = SweepSummary(), 0

    def progress() -> SweepProgress:
        known = total if done >= known_after else None
        return SweepProgress(done=done, total=known, sent=done, received=summary.alive)

    view = SweepView(summary, progress)
    for begin in range(0, len(sequences), 50):
        part = sequences[begin : begin + 50]
        done += len(part)
        made = batch(part, alive)
        summary.add(made)
        view.add(made)
    return view


def test_a_sweep_is_drawn_with_its_bar_its_counts_its_rate_and_its_grid() -> None:
    view = swept(100, range(60), lambda number: number % 10 == 0)
    assert view.lines(80) == [
        "━" * 40 + " 60/100  60%  0 s left",
        "6 alive (10%), 54 silent; 100 targets/s",
        ("█" + "·" * 9) * 6 + NOT_YET * 4,
        NOT_YET * 36,
    ]


@given(WIDTHS, st.integers(1, 3000), st.floats(0, 1), st.integers(0, 200), st.integers(0, 9))
def test_each_target_is_in_its_cell(width: int, total: int, part: float, known: int, seed: int) -> None:
    """Also those that ended before anyone knew how many there are."""
    numbers = Random(seed).sample(range(total), max(1, int(part * total)))
    living = set(numbers[: len(numbers) // 3])
    lines = swept(total, numbers, living.__contains__, known_after=min(known, len(numbers))).lines(width)
    assert max(map(len, lines)) <= width
    share = -(-total // CELLS)
    grid = "".join(lines[2 : 2 + -(-total // share) // min(64, width) + 1])[: -(-total // share)]
    if share > 1:
        assert lines[-1].startswith(f"a cell is {share}"[: max(0, width - 1)])
    for cell, mark in enumerate(grid):
        inside = [number for number in numbers if number // share == cell]
        alive = [number for number in inside if number in living]
        if not inside:
            assert mark == NOT_YET
        elif not alive:
            assert mark == NONE_ALIVE
        else:
            assert mark in SHADES
            assert (mark == SHADES[-1]) == (4 * len(alive) > 3 * len(inside))


def test_a_sweep_of_nobody_knows_how_many_has_no_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyicmp.cli.sweep_view.UNKNOWN", 100)
    view = swept(None, range(500), lambda _: True)
    assert view.lines(80) == ["500 targets done", "500 alive (100%); 100 targets/s"]
    assert not view._done, "it must not grow for ever"


def status(key: str, state: str, **fields: object) -> TargetStatus:
    given = {"since": 0.0, "reason": "", "target": TARGET, "statistics": FIGURES, "totals": FIGURES, **fields}
    return TargetStatus(key=key, state=state, **given)  # type: ignore[arg-type]


def test_the_worst_targets_stand_first() -> None:
    found = [status("a", "up"), status("192.0.2.1", "down"), status("c", "unreachable", target=None)]
    lines = MonitorView(lambda: {each.key: each for each in found}).lines(90)
    assert lines == [
        "3 targets: 1 up, 1 unreachable, 1 down; times in ms",
        " " * 26 + "   loss   sent   last    avg   best  worst since (UTC)",
        "down         192.0.2.1      25.0%     12   12.3   45.6   1.00    789 1970-01-01 00:00:00",
        "unreachable  c              25.0%     12   12.3   45.6   1.00    789 1970-01-01 00:00:00",
        "up           a (192.0.2.1)  25.0%     12   12.3   45.6   1.00    789 1970-01-01 00:00:00",
    ]


@given(WIDTHS, st.lists(st.text("abc.", min_size=1, max_size=40), unique=True, max_size=5))
def test_no_line_of_a_monitor_is_wider_than_the_terminal(width: int, keys: list[str]) -> None:
    found = {key: status(key, "degraded") for key in keys}
    assert max(map(len, MonitorView(lambda: found).lines(width))) <= width


def test_a_large_monitor_is_drawn_less_often() -> None:
    view = MonitorView(lambda: {str(number): status(str(number), "up") for number in range(1000)})
    assert view.pause() == 1.0
    view.lines(80)
    assert view.pause() == 5.0


# Drawing beside the work.


class Sheet:
    """What is drawn, kept."""

    def __init__(self) -> None:
        self.drawn: list[Sequence[str]] = []

    def width(self) -> int:
        return 80

    def draw(self, lines: Sequence[str], below: Sequence[str] = ()) -> None:
        self.drawn.append([*lines, *below])


VIRTUAL = pytest.mark.parametrize(
    "anyio_backend",
    [
        ("asyncio", {"loop_factory": VirtualTimeLoop}),
        ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}),
    ],
    ids=["asyncio", "trio"],
)


@pytest.mark.anyio
@VIRTUAL
async def test_at_most_four_drawings_a_second_and_none_without_news() -> None:
    sheet = Sheet()
    live = Live(sheet, lambda _: ["view"])

    async def work() -> None:
        for _ in range(100):
            await anyio.sleep(0.01)
            live.changed()
        before = len(sheet.drawn)
        assert 4 <= before <= 1 / PAUSE + 1
        await anyio.sleep(100.0)
        assert len(sheet.drawn) <= before + 1

    assert not await live.run(work)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualTimeLoop})], ids=["asyncio"])
async def test_a_view_that_is_made_apart_is_made_in_a_thread_again_and_again() -> None:
    sheet, here, makers = Sheet(), threading.get_ident(), set()

    def lines(width: int) -> list[str]:
        makers.add(threading.get_ident())
        return ["view"]

    await Live(sheet, lines, pause=lambda: 2.0, apart=True).run(lambda: anyio.sleep(100.0))
    assert 48 <= len(sheet.drawn) <= 51
    assert here not in makers


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input; the descriptor to press keys at."""
    master, slave = pty.openpty()
    with os.fdopen(slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield master
    os.close(master)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "anyio_backend",
    [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True}), "trio"],
    ids=BACKENDS,
)
async def test_q_ends_the_work_and_other_keys_do_not(keys: int) -> None:
    sheet = Sheet()

    async def work() -> None:
        os.write(keys, b"x\n")
        await anyio.sleep(0.02)
        os.write(keys, b"q")
        await anyio.sleep_forever()

    with anyio.fail_after(LIMIT):
        assert await Live(sheet, lambda _: ["view"]).run(work)
    assert sheet.drawn[0] == ["view", HINT]


@pytest.mark.anyio
async def test_what_goes_wrong_is_not_wrapped(keys: int) -> None:
    async def work() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        await Live(Sheet(), lambda _: []).run(work)


# The command.

ENDED_BY_KEY = {
    "ping": ("ping -c 0 -i 0.02 127.0.0.1", "█", r"\n\d+ packets transmitted, \d+ received.*\nrtt "),
    "sweep": ("sweep --rate 100 127.0.0.0/22", "1,022  ", r"\n--resume \d+ goes on from here\n$"),
    "trace": ("trace --rounds 0 -i 0.02 127.0.0.1", "avg", r"trace to 127\.0\.0\.1, icmp, round \d+;"),
    "monitor": ("monitor", "up", r"\n1 target: 1 up; times in ms\n.*\nup +127\.0\.0\.1 "),
}


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("name", ENDED_BY_KEY)
def test_q_ends_with_the_summary_and_the_status_of_what_was_measured(name: str, tmp_path: Path) -> None:
    line, begun, summary = ENDED_BY_KEY[name]
    arguments = line.split()
    if name == "monitor":
        agent = tmp_path / "targets.toml"
        agent.write_text("[monitor]\nlisten = ''\ninterval = 0.05\n[[target]]\nhost = '127.0.0.1'\n", "utf-8")
        arguments.append(str(agent))
    with Terminal(*arguments, output_too=True) as terminal:
        terminal.read(until=begun)
        assert not terminal.takes_lines
        terminal.press("q")
        seen = terminal.read()
        assert terminal.process.wait(LIMIT) == 0
        assert terminal.takes_lines
    assert seen.count(HIDE) == seen.count(SHOW)
    end = {"trace": LEAVE, "monitor": HIDE}.get(name, SHOW)
    plain = COLOUR.sub("", seen.rpartition(end)[2])
    assert re.search(summary, plain.replace("\r", ""))


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize(
    ("line", "options", "environment"),
    [
        ("ping -c 2 -i 0.01 127.0.0.1", ["--no-live"], {}),
        ("ping -c 2 -i 0.01 127.0.0.1", [], {"NO_COLOR": "1"}),
        ("sweep 127.0.0.0/29", [], {"TERM": "dumb"}),
        ("sweep 127.0.0.0/29", ["--json"], {}),
    ],
    ids=["option", "no colour", "dumb", "json"],
)
def test_lines_alone_where_they_are_wanted(
    line: str, options: list[str], environment: dict[str, str]
) -> None:
    with Terminal(*line.split(), *options, output_too=True, environment=environment) as terminal:
        seen = terminal.read()
        assert terminal.process.wait(LIMIT) == 0
    assert "\x1b" not in COLOUR.sub("", seen)
    assert HINT not in seen
    if options == ["--json"]:
        assert all(json.loads(found) for found in seen.splitlines())


def test_a_table_a_round_where_nothing_shall_be_drawn() -> None:
    arguments = ("trace", "server.demo", "-4", "--simulate", "demo", "--rounds", "2", "--no-live")
    with Terminal(*arguments, output_too=True) as terminal:
        seen = terminal.read()
    assert ENTER not in seen
    assert seen.count("times in ms") == 2


def test_a_screen_that_is_too_low_keeps_its_last_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "3")
    Screen().draw(["a", "b", "c", "d"], ["end"])
    assert re.findall("[a-z]+", re.sub(r"\x1b\[[A-Z]", "", capsys.readouterr().out)) == ["a", "b", "end"]
