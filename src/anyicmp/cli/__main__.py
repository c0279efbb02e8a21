"""The command's front: the table of subcommands, and how each end becomes an exit status and one line.

Options and output of a subcommand live in its own file. Nothing here measures.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path

import click

from anyicmp import AnyicmpError, __version__
from anyicmp.cli.status import BROKEN_PIPE, INTERRUPTED, WRONG_USAGE

__all__ = ["COMMANDS", "COMPLETE", "main"]

COMMANDS: dict[str, str] = {
    "ping": "ping:ping",
    "sweep": "sweep:sweep",
    "trace": "trace:trace",
    "paths": "paths:paths",
    "mtu": "mtu:mtu",
    "monitor": "monitor:monitor",
    "routes": "tables:routes",
    "neighbors": "tables:neighbors",
    "diagnose": "diagnose:diagnose",
    "listen": "listen:listen",
    "decode": "decode:decode",
    "report": "report:report",
    "completion": "completion:completion",
    "manual": "completion:manual",
}
"""Subcommand to the module of this package and the click command in it, which load when they are named."""

COMPLETE = "_ANYICMP_COMPLETE"
"""In the environment when a shell asks for completions: what it wants, in click's words."""


class _Subcommands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        command: click.Command = getattr(import_module(f"anyicmp.cli.{module}"), name)
        return command


@click.command(
    cls=_Subcommands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="anyicmp", message="%(prog)s %(version)s")
def anyicmp() -> None:
    """Network diagnostics over ICMP.

    Exit status: 0 the target answered (sweep: at least one did), 1 it did not, 2 wrong usage or nothing
    could be sent, 130 stopped with Ctrl-C.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (None: that of the process) and return its exit status; never raises for users.

    What is wrong is said in one line on standard error.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    # Where the caller closed standard output or error (`>&-`) Python has no stream; words go nowhere then.
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(sys.stdout or nowhere),
        redirect_stderr(sys.stderr or nowhere),
    ):
        return _run(given)


def _run(given: list[str]) -> int:
    asked = os.environ.get(COMPLETE)
    try:
        if asked is not None:
            from anyicmp.cli.completion import complete

            return complete(anyicmp, asked)
        with anyicmp.make_context("anyicmp", given) as context:
            status: int = anyicmp.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_standard_output()
        return BROKEN_PIPE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "anyicmp"
        return _refuse(f"{error.format_message()} Try '{path} --help'.")
    except click.ClickException as error:
        return _refuse(error.format_message())
    except OSError as error:
        what = f"{error.filename}: " if error.filename is not None else ""
        return _refuse(f"{what}{error.strerror}" if error.strerror else str(error))
    except (AnyicmpError, ValueError) as error:
        return _refuse(str(error))
    return status


def _refuse(why: str) -> int:
    print("anyicmp:", " ".join(why.split()), file=sys.stderr)
    return WRONG_USAGE


def _forget_standard_output() -> None:
    """The reader is gone: what is still buffered must not make the interpreter complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
