"""Every example runs as it stands, on loopback, and prints what it promises."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
TESTS = {"test_gateways.py": "3 passed"}
AGENTS = ("agent_asyncio.py", "agent_trio.py")


def test_every_example_is_run_here() -> None:
    """A new example needs a line above."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*PRINTED, *TESTS, *AGENTS}


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


@pytest.mark.parametrize(("name", "printed"), TESTS.items())
def test_the_example_of_a_test_passes(name: str, printed: str) -> None:
    """With the plugin as it is installed, and without a network."""
    assert printed in python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / name))


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_watches_reloads_and_stops(name: str, tmp_path: Path) -> None:
    path = EXAMPLES / name
    assert len(path.read_text("utf-8").splitlines()) < 60
    (tmp_path / "hosts.txt").write_text("127.0.0.1 127.0.0.2", "utf-8")
    agent = subprocess.Popen(
        [sys.executable, "-W", "error", str(path), "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "127.0.0.1 is up: it answers\n"
        agent.send_signal(signal.SIGHUP)
        assert agent.stdout.readline() == "127.0.0.2 is up: it answers\n"
        agent.send_signal(signal.SIGTERM)
        out, err = agent.communicate(timeout=30)
    finally:
        agent.kill()
        agent.wait()
    assert (agent.returncode, out, err) == (0, "stopped\n", "")
