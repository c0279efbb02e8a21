"""How long all tests in virtual time take, on three loops and two cores (goal: 30 s).

A process more than there are cores: some tests wait for limits that count real time; others run meanwhile.
What tests print is looked at nowhere, so pytest does not keep it. Needs the extra `test`. `bench/machine.py`
says how this machine compares with the one that goals are for.

python bench/virtual.py [--cores N] [--processes N] [--rounds N]
"""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

ROOT = Path(__file__).parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "virtual_time", "-p", "no:cacheprovider"]
PATIENCE = 600.0
"""Seconds that all of them may take."""


def run(processes: int) -> tuple[float, float, int]:
    """Seconds that all took, those of CPU, and how many passed. Raises RuntimeError where one did not."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "ANYICMP_SHARED": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles all tests
        began = perf_counter()
        children = [
            subprocess.Popen(PYTEST, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        try:
            told = [child.communicate(timeout=PATIENCE)[0] for child in children]
        finally:
            for child in children:
                child.kill()  # one that has ended takes no notice
        took = perf_counter() - began
    for child, text in zip(children, told, strict=True):
        if child.returncode:
            raise RuntimeError(text)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return took, cpu, sum(int(count) for text in told for count in re.findall(r"(\d+) passed", text))


def main() -> None:
    """Measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--cores", type=int, default=2, help="to run on, where the system lets it choose")
    parser.add_argument("--processes", type=int, help="one more than cores if not given")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    processes = options.processes or options.cores + 1
    print(f"CPython {platform.python_version()}, {platform.machine()}, {processes} processes")
    for _ in range(options.rounds):
        took, cpu, passed = run(processes)
        print(f"{passed:,} tests passed in {took:.1f} s, with {cpu:.1f} s of CPU")


if __name__ == "__main__":
    main()
