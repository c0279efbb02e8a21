"""`--simulate`: the command on a simulated internet, for anyone, at once, and the same each time."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from cli.running import BACKENDS, LIMIT, run, start

pytestmark = pytest.mark.anybody

TOML = """\
[host."far.example"]
address = "203.0.113.80"

[[link]]
path = ["client", "far.example"]
delay = "400 ms"
"""


def demo_trace(*options: str) -> dict[str, Any]:
    done = run("trace", "--simulate", "demo", "server.demo", "--json", *options)
    trace: dict[str, Any] = json.loads(done.stdout)
    return trace


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_trace_of_the_demo(family: str, backend: str) -> None:
    """At least six hops, one of them with labels."""
    trace = demo_trace(family, "--backend", backend)
    assert trace["reached"]
    assert len(trace["hops"]) == 9
    assert sum(bool(hop["mpls"]) for hop in trace["hops"]) == 1


def test_a_hop_of_the_demo_is_balanced_over_three() -> None:
    """Each flow keeps to one router, and another flow may have another one."""
    traces = [demo_trace("--flow", str(flow)) for flow in range(1, 8)]
    at_fourth = [trace["hops"][3]["addresses"] for trace in traces]
    assert all(len(addresses) == 1 for addresses in at_fourth)
    assert len({addresses[0] for addresses in at_fourth}) == 3


@pytest.mark.parametrize("arguments", [("trace", "server.demo"), ("sweep", "203.0.113.128/28", "--json")])
def test_it_prints_the_same_each_time(arguments: tuple[str, ...]) -> None:
    first, second = (run(*arguments, "--simulate", "demo") for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == second.stdout


def test_an_hour_takes_no_time(tmp_path: Path) -> None:
    """The child would be killed after a minute."""
    (tmp_path / "far.toml").write_text(TOML)
    done = run("ping", "far.example", "-c", "3600", "--simulate", str(tmp_path / "far.toml"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "3600 packets transmitted, 3600 received" in done.stdout
    assert "min/avg/max/stddev = 800/800/800/0 ms" in done.stdout.replace(".000", "").replace(".0", "")


@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_ends_what_would_run_for_ever(backend: str) -> None:
    with start("ping", "server.demo", "-c", "0", "--simulate", "demo", "--backend", backend) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT)
    assert (child.returncode, err) == (130, "")
    assert "--- server.demo ping statistics ---" in out


@pytest.mark.parametrize("privileged", ["--privileged", "--unprivileged"])
def test_all_sockets_are_allowed(privileged: str) -> None:
    done = run("ping", "server.demo", "--simulate", "demo", privileged)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_the_internet_does_not_have() -> None:
    done = run("ping", "nobody.demo", "--simulate", "demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "anyicmp: nobody.demo: Name or service not known\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "{file}: No such file or directory"),
        ("seed = 'x'", "{file}: seed: "),
        ("[host", "{file}: no TOML: "),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "internet.toml"
    if text is not None:
        file.write_text(text)
    done = run("ping", "server.demo", "--simulate", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("anyicmp: " + said.format(file=file))
    assert done.stderr.count("\n") == 1


def test_the_readme_shows_what_is_printed() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    command, _, _ = readme.partition("$ anyicmp trace --simulate ")[2].partition("\n")
    printed = run("trace", "--simulate", *command.split()).stdout
    assert f"$ anyicmp trace --simulate {command}\n{printed}```\n" in readme
