"""Ten thousand hosts watched once a second, beside fping and icmplib. Run as root:

    python bench/monitor.py [--seconds N] [--targets N] [--loop asyncio|uvloop|trio] [--others] [--far|--wire]

A network namespace of its own; the targets are addresses of its loopback interface, which answers in the
kernel. With `--far` they are 10 to 50 ms away, each answer another time, behind a TUN device. What counts is
the share of one core, how late probes leave, early ones too, and memory. All figures are rendered for
Prometheus every 15 seconds, a few targets at a time, as the agent does.

A shared machine may stand still now and then, and then everybody is late. How late a loop of bare system
calls is with as many datagrams, at the same time and on another core, is told beside.

With `--wire` another process judges instead, by the kernel's stamps of the requests that pass loopback: how
far each is from the beat of its target, which is the median of its probes' times within the second. Each
packet is copied for that, so the monitor needs more of its core.
"""

from __future__ import annotations

import json
import platform
import resource
import shutil
import subprocess
import sys
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from statistics import mean

ENOUGH = 5_000
"""Targets of fping: with more it runs out of sequence numbers."""

PATIENT = 500
"""Targets of icmplib at once: each has a raw socket of its own, which gets a copy of what comes for any."""

WARM, SETTLED = 11.0, 10.0
"""Seconds that a monitor warms up (as WATCH has it); and that `--wire` leaves out at both ends."""

PATIENCE = 60.0
"""Seconds that a child may take to start and to end."""

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

