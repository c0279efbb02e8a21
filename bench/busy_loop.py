"""Round trips of 50 ms in a loop that another task blocks 5 ms at a time, beside icmplib and gufo_ping.

Run as root:

    python bench/busy_loop.py [--json]

The host stands behind a TUN device in a namespace of its own, so that the truth is known; iputils' ping,
which has no loop, says it too. `pip install icmplib gufo_ping` for the others: what is missing is named and
left out.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from importlib.util import find_spec

from anyicmp.testing import Internet, Topology
from anyicmp.testing.tun import TunNetwork, behind_tun

TARGET = "203.0.113.80"
COUNT, INTERVAL = 60, 0.05

# A child in the namespace: one measurement, its round trips in seconds as JSON.
CHILD = """
import json, sys, time
import anyio, anyio.lowlevel

name, loop, privileged, busy, target, count, interval = json.loads(sys.argv[1])

async def block(until):
    while not until.is_set():
        end = time.monotonic() + 0.005
        while busy and time.monotonic() < end:
            pass
        await (anyio.lowlevel.checkpoint() if busy else until.wait())

async def by_anyicmp():
    import anyicmp
    async with anyicmp.Prober(privileged=privileged) as prober:
        found = await prober.ping(target, count=count, interval=interval)
    return [outcome.rtt for outcome in found.outcomes if outcome.kind == "reply"]

async def by_icmplib():
    import icmplib
    return [
        rtt / 1000
        for rtt in (await icmplib.async_ping(target, count, interval, 2, privileged=privileged)).rtts
    ]

async def by_gufo_ping():
    from gufo.ping import Ping
    from gufo.ping.socket import SelectionPolicy
    pinger, found = Ping(SelectionPolicy.RAW if privileged else SelectionPolicy.DGRAM), []
    for _ in range(count):
        found.append(await pinger.ping(target))
        await anyio.sleep(interval)
    return [rtt for rtt in found if rtt is not None]

async def main():
    over = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(block, over)
        found = await {"anyicmp": by_anyicmp, "icmplib": by_icmplib, "gufo_ping": by_gufo_ping}[name]()
        over.set()
    print(json.dumps(found))

backend = "trio" if loop == "trio" else "asyncio"
anyio.run(main, backend=backend, backend_options={"use_uvloop": True} if loop == "uvloop" else {})
"""

PEERS = {"icmplib": "icmplib", "gufo_ping": "gufo.ping"}
LOOPS = {"anyicmp": ("asyncio", "uvloop", "trio"), "icmplib": ("asyncio",), "gufo_ping": ("asyncio",)}


def installed(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def by_ping(network: TunNetwork) -> list[float]:
    """What iputils' ping finds."""
    argv = network.command(["ping", "-n", "-i", str(INTERVAL), "-c", str(COUNT), TARGET])
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return [float(text) / 1000 for text in re.findall(r"time=([\d.]+) ms", shown)]


def measured(network: TunNetwork, name: str, loop: str, *, privileged: bool, busy: bool) -> list[float] | str:
    """The round trips of one measurement, or the last line of what went wrong."""
    asked = json.dumps([name, loop, privileged, busy, TARGET, COUNT, INTERVAL])
    argv = network.command([sys.executable, "-W", "ignore", "-c", CHILD, asked])
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def row(name: str, loop: str, sockets: str, busy: bool, found: list[float] | str) -> dict[str, object]:
    """A line of the table; times in seconds."""
    line: dict[str, object] = {"program": name, "loop": loop, "sockets": sockets, "busy": busy}
    if isinstance(found, str) or not found:
        return line | {"failed": found or "no answer"}
    found.sort()
    p95 = found[min(len(found) - 1, len(found) * 95 // 100)]
    return line | {"answers": len(found), "median": statistics.median(found), "p95": p95, "worst": found[-1]}


def main() -> None:
    """Measure all, print a table or JSON."""
    missing = [name for name, module in PEERS.items() if not installed(module)]
    if shutil.which("ping") is None:
        missing.append("ping")
    topology = Topology().router("gateway", "192.0.2.254").host("server", TARGET)
    topology.link("client", "gateway", delay="25 ms").link("gateway", "server")
    rows = []
    with behind_tun(Internet(topology)) as network:
        if "ping" not in missing:
            rows.append(row("ping", "none", "its own", False, by_ping(network)))
        for name in ("anyicmp", *(peer for peer in PEERS if peer not in missing)):
            for loop in LOOPS[name]:
                for privileged in (True, False):
                    for busy in (False, True):
                        found = measured(network, name, loop, privileged=privileged, busy=busy)
                        rows.append(row(name, loop, "raw" if privileged else "datagram", busy, found))
    about = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "load": [round(part, 1) for part in os.getloadavg()],
        "true round trip": 0.05,
        "missing": missing,
    }
    if "--json" in sys.argv[1:]:
        print(json.dumps({**about, "rows": rows}, indent=1))
        return
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"{'program':<10}{'loop':<9}{'sockets':<10}{'busy':<6}{'median ms':>10}{'95 %':>10}{'worst':>10}")
    for line in rows:
        busy = "yes" if line["busy"] else "no"
        head = f"{line['program']:<10}{line['loop']:<9}{line['sockets']:<10}{busy:<6}"
        if "failed" in line:
            print(head + str(line["failed"]))
        else:
            print(head + "".join(f"{line[name] * 1000:>10.3f}" for name in ("median", "p95", "worst")))


if __name__ == "__main__":
    main()
