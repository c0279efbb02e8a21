"""`anyicmp mtu`: a few lines for people, one object for programs."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

import anyio
import pytest

from anyicmp import NoReply, PathMtu, PathMtuStep, SendFailure
from anyicmp.cli.__main__ import main
from anyicmp.cli.mtu import _mtu, mtu_lines
from anyicmp.cli.options import Setting
from anyicmp.testing import SimulatedNetwork
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
        "complete",
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


@pytest.mark.anyio
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
async def test_what_is_known_when_it_is_stopped_is_printed(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three timeouts for 1,500 octets; now many sizes wait for silence beside those that have passed."""
    network = SimulatedNetwork.from_toml(SCENARIOS / "ping_black_hole.toml")
    setting = Setting(backend="asyncio", as_json=as_json, prober={"network": network})
    stop = anyio.CancelScope()
    network.clocks.after(3.5, stop.cancel)
    await _mtu(setting, "10.0.0.1", {}, stop)
    assert stop.cancelled_caught
    out, err = capsys.readouterr()
    assert err == ""
    if as_json:
        assert (json.loads(out)["mtu"], json.loads(out)["complete"]) == (1280, False)
    else:
        assert out == (
            "path MTU to 10.0.0.1: 1,280 octets or more\n  the search was stopped before its end\n"
        )


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
            PathMtu(target=TARGET, mtu=1400, confirmed=True, black_hole=True, complete=False),
            ["path MTU to 192.0.2.1: 1,400 octets or more", "  the search was stopped before its end"],
        ),
        (
            PathMtu(target=TARGET, mtu=1400, confirmed=False, black_hole=False, complete=False),
            [
                "path MTU to 192.0.2.1: 1,400 octets",
                "  as reported: 192.0.2.1 itself did not answer",
                "  the search was stopped before its end",
            ],
        ),
        (
            PathMtu(target=TARGET, mtu=None, confirmed=False, black_hole=None, complete=False),
            ["192.0.2.1 has not answered any size yet: the search was stopped"],
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