TARGETS, SECONDS, FIRST, BACKEND, OPTIONS = json.loads(sys.argv[1])
HOSTS = [f"{FIRST}.{1 + i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(TARGETS)]
WARM_UP, SCRAPE = 10.0, 15.0

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def main():
    found = {"targets": TARGETS, "resident": [], "scrapes": [], "coarse": []}
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
                found["coarse"] += [group.plan._coarse for group in monitor._groups._groups.values()]
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

BARE = """
import json, select, socket, sys, time
from array import array

SECONDS, AT_ONCE, EVERY = json.loads(sys.argv[1])
near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
far.bind(("127.0.0.1", 0))
far.setblocking(False)
late, due = array("d"), time.perf_counter()
end = due + SECONDS
while due < end:
    due += EVERY
    time.sleep(max(0.0, due - time.perf_counter()))
    for _ in range(AT_ONCE):
        late.append(time.perf_counter() - due)
        near.sendto(bytes(64), far.getsockname())
    while select.select([far], [], [], 0)[0]:
        far.recv(128)
late = sorted(late)
print(json.dumps({"median": late[len(late) // 2], "p99": late[len(late) * 99 // 100], "maximum": late[-1]}))
"""
"""Datagrams that leave together, by a loop that does nothing else."""

EVERY = 0.01
"""Seconds from batch to batch of it."""

WIRE = """
import json, socket, struct, sys, time
from array import array
from collections import defaultdict

SECONDS, WAIT = json.loads(sys.argv[1])
ETH_P_IP, SO_TIMESTAMPNS, SO_RCVBUFFORCE, SOL_PACKET, PACKET_STATISTICS, SECOND = 0x800, 35, 33, 263, 6, 10**9
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
time.sleep(WAIT)
tap.bind(("lo", ETH_P_IP))
tap.settimeout(1.0)
beats, end = defaultdict(lambda: array("q")), time.monotonic() + SECONDS
while time.monotonic() < end:
    packet, ((_, _, stamp),), _, _ = tap.recvmsg(24, 64)
    if packet[20] == 8:
        seconds, nanoseconds = struct.unpack("qq", stamp)
        beats[packet[16:20]].append(seconds % 3600 * SECOND + nanoseconds)
_, dropped = struct.unpack("II", tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
away = array("q")
for times in beats.values():
    first = times[0] - SECOND // 2
    within = sorted((each - first) % SECOND for each in times)
    beat = within[len(within) // 2]
    away.extend(abs(each - beat) for each in within)
away = sorted(away)
print(json.dumps({
    "probes": len(away), "targets": len(beats), "dropped": dropped,
    "median": away[len(away) // 2] / SECOND, "p99": away[len(away) * 99 // 100] / SECOND,
    "maximum": away[-1] / SECOND,
}))
"""
"""Echo requests as an interface sees them, each beside the others to its address."""

ICMPLIB = """
import asyncio, json, sys, time
from icmplib import async_multiping

TARGETS, SECONDS, TASKS = json.loads(sys.argv[1])
HOSTS = [f"127.1.{i // 256}.{i % 256}" for i in range(TARGETS)]

async def main():
    start, cpu, sent, received = time.perf_counter(), time.process_time(), 0, 0
    while (passed := time.perf_counter() - start) < SECONDS:
        hosts = await async_multiping(HOSTS, count=1, timeout=1, concurrent_tasks=TASKS)
        sent += len(hosts)
        received += sum(host.packets_received for host in hosts)
    print(json.dumps({"sent": sent, "cpu": time.process_time() - cpu, "lost": sent - received}))

asyncio.run(main())
"""


@contextmanager
def far() -> Iterator[str]:
    """A network namespace in front of hosts that are 10 to 50 ms away."""
    from anyicmp.testing import Internet, Topology
    from anyicmp.testing.tun import behind_tun

    topology = Topology().router("gateway", "192.0.2.254").host("server", "203.0.0.0/14")
    topology.link("client", "gateway", delay="5 ms", jitter="40 ms").link("gateway", "server")
    with behind_tun(Internet(topology)) as network:
        yield network.namespace


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


def begun(name: str, script: str, *given: object) -> subprocess.Popen[str]:
    """A script that runs in the namespace."""
    command = ["ip", "netns", "exec", name, sys.executable, "-c", script, json.dumps(given)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def printed(process: subprocess.Popen[str], limit: float) -> dict[str, float]:
    """What it prints as JSON, within so many seconds."""
    try:
        output, errors = process.communicate(timeout=limit)
    finally:
        process.kill()  # does nothing to one that has ended
    if process.returncode:
        raise RuntimeError(errors)
    found: dict[str, float] = json.loads(output)
    return found


def late(found: dict[str, float]) -> str:
    """How far from when they were due they left."""
    return (
        f"off by {found['median'] * 1e3:.2f} ms (median), {found['p99'] * 1e3:.2f} ms (99 %), "
        f"{found['maximum'] * 1e3:.1f} ms (most)"
    )


def show(loop: str, found: dict[str, float]) -> None:
    """One measurement."""
    resident = found["resident"]
    grown = max(resident[len(resident) // 2 :]) - max(resident[: len(resident) // 2])  # type: ignore[index,arg-type]
    print(
        f"{loop:>8}: {found['targets']:,} targets, {found['rate']:,.0f} probes a second, "
        f"{found['share']:.1%} of a core, {found['share'] / found['rate'] * 1e6:.1f} us a probe; "
        f"{late(found)}; "
        f"{found['up']:,} up, {found['lost']:,} lost, {found['dropped']:,} dropped here; "
        f"{found['after_warm_up'] / 1000:.2f} kB a target, then {grown / 1e6:+.1f} MB; "
        f"every 20 ms for {mean(found['coarse']):.0%} of the time, else every 10"  # type: ignore[arg-type]
    )
    for took, octets in found["scrapes"]:  # type: ignore[attr-defined]
        print(f"          rendered {octets / 1e6:.1f} MB in {took:.2f} s, probing in between")


def fping(name: str, seconds: float) -> tuple[int, float]:
    """Probes of fping, which pings once a second as many as it can, and its CPU seconds."""
    hosts = "\n".join(f"127.1.{i // 256}.{i % 256}" for i in range(ENOUGH))
    command = ["ip", "netns", "exec", name, "timeout", "-s", "INT", str(seconds)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, "fping", "-l", "-i", "0.2", "-q", "-p", "1000"],
        input=hosts,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * seconds + PATIENCE,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = [line.split(" = ")[1].split("/") for line in done.stderr.splitlines() if "xmt/rcv" in line]
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return sum(int(sent) for sent, *_ in counts), cpu


def others(name: str, seconds: float, ours: float) -> None:
    """What a probe costs fping and icmplib, beside our microseconds."""
    found = {}
    if shutil.which("fping"):
        found[f"fping, {ENOUGH:,} targets"] = fping(name, seconds)
    if find_spec("icmplib") is not None:
        # A round at a time: the last one may take longer than there is time.
        loop = printed(begun(name, ICMPLIB, PATIENT, seconds, PATIENT // 10), 2 * seconds + PATIENCE)
        found[f"icmplib, {PATIENT:,} targets in turn"] = int(loop["sent"]), loop["cpu"]
    for who, (sent, cpu) in found.items():
        each = cpu / sent * 1e6
        print(f"{who}: {sent:,} probes, {each:.1f} us of CPU each, {each / ours:.2f} times ours")


def main() -> None:
    """Measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="after ten to warm up")
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--loop", choices=LOOPS, action="append", help="all if none is named")
    parser.add_argument("--others", action="store_true", help="fping and icmplib too")
    parser.add_argument("--far", action="store_true", help="targets behind a TUN device")
    parser.add_argument("--wire", action="store_true", help="judge the times of packets on the interface")
    options = parser.parse_args()
    if options.far and options.wire:
        parser.error("--wire looks at loopback, on which the targets of --far are not: give one of the two")
    if options.wire and options.seconds <= 2 * SETTLED:
        parser.error(
            f"--wire leaves out {SETTLED:g} seconds at both ends: give --seconds above {2 * SETTLED:g}"
        )
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    with far() if options.far else namespace() as name:
        first = 203 if options.far else 127
        for loop in options.loop or LOOPS:
            limit = 2 * options.seconds + PATIENCE
            if options.wire:
                beside = begun(name, WIRE, options.seconds - 2 * SETTLED, WARM + SETTLED)
            else:
                beside = begun(name, BARE, options.seconds, round(options.targets * EVERY), EVERY)
            try:
                watch = begun(name, WATCH, options.targets, options.seconds, first, *LOOPS[loop])
                found = printed(watch, limit)
                show(loop, found)
                other = printed(beside, limit)
                if options.wire:
                    print(
                        f"          on the wire: {other['probes']:,} probes to {other['targets']:,} targets, "
                        f"{other['dropped']:,} not seen; from the beat of their target {late(other)}"
                    )
                else:
                    print(f"          bare system calls: {late(other)}")
            finally:
                beside.kill()
        if options.others:
            others(name, options.seconds, found["share"] / found["rate"] * 1e6)


if __name__ == "__main__":
    main()
