"""How fast this machine runs Python, beside the one for which the goals of time in this project were set.

That one had CPython 3.11.7 too; its figures are those below. Ratios differ from step to step, for memory and
processor share in them differently; the median is what seconds of pure Python are to be divided by. What the
kernel takes is another matter: `bench/sweep.py` scales by fping. CPU time, for others may be at work here.

python bench/machine.py [--rounds N]
"""

from __future__ import annotations

import asyncio
import platform
import resource
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from ipaddress import IPv4Address
from socket import inet_aton, inet_ntoa
from statistics import median
from typing import NamedTuple

import attrs

HOSTS = [f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(65_536)]
PACKED = [inet_aton(host) for host in HOSTS]
NUMBERS = range(100_000)
ADDRESSES = [IPv4Address(i) for i in NUMBERS]


@attrs.frozen
class Five:
    """A result of five fields."""

    a: int
    b: int
    c: int
    d: int
    e: int


class Named(NamedTuple):
    """The same as a tuple."""

    a: int
    b: int
    c: int
    d: int
    e: int


def start() -> int:
    """Processes that do nothing."""
    for _ in range(8):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    return 8


def pack() -> int:
    """Addresses to octets."""
    b"".join(map(inet_aton, HOSTS))
    return len(HOSTS)


def unpack() -> int:
    """Octets to text."""
    for octets in PACKED:
        inet_ntoa(octets)
    return len(PACKED)


def frozen() -> int:
    """Objects of attrs."""
    for i in NUMBERS:
        Five(i, 2, 3, 4, 5)
    return len(NUMBERS)


def named() -> int:
    """Named tuples."""
    for i in NUMBERS:
        Named(i, 2, 3, 4, 5)
    return len(NUMBERS)


def from_text() -> int:
    """Addresses read."""
    for host in HOSTS[:50_000]:
        IPv4Address(host)
    return 50_000


def from_number() -> int:
    """Addresses made of numbers."""
    for i in NUMBERS:
        IPv4Address(i)
    return len(NUMBERS)


def to_text() -> int:
    """Addresses written."""
    for address in ADDRESSES:
        str(address)
    return len(ADDRESSES)


def cycles() -> int:
    """Cycles of asyncio's loop."""

    async def main() -> None:
        for _ in NUMBERS:
            await asyncio.sleep(0)

    asyncio.run(main())
    return len(NUMBERS)


STEPS: dict[str, tuple[Callable[[], int], float]] = {
    "python -c pass": (start, 9_000_000),
    "inet_aton, joined": (pack, 101),
    "inet_ntoa": (unpack, 160),
    "attrs.frozen, five fields": (frozen, 402),
    "NamedTuple, five fields": (named, 231),
    "IPv4Address(str)": (from_text, 1_560),
    "IPv4Address(int)": (from_number, 184),
    "str(IPv4Address)": (to_text, 657),
    "asyncio.sleep(0)": (cycles, 2_500),
}
"""What is done, and the nanoseconds that one takes on the machine of the goals."""


def spent() -> float:
    """Seconds of CPU that this process and its children took."""
    found = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def main() -> None:
    """Measure all steps in turn, and again."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in STEPS}
    for _ in range(options.rounds):
        for name, (step, _) in STEPS.items():
            began = spent()
            n = step()
            taken[name].append((spent() - began) / n * 1e9)
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    ratios = []
    for name, (_, goal) in STEPS.items():
        each = median(taken[name])
        ratios.append(each / goal)
        print(f"{name:>26}: {each:12,.0f} ns, there {goal:10,.0f} ns: {each / goal:.2f} times as long")
    print(f"this machine needs {median(ratios):.2f} times as long for Python (median of {len(ratios)} steps)")


if __name__ == "__main__":
    main()
