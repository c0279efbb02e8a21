"""Reading a routing table of 100,000 routes: time, memory, and how long the loop stood still. Run as root:

    python bench/routes.py [NUMBER]

A network namespace of its own, with routes to 10.x.y.z/32, every other one through a gateway. Beside it: the
same while a task measures the longest time between two of its turns, `ip -j route` and `ip route`, and
pyroute2 where it is installed. Each is a process of its own, three rounds in turn, medians; the memory is
the largest that the process had.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

ROUNDS = 3
MOST = {"seconds": 2.0, "megabytes": 60.0, "still": 0.005}
LOOPS = {"asyncio": {"use_uvloop": False}, "uvloop": {"use_uvloop": True}, "trio": {}}

OURS = """
import gc, json, resource, sys, time, anyio
from anyicmp import routes

async def main():
    longest = 0.0
    reading = True

    async def tick():
        nonlocal longest
        last = time.perf_counter()
        while reading:
            await anyio.lowlevel.checkpoint()
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    gc.collect()  # what the imports left to the collector is not this call's
    async with anyio.create_task_group() as tasks:
        if sys.argv[1] == "watched":
            tasks.start_soon(tick)
            await anyio.sleep(0.05)
        longest, before = 0.0, time.perf_counter()
        table = await routes(4)
        seconds = time.perf_counter() - before
        reading = False
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([len(table), seconds, most, longest]))

backend, options = json.loads(sys.argv[2])
anyio.run(main, backend=backend, backend_options=options)
"""

PYROUTE2 = """
import json, resource, time
from pyroute2 import IPRoute
before = time.perf_counter()
with IPRoute() as kernel:
    routes = list(kernel.get_routes(family=2))
seconds = time.perf_counter() - before
print(json.dumps([len(routes), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0]))
"""

OTHER = """
import json, resource, subprocess, sys, time
before = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
seconds = time.perf_counter() - before
print(json.dumps([0, seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 0]))
"""


@contextmanager
def host(number: int) -> Iterator[str]:
    """A namespace with so many routes."""
    name = f"anyicmp-{uuid.uuid4().hex[:8]}-routes"
    lines = ["link add lan type veth peer name end", "link set end up", "addr add 192.0.2.1/24 dev lan"]
    lines += ["link set lan up"]
    for i in range(number):
        way = " via 192.0.2.2" if i % 2 else ""
        lines.append(f"route add 10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32{way} dev lan")
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines), text=True, check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def measured(name: str, *argv: str) -> list[float]:
    """The figures that a Python child prints: routes, seconds, megabytes, longest standstill."""
    done = subprocess.run(
        ["ip", "netns", "exec", name, *argv], check=True, capture_output=True, text=True, timeout=600
    )
    figures: list[float] = json.loads(done.stdout)
    return figures


def main(number: int) -> int:
    """Print a line for each; the status is 1 if ours takes more of anything than is allowed."""
    ours = {
        f"{loop}{', watched' if watched else ''}": (
            "-c", OURS, "watched" if watched else "alone",
            json.dumps(["trio" if loop == "trio" else "asyncio", options]),
        )
        for loop, options in LOOPS.items()
        for watched in (False, True)
        if find_spec(loop) is not None
    }  # fmt: skip
    ip = str(shutil.which("ip"))
    others = {
        "ip route": ("-c", OTHER, ip, "-4", "route"),
        "ip -j route": ("-c", OTHER, ip, "-j", "-4", "route"),
    }
    if find_spec("pyroute2") is not None:
        others["pyroute2"] = ("-c", PYROUTE2)
    machine = f"Linux {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{number:,} routes; {machine}")
    found: dict[str, list[list[float]]] = {}
    with host(number) as name:
        for _ in range(ROUNDS):
            for what, argv in {**ours, **others}.items():
                found.setdefault(what, []).append(measured(name, sys.executable, *argv))
    middle = {
        what: [statistics.median(column) for column in zip(*rows, strict=True)]
        for what, rows in found.items()
    }
    base = middle["asyncio"]
    failed = False
    for what, (count, seconds, megabytes, still) in middle.items():
        line = f"{what:18} {seconds:6.2f} s ({seconds / base[1]:5.2f})"
        line += f"  {megabytes:6.1f} MB ({megabytes / base[2]:5.2f})"
        if still:
            line += f"  longest standstill {still * 1e3:.1f} ms"
        if what in ours:
            assert count >= number, f"{what} read {count} of {number} routes"
            bad = (
                megabytes > MOST["megabytes"]
                or still > MOST["still"]
                or (not still and seconds > MOST["seconds"])
            )
            failed = failed or bad
            line += "  TOO MUCH" if bad else ""
        print(line)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
