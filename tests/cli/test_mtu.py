"""`anyicmp mtu`: a few lines for people, one object for programs."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from anyicmp import NoReply, PathMtu, PathMtuStep, SendFailure
from anyicmp.cli.__main__ import main
from anyicmp.cli.mtu import mtu_lines
from cli.running import BACKENDS

TARGET = IPv4Address("192.0.2.1")
ROUTER = IPv4Address("198.51.100.7")
SCENARIOS = Path(__file__).parent.parent / "scenarios"
SILENCE = PathMtuStep(size=68, outcome=NoReply(target=TARGET, sequence=0, sent_at=0.0, timeout=1.0))
REFUSED = PathMtuStep(
    size=68, outcome=SendFailure(target=TARGET, sequence=0, sent_at=0.0, errno=101, reason="no route")
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_black_hole(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = str(SCENARIOS / "ping_black_hole.toml")
    assert main(["mtu", "10.0.0.1", "--simulate", scenario, "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == (
        "path MTU to 10.0.0.1: 1,300 octets\n"
        "  larger packets vanish, and nobody reports it (black hole)\n"
        "  limited by 10.1.0.1, hop 1\n"
    )


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = str(SCENARIOS / "ping_too_big_v6.toml")
    assert main(["mtu", "2001:db8:f::1", "--simulate", scenario, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    found = json.loads(out)
    assert list(found) == [
        "target",
        "host",
        "mtu",
        "confirmed",
        "limited_by",
        "limited_at",
        "black_hole",
        "steps",
    ]
    assert (found["mtu"], found["limited_by"], found["black_hole"]) == (1300, "2001:db8:1::1", False)
    assert [(step["size"], step["outcome"]["kind"]) for step in found["steps"]] == [
        (65535, "error"),
        (1300, "reply"),
        (1301, "error"),
    ]


def test_a_host_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = str(SCENARIOS / "ping_absent.toml")
    assert main(["mtu", "10.0.0.1", "--simulate", scenario]) == 1
    assert capsys.readouterr().out == "10.0.0.1 did not answer, whatever the size\n"


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            PathMtu(target=TARGET, mtu=1400, confirmed=False, limited_by=ROUTER, black_hole=False),
            [
                "path MTU to 192.0.2.1: 1,400 octets",
                "  as reported: 192.0.2.1 itself did not answer",
                "  limited by 198.51.100.7",
            ],
        ),
        (
            PathMtu(target=TARGET, host="a.example", mtu=1400, confirmed=True, black_hole=True),
            [
                "path MTU to a.example (192.0.2.1): 1,400 octets",
                "  larger packets vanish, and nobody reports it (black hole)",
                "  the hop where they vanish could not be told",
            ],
        ),
        (
            PathMtu(target=TARGET, mtu=None, confirmed=False, black_hole=None, steps=(REFUSED, SILENCE)),
            ["192.0.2.1 did not answer, whatever the size"],
        ),
        (
            PathMtu(target=TARGET, mtu=None, confirmed=False, black_hole=None, steps=(REFUSED,)),
            ["nothing could be sent to 192.0.2.1: no route"],
        ),
    ],
)
def test_what_is_printed(found: PathMtu, lines: list[str]) -> None:
    assert list(mtu_lines(found)) == lines
