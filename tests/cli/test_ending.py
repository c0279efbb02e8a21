"""How the command ends: Ctrl-C, a reader that is gone, a terminal that is left clean."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Sequence

import pytest
from _pytest.mark import ParameterSet

from cli.running import BACKENDS, COMMAND, LIMIT, Terminal, start

from namespaces import namespaces

pytestmark = pytest.mark.anybody

ESCAPE = "\x1b"
# Frames to a neighbour that is not there: they end at the other end of the link, unheard.
SILENT = (
    "ip link add near type veth peer name far && ip link set far up && ip link set near up && "
    "ip addr add 10.99.0.1/24 dev near && ip neigh add 10.99.0.9 lladdr 02:00:00:00:00:09 dev near"
)


def crossed(names: Sequence[str], others: Sequence[str]) -> list[ParameterSet]:
    """All combinations; slow are those that bring neither the first name nor the first of the others."""
    return [
        pytest.param(name, other, marks=pytest.mark.slow if name != names[0] and other != others[0] else ())
        for name in names
        for other in others
    ]


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_ends_a_ping_with_its_summary(backend: str) -> None:
    with start("ping", "-c", "0", "-i", "0.02", "127.0.0.1", "--backend", backend) as child:
        assert child.stdout is not None
        for _ in range(3):
            child.stdout.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT)
    assert (child.returncode, err) == (130, "")
    assert re.search(
        r"\n--- 127\.0\.0\.1 ping statistics ---\n\d+ packets transmitted, \d+ received.*\nrtt ", out
    )


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_ends_a_sweep_with_its_summary(backend: str) -> None:
    with start("sweep", "--rate", "200", "127.0.0.0/16", "--backend", backend) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT)
    assert (child.returncode, err) == (130, "")
    assert re.search(r"\n\d+ of 65,534 targets: \d+ alive", out)
    resume = re.search(r"\n--resume (\d+) goes on from here\n$", out)
    assert resume
    with start("sweep", "--json", "127.0.0.0/16", "--resume", resume[1], "--backend", backend) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["sequence"] == int(resume[1]) > 0
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=LIMIT)


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_leaves_whole_json(backend: str) -> None:
    with start("sweep", "--rate", "200", "127.0.0.0/16", "--json", "--backend", backend) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT)
    assert (child.returncode, err) == (130, "")
    assert {json.loads(line)["kind"] for line in [first, *out.splitlines()]} == {"reply"}


@pytest.mark.usefixtures("needs_namespaces")
@pytest.mark.parametrize(
    ("subcommand", "backend"), crossed(["ping", "sweep", "trace", "paths", "mtu"], BACKENDS)
)
def test_ctrl_c_does_not_wait_for_a_silent_host(subcommand: str, backend: str) -> None:
    """The probe's timeout of 600 seconds is longer than this test waits."""
    begun = {"ping": "data bytes", "sweep": "alive", "trace": "tracing", "paths": "looking for all ways"}
    begun["mtu"] = "trying sizes"
    with namespaces("client") as (client,):
        subprocess.run(["ip", "netns", "exec", client, "sh", "-ec", SILENT], check=True)
        inside = ["ip", "netns", "exec", client]
        arguments = (subcommand, "10.99.0.9", "-W", "600", "--backend", backend)
        with Terminal(*arguments, output_too=True, before=inside) as terminal:
            terminal.read(until=begun[subcommand])
            terminal.process.send_signal(signal.SIGINT)
            seen = terminal.read()
            assert terminal.process.wait(LIMIT) == 130
    assert "Traceback" not in seen
    summary = {"ping": "0 received", "sweep": "0 alive", "trace": "did not answer", "mtu": "stopped"}
    summary["paths"] = "did not answer"
    assert summary[subcommand] in seen


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize(("output", "backend"), crossed(["--json", "--all"], BACKENDS))
def test_a_reader_that_is_gone_ends_it_quietly(output: str, backend: str) -> None:
    with start("sweep", "127.0.0.0/16", output, "--backend", backend) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(LIMIT) == 141
        assert child.stderr.read() == ""


def test_a_reader_that_was_never_there_ends_the_help_quietly() -> None:
    with start("--help") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.wait(LIMIT) in {0, 141}
        assert child.stderr.read() == ""


@pytest.mark.usefixtures("needs_icmp_socket")
def test_on_a_terminal_there_is_colour_and_progress_that_leaves_nothing_behind() -> None:
    with Terminal("sweep", "--rate", "25", "127.0.0.0/28", output_too=True) as terminal:
        seen = terminal.read()
        assert terminal.process.wait(LIMIT) == 0
    assert f"{ESCAPE}[32m" in seen  # a round trip in green
    assert "/14 " in seen  # the bar counts
    assert seen.endswith(" ms\r\n")
    assert seen.count(f"{ESCAPE}[?25l") == seen.count(f"{ESCAPE}[?25h")  # the cursor is visible again


@pytest.mark.usefixtures("needs_icmp_socket")
def test_no_color_is_honoured() -> None:
    with Terminal("ping", "-c", "1", "127.0.0.1", output_too=True, environment={"NO_COLOR": "1"}) as terminal:
        assert ESCAPE not in terminal.read()
    with Terminal("sweep", "127.0.0.0/29", output_too=True, environment={"NO_COLOR": "1"}) as terminal:
        assert not re.search(r"\x1b\[[0-9;]*m", re.sub(r"\x1b\[[01]?m", "", terminal.read()))


@pytest.mark.usefixtures("needs_icmp_socket")
def test_progress_stays_off_standard_output() -> None:
    with Terminal("sweep", "--rate", "100", "127.0.0.0/28", "--json", output_too=False) as terminal:
        assert terminal.process.stdout is not None
        out = terminal.process.stdout.read().decode()
        seen = terminal.read()
        assert terminal.process.wait(LIMIT) == 0
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["reply"] * 14
    assert "alive" in seen


@pytest.mark.usefixtures("needs_icmp_socket")
def test_without_a_terminal_there_is_neither_colour_nor_progress() -> None:
    for arguments in (["sweep", "127.0.0.0/28"], ["ping", "-c", "1", "127.0.0.1"], ["trace", "127.0.0.1"]):
        child = subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, check=True, timeout=LIMIT
        )
        assert ESCAPE not in child.stdout
        assert child.stderr == ""


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize(
    ("call", "closed"),
    crossed(
        ["ping -c 1 127.0.0.1", "sweep 127.0.0.1", "sweep 127.0.0.1 --json"],
        [">&-", "2>&-", ">&- 2>&-", ">&- 2>&- <&-"],
    ),
)
def test_closed_standard_streams_are_no_mistake(call: str, closed: str) -> None:
    shell = f"{shlex.join(COMMAND)} {call} {closed}"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (not closed.startswith(">"))
