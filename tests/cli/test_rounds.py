"""`anyicmp trace --rounds`: a table that is drawn anew on a terminal; else a table, or an object, a round."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
import trio.testing

from anyicmp import ErrorReply, Hop, MplsLabel, PathChange, Prober, Statistics, Trace
from anyicmp.cli import rounds as module
from anyicmp.cli.__main__ import main
from anyicmp.cli.live import PAUSE
from anyicmp.cli.rounds import COLUMNS, DRAWN, Rounds
from anyicmp.cli.screen import ENTER, HOME, LEAVE, Screen
from anyicmp.testing import SimulatedNetwork, VirtualTimeLoop
from anyicmp.wire import DestinationUnreachable
from cli.running import BACKENDS, LIMIT, Terminal

SCENARIOS = Path(__file__).parent.parent / "scenarios"
TARGET = IPv4Address("192.0.2.1")
FIGURES = Statistics(
    sent=12,
    received=9,
    loss=0.25,
    last=0.0123,
    minimum=0.001,
    average=0.0456,
    maximum=0.789,
    stddev=0.0007,
    jitter=0.00005,
)
COLOUR = re.compile(r"\x1b\[[0-9;]+m")


def trace(*hops: Hop, reached: bool = True, **fields: Any) -> Trace:
    fields = {"target": TARGET, "host": "far.example", "method": "icmp", "flow": 1, **fields}
    return Trace(hops=hops, reached=reached, **fields)


def hop(ttl: int, *addresses: str, **fields: Any) -> Hop:
    return Hop(ttl=ttl, addresses=tuple(map(ip_address, addresses)), **{"statistics": FIGURES, **fields})


def table(*traces: Trace, width: int | None = None, rounds: int | None = None) -> list[str]:
    view = Rounds("far.example", rounds)
    for found in traces:
        view.add(found, 0)
    return view.lines(width)


def test_a_line_for_each_hop_with_the_figures_of_all_rounds() -> None:
    silent = Hop(ttl=2, statistics=Statistics(sent=12, loss=1.0))
    assert table(trace(hop(1, "10.0.0.1"), silent, hop(3, "192.0.2.1")), rounds=5) == [
        "trace to far.example (192.0.2.1), icmp, round 1 of 5; times in ms",
        "                loss   sent   last    avg   best  worst stddev jitter",
        " 1  10.0.0.1   25.0%     12   12.3   45.6   1.00    789  0.700  0.050",
        " 2  *         100.0%     12",
        " 3  192.0.2.1  25.0%     12   12.3   45.6   1.00    789  0.700  0.050",
    ]


@pytest.mark.parametrize("width", [1, 10, 33, 60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    far = IPv6Address("2001:db8:1234:5678:9abc:def0:1234:5678")
    prohibited = DestinationUnreachable(code=13)
    error = ErrorReply(
        target=TARGET,
        sequence=0,
        sent_at=0.0,
        source=far,
        rtt=0.1,
        message=prohibited,
        type=3,
        code=13,
        reason=prohibited.explain(),
    )
    found = trace(
        hop(1, "10.0.0.1", mpls=(MplsLabel(16, 0, True, 1),), rate_limited=True),
        hop(2, str(far), "10.0.0.2", names=("a.router.with.a.long.name.example", None), outcomes=(error,)),
        reached=False,
        loop=(far, TARGET),
    )
    lines = table(found, width=width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 10, "nothing is left out for want of room"


@pytest.mark.parametrize(
    ("width", "columns", "host"),
    [(140, list(DRAWN), 59), (80, list(DRAWN)[:5], 41), (60, list(DRAWN)[:4], 28)],
)
def test_the_least_important_columns_make_room_for_names(width: int, columns: list[str], host: int) -> None:
    address = "2001:db8:1234:5678:9abc:def0:1234:5678"
    _, header, row = table(trace(hop(1, address)), width=width)
    assert header.split() == columns
    assert row[4 : 4 + host] == (f"{address:<{host}}" if host >= len(address) else address[: host - 1] + "…")


def test_who_answered_before_stands_below_who_answers_now() -> None:
    a, b, c = "10.0.0.1", "10.0.0.2", "10.0.0.3"
    change = PathChange(ttl=1, before=IPv4Address(a), after=IPv4Address(b))
    found = [trace(hop(1, address)) for address in (a, b, b)]
    found.append(trace(hop(1, b), changes=(change,)))
    assert [line[4:12] for line in table(*found[:3])[2:3]] == [b]
    assert table(*found[:3])[3] == f"      also {a}"
    assert table(*found)[3] == f"      until round 4: {a}"
    found.append(trace(hop(1, c)))
    assert [line.split()[-1] for line in table(*found)[3:]] == [b, a]
    back = PathChange(ttl=1, before=IPv4Address(b), after=IPv4Address(a))
    found.append(trace(hop(1, a), changes=(back,)))
    assert table(*found)[2].startswith(f" 1  {a} ")
    assert table(*found)[3:] == [f"      also {c}", f"      until round 6: {b}"]


def test_a_hop_that_is_silent_this_time_keeps_its_address() -> None:
    assert table(trace(hop(1, "10.0.0.1")), trace(hop(1)))[2].startswith(" 1  10.0.0.1 ")


def test_an_error_is_marked_and_explained() -> None:
    gone = DestinationUnreachable(code=1)
    error = ErrorReply(
        target=TARGET,
        sequence=0,
        sent_at=0.0,
        source=IPv4Address("10.0.0.1"),
        rtt=0.1,
        message=gone,
        type=3,
        code=1,
        reason="Nobody there.",
    )
    lines = table(trace(hop(1, "10.0.0.1", outcomes=(error,)), reached=False))
    assert lines[2].startswith(" 1  10.0.0.1 !H ")
    assert lines[3:] == ["!H: Nobody there.", "192.0.2.1 did not answer"]


def test_what_is_known_of_the_first_round_is_shown_when_there_is_no_other() -> None:
    view = Rounds("far.example", None)
    assert view.lines(None) == ["tracing the path to far.example"]
    view.end(trace(hop(1, "10.0.0.1"), reached=False))
    assert view.lines(None)[0] == (
        "trace to far.example (192.0.2.1), icmp, stopped in the first round; times in ms"
    )
    view = Rounds("far.example", None)
    view.add(trace(hop(1, "10.0.0.1")), 0)
    view.end(trace())
    assert len(view.lines(None)) == 3, "the last whole round says more than one that has begun"


def test_a_drawing_replaces_the_one_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "3")
    screen = Screen()
    screen.draw(["a", "b"])
    assert capsys.readouterr().out == f"{HOME}\x1b[Ka\r\n\x1b[Kb\r\n\x1b[J"
    screen.draw(["a", "b", "c", "d"])
    assert capsys.readouterr().out == f"{HOME}\x1b[Ka\r\n\x1b[Kb\r\n\x1b[Kc", "no more than there is room"


# The command.


def simulated(*options: str) -> list[str]:
    return ["trace", "server.demo", "-4", "--simulate", "demo", *options]


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_terminal_there_is_a_table_a_round(
    backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(simulated("--rounds", "3", "--backend", backend)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    blocks = out.split("\n\n")
    assert blocks.pop() == ""
    for number, block in enumerate(blocks, 1):
        title, header, first, *_ = block.splitlines()
        assert title == (f"trace to server.demo (203.0.113.80), icmp, round {number} of 3; times in ms")
        assert header.split() == list(COLUMNS)
        assert first.split()[:4] == ["1", "192.0.2.1", "0.0%", str(number)]
    assert len(blocks) == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_json_is_one_trace_a_line(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(simulated("--rounds", "3", "-i", "2", "--json", "--backend", backend)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = [json.loads(line) for line in out.splitlines()]
    assert [trace["hops"][0]["statistics"]["sent"] for trace in found] == [1, 2, 3]
    began = [trace["hops"][0]["outcomes"][0]["sent_at"] for trace in found]
    assert began[2] - began[0] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--interval", "2"], "needs --rounds"),
        (["--rounds", "-1"], "rounds"),
        (["--rounds", "2", "--interval", "-1"], "interval"),
    ],
)
def test_wrong_options_are_one_line(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(simulated(*options)) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err


def test_the_status_is_that_of_all_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = str(SCENARIOS / "ping_absent.toml")
    assert main(["trace", "10.0.0.1", "--simulate", scenario, "--rounds", "2", "-m", "3"]) == 1
    assert "10.0.0.1 did not answer" in capsys.readouterr().out


class Sheet:
    """What is drawn, kept."""

    def __init__(self) -> None:
        self.drawn: list[Sequence[str]] = []

    def width(self) -> int:
        return 80

    def draw(self, lines: Sequence[str], below: Sequence[str] = ()) -> None:
        self.drawn.append(lines)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "anyio_backend",
    [
        ("asyncio", {"loop_factory": VirtualTimeLoop}),
        ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}),
    ],
    ids=["asyncio", "trio"],
)
async def test_at_most_four_drawings_a_second() -> None:
    """In virtual time: ten rounds a second, for three seconds."""
    sheet, view = Sheet(), Rounds("server.demo", None)
    network = SimulatedNetwork.from_toml("demo")
    async with (
        Prober(network=network, family=4) as prober,
        prober.open_traceroute("server.demo", rounds=30, interval=0.1) as stream,
    ):
        began = network.clocks.monotonic()
        await module._redraw(stream, view, sheet)  # type: ignore[arg-type]
        took = (network.clocks.monotonic() - began) / 1e9
    assert took >= 2.9
    assert took / PAUSE / 2 < len(sheet.drawn) <= took / PAUSE + 1
    assert sheet.drawn[0] == ["tracing the path to server.demo"]
    assert view.number == 30


@pytest.mark.anyio
async def test_what_goes_wrong_in_a_round_is_not_wrapped() -> None:
    class Broken:
        def __aiter__(self) -> Broken:
            return self

        async def __anext__(self) -> Trace:
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        await module._redraw(Broken(), Rounds("x", None), Sheet())  # type: ignore[arg-type]


@pytest.mark.programs
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["colour", "plain"])
def test_a_terminal_is_drawn_on_and_given_back(environment: dict[str, str]) -> None:
    scenario = str(SCENARIOS / "trace_gaps_v4.toml")
    arguments = ["trace", "10.0.0.1", "--rounds", "5", "--simulate", scenario]
    with Terminal(*arguments, output_too=True, environment={"COLUMNS": "70", **environment}) as terminal:
        seen = terminal.read()
        assert terminal.process.wait(LIMIT) == 0
    before, _, rest = seen.partition(ENTER)
    drawn, _, after = rest.partition(LEAVE)
    assert before == ""
    assert drawn.startswith(f"{HOME}\x1b[Ktracing the path to 10.0.0.1")
    assert "round 5 of 5" in after
    assert "\x1b" not in COLOUR.sub("", after)
    assert max(len(COLOUR.sub("", line)) for line in after.splitlines()) <= 70
    assert bool(COLOUR.search(seen.replace(ENTER, "").replace(LEAVE, ""))) == (not environment)


@pytest.mark.programs
def test_a_dumb_terminal_gets_a_table_a_round() -> None:
    with Terminal(*simulated("--rounds", "2"), output_too=True, environment={"TERM": "dumb"}) as terminal:
        seen = terminal.read()
    assert "\x1b" not in seen
    assert seen.count("times in ms") == 2


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_prints_the_last_state(backend: str) -> None:
    arguments = ("trace", "127.0.0.1", "--rounds", "0", "-i", "0.02", "--backend", backend)
    with Terminal(*arguments, output_too=True) as terminal:
        terminal.read(until="avg")
        terminal.process.send_signal(signal.SIGINT)
        seen = terminal.read()
        assert terminal.process.wait(LIMIT) == 130
    assert "Traceback" not in seen
    after = seen.partition(LEAVE)[2].splitlines()
    assert re.fullmatch(r"trace to 127\.0\.0\.1, icmp, round \d+; times in ms", after[0])
    assert COLOUR.sub("", after[2]).split()[:3] == ["1", "127.0.0.1", "0.0%"]
