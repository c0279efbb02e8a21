"""Every example runs as it stands, on loopback, and prints what it promises."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import urllib.request
from ipaddress import ip_address
from pathlib import Path

import pytest

from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.testing.topology import ip_packet
from anyicmp.wire import EchoReply, encode
from doc_blocks import Reader

pytestmark = pytest.mark.anybody

EXAMPLES = Path(__file__).parent.parent / "examples"
PRINTED = {
    "diagnose.py": "127.0.0.1 answers",
    "gateways.py": "use 127.0.0.1",
    "listen.py": "listening for 0.5 s",
    "make_report.py": "2 measurements are in",
    "multipath.py": "  1  127.0.0.1",
    "path_mtu.py": "65535 octets",
    "ping_one.py": "3 of 3 answered",
    "sweep_map.py": "1022 of 1022 hosts answered",
    "sweep_subnet.py": "14 of 14 hosts answered",
    "traceroute.py": "  1  127.0.0.1",
    "which_way.py": "127.0.0.1 matches 127.0.0.1/32, through lo (local)",
}
SIMULATED = {
    "captured_packet.py": ["203.0.113.1 > 192.0.2.10", "about a packet to 203.0.113.80: TTL exceeded"],
    "captured_packet.py 4500": ["no ICMP packet: "],
    "captured_packet.py {reply}": ["203.0.113.80 > 192.0.2.10, hop limit 64\nanswers number 1 of 7\n"],
    "dual_stack.py server.demo": ["IPv4 203.0.113.80: 31.", "IPv6 2001:db8:300::80: 29."],
    "first_to_answer.py 203.0.113.136 two.demo one.demo": ["first: one.demo"],
    "first_to_answer.py 203.0.113.136": ["first: None"],
    "live_trace.py server.demo 3": ["203.0.113.33", "203.0.113.80"],
    "million_in_columns.py 10.0.0.0/20": [
        "4094 of 4094 answered, half of them within 0.10 ms\n32752 octets of times\n"
    ],
    "multicast.py 224.0.0.1": ["192.0.2.1 answered in 1.0 ms\n192.0.2.7 answered in 1.0 ms\n"],
    "sweep_to_csv.py 203.0.113.128/28": ["4 of 14 hosts answered, see alive.csv"],
    "web_handler.py server.demo": ['200\n{"sent": 3, "received": 3, "loss": 0.0}\n'],
    "web_handler.py 203.0.113.136": ['504\n{"sent": 3, "received": 0, "loss": 1.0}\n'],
    "web_handler.py nobody.demo": ['404\n{"error": "nobody.demo: '],
}
TESTS = {"test_gateways.py": "3 passed"}
AGENTS = ("agent_asyncio.py", "agent_trio.py")


def test_every_example_is_run_here() -> None:
    """A new example needs a line above."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        *PRINTED,
        *(line.split()[0] for line in SIMULATED),
        *TESTS,
        *AGENTS,
        "prometheus_agent.py",
    }


def python(*arguments: str) -> str:
    """What it prints; it ends with status 0, says nothing on standard error, and warns of nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize(("name", "printed"), PRINTED.items())
def test_the_example_prints_what_it_promises(name: str, printed: str) -> None:
    assert printed in python(str(EXAMPLES / name))


@pytest.mark.virtual_time
@pytest.mark.parametrize(("line", "printed"), SIMULATED.items())
def test_the_example_prints_what_it_promises_in_a_simulated_internet(
    line: str, printed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = SimulatedNetwork.from_toml("demo")
    network.add("10.0.0.0/16", Host(delay=100e-6))
    network.add("224.0.0.1", Host(delay=1e-3, responders=(ip_address("192.0.2.1"), ip_address("192.0.2.7"))))
    reply = encode(EchoReply(identifier=7, sequence=1, data=b""))
    packet = ip_packet(reply, 4, ip_address("203.0.113.80").packed, ip_address("192.0.2.10").packed)
    reader = Reader()
    with contextlib.closing(reader), network.activate():
        said = reader.type(f"python {EXAMPLES / line}".format(reply=packet.hex()))
    for part in printed:
        assert part in said
    if line.startswith("sweep_to_csv"):
        rows = (tmp_path / "alive.csv").read_text("utf-8").splitlines()
        assert sorted(row.partition(",")[0] for row in rows)[:2] == ["203.0.113.129", "203.0.113.130"]


@pytest.mark.programs
@pytest.mark.parametrize(("name", "printed"), TESTS.items())
def test_the_example_of_a_test_passes(name: str, printed: str) -> None:
    """With the plugin as it is installed, and without a network."""
    assert printed in python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / name))


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_watches_three_hundred_hosts_reloads_and_stops(name: str, tmp_path: Path) -> None:
    path = EXAMPLES / name
    assert len(path.read_text("utf-8").splitlines()) < 60
    hosts = [f"127.0.{1 + i // 100}.{1 + i % 100}" for i in range(301)]
    (tmp_path / "hosts.txt").write_text("\n".join(hosts[1:]), "utf-8")
    agent = subprocess.Popen(
        [sys.executable, "-W", "error", str(path), *hosts[:300]],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    too_late = threading.Timer(30, agent.kill)
    too_late.start()
    try:
        assert agent.stdout is not None
        said = sorted(agent.stdout.readline() for _ in hosts[:300])
        assert said == sorted(f"{host} is up: it answers\n" for host in hosts[:300])
        agent.send_signal(signal.SIGHUP)
        assert agent.stdout.readline() == f"{hosts[300]} is up: it answers\n"
        agent.send_signal(signal.SIGTERM)
        out, err = agent.communicate(timeout=30)
    finally:
        too_late.cancel()
        agent.kill()
        agent.wait()
    assert (agent.returncode, out, err) == (0, "stopped\n", "")


@pytest.mark.usefixtures("needs_icmp_socket")
def test_the_agent_of_prometheus_serves_reloads_and_stops(tmp_path: Path) -> None:
    (tmp_path / "hosts.txt").write_text("127.0.0.1 127.0.0.2", "utf-8")
    agent = subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLES / "prometheus_agent.py"), "0", "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    too_late = threading.Timer(30, agent.kill)
    too_late.start()
    try:
        assert agent.stdout is not None
        address = agent.stdout.readline().strip()
        assert agent.stdout.readline() == "127.0.0.1 is up: it answers\n"
        agent.send_signal(signal.SIGHUP)
        assert agent.stdout.readline() == "127.0.0.2 is up: it answers\n"
        with urllib.request.urlopen(address, timeout=10) as page:
            metrics = page.read().decode()
        agent.send_signal(signal.SIGTERM)
        out, err = agent.communicate(timeout=30)
    finally:
        too_late.cancel()
        agent.kill()
        agent.wait()
    assert (agent.returncode, out, err) == (0, "stopped\n", "")
    assert 'smokeping_requests_total{host="127.0.0.2",ip="127.0.0.2"' in metrics
