"""`anyicmp diagnose`: whether one can talk with a host, step by step for people, or as one JSON object.

Prints steps as they end. What is wrong, and who is to blame, is decided in the library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import anyio
import click

from anyicmp import Diagnosis, DiagnosisStep, Prober
from anyicmp.cli.loop import run
from anyicmp.cli.options import DSCP, TIMEOUT, Setting, command_options
from anyicmp.cli.progress import spinner
from anyicmp.cli.status import ANSWERED, NOT_ANSWERED, WRONG_USAGE
from anyicmp.cli.text import paint, write_lines
from anyicmp.export import to_json

__all__ = ["diagnose", "diagnosis_status", "step_lines"]

COLOURS = {"ok": "green", "failed": "red", "skipped": "yellow"}
A_LINE = 16
"""Octets in one line of a dump."""


@click.command(short_help="Find out whether one can talk with a host, and if not, why.")
@click.argument("host")
@command_options(
    click.option(
        "-p", "--port", "--ports", "ports", type=int, multiple=True, metavar="N",
        help="TCP port to try where echo is not answered; may be repeated.  [default: 443 and 80]",
    ),
    TIMEOUT,
    click.option(
        "-m", "--max-hops", type=int, default=30, show_default=True, metavar="N",
        help="How far the way is traced.",
    ),
    DSCP,
    click.option("-v", "--verbose", is_flag=True, help="Also print the octets of request and reply."),
)  # fmt: skip
def diagnose(setting: Setting, *, host: str, verbose: bool, ports: tuple[int, ...], **options: Any) -> int:
    """Find out whether one can talk with HOST: name, route, neighbour, echo, path and MTU, in this order.

    Exit status: 0 all is well, 1 something is wrong, 2 nothing could be sent, or wrong usage.
    """
    if ports:
        options["ports"] = ports
    return run(partial(_diagnose, setting, host, verbose, options), setting.backend)


async def _diagnose(
    setting: Setting, host: str, verbose: bool, options: dict[str, Any], stop: anyio.CancelScope
) -> int:
    async with Prober(**setting.prober) as prober, prober.open_diagnose(host, **options) as steps:
        if not setting.as_json:
            write_lines([f"diagnosis of {host}, at most {steps.longest:.0f} s"])
        with stop:
            while True:
                with spinner("looking at the next step", live=setting.live):
                    step = await anext(steps, None)
                if step is None:
                    break
                if not setting.as_json:
                    write_lines(step_lines(step, verbose=verbose))
        found = steps.result
    if setting.as_json:
        write_lines([to_json(found)])
    else:
        write_lines([paint(found.verdict, COLOURS["ok" if found.ok else "failed"])])
    return diagnosis_status(found)


def diagnosis_status(found: Diagnosis) -> int:
    """The exit status of a diagnosis."""
    if found.ok:
        return ANSWERED
    failed = next((step for step in found.steps if step.status == "failed"), None)
    nothing_left = failed is not None and (
        failed.name in ("name", "route") or (failed.name == "echo" and not failed.data["sent"])
    )
    return WRONG_USAGE if nothing_left else NOT_ANSWERED


def step_lines(step: DiagnosisStep, *, verbose: bool) -> Iterator[str]:
    """What is printed of a step."""
    status = paint(f"{step.status:8}", COLOURS[step.status])
    yield f"{step.name:9} {status} {step.detail}"
    if verbose and step.name == "echo":
        for what in ("request", "reply"):
            if (packet := step.data.get(what)) is not None:
                yield from _packet_lines(what, packet)


def _packet_lines(what: str, packet: Mapping[str, Any]) -> Iterator[str]:
    names = ("source", "destination", "ttl", "type", "code", "checksum", "identifier", "sequence")
    fields = " ".join(f"{name}={packet[name]}" for name in names if name in packet)
    yield f"          {what}: {fields}"
    octets: bytes = packet["octets"]
    for at in range(0, len(octets), A_LINE):
        line = octets[at : at + A_LINE]
        text = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in line)
        yield f"          {at:04x}  {line.hex(' '):{3 * A_LINE}} {text}"
    if packet.get("rebuilt"):
        yield f"          ({packet['rebuilt']})"
