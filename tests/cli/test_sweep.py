"""`anyicmp sweep`: who answers and a summary for people, a line for each target for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from anyicmp import ErrorReply, NoReply, RateLoss, Reply, SendFailure
from anyicmp.cli import sweep as module
from anyicmp.cli.__main__ import main
from anyicmp.cli.sweep import outcome_line
from anyicmp.cli.sweep_summary import rate_line
from anyicmp.cli.targets import DEFAULT_RATE, default_rate
from anyicmp.export import to_dict
from anyicmp.wire import DestinationUnreachable
from cli.running import BACKENDS, run

TARGET = IPv4Address("192.0.2.1")


needs_a_socket = pytest.mark.usefixtures("needs_icmp_socket")


@needs_a_socket
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_hosts_that_answer_and_a_summary(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "127.0.0.0/24", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines, _, summary = out.partition("\n\n")
    hosts = [re.fullmatch(r"(127\.0\.0\.\d+) +[\d.]+ ms", line) for line in lines.splitlines()]
    assert all(hosts)
    assert {host[1] for host in hosts if host} == {f"127.0.0.{n}" for n in range(1, 255)}
    assert re.fullmatch(r"254 targets: 254 alive \(100%\)\nrtt min/avg/max = .* ms\n", summary)


@needs_a_socket
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_large_network_as_json_lines_through_a_pipe(backend: str) -> None:
    """All 65,534 lines come, each one an object, each target once, and nothing is lost on the way."""
    child = run("sweep", "127.0.0.0/16", "--json", "--backend", backend)
    assert (child.returncode, child.stderr) == (0, "")
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(lines) == 65534
    assert {line["kind"] for line in lines} == {"reply"}
    assert {line["sequence"] for line in lines} == set(range(65534))
    assert len({line["target"] for line in lines}) == 65534


@needs_a_socket
def test_json_lines_are_the_outcomes_dicts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: list[Any] = []
    to_json = module.to_json
    monkeypatch.setattr(module, "to_json", lambda outcome: outcomes.append(outcome) or to_json(outcome))
    assert main(["sweep", "127.0.0.0/29", "host.invalid", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [to_dict(outcome) for outcome in outcomes]
    assert sorted(outcome.kind for outcome in outcomes) == ["failed"] + ["reply"] * 6
    assert err.startswith("anyicmp: host.invalid: ")


@needs_a_socket
def test_a_bad_target_costs_the_others_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "127.0.0.1", "host.invalid", "127.0.0.2"]) == 0
    out, err = capsys.readouterr()
    assert "3 targets: 2 alive (66.67%), 1 not sent\n" in out
    assert err.startswith("anyicmp: host.invalid: ")
    assert err.count("\n") == 1


@needs_a_socket
def test_all_lists_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--all", "127.0.0.1", "host.invalid"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^host\.invalid +not sent: .", out, re.MULTILINE)
    assert re.search(r"^127\.0\.0\.1 +[\d.]+ ms$", out, re.MULTILINE)


@needs_a_socket
def test_targets_from_files_and_standard_input(tmp_path: Path) -> None:
    listed = tmp_path / "targets"
    listed.write_text("127.0.0.2 127.0.0.3  # two on a line\n\n# nothing here\n127.0.0.8-127.0.0.9\n")
    child = run("sweep", "127.0.0.1", "-", "--from", str(listed), "--json", stdin="127.0.0.4\n127.0.0.5\n")
    assert (child.returncode, child.stderr) == (0, "")
    rows = [json.loads(line) for line in child.stdout.splitlines()]
    rows.sort(key=lambda row: row["sequence"])
    assert [row["target"] for row in rows] == [f"127.0.0.{n}" for n in (1, 4, 5, 2, 3, 8, 9)]


@needs_a_socket
def test_a_mistake_in_a_file_is_found_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "targets"
    listed.write_text("127.0.0.1\n127.0.0.1/8\n")
    assert main(["sweep", "--from", str(listed)]) == 2
    assert capsys.readouterr() == ("", "anyicmp: 127.0.0.1/8: has host bits set\n")


@needs_a_socket
def test_excluded_targets_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "127.0.0.0/29", "--exclude", "127.0.0.2-127.0.0.4", "--exclude", "127.0.0.6"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"^127\S+", out, re.MULTILINE) == ["127.0.0.1", "127.0.0.5"]


@needs_a_socket
def test_shards_of_one_seed_are_all_targets_once(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[list[str]] = []
    for index in ("0", "1", "2"):
        assert main(["sweep", "127.0.0.0/26", "--shuffle", "7", "--shard", index, "3"]) == 0
        seen.append(re.findall(r"^127\S+", capsys.readouterr().out, re.MULTILINE))
    assert sorted(IPv4Address(target) for shard in seen for target in shard) == [
        IPv4Address(f"127.0.0.{n}") for n in range(1, 63)
    ]
    assert [len(shard) for shard in seen] in ([21, 21, 20], [20, 21, 21], [21, 20, 21])
    assert seen[0] != sorted(seen[0], key=IPv4Address)


@needs_a_socket
def test_when_all_is_excluded_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "127.0.0.1", "--exclude", "127.0.0.0/8"]) == 2
    assert capsys.readouterr() == ("", "anyicmp: there is nothing to probe: all targets are excluded\n")


@pytest.mark.parametrize("targets", [["127.0.0.0/16"], ["127.0.0.1", "::1"], ["127.0.0.1-127.0.0.9"]])
def test_on_loopback_there_is_no_rate_by_default(targets: list[str]) -> None:
    assert default_rate(targets) == 0


@pytest.mark.parametrize(
    "targets", [["10.0.0.0/8"], ["127.0.0.1", "192.0.2.1"], ["localhost"], ["127.0.0.1-128.0.0.1"], ["::/0"]]
)
def test_a_network_is_spared_by_default(targets: list[str]) -> None:
    assert default_rate(targets) == DEFAULT_RATE


@needs_a_socket
@pytest.mark.parametrize(
    ("options", "rate"), [([], None), (["--rate", "0"], None), (["--rate", "50.5"], 50.5)]
)
def test_the_rate_reaches_the_library(
    options: list[str], rate: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def open_sweep(prober: object, targets: object, **given: Any) -> None:
        asked.append(given["rate"])
        raise ValueError("enough")

    monkeypatch.setattr("anyicmp.Prober.open_sweep", open_sweep)
    assert main(["sweep", "127.0.0.1", *options]) == 2
    assert asked == [rate]


def every_kind() -> Iterator[tuple[Any, str]]:
    fields: dict[str, Any] = {"target": TARGET, "sequence": 0, "sent_at": 0.0}
    yield Reply(**fields, source=TARGET, rtt=0.0123, size=56), "192.0.2.1        12.3 ms"
    other = IPv4Address("192.0.2.9")
    yield Reply(**fields, source=other, rtt=0.0123, size=56), "192.0.2.1        12.3 ms  from 192.0.2.9"
    yield NoReply(**fields, host="a.example", timeout=1.0), "a.example (192.0.2.1)  no answer within 1 s"
    error = DestinationUnreachable(code=1)
    yield (
        ErrorReply(**fields, source=other, rtt=0.1, message=error, type=3, code=1, reason=error.explain()),
        f"192.0.2.1        error from 192.0.2.9: {error.explain()}",
    )
    yield SendFailure(**fields, errno=13, reason="denied"), "192.0.2.1        not sent: denied"


@pytest.mark.parametrize(("outcome", "line"), list(every_kind()))
def test_each_kind_of_end_has_its_line(outcome: Any, line: str) -> None:
    assert outcome_line(outcome) == line


RATES: list[tuple[dict[str, Any], str]] = [
    (
        {"recovered": 40, "loss": 0.61, "slow_loss": 0.0, "chance": 1e-9, "rises": True},
        "too fast: at 20,000 targets a second about 61% of the hosts that answer seemed silent, at 1,000 0%",
    ),
    (
        {"recovered": 40, "loss": 0.99, "slow_loss": None, "chance": 1e-9, "rises": True},
        (
            "too fast: at 20,000 targets a second about 99% of the hosts that answer seemed silent, "
            "at 1,000 they did not"
        ),
    ),
    (
        {"recovered": 1, "loss": 0.01, "slow_loss": 0.01, "chance": 0.5, "rises": False},
        "not too fast: at 1,000 targets a second loss is not lower beyond chance than at 20,000",
    ),
]


@pytest.mark.parametrize(("fields", "line"), RATES)
def test_what_is_said_of_the_rate(fields: dict[str, Any], line: str) -> None:
    loss = RateLoss(rate=20_000.0, slow_rate=1000.0, silent=200, answered=200, lost=0, **fields)
    assert rate_line(loss) == line


@pytest.mark.parametrize("as_json", [True, False])
def test_a_recheck_is_told_at_the_end(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside JSON on standard error."""
    targets = ["server.demo", "192.0.2.200", "192.0.2.201"]
    options = ["--rate", "10", "--recheck", "2", "--simulate", "demo", *["--json"] * as_json]
    assert main(["sweep", *targets, *options]) == 0
    streams = capsys.readouterr()
    told, other = (streams.err, streams.out) if as_json else (streams.out, streams.err)
    assert "not too fast: at 1 targets a second" in told
    assert "fast" not in other
