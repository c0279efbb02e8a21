"""`anyicmp completion` and `anyicmp manual`: what shells and man(1) know of the command, from its options.

Nothing is listed here a second time: names, options and help texts are those of the subcommands.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import click
from click.shell_completion import get_completion_class, shell_complete

from anyicmp.cli.__main__ import COMPLETE
from anyicmp.cli.status import ANSWERED
from anyicmp.cli.text import write_lines

__all__ = ["complete", "completion", "manual"]

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print what makes a shell complete the command.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(*, shell: str) -> int:
    """Print the lines that make SHELL complete subcommands, options and their values.

    bash: eval "$(anyicmp completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc; fish: anyicmp completion
    fish > ~/.config/fish/completions/anyicmp.fish.
    """
    asked = get_completion_class(shell)
    assert asked is not None
    source = asked(_root(), {}, "anyicmp", COMPLETE)
    write_lines([source.source_template % source.source_vars()])
    return ANSWERED


def complete(root: click.Command, instruction: str) -> int:
    """Answer a shell; the words are in its own variables."""
    return shell_complete(root, {}, "anyicmp", COMPLETE, instruction)


@click.command(short_help="Print the manual page.")
def manual() -> int:
    """Print the manual page in man(7) macros: anyicmp manual | man -l -"""
    write_lines(_page(_root()))
    return ANSWERED


def _root() -> click.Group:
    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)
    return root


def _page(root: click.Group) -> Iterator[str]:
    context = click.Context(root, info_name="anyicmp", **root.context_settings)
    commands = {name: root.get_command(context, name) for name in root.list_commands(context)}
    known = {name: click.Context(command, context, name) for name, command in commands.items() if command}
    shared = _shared(known.values())
    about, *further = _paragraphs(root)
    yield '.TH ANYICMP 1 "" anyicmp "User Commands"'
    yield from (".SH NAME", f"anyicmp \\- {_escaped(_lower(about.rstrip('.')))}")
    yield ".SH SYNOPSIS"
    for number, subcommand in enumerate(known.values()):
        yield from ([".br"] if number else [])
        yield _synopsis(subcommand)
    yield ".SH DESCRIPTION"
    yield from chain.from_iterable((".PP", _escaped(text)) for text in further)
    yield ".SH COMMANDS"
    for subcommand in known.values():
        yield f".SS {_escaped(str(subcommand.info_name))}"
        yield from chain.from_iterable((".PP", _escaped(text)) for text in _paragraphs(subcommand.command))
        yield from _options(subcommand, [entry for entry in _entries(subcommand) if entry not in shared])
    yield ".SH OPTIONS"
    yield from (".PP", "Commands that touch the network have these too:")
    yield from _options(context, shared)
    yield from (".SH ENVIRONMENT", ".TP", r"\fBNO_COLOR\fR", "Print text without colour.")


def _shared(subcommands: Any) -> list[tuple[str, str]]:
    """What most subcommands have."""
    every = [_entries(subcommand) for subcommand in subcommands]
    known = dict.fromkeys(chain.from_iterable(every))
    return [entry for entry in known if sum(entry in entries for entries in every) > len(every) / 2]


def _entries(context: click.Context) -> list[tuple[str, str]]:
    """The options with their help texts, as `--help` has them."""
    records = (parameter.get_help_record(context) for parameter in context.command.get_params(context))
    return [record for record in records if record is not None and record[1]]


def _options(context: click.Context, entries: list[tuple[str, str]]) -> Iterator[str]:
    for names, text in entries:
        yield from (".TP", rf"\fB{_escaped(names)}\fR", _escaped(text))


def _synopsis(context: click.Context) -> str:
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return rf"\fB{_escaped(context.command_path)}\fR {_escaped(pieces)}"


def _paragraphs(command: click.Command) -> list[str]:
    return [" ".join(text.split()) for text in (command.help or "").split("\n\n")]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _escaped(text: str) -> str:
    """Text that troff prints as it is: no escapes, no requests, hyphens that can be copied."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text
