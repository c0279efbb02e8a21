"""What sweeps cost, beside fping, gufo_ping, icmplib and a loop in C. Run as root on Linux:

    python bench/sweep.py [--rounds 5] [--hosts 65000] [--json FILE] [--page]
        [--only lo,veth,icmplib,first,IPv6,silent,million,await,import,trips,layers]

All in network namespaces of its own. The contenders take turns, so that a busy machine hits all alike; what
counts are medians of the rounds and of their ratios, of wall clock and of CPU time. fping (5.1 or later)
and a C compiler are used if they are there, and so are the packages gufo-ping, icmplib and uvloop; what is
missing is said. `--page` writes the last table into docs/explanation/speed.md.

Rows are `async for outcome in sweep` with target, source, rtt, ttl and size of each reply read. In each
timed sweep of ours two hosts get bad replies, one with a wrong checksum and one from a wrong source:
`sweeping/probing.py` fails if they are not caught.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sweeping import goals, page
from sweeping.goals import (
    BULK,
    FIRST,
    ICMPLIB,
    IMPORT,
    LO,
    MILLION,
    PLAIN,
    PLAIN_BULK,
    RAW,
    SILENT,
    SINGLE,
    SIX,
    TASKS,
    VETH,
)
from sweeping.laboratory import FIRST as AT
from sweeping.laboratory import SILENT as NOWHERE
from sweeping.laboratory import Laboratory, Row, laboratory, run
from sweeping.layers import layers
from sweeping.rounds import Contender, Results
from sweeping.trips import measure_trips

MILLION_HOSTS = 1 << 20
PACKAGES = ("anyicmp", "anyio", "attrs", "trio", "uvloop", "gufo-ping", "icmplib")


def has(package: str) -> bool:
    """Whether a distribution is installed."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class Sections:
    """The contenders of each section, those that are there."""

    def __init__(self, lab: Laboratory, hosts: int) -> None:
        self.lab, self.hosts = lab, hosts
        self.there = {
            "fping": bool(shutil.which("fping")),
            "a C compiler": bool(lab.compiler),
            **{name: has(name) for name in ("gufo-ping", "icmplib", "uvloop", "trio")},
        }

    def _ours(self, first: str, count: int, how: str, *, raw: bool, fresh: bool = False) -> Callable[[], Row]:
        return partial(self.lab.child, "probing.py", first, count, how, 1.0, raw, fresh, nobody=not raw)

    def _fping(self, first: str, count: int, timeout: int = 500) -> list[Contender]:
        there = self.there["fping"]
        return [(goals.FPING, count, partial(self.lab.fping, first, count, timeout))] if there else []

    def _c(self, first: str, count: int, more: str = "") -> list[Contender]:
        return [(goals.C + more, count, partial(self.lab.c_loop, first, count))] if self.lab.compiler else []

    def _gufo(
        self, name: str, first: str, count: int, tasks: int, each: int, *, fast: bool
    ) -> list[Contender]:
        if not self.there["gufo-ping"] or (fast and not self.there["uvloop"]):
            return []
        ask = partial(self.lab.child, "others.py", first, count, tasks, each, fast, who="gufo")
        return [(f"gufo_ping, {name}{', uvloop' if fast else ''}", count * each, ask)]

    def answering(self, where: str) -> list[Contender]:
        """All who can, at once."""
        first, n = AT[where], self.hosts
        return [
            *self._fping(first, n),
            *self._c(first, n),
            (RAW, n, self._ours(first, n, "rows", raw=True)),
            (PLAIN, n, self._ours(first, n, "rows", raw=False)),
            (BULK, n, self._ours(first, n, "batches", raw=True)),
            (PLAIN_BULK, n, self._ours(first, n, "batches", raw=False)),
            *self._gufo("50 tasks", first, n, 50, 1, fast=False),
            *self._gufo("50 tasks", first, n, 50, 1, fast=True),
        ]

    def icmplib(self) -> list[Contender]:
        """It takes twenty times as long: fewer hosts for it."""
        if not self.there["icmplib"]:
            return []
        few = min(self.hosts, 10_000)
        ask = partial(self.lab.child, "others.py", AT["lo"], few, 10, who="icmplib")
        return [
            (RAW, self.hosts, self._ours(AT["lo"], self.hosts, "rows", raw=True)),
            ("icmplib, 10 tasks", few, ask),
        ]

    def first(self) -> list[Contender]:
        """From before the event loop to the last answer."""
        return [
            *self._fping(AT["lo"], 1000),
            (RAW, 1000, self._ours(AT["lo"], 1000, "rows", raw=True, fresh=True)),
        ]

    def six(self) -> list[Contender]:
        """Both versions, from us and from the loop in C."""
        found: list[Contender] = []
        for version, where in (("IPv4", "lo"), ("IPv6", "IPv6")):
            found += self._c(AT[where], self.hosts, f", {version}")
            found += [(f"{RAW}, {version}", self.hosts, self._ours(AT[where], self.hosts, "rows", raw=True))]
        return found

    def silent(self) -> list[Contender]:
        """Nobody answers: what counts is the end."""
        n = min(self.hosts, 65_000)
        return [
            *self._fping(NOWHERE, n, 1000),
            (RAW, n, partial(self.lab.child, "probing.py", NOWHERE, n, "rows", 1.0, True, False)),
            (
                PLAIN,
                n,
                partial(self.lab.child, "probing.py", NOWHERE, n, "rows", 1.0, False, False, nobody=True),
            ),
        ]

    def million(self) -> list[Contender]:
        """Does anything grow?"""
        counts = (65_536, MILLION_HOSTS)
        ours = [(f"anyicmp, {n}", n, self._ours(AT["lo"], n, "rows", raw=True)) for n in counts]
        return [*self._fping(AT["lo"], self.hosts), *ours]

    def awaited(self, tasks: int, each: int) -> list[Contender]:
        """One ping at a time, by one task or many."""
        found: list[Contender] = []
        for fast in (False, True):
            found += self._gufo(f"{tasks} tasks", "127.0.0.1", tasks, tasks, each, fast=fast)
        for backend in ("asyncio", "trio"):
            if backend == "asyncio" or self.there["trio"]:
                ask = partial(self.lab.child, "awaited.py", tasks, each, backend)
                found.append((f"anyicmp, {backend}", tasks * each, ask))
        return found

    def imports(self) -> list[Contender]:
        """In bare interpreters."""
        sources = {
            "anyio, attrs, asyncio, ctypes": "import anyio, attrs, asyncio, ctypes",
            "anyicmp": "import anyicmp",
            "anyicmp, all its names": "from anyicmp import *",
        }
        return [(name, 1, partial(self.lab.imports, source)) for name, source in sources.items()]


