"""`anyicmp report`: one HTML file of measurements that the other subcommands have printed with --json.

Reads files and writes one; what a report shows is decided in `anyicmp.plot`.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from anyicmp.cli.status import ANSWERED
from anyicmp.plot import report as make_report

__all__ = ["report"]


@click.command(short_help="Make one HTML file of JSON Lines.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option(
    "-o", "--output", default="-", metavar="FILE", help="Write the report there.  [default: standard output]"
)
@click.option("--title", default="Network report", show_default=True, metavar="TEXT", help="Its heading.")
def report(files: tuple[str, ...], output: str, title: str) -> int:
    """Make a report of what sweep, ping, trace, paths, mtu, diagnose and monitor have printed with --json.

    A FILE of - is standard input. The report is one HTML file: pictures, tables and figures to copy. It needs
    no network, and no script to be read.
    """
    with ExitStack() as stack:
        # Undecodable octets are shown as such, and cost the line nothing.
        lines = {
            name: stack.enter_context(click.open_file(name, encoding="utf-8", errors="replace"))
            for name in dict.fromkeys(files)
        }
        names = {"standard input" if name == "-" else Path(name).name: name for name in lines}
        if len(names) < len(lines):  # files of one name in several folders
            names = {name: name for name in lines}
        text = make_report({shown: lines[name] for shown, name in names.items()}, title=title)
    with click.open_file(output, "w", encoding="utf-8", atomic=output != "-") as written:
        written.write(text)
    return ANSWERED
