"""`anyicmp mtu`: the largest packet that reaches a host and who limits it, for people or as one JSON object.

Prints a finished search. What was found out is decided in the library.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import anyio
import click

from anyicmp import PathMtu, Prober, SendFailure
from anyicmp.cli.loop import run
from anyicmp.cli.options import DSCP, TIMEOUT, Setting, command_options
from anyicmp.cli.progress import spinner
from anyicmp.cli.status import exit_status
from anyicmp.cli.text import count, named, paint, write_lines
from anyicmp.export import to_json

__all__ = ["mtu", "mtu_lines"]


@click.command(short_help="Find the largest packet that reaches a host.")
@click.argument("host")
@command_options(
    TIMEOUT,
    click.option(
        "-q", "--probes", type=int, default=3, show_default=True, metavar="N",
        help="How often a size is tried before its silence counts.",
    ),
    click.option(
        "-m", "--max-hops", type=int, default=30, show_default=True, metavar="N",
        help="How far a router that reports nothing is looked for.",
    ),
    DSCP,
)  # fmt: skip
def mtu(setting: Setting, *, host: str, **options: Any) -> int:
    """Find the largest packet that reaches HOST in one piece (path MTU), and who limits it."""
    return run(partial(_mtu, setting, host, options), setting.backend)


async def _mtu(setting: Setting, host: str, options: dict[str, Any], stop: anyio.CancelScope) -> int:
    # Also when Ctrl-C ends it: what is known by then.
    result: PathMtu | None = None

    def note(found: PathMtu) -> None:
        nonlocal result
        result = found

    async with Prober(**setting.prober) as prober:
        with stop, spinner(f"trying sizes to {host}", live=setting.live):
            result = await prober.path_mtu(host, on_progress=note, **options)
    if result is None:
        click.echo(f"anyicmp: the search of the path MTU to {host} was stopped before it began", err=True)
        return exit_status(answered=0, sent=0, failed=0)
    write_lines([to_json(result)] if setting.as_json else mtu_lines(result))
    failed = sum(step.outcome.kind == "failed" for step in result.steps)
    return exit_status(answered=int(result.confirmed), sent=len(result.steps) - failed, failed=failed)


def mtu_lines(result: PathMtu) -> Iterator[str]:
    """What is printed of a search."""
    who = named(result.host, result.target)
    if result.mtu is None and not result.complete:
        yield paint(f"{who} has not answered any size yet: the search was stopped", "yellow")
        return
    if result.mtu is None:
        failures = [step.outcome for step in result.steps if isinstance(step.outcome, SendFailure)]
        if failures and len(failures) == len(result.steps):
            yield paint(f"nothing could be sent to {who}: {failures[-1].reason}", "red")
        else:
            yield paint(f"{who} did not answer, whatever the size", "yellow")
        return
    more = " or more" if result.confirmed and not result.complete else ""
    yield f"path MTU to {who}: {count(result.mtu, 'octet')}{more}"
    if not result.confirmed:
        yield paint(f"  as reported: {result.target} itself did not answer", "yellow")
    if not result.complete:
        yield paint("  the search was stopped before its end", "yellow")
        return
    if result.black_hole:
        yield paint("  larger packets vanish, and nobody reports it (black hole)", "red")
    if result.limited_by is not None:
        yield f"  limited by {_hop(result)}"
    elif result.limited_at == 0:
        yield "  limited by this host's own link"
    elif result.black_hole:
        yield "  the hop where they vanish could not be told"


def _hop(result: PathMtu) -> str:
    return f"{result.limited_by}" + ("" if result.limited_at is None else f", hop {result.limited_at}")