def about() -> dict[str, str]:
    """When, where and with what."""
    versions = {"Python": platform.python_version(), "Linux": platform.release()}
    if shutil.which("fping"):
        versions["fping"] = run("fping", "-v").split("Version ")[-1].splitlines()[0]
    versions |= {name: importlib.metadata.version(name) for name in PACKAGES if has(name)}
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": shlex.join(["python", "bench/sweep.py", *sys.argv[1:]]),
        "machine": f"{os.cpu_count()} cores, load {load}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def main() -> None:
    """Measure what was asked for, print tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hosts", type=int, default=65_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", action="store_true")
    parser.add_argument(
        "--only", default="lo,veth,icmplib,first,IPv6,silent,million,await,import,trips,layers"
    )
    options = parser.parse_args()
    wanted, results, known = options.only.split(","), Results(options.rounds), about()
    print("\n".join(f"{name}: {value}" for name, value in known.items()))
    trips: dict[str, float] = {}
    where: list[str] = []
    with laboratory() as lab:
        sections = Sections(lab, options.hosts)
        for name, there in sections.there.items():
            if not there:
                print(f"{name} is not installed: left out")
        all_of_them = {
            "lo": [(LO, lambda: sections.answering("lo"))],
            "veth": [(VETH, lambda: sections.answering("veth"))],
            "icmplib": [(ICMPLIB, sections.icmplib)],
            "first": [(FIRST, sections.first)],
            "IPv6": [(SIX, sections.six)],
            "silent": [(SILENT, sections.silent)],
            "million": [(MILLION, sections.million)],
            "await": [
                (TASKS, lambda: sections.awaited(1000, 20)),
                (SINGLE, lambda: sections.awaited(1, 5000)),
            ],
            "import": [(IMPORT, sections.imports)],
        }
        for name, parts in all_of_them.items():
            for title, contenders in parts if name in wanted else ():
                if found := contenders():
                    results.turns(title, found)
        if "trips" in wanted:
            trips = measure_trips(lab, options.hosts, options.rounds, trio=sections.there["trio"])
        if "layers" in wanted:
            where = layers(lab, options.hosts, options.rounds)
            print("\n" + "\n".join(where))
    found_lines, k = list(goals.lines(results, trips)), goals.scale(results)
    scaled = (
        f"fping needs {goals.REFERENCE * k:.2f} µs of CPU a host here: times of goals are scaled by {k:.2f}"
    )
    if not results.has(LO, goals.FPING):
        scaled = "without fping on lo times of goals are not scaled"
    shown = goals.table(found_lines)
    print("\n" + scaled + "\n\n" + "\n".join(shown))
    if options.json:
        data = {"about": known, "scale": k, "goals": [line.as_json() for line in found_lines]}
        data |= {"rounds": results.rounds, "counts": results.counts, "trips": trips, "layers": where}
        options.json.write_text(json.dumps(data, indent=1))
    if options.page:
        page.write(known, scaled, shown, [results.table(section) for section in results.rounds], where)


if __name__ == "__main__":
    main()
