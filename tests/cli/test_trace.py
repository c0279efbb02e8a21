"""`anyicmp trace`: the lines that users of traceroute know, one object for programs."""

from __future__ import annotations

import json
import re
import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from anyicmp import ErrorReply, Hop, MplsLabel, NoReply, Reply, SendFailure, Trace, Translation
from anyicmp.cli import trace as module
from anyicmp.cli.__main__ import main
from anyicmp.cli.trace import trace_lines
from anyicmp.export import to_dict
from anyicmp.wire import DestinationUnreachable, InterfaceInformation, Message, ParameterProblem, TimeExceeded
from cli.running import BACKENDS

from namespaces import NOBODY, chain, command

TARGET = IPv4Address("192.0.2.1")


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_line_for_each_hop(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "127.0.0.1", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert re.fullmatch(
        r"trace to 127\.0\.0\.1, icmp, 30 hops at most, 3 probes to each\n"
        r" 1  127\.0\.0\.1(  [\d.]+ ms){3}\n",
        out,
    )


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_json_is_one_object_and_the_trace_s_dict(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results: list[Any] = []
    to_json = module.to_json
    monkeypatch.setattr(module, "to_json", lambda result: results.append(result) or to_json(result))
    assert main(["trace", "127.0.0.1", "-q", "1", "--json", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    (result,) = results
    assert json.loads(out) == to_dict(result)
    assert json.loads(out)["reached"] is True


@pytest.mark.usefixtures("needs_namespaces")
@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_a_chain_of_routers_is_listed(uid: int | None) -> None:
    with chain(routers=3) as lab:
        for hops, target in ((lab.hops4, lab.target4), (lab.hops6, lab.target6)):
            child = command(lab.client, [sys.executable, "-m", "anyicmp", "trace", target], uid=uid)
            assert (child.returncode, child.stderr) == (0, "")
            lines = child.stdout.splitlines()[1:]
            assert [line.split()[:2] for line in lines] == [
                [str(ttl), address] for ttl, address in enumerate([*hops, target], 1)
            ]


@pytest.mark.usefixtures("needs_namespaces")
def test_an_unreachable_is_marked_and_explained() -> None:
    with chain(routers=2) as lab:
        command(lab.routers[1], ["ip", "route", "add", "unreachable", "10.78.0.0/24"])
        child = command(lab.client, [sys.executable, "-m", "anyicmp", "trace", "10.78.0.9", "-q", "1"])
    assert (child.returncode, child.stderr) == (1, "")
    *_, last, reason, verdict = child.stdout.splitlines()
    assert re.fullmatch(r" 2  10\.77\.1\.2  [\d.]+ ms !H", last)
    assert reason.startswith("!H: Host unreachable: ")
    assert verdict == "10.78.0.9 did not answer"


def reply(source: str, rtt: float) -> Reply:
    return Reply(target=TARGET, sequence=0, sent_at=0.0, source=IPv4Address(source), rtt=rtt, size=56)


def error(source: str, rtt: float, message: Message) -> ErrorReply:
    return ErrorReply(
        target=TARGET,
        sequence=0,
        sent_at=0.0,
        source=IPv4Address(source),
        rtt=rtt,
        message=message,
        type=message.type,
        code=message.code,
        reason=message.explain(),
    )


def lines(*hops: Hop, reached: bool = False) -> list[str]:
    trace = Trace(target=TARGET, host="far.example", hops=hops, reached=reached, method="icmp", flow=1)
    return list(trace_lines(trace, 30, 1))


SILENCE = NoReply(target=TARGET, sequence=0, sent_at=0.0, timeout=1.0)


def test_silence_is_a_star_and_an_address_is_named_where_it_changes() -> None:
    exceeded = TimeExceeded()
    assert lines(
        Hop(ttl=1, outcomes=(SILENCE, SILENCE, SILENCE)),
        Hop(
            ttl=2,
            outcomes=(
                error("10.0.0.1", 0.001, exceeded),
                error("10.0.0.1", 0.002, exceeded),
                SILENCE,
                error("10.0.0.2", 0.0005, exceeded),
            ),
            mpls=(MplsLabel(16, 5, True, 1),),
        ),
        Hop(ttl=10, outcomes=(reply("192.0.2.1", 0.0123),)),
        reached=True,
    ) == [
        "trace to far.example (192.0.2.1), icmp, 30 hops at most, 1 probe to each",
        " 1  * * *",
        " 2  10.0.0.1  1.00 ms  2.00 ms  *  10.0.0.2  0.500 ms",
        "      MPLS label 16, traffic class 5, TTL 1",
        "10  192.0.2.1  12.3 ms",
    ]


def test_errors_are_marked_as_traceroute_marks_them_and_each_is_explained_once() -> None:
    prohibited, odd = DestinationUnreachable(code=13), ParameterProblem(code=2)
    hop = Hop(
        ttl=3,
        outcomes=(
            error("10.0.0.1", 0.001, prohibited),
            error("10.0.0.1", 0.001, prohibited),
            error("10.0.0.1", 0.001, odd),
        ),
    )
    assert lines(hop)[1:] == [
        " 3  10.0.0.1  1.00 ms !X  1.00 ms !X  1.00 ms !<12-2>",
        f"!X: {prohibited.explain()}",
        f"!<12-2>: {odd.explain()}",
        "192.0.2.1 did not answer",
    ]


def test_what_could_not_be_sent_is_told_from_silence() -> None:
    failure = SendFailure(target=TARGET, sequence=0, sent_at=0.0, errno=13, reason="denied")
    assert lines(Hop(ttl=1, outcomes=(failure,)))[1:] == [" 1  !", "!: not sent: denied"]


def simulated(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    status = main(["trace", "server.demo", "-4", "--simulate", "demo", "-q", "1", *options])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--method", "udp"], "udp port 33434"),
        (["--method", "udp", "--port", "53", "--flow", "7"], "udp port 53"),
        (["--method", "tcp", "--port", "443"], "tcp port 443"),
    ],
)
def test_other_methods_are_named_with_their_port(
    capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    status, out, err = simulated(capsys, *options)
    assert (status, err) == (0, "")
    assert out.startswith(f"trace to server.demo (203.0.113.80), {says}, 30 hops at most, 1 probe to each\n")
    assert len(re.findall(r"^ \d  203|^ \d  19", out, re.MULTILINE)) == 9


def test_names_and_systems_stand_by_the_addresses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "prefixes"
    table.write_text("198.51.100.0/24\t64500\n")
    status, out, _ = simulated(capsys, "--names", "--asn", str(table))
    assert status == 0
    assert " 2  access.isp.demo (198.51.100.1) [AS64500]  " in out
    assert " 9  www.demo (203.0.113.80)  " in out
    _, out, _ = simulated(capsys, "--names", "--asn", str(table), "--json", "--method", "tcp")
    hop = json.loads(out)["hops"][1]
    assert (hop["names"], hop["asn"]) == (["access.isp.demo"], 64500)
    assert json.loads(out)["port"] == 80


@pytest.mark.parametrize("text", [None, "no table"])
def test_a_table_that_is_none_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | None
) -> None:
    table = tmp_path / "prefixes"
    if text is not None:
        table.write_text(text)
    status, out, err = simulated(capsys, "--asn", str(table))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert ("line 1 is not prefix, tab and number" if text else "No such file") in err


def test_what_a_hop_tells_besides_is_printed() -> None:
    trace = Trace(
        target=TARGET,
        hops=(
            Hop(
                ttl=1,
                outcomes=(error("10.0.0.1", 0.001, TimeExceeded()),),
                addresses=(IPv4Address("10.0.0.1"),),
                nat=False,
            ),
            Hop(
                ttl=2,
                outcomes=(error("10.0.0.1", 0.001, TimeExceeded()),),
                addresses=(IPv4Address("10.0.0.1"),),
                nat=True,
                rate_limited=True,
                interfaces=(InterfaceInformation(name="eth0"),),
            ),
        ),
        reached=False,
        method="udp",
        port=53,
        flow=1,
        loop=(IPv4Address("10.0.0.1"),),
        translations=(Translation(after=1, before=2, fields=("source", "checksum")),),
    )
    shown = list(trace_lines(trace, 2, 1))
    assert shown[2:6] == [
        "    rewritten on the way here: source, checksum",
        shown[3],
        "      The packet came in on the interface with name eth0 (RFC 5837).",
        "      answers some probes only: hops behind it answer more",
    ]
    assert "the path goes round: 10.0.0.1" in shown
