"""`anyicmp monitor`: its file and what is wrong in it, its lines, its server, its signals."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from anyicmp import MonitorTarget, Prober
from anyicmp.cli.__main__ import main
from anyicmp.cli.agent_file import AgentFileError, Module, read_agent_file
from anyicmp.cli.agent_probe import address_hash
from cli.running import BACKENDS, start

GOOD = """\
[monitor]
listen = "127.0.0.1:0"
interval = 0.2

[[target]]
host = "127.0.0.1"
labels = { site = "here" }

[[target]]
host = "127.0.0.2"
interval = 1

[module.three]
count = 3
interval = 0.01
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "targets.toml"
    path.write_text(GOOD, "utf-8")
    return path


def test_a_file(path: Path) -> None:
    found = read_agent_file(path, Prober())
    assert (found.listen, found.options) == (("127.0.0.1", 0), {"interval": 0.2})
    assert found.targets == (
        MonitorTarget("127.0.0.1", labels={"site": "here"}),
        MonitorTarget("127.0.0.2", interval=1),
    )
    assert found.modules["three"] == Module(count=3, interval=0.01)
    assert set(found.modules) == {"icmp", "icmp_v4", "icmp_v6", "three"}
    assert read_agent_file(path, Prober(), listen="[::1]:99").listen == ("::1", 99)
    assert read_agent_file(path, Prober(), listen="").listen is None


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("[monitor\n", 1, "no TOML"),
        ("[monitors]\n[[target]]\nhost = 'a'\n", 1, "'monitors'; known here: module, monitor, target"),
        ("x = 1\n[[target]]\nhost = 'a'\n", 1, "unknown key 'x'"),
        ("[monitor]\n\nintervall = 3\n", 3, "unknown key 'intervall'"),
        ("[monitor]\ninterval = 'often'\n", 2, "interval must be a number, not 'often'"),
        ("[monitor]\ninterval = true\n", 2, "interval must be a number"),
        ("[monitor]\nwindow = 60\ninterval = -1\n", 3, "interval must be above 0"),
        ("[monitor]\nlisten = 'here'\n[[target]]\nhost = 'a'\n", 2, '"address:port" is wanted'),
        ("[monitor]\nlisten = 3\n", 2, "listen must be text, not 3"),
        ("[monitor]\nfamily = 4\n", 2, "unknown key 'family'"),
        ("target = 3\n", 1, "target must be an array of tables ([[target]]), not 3"),
        ("target = [3]\n", 1, "a table is wanted here, not 3"),
        ("[[target]]\nhost = 'a'\n[[target]]\nkey = 'b'\n", 3, "a target has a host"),
        ("[[target]]\nhost = 'a'\n\n[[target]]\n  host = 3\n", 5, "host must be text"),
        ("[[target]]\nhost = 'a'\n[[target]]\nhost = 'b'\nttl = 300\n", 5, "ttl must be 1 to 255"),
        ("[[target]]\nhost = 'a'\n[[target]]\nhost = ' '\n", 4, "a host must not be empty"),
        ("[[target]]\nhost = 'a'\n[[target]]\nhost = 'a'\n", 4, "'a' is at line 1 already"),
        ("[[target]]\nhost = 'a'\nlabels = 3\n", 3, "labels must be a table"),
        ("[[target]]\nhost = 'a'\nlabels = { ip = 'x' }\n", 3, "'ip' is no name for a label"),
        ("[[target]]\nhost = 'a'\n[target.labels]\n'a-b' = 'x'\n", 3, "'a-b' is no name for a label"),
        ("[[target]]\nhost = 'a'\nlabels.x = 3\n", 3, "the label x must be text, not 3"),
        ("[[target]]\nhost = 'a'\n[module.x]\ncount = 0\n", 4, "count must be 1 or more"),
        ("[[target]]\nhost = 'a'\n[module.x]\n\nmethod = 'tcp'\n", 5, "unknown key 'method'"),
        ("[[target]]\nhost = 'a'\n[module]\nx = 3\n", 4, "a table is wanted here, not 3"),
        ("", None, "no [[target]]"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, line: int | None, why: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(AgentFileError) as caught:
        read_agent_file(path, Prober())
    where = str(path) if line is None or "TOML" in why else f"{path}, line {line}"
    assert str(caught.value).startswith(f"{where}: ")
    assert why in str(caught.value)


def test_checking_a_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 2 targets\n"
    path.write_text("[[target]]\nhots = 'a'\n", "utf-8")
    assert main(["monitor", "--check", str(path)]) == 2
    assert "line 2: unknown key 'hots'" in capsys.readouterr().err
    assert main(["monitor", "--check", str(path.with_name("nowhere"))]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("backend", BACKENDS)
def test_lines_for_people_and_for_programs(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "targets.toml"
    path.write_text('[[target]]\nhost = "border.demo"\n[[target]]\nhost = "203.0.113.250"\n', "utf-8")
    arguments = ["monitor", str(path), "--simulate", "demo", "--backend", backend, "--duration", "10"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, second = out.splitlines()
    assert re.fullmatch(r"2023-11-14 22:13:20 border\.demo \(\S+\) up: it answers", first)
    assert re.fullmatch(r"2023-11-14 22:13:2\d 203\.0\.113\.250 (down|unreachable): .*", second)
    assert main([*arguments, "--json"]) == 0
    changes = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [(change["key"], change["state"], change["previous"]) for change in changes] == [
        ("border.demo", "up", "unknown"),
        ("203.0.113.250", "down" if "down" in second else "unreachable", "unknown"),
    ]
    assert set(changes[0]) == {"key", "target", "state", "previous", "reason", "at"}


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "targets.toml"
    path.write_text('[[target]]\nhost = "203.0.113.250"\n', "utf-8")
    assert main(["monitor", str(path), "--simulate", "demo", "--duration", "5"]) == 1
    assert capsys.readouterr().out.count("\n") == 1


class Agent:
    """An agent that runs, and its server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        said = process.stderr.readline().strip()
        self.url = said.removeprefix("anyicmp: metrics at ").removesuffix("/metrics")

    def ask(self, where: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(self.url + where, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def running(*arguments: str) -> Iterator[Agent]:
    process = start("monitor", *arguments)
    try:
        yield Agent(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.once
@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_agent_serves_reloads_and_ends(backend: str, path: Path) -> None:
    with running(str(path), "--backend", backend, "--json") as agent:
        assert {json.loads(agent.line())["key"] for _ in range(2)} == {"127.0.0.1", "127.0.0.2"}
        status, text = agent.ask("/metrics")
        assert status == 200
        here = 'ip="127.0.0.1",host="127.0.0.1",source="",tos="0",site="here"'
        assert f'smokeping_response_duration_seconds_bucket{{{here},le="+Inf"}}' in text
        assert 'host="127.0.0.2"' in text
        assert agent.ask("/-/healthy") == (200, "Healthy\n")
        assert agent.ask("/")[0] == 404
        assert agent.ask("/-/reload")[0] == 405
        assert agent.ask("/metrics", "POST")[0] == 405

        status, text = agent.ask("/probe?target=127.0.0.1&module=three")
        assert status == 200
        found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        expected = {
            "probe_success": "1",
            "probe_ip_protocol": "4",
            "probe_ip_addr_hash": "3668918509",
            "probe_icmp_packets_sent_count": "3",
            "probe_icmp_packets_received_count": "3",
            "probe_icmp_reply_hop_limit": "64",
        }
        assert {name: found[name] for name in expected} == expected
        assert (
            float(found["probe_icmp_duration_rtt_min_seconds"])
            <= float(found['probe_icmp_duration_seconds{phase="rtt"}'])
            <= float(found["probe_icmp_duration_rtt_max_seconds"])
        )
        status, text = agent.ask("/probe?target=127.0.0.1&module=icmp_v6")
        assert (status, "probe_success 0\n" in text) == (200, True)
        assert agent.ask("/probe")[0] == agent.ask("/probe?target=127.0.0.1&module=no")[0] == 400

        path.write_text(GOOD.replace("127.0.0.2", "127.0.0.3"), "utf-8")
        assert agent.ask("/-/reload", "POST") == (200, "")
        assert json.loads(agent.line())["key"] == "127.0.0.3"
        assert "127.0.0.2" not in agent.ask("/metrics")[1]
        path.write_text("[[target]]\nhots = 'a'\n", "utf-8")
        status, text = agent.ask("/-/reload", "PUT")
        assert (status, "line 2: unknown key 'hots'" in text) == (500, True)
        path.write_text(GOOD.replace("127.0.0.2", "127.0.0.4"), "utf-8")
        agent.process.send_signal(signal.SIGHUP)
        assert json.loads(agent.line())["key"] == "127.0.0.4"
        agent.process.send_signal(signal.SIGTERM)
        out, err = agent.process.communicate(timeout=20)
    assert (agent.process.returncode, out) == (0, "")
    assert "not reloaded" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("needs_icmp_socket")
def test_ctrl_c_ends_an_agent(path: Path) -> None:
    with running(str(path)) as agent:
        agent.line()
        agent.process.send_signal(signal.SIGINT)
        agent.process.communicate(timeout=20)
        assert agent.process.returncode == 130


@pytest.mark.usefixtures("needs_icmp_socket")
def test_a_port_that_is_taken(path: Path) -> None:
    with running(str(path)) as agent:
        port = agent.url.rpartition(":")[2]
        second = start("monitor", str(path), "--listen", f"127.0.0.1:{port}")
        out, err = second.communicate(timeout=20)
        assert (second.returncode, out, err) == (2, "", "anyicmp: Address already in use\n")


@pytest.mark.parametrize(("address", "expected"), [("127.0.0.1", 3668918509), ("::1", 1751717746)])
def test_the_hash_of_an_address_is_blackbox_exporter_s(address: str, expected: int) -> None:
    assert address_hash(ip_address(address)) == expected
