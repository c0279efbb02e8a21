"""`anyicmp report`: one file, which needs nothing, tells all, believes no name, and survives any line."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.cli.__main__ import main
from anyicmp.export import to_dict, to_json
from anyicmp.plot import report
from plot.drawn import HOSTILE, demo, noise
from plot.test_shown import Tags

CHANGES = [
    {"key": key, "target": "192.0.2.1", "state": state, "previous": previous, "reason": "why", "at": 1e9 + at}
    for key, state, previous, at in (
        ("gateway", "up", "unknown", 0),
        ("database", "up", "unknown", 0),
        ("gateway", "down", "up", 30),
        ("gateway", "up", "down", 40),
        (HOSTILE, "unreachable", "unknown", 100),
    )
]


def lines() -> dict[str, list[str]]:
    return {
        "sweep.jsonl": [to_json(outcome) for outcome in demo().sweep],
        "single.jsonl": [to_json(getattr(demo(), name)) for name in ("ping", "trace", "paths", "mtu")],
        "monitor.jsonl": [json.dumps(change) for change in CHANGES],
    }


def test_it_tells_all_and_needs_nothing() -> None:
    text = report(lines(), title="A & B")
    assert text == report(lines(), title="A & B")
    for words in (
        "<h1>A &amp; B</h1>",
        "6 measurements from 3 files",
        ">sweep sweep.jsonl<",
        "4 alive (28.57%)",
        "203.0.113.135",
        "ping server.demo (203.0.113.80)",
        "trace to server.demo (203.0.113.80)",
        "all ways to server.demo (203.0.113.80)",
        "path MTU to server.demo (203.0.113.80)",
        "monitor monitor.jsonl",
        "MPLS label 24016",
        "Figures to copy",
        "hop\taddress\tloss",
    ):
        assert words in text
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", text)
    assert not re.search(r"@import|url\(|http-equiv=.refresh", text)
    # 90 of 100 seconds up.
    assert '<td class="n">90%</td>' in text


def test_only_its_own_script_may_run() -> None:
    text = report({"x": []})
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text


def test_names_are_text_and_never_markup() -> None:
    def hostile(value: object) -> object:
        """Every text that is not what tells one kind of thing from another."""
        if isinstance(value, dict):
            return {key: _hostile(key, item) for key, item in value.items()}
        return [hostile(item) for item in value] if isinstance(value, list) else value

    def _hostile(key: str, value: object) -> object:
        plain = key in {"kind", "state", "previous", "balances", "target", "source", "clock"}
        return HOSTILE if isinstance(value, str) and not plain else hostile(value)

    made = {
        f"{HOSTILE}{name}": [json.dumps(hostile(json.loads(line))) for line in rows]
        for name, rows in lines().items()
    }
    text = report(made, title=HOSTILE)
    assert text.count("<script") == 1
    assert "alert(1)" in text
    tags = Tags()
    tags.feed(re.sub(r"<meta[^>]*>|<!DOCTYPE html>", "", text))
    assert not tags.open
    for sign in "\x00\x1b\u202e":
        assert sign not in text


def test_lines_that_tell_nothing_are_counted_and_named() -> None:
    whole = to_json(demo().trace)
    text = report({"cut": ["", whole, whole[:40], "[]", "3", '{"kind":"reply"}', '{"rtt":NaN}']})
    assert "cut: no measurement was found in 5 lines (number 3, 4, 5, 6, 7)" in text
    assert "1 measurement from 1 file." in text


def test_of_rounds_of_a_trace_the_last_is_shown() -> None:
    rounds = [to_json(demo().trace), to_json(attrs.evolve(demo().trace, reached=False))]
    text = report({"rounds": rounds})
    assert "1 measurement" in text
    assert "not reached" in text


def test_a_large_sweep_is_listed_in_part_and_drawn_whole() -> None:
    text = report({"big": map(to_json, noise(2, number=4096))})
    assert "4,096 targets" in text
    assert "1,2" in text
    assert re.search(r"and 1,\d\d\d more rows", text)
    assert len(text) < 400_000


PARTS = [None, True, -1, 0.5, 1e308, 10**400, "", "x", "::", [], {}, [None], {"a": 1}]


def broken(value: Any, chance: Random) -> Any:
    """A value of JSON with some part of it replaced by another thing."""
    if not value or chance.random() < 0.15 or not isinstance(value, dict | list):
        return chance.choice(PARTS)
    if isinstance(value, dict):
        key = chance.choice(sorted(value))
        return {**value, key: broken(value[key], chance)}
    i = chance.randrange(len(value))
    return [*value[:i], broken(value[i], chance), *value[i + 1 :]]


SHORT = attrs.evolve(demo().ping, outcomes=demo().ping.outcomes[:2])
SOUND = [
    *(to_dict(result) for result in (SHORT, demo().trace, demo().paths, demo().mtu)),
    *map(to_dict, [next(iter(demo().sweep.errors)), next(iter(demo().sweep.alive))]),
    CHANGES[0],
]


@given(st.integers(0, len(SOUND) - 1), st.integers(0, 2**32))
def test_any_line_is_shown_or_counted(which: int, seed: int) -> None:
    text = report({"x": [json.dumps(broken(SOUND[which], Random(seed)))]})
    assert ("no measurement was found in 1 line" in text) != ("1 measurement from" in text)


def test_the_command_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, rows in lines().items():
        (tmp_path / name).write_text("\n".join(rows))
    files = [str(tmp_path / name) for name in lines()]
    assert main(["report", *files, "-o", str(tmp_path / "out.html"), "--title", "Lab"]) == 0
    assert capsys.readouterr() == ("", "")
    written = (tmp_path / "out.html").read_text("utf-8")
    assert written == report(lines(), title="Lab")
    assert main(["report", files[0]]) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>")


def test_files_of_one_name_stay_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ping.json").write_text(to_json(SHORT))
    assert main(["report", str(tmp_path / "a" / "ping.json"), str(tmp_path / "b" / "ping.json")]) == 0
    assert "2 measurements from 2 files" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none"), "-o", str(tmp_path / "out.html")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert not (tmp_path / "out.html").exists()


WATCH = """<script>
document.querySelector("th button").click();
const root = document.documentElement;
const seen = [...document.querySelectorAll("figure")].filter(figure => figure.offsetHeight);
document.title = JSON.stringify({
  wide: root.scrollWidth, room: innerWidth, ground: getComputedStyle(document.body).backgroundColor,
  order: [...document.querySelector("table.sort").tBodies[0].rows].map(row => row.cells[0].textContent),
  figures: seen.length,
});
</script></body>"""


@pytest.mark.once
@pytest.mark.usefixtures("needs_root")
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the program chromium")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_it(width: int, dark: bool, tmp_path: Path) -> None:
    """Without a network. Its own policy is kept but for the script that looks at the page from inside."""
    digest = hashlib.sha256(WATCH.removeprefix("<script>").split("</script>")[0].encode()).digest()
    text = report(lines()).replace("</body>", WATCH)
    text = text.replace("script-src ", f"script-src 'sha256-{base64.b64encode(digest).decode()}' ")
    (tmp_path / "report.html").write_text(text, "utf-8")
    done = subprocess.run(
        [
            *("unshare", "--net", "chromium", "--headless", "--no-sandbox", "--disable-gpu"),
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},900",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--dump-dom",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    (title,) = re.findall(r"<title>(\{.*?\})</title>", done.stdout)
    found = json.loads(title)
    assert found["wide"] <= found["room"], "the page itself must not scroll sideways"
    assert found["ground"] == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
    assert found["order"] == [f"203.0.113.{host}" for host in (129, 130, 131, 132)]
    assert found["figures"] == 6
