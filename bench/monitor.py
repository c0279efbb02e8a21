"""Ten thousand hosts watched once a second, beside fping and icmplib. Run as root:

    python bench/monitor.py [--seconds N] [--targets N] [--loop asyncio|uvloop|trio] [--others]

A network namespace of its own; the targets are addresses of its loopback interface, which answers in the
kernel. What counts is the share of one core, how late probes leave, and memory. All figures are rendered for
Prometheus every 15 seconds, a few targets at a time, as the agent does.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager

ENOUGH = 5_000
"""Targets of fping: with more it runs out of sequence numbers."""

LOOPS = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}

WATCH = """
import gc, json, os, sys, time, tracemalloc
import anyio, anyio.lowlevel, anyicmp
from anyicmp.engine.histogram import Histogram
from anyicmp.export import Exposition

TARGETS, SECONDS, BACKEND, OPTIONS = json.loads(sys.argv[1])
HOSTS = [f"127.{1 + i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(TARGETS)]
WARM_UP, SCRAPE = 10.0, 15.0

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def main():
    found = {"targets": TARGETS, "resident": [], "scrapes": []}
    async with anyicmp.Prober(receive_buffer=8 << 20) as prober:
        before = resident()
        async with prober.open_monitor(HOSTS, interval=1.0, window=60.0) as monitor:
            await anyio.sleep(WARM_UP)
            gc.collect()
            gc.freeze()  # as an agent should: else the collector looks at all targets again and again
            await anyio.sleep(1.0)
            found["after_warm_up"] = (resident() - before) / TARGETS
            monitor._groups._lateness, monitor._groups._latest = Histogram(), 0
            start, cpu, sent = time.perf_counter(), time.process_time(), prober.statistics.sent
            scraped = start
            while (passed := time.perf_counter() - start) < SECONDS:
                await anyio.sleep(min(5.0, SECONDS - passed))
                found["resident"].append(resident())
                if time.perf_counter() - scraped >= SCRAPE:
                    scraped, spent = time.perf_counter(), time.process_time()
                    exposition = Exposition(monitor)
                    for _ in exposition.steps():
                        await anyio.lowlevel.checkpoint()
                    octets = sum(map(len, exposition.parts))
                    del exposition
                    found["scrapes"].append((time.perf_counter() - scraped, octets))
            passed = time.perf_counter() - start
            late = monitor.lateness
            found |= {
                "share": (time.process_time() - cpu) / passed,
                "rate": (prober.statistics.sent - sent) / passed,
                "median": late.median, "p99": late.p99, "maximum": late.maximum,
                "up": sum(status.state == "up" for status in monitor.snapshot().values()),
                "lost": sum(each.probes - each.received for each in monitor.counters()),
                "dropped": prober.statistics.dropped,
            }
    print(json.dumps(found))

anyio.run(main, backend=BACKEND, backend_options=OPTIONS)
"""

ICMPLIB = """
import asyncio, json, sys, time
from icmplib import async_multiping

TARGETS, SECONDS = json.loads(sys.argv[1])
HOSTS = [f"127.1.{i // 256}.{i % 256}" for i in range(TARGETS)]

async def main():
    start, cpu, sent, received = time.perf_counter(), time.process_time(), 0, 0
    while (passed := time.perf_counter() - start) < SECONDS:
        hosts = await async_multiping(HOSTS, count=1, timeout=1, concurrent_tasks=1000)
        sent += len(hosts)
        received += sum(host.packets_received for host in hosts)
    passed = time.perf_counter() - start
    print(json.dumps({"rate": sent / passed, "share": (time.process_time() - cpu) / passed,
                      "lost": sent - received}))

asyncio.run(main())
"""


@contextmanager
def namespace() -> Iterator[str]:
    """A network namespace whose only interface is loopback."""
    name = f"anyicmp-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def child(name: str, script: str, *given: object) -> dict[str, float]:
    """What a script prints as JSON, run in the namespace."""
    command = ["ip", "netns", "exec", name, sys.executable, "-c", script, json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def show(loop: str, found: dict[str, float]) -> None:
    """One measurement."""
    resident = found["resident"]
    grown = max(resident[len(resident) // 2 :]) - max(resident[: len(resident) // 2])  # type: ignore[index,arg-type]
    print(
        f"{loop:>8}: {found['targets']:,} targets, {found['rate']:,.0f} probes a second, "
        f"{found['share']:.1%} of a core; late by {found['median'] * 1e3:.2f} ms (median), "
        f"{found['p99'] * 1e3:.2f} ms (99 %), {found['maximum'] * 1e3:.1f} ms (most); "
        f"{found['up']:,} up, {found['lost']:,} lost, {found['dropped']:,} dropped here; "
        f"{found['after_warm_up'] / 1000:.2f} kB a target, then {grown / 1e6:+.1f} MB"
    )
    for took, octets in found["scrapes"]:  # type: ignore[attr-defined]
        print(f"          rendered {octets / 1e6:.1f} MB in {took:.2f} s, probing in between")


def fping(name: str, seconds: float) -> None:
    """fping, once a second to as many as it can."""
    hosts = "\n".join(f"127.1.{i // 256}.{i % 256}" for i in range(ENOUGH))
    command = [
        "ip",
        "netns",
        "exec",
        name,
        "bash",
        "-c",
        f"time timeout {seconds} fping -l -i 0.2 -q -p 1000",
    ]
    done = subprocess.run(command, input=hosts, capture_output=True, text=True, check=False)
    used = [line.split() for line in done.stderr.splitlines() if line.startswith(("user", "sys"))]
    cpu = sum(float(each[1].removeprefix("0m").removesuffix("s")) for each in used)
    print(f"   fping: {ENOUGH:,} targets, {cpu / seconds:.1%} of a core; it does not say how late it is")


def main() -> None:
    """Measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="after ten to warm up")
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--loop", choices=LOOPS, action="append", help="all if none is named")
    parser.add_argument("--others", action="store_true", help="fping and icmplib too")
    options = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    with namespace() as name:
        for loop in options.loop or LOOPS:
            show(loop, child(name, WATCH, options.targets, options.seconds, *LOOPS[loop]))
        if options.others:
            if shutil.which("fping"):
                fping(name, options.seconds)
            found = child(name, ICMPLIB, options.targets, options.seconds)
            print(
                f" icmplib: {options.targets:,} targets in turn, {found['rate']:,.0f} probes a second, "
                f"{found['share']:.1%} of a core, {found['lost']:,} lost"
            )


if __name__ == "__main__":
    main()
