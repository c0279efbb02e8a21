"""The command over a cluster: a sweep, and traces side by side."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address

import pytest

from anyicmp import Hop, Trace
from anyicmp.cli.__main__ import main
from anyicmp.cli.cluster import side_by_side
from anyicmp.cli.live import HINT
from anyicmp.cli.screen import HIDE, SHOW
from anyicmp.cluster import Comparison
from cli.running import LIMIT, Terminal

pytestmark = pytest.mark.once


def test_a_sweep(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "127.0.0.0/26", "--cluster", scheduler]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "62 targets: 62 alive (100%)" in lines
    assert sum(line.startswith("127.0.0.") for line in lines) == 62
    assert main(["sweep", "127.0.0.0/30", "--cluster", scheduler, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["target"] for row in rows} == {"127.0.0.1", "127.0.0.2"}
    assert all(row["vantage"] in {"0", "1"} for row in rows)


def test_a_sweep_is_drawn_on_a_terminal_and_ends_with_a_key(scheduler: str) -> None:
    arguments = ("sweep", "127.0.0.0/24", "--rate", "100", "--cluster", scheduler)
    with Terminal(*arguments, output_too=True) as terminal:
        terminal.read(until="targets/s")
        terminal.press("q")
        seen = terminal.read()
        assert terminal.process.wait(LIMIT) == 0
        assert terminal.takes_lines
    assert seen.count(HIDE) == seen.count(SHOW) == 1
    drawn, _, summary = seen.partition(SHOW)
    for part in ("/254 ", "\N{FULL BLOCK}", " alive (100%); ", HINT):
        assert part in drawn
    assert 0 < drawn.count("127.0.0.") < 254
    (done,) = re.findall(r"(\d+) of 254 targets", summary)
    places = re.findall(r"from [01]: (\d+) targets?", summary)
    assert sum(map(int, places)) == int(done)
    assert re.search(r"--resume \d+ goes on from here", summary)


def test_a_trace(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "127.0.0.1", "--cluster", scheduler, "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert set(compared["results"]) == {"0", "1"}
    assert compared["differences"] == []
    wrong = {
        "no vantage point is named moon": ["--cluster", scheduler, "--vantage", "moon"],
        "it needs --cluster": ["--vantage", "all"],
        "it has no --rounds": ["--cluster", scheduler, "--rounds", "3"],
        "not TLS": ["--cluster", "tcp://192.0.2.1:8786"],
        "--simulate is for this process": ["--cluster", scheduler, "--simulate", "demo"],
    }
    for message, options in wrong.items():
        assert main(["trace", "127.0.0.1", *options]) == 2
        assert message in capsys.readouterr().err


def test_paths_stand_side_by_side() -> None:
    def trace(*hops: str | None) -> Trace:
        target = ip_address("192.0.2.9")
        found = [
            Hop(ttl=ttl, addresses=() if hop is None else (ip_address(hop),))
            for ttl, hop in enumerate(hops, 1)
        ]
        return Trace(target=target, hops=tuple(found), reached=True, method="icmp", flow=0)

    one, other, short = (
        trace("10.0.0.1", None, "192.0.2.9"),
        trace("10.9.0.1", "10.9.0.2", "192.0.2.9"),
        trace(),
    )
    compared = Comparison(
        host="192.0.2.9",
        measurement="traceroute",
        results={"a": one, "b": other, "short": short},
        failures={"c": "it has gone"},
    )
    ways = "from a by 10.0.0.1 * 192.0.2.9; from b by 10.9.0.1 10.9.0.2 192.0.2.9"
    assert list(side_by_side(compared)) == [
        "traces to 192.0.2.9, icmp, from 3 places",
        "    a          b          short",
        " 1  10.0.0.1   10.9.0.1",
        " 2  *          10.9.0.2",
        " 3  192.0.2.9  192.0.2.9",
        f"path differs: {ways}; from short by nobody who answered",
        "c: it has gone",
    ]
