"""`anyicmp completion` and `anyicmp manual`: they offer what the command has, all of it and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from anyicmp.cli.__main__ import COMMANDS, COMPLETE, anyicmp, main
from anyicmp.cli.completion import SHELLS
from cli.running import LIMIT

PAGE = Path(__file__).parent.parent.parent / "docs" / "man" / "anyicmp.1"
MACROS = {".TH", ".SH", ".SS", ".PP", ".TP", ".br"}


@pytest.fixture
def proposed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What a shell is told at the end of a line."""

    def propose(line: str) -> list[str]:
        monkeypatch.setenv(COMPLETE, "bash_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        assert main([]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out.splitlines()

    return propose


def options(name: str) -> list[str]:
    with click.Context(anyicmp, **anyicmp.context_settings) as context:
        command = anyicmp.get_command(context, name)  # type: ignore[attr-defined]
        assert command is not None
        return [
            text
            for parameter in command.get_params(click.Context(command, context))
            if isinstance(parameter, click.Option)
            for text in (*parameter.opts, *parameter.secondary_opts)
            if text.startswith("--")
        ]


def test_all_subcommands_are_proposed(proposed) -> None:
    assert proposed("anyicmp ") == [f"plain,{name}" for name in COMMANDS]
    assert proposed("anyicmp di") == ["plain,diagnose"]


@pytest.mark.parametrize("name", COMMANDS)
def test_all_options_are_proposed(name: str, proposed) -> None:
    assert proposed(f"anyicmp {name} --") == [f"plain,{option}" for option in options(name)]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("anyicmp trace --method ", ["plain,icmp", "plain,udp", "plain,tcp"]),
        ("anyicmp paths --rule ex", ["plain,exact"]),
        ("anyicmp ping --backend u", ["plain,uvloop"]),
        ("anyicmp ping -I l", ["plain,lo"]),
        ("anyicmp ping --simulate d", ["plain,demo"]),
        ("anyicmp ping --simulate ne", ["file,ne"]),
        ("anyicmp completion ", [f"plain,{shell}" for shell in SHELLS]),
    ],
)
def test_values_are_proposed(line: str, values: list[str], proposed) -> None:
    assert proposed(line) == values


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_shell_reads(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"{COMPLETE}={shell}_complete" in out


def test_bash_completes_it() -> None:
    command = Path(sys.executable).with_name("anyicmp")
    script = (
        'source <("$0" completion bash) && complete -p anyicmp && COMP_WORDS=(anyicmp ping --ba) && '
        'COMP_CWORD=2 && _anyicmp_completion "$0" && echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, str(command)], capture_output=True, text=True, check=False, timeout=LIMIT
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "complete -o nosort -F _anyicmp_completion anyicmp",
        "--backend",
    ]


def test_the_manual_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """`anyicmp manual > docs/man/anyicmp.1` writes it."""
    assert main(["manual"]) == 0
    assert capsys.readouterr().out == PAGE.read_text("utf-8")


def test_the_manual_page_names_everything_and_is_plain_man() -> None:
    page = PAGE.read_text("utf-8")
    text = page.replace("\\-", "-")
    for name in COMMANDS:
        assert f"\n.SS {name}\n" in text
        for option in options(name):
            assert re.search(rf"\\fB.*{re.escape(option)}\b", text), option
    lines = page.splitlines()
    assert {line.split()[0] for line in lines if line.startswith(".")} == MACROS
    assert not [line for line in lines if line.startswith("'") or not line.strip()]


def test_a_shell_s_question_does_not_run_the_command() -> None:
    environment = {**os.environ, COMPLETE: "nonsense"}
    done = subprocess.run(
        [sys.executable, "-m", "anyicmp", "ping", "127.0.0.1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout) == (1, "")
