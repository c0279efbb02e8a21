"""`anyicmp ping`: ping's well-known shape for people, one object for programs."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address
from typing import Any

import pytest

from anyicmp import ErrorReply, NoReply, PingResult, Reply, SendFailure, Statistics
from anyicmp.cli import ping as module
from anyicmp.cli.__main__ import main
from anyicmp.cli.ping import outcome_line, summary_lines
from anyicmp.cli.text import milliseconds, percent
from anyicmp.export import to_dict
from anyicmp.wire import DestinationUnreachable
from cli.running import BACKENDS

TARGET = IPv4Address("192.0.2.1")


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_line_for_each_probe_and_a_summary(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ping", "-c", "3", "-i", "0.01", "127.0.0.1", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert re.fullmatch(
        r"PING 127\.0\.0\.1: 56 data bytes\n"
        r"(64 bytes from 127\.0\.0\.1: seq=\d ttl=\d+ time=[\d.]+ ms\n){3}"
        r"\n--- 127\.0\.0\.1 ping statistics ---\n"
        r"3 packets transmitted, 3 received, 0% packet loss\n"
        r"rtt min/avg/max/stddev = [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms\n",
        out,
    )
    assert re.findall(r"seq=(\d)", out) == ["0", "1", "2"]


@pytest.mark.usefixtures("needs_icmp_socket", "needs_ipv6")
def test_ipv6_and_a_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ping", "-c", "1", "-s", "1000", "::1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PING ::1: 1000 data bytes\n1008 bytes from ::1: seq=0 ")


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_json_is_one_object_and_the_result_s_dict(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results: list[Any] = []
    to_json = module.to_json
    monkeypatch.setattr(module, "to_json", lambda result: results.append(result) or to_json(result))
    assert main(["ping", "-c", "2", "-i", "0.01", "127.0.0.1", "--json", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    written = json.loads(out)
    (result,) = results
    assert isinstance(result, PingResult)
    assert written == to_dict(result)
    assert [outcome["sequence"] for outcome in written["outcomes"]] == [0, 1]
    assert written["statistics"]["received"] == 2
    assert written["is_alive"]


def test_each_kind_of_end_has_its_line() -> None:
    assert (
        outcome_line(
            Reply(
                target=TARGET,
                sequence=7,
                sent_at=0.0,
                source=TARGET,
                rtt=0.0123,
                ttl=57,
                size=56,
                duplicates=2,
            )
        )
        == "64 bytes from 192.0.2.1: seq=7 ttl=57 time=12.3 ms duplicates=2"
    )
    unreachable = DestinationUnreachable(code=1)
    line = outcome_line(
        ErrorReply(
            target=TARGET,
            sequence=8,
            sent_at=0.0,
            source=IPv4Address("192.0.2.254"),
            rtt=0.1,
            message=unreachable,
            type=3,
            code=1,
            reason=unreachable.explain(),
        )
    )
    assert line.startswith("From 192.0.2.254: seq=8 Host unreachable: ")
    assert (
        outcome_line(NoReply(target=TARGET, sequence=9, sent_at=0.0, timeout=0.5))
        == "seq=9 no answer within 0.5 s"
    )
    assert (
        outcome_line(SendFailure(target=TARGET, sequence=0, sent_at=0.0, errno=101, reason="no route"))
        == "seq=0 not sent: no route"
    )


def test_the_summary_names_only_what_happened() -> None:
    assert summary_lines("far.example", Statistics(sent=4, received=3, errors=1, late=2, loss=0.25)) == [
        "",
        "--- far.example ping statistics ---",
        "4 packets transmitted, 3 received, +1 errors, +2 late, 25% packet loss",
    ]
    assert summary_lines("far.example", Statistics(failed=1))[-1] == (
        "0 packets transmitted, 0 received, +1 not sent"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0000412, "0.041"),
        (0.00123, "1.23"),
        (0.0123, "12.3"),
        (0.1234, "123"),
        (0.0009997, "1.00"),
        (2, "2000"),
    ],
)
def test_milliseconds_have_the_digits_that_mean_something(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text


def test_a_share_of_one_in_ten_thousand_is_not_rounded_away() -> None:
    assert [percent(share) for share in (0, 1 / 3, 0.9999, 1)] == ["0%", "33.33%", "99.99%", "100%"]
