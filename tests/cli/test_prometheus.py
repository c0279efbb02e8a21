"""The agent beside the real ones: a Prometheus scrapes it, and /probe says what blackbox_exporter says.

Debian's programs, where they are installed; loopback only.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.test_monitor import running

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("needs_icmp_socket")]

TARGETS = """\
[monitor]
interval = 0.1
listen = "127.0.0.1:0"
[[target]]
host = "127.0.0.1"
[[target]]
host = "127.0.0.2"
labels = { site = "here" }
"""

INHERITED = {"probe_icmp_packets_received_count", "probe_icmp_packets_sent_count"}
"""Names that others chose, and of which promtool says that a gauge should not end in `_count`."""


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs the program {program}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def fetch(url: str) -> str:
    """The text of a page, within ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                text: str = answer.read().decode()
            return text
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def program(*arguments: str) -> Iterator[None]:
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def query(port: int, expression: str) -> list[dict[str, object]]:
    """What Prometheus answers to a query, asked again until there is something, for 20 seconds."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = json.loads(fetch(url))
        assert answer["status"] == "success"
        found: list[dict[str, object]] = answer["data"]["result"]
        if found and all(each["value"][1] != "NaN" for each in found):  # type: ignore[index]
            return found
        time.sleep(0.2)
    raise AssertionError(f"no value for {expression}")


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    path = tmp_path / "targets.toml"
    path.write_text(TARGETS, "utf-8")
    return path


def test_promtool_finds_nothing_wrong(targets: Path) -> None:
    needs("promtool")
    with running(str(targets)) as agent:
        agent.line()
        text = agent.ask("/metrics")[1] + agent.ask("/probe?target=127.0.0.1")[1]
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    complaints = [
        line for line in (done.stdout + done.stderr).splitlines() if line.split()[0] not in INHERITED
    ]
    assert complaints == []


def test_a_prometheus_scrapes_it(targets: Path, tmp_path: Path) -> None:
    needs("prometheus")
    port = free_port()
    with running(str(targets)) as agent:
        config = tmp_path / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
            "scrape_configs:\n"
            "- job_name: agent\n"
            f"  static_configs: [{{targets: ['{agent.url.removeprefix('http://')}']}}]\n",
            "utf-8",
        )
        with program(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ):
            assert query(port, "up")[0]["value"][1] == "1"  # type: ignore[index]
            rate = "rate(smokeping_response_duration_seconds_bucket[5s])"
            median = query(port, f"histogram_quantile(0.5, sum by (host, le) ({rate}))")
            lost = query(
                port,
                "(smokeping_requests_total - smokeping_response_duration_seconds_count)"
                " / smokeping_requests_total",
            )
            up = query(port, 'anyicmp_target_up{site="here"}')
    assert {each["metric"]["host"] for each in median} == {"127.0.0.1", "127.0.0.2"}  # type: ignore[index]
    assert all(0 < float(each["value"][1]) < 0.1 for each in median)  # type: ignore[index]
    assert [float(each["value"][1]) for each in lost] == [0.0, 0.0]  # type: ignore[index]
    assert [each["value"][1] for each in up] == ["1"]  # type: ignore[index]


def fields(text: str) -> dict[str, float]:
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"
    }


@pytest.mark.usefixtures("needs_root")
def test_a_probe_says_what_blackbox_exporter_says(targets: Path, tmp_path: Path) -> None:
    """Field by field: equal names, helps and values, but for times, and those that it lacks."""
    needs("prometheus-blackbox-exporter")
    config, port = tmp_path / "blackbox.yml", free_port()
    config.write_text(
        "modules: {icmp: {prober: icmp, timeout: 2s, icmp: {preferred_ip_protocol: ip4}}}\n", "utf-8"
    )
    listen = f"127.0.0.1:{port}"
    blackbox = ("prometheus-blackbox-exporter", f"--config.file={config}", f"--web.listen-address={listen}")
    with running(str(targets)) as agent, program(*blackbox):
        for target in ("127.0.0.1", "::1"):
            where = "/probe?" + urllib.parse.urlencode({"target": target, "module": "icmp"})
            theirs, ours = fetch(f"http://{listen}{where}"), agent.ask(where)[1]
            helps = set(re.findall(r"^# .*$", theirs, re.MULTILINE))
            assert helps - set(re.findall(r"^# .*$", ours, re.MULTILINE)) == set()
            expected, found = fields(theirs), fields(ours)
            assert set(found) - set(expected) == {
                "probe_icmp_duration_rtt_max_seconds",
                "probe_icmp_duration_rtt_min_seconds",
                "probe_icmp_duration_rtt_stddev_seconds",
                "probe_icmp_packets_received_count",
                "probe_icmp_packets_sent_count",
            }
            for name in expected:
                if "duration" in name or "time" in name:
                    assert abs(found[name] - expected[name]) < 0.5
                else:
                    assert found[name] == expected[name], name
