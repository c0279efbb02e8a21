"""What a sweep on the command line is to probe: arguments, files, standard input; and how fast by default.

Texts are split here, not understood: that is the library's work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import click

__all__ = ["DEFAULT_RATE", "default_rate", "read_targets"]

DEFAULT_RATE = 10_000.0
"""Packets a second: with 56 octets of data 10 Mbit/s on Ethernet, so that a mistyped network hurts nobody."""


def read_targets(arguments: Iterable[str], files: Iterable[str]) -> list[str]:
    """All targets in order. Raises click.UsageError where there are none, OSError for a file."""
    texts = [text for argument in arguments for text in (_read("-") if argument == "-" else (argument,))]
    texts += (text for name in files for text in _read(name))
    if not texts:
        raise click.UsageError("no targets: give at least one host, address or network.", _context())
    return texts


def _context() -> click.Context | None:
    return click.get_current_context(silent=True)


def _read(name: str) -> Iterator[str]:
    text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    for line in text.splitlines():
        yield from line.partition("#")[0].split()


def default_rate(targets: Iterable[str]) -> float:
    """Packets a second for a user who asked for no rate; 0, no limit, where no network is touched."""
    return 0.0 if all(map(_is_loopback, targets)) else DEFAULT_RATE


def _is_loopback(target: str) -> bool:
    try:
        if "/" in target:
            return ip_network(target, strict=False).is_loopback
        return all(ip_address(end.strip()).is_loopback for end in target.split("-"))
    except ValueError:
        return False
