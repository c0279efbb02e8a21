"""`anyicmp diagnose`: steps as they end, a verdict, one JSON object, an exit status; its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import anyio
import pytest

import anyicmp
from anyicmp import Diagnosis, DiagnosisStep
from anyicmp.cli.__main__ import main
from anyicmp.cli.diagnose import diagnosis_status
from anyicmp.findings import STEPS
from api.diagnosis_rows import ROWS, TARGET, network
from cli.running import BACKENDS

DOCS = Path(__file__).parent.parent.parent / "docs"
SCENARIOS = Path(__file__).parent.parent / "scenarios"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_host_that_is_well(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the page about it shows, to the letter."""
    assert main(["diagnose", "--simulate", "demo", "server.demo", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"$ anyicmp diagnose --simulate demo server.demo\n{out}```" in (
        DOCS / "how-to" / "diagnose.md"
    ).read_text("utf-8")


def test_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = str(SCENARIOS / "ping_black_hole.toml")
    assert main(["diagnose", "10.0.0.1", "--simulate", scenario, "-W", "0.5"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[:2] for line in out.splitlines()[1:7]] == [
        [name, "failed" if name == "mtu" else "ok"] for name in STEPS
    ]
    verdict = "answers come, but packets above 1300 bytes vanish behind 10.1.0.1:"
    assert out.splitlines()[-1].startswith(verdict)


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--simulate", "demo", "nowhere.demo", "--json"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    found = json.loads(out)
    assert list(found) == ["ok", "host", "target", "steps", "verdict", "culprit"]
    assert (found["ok"], found["host"], found["target"]) == (False, "nowhere.demo", None)
    assert [(step["name"], step["status"]) for step in found["steps"]] == [
        (name, "skipped" if name != "name" else "failed") for name in STEPS
    ]


def test_octets_are_hexadecimal_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--simulate", "demo", "server.demo", "--json"]) == 0
    echo = json.loads(capsys.readouterr().out)["steps"][3]["data"]
    assert bytes.fromhex(echo["request"]["octets"])[20:22] == b"\x08\x00"
    assert bytes.fromhex(echo["reply"]["octets"])[20:22] == b"\x00\x00"
    assert bytes.fromhex(echo["reply"]["data"]) == bytes.fromhex(echo["request"]["data"])


def test_the_page_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of its examples is one of the healthy host's, or a verdict over a broken network."""
    main(["diagnose", "--simulate", "demo", "server.demo", "--verbose"])
    printed = set(capsys.readouterr().out.splitlines())

    async def verdicts() -> None:
        for row in ROWS.values():
            if 4 in row.versions and row.step is not None:
                scene = network(**row.scene)
                row.breaks(scene, 4)
                found = await anyicmp.diagnose((row.host or TARGET)[4], network=scene, family=4)
                printed.add(found.verdict)

    anyio.run(verdicts)
    page = (DOCS / "explanation" / "echo-request.md").read_text("utf-8")
    blocks = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    shown = [line for block in blocks for line in block.splitlines()]
    assert len(shown) > 20
    assert [line for line in shown if line not in printed] == []


def _found(failed: str | None, *, sent: int = 3) -> Diagnosis:
    steps = tuple(
        DiagnosisStep(
            name=name,
            status="failed" if name == failed else "ok",
            detail="",
            data={"sent": sent} if name == "echo" else {},
        )
        for name in STEPS
    )
    return Diagnosis(host="h", target=None, steps=steps, verdict="")


@pytest.mark.parametrize(
    ("failed", "sent", "status"),
    [
        (None, 3, 0),
        ("name", 3, 2),
        ("route", 3, 2),
        ("neighbor", 3, 1),
        ("echo", 3, 1),
        ("echo", 0, 2),
        ("path", 3, 1),
        ("mtu", 3, 1),
    ],
)
def test_the_exit_status(failed: str | None, sent: int, status: int) -> None:
    assert diagnosis_status(_found(failed, sent=sent)) == status


def test_what_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--simulate", "demo", "server.demo", "--port", "0"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "anyicmp: port must be 1 to 65535, not 0\n"
    assert main(["diagnose", "--simulate", "demo", "224.0.0.1"]) == 2
    assert "stands for many" in capsys.readouterr().err
