"""A sweep of our own link, 1,022 addresses of which six exist (one is ours), beside fping. Run as root:

    python bench/lan.py [FILE.json]

Two network namespaces on one veth pair. Five rounds, in turn, medians; with the buffers that this host
grants and with those of a stock kernel (net.core.wmem_max and rmem_max 212,992). What counts is how many are
found, how long it takes, and whether the round trips are those of the link.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ALIVE = ["10.66.0.9", "10.66.1.10", "10.66.2.2", "10.66.2.11", "10.66.3.12"]
ROUNDS = 5
STOCK = 2 * 212_992
NOBODY = 65534

SWEEP = """
import json, sys, time, anyio, attrs, anyicmp
from anyicmp.api.environment import Environment
from anyicmp.net.transport import open_transport

def opened(spec):
    octets = int(sys.argv[1]) or None
    return open_transport(attrs.evolve(spec, send_buffer=octets, receive_buffer=octets))

async def main():
    result = await anyicmp.sweep("10.66.0.0/22", network=Environment(open_transport=opened))
    print(json.dumps([reply.rtt for reply in result.alive]))

anyio.run(main)
"""


@contextmanager
def lan() -> Iterator[str]:
    """Client and neighbour on one link, fresh: no neighbour is known."""
    run = uuid.uuid4().hex[:8]
    client, other = f"anyicmp-{run}-client", f"anyicmp-{run}-other"
    lines = [f"netns add {client}", f"netns add {other}"]
    lines += [f"link add lan netns {client} type veth peer name lan netns {other}"]
    try:
        ip([], lines)
        ip(["-n", client], ["addr add 10.66.3.254/22 dev lan", "link set lo up", "link set lan up"])
        ip(["-n", other], [*(f"addr add {one}/22 dev lan" for one in ALIVE), "link set lan up"])
        subprocess.run(
            ["ip", "netns", "exec", client, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"],
            check=True,
        )
        time.sleep(1.0)  # the carrier is told a little late
        yield client
    finally:
        ip(
            ["-force"],
            [f"netns delete {name}" for name in (client, other) if Path("/run/netns", name).exists()],
        )


def ip(options: list[str], lines: list[str]) -> None:
    """Run lines of ip(8)."""
    subprocess.run(["ip", *options, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def timed(client: str, argv: list[str], uid: int | None) -> tuple[float, str]:
    """How long a program takes, and what it says."""
    user = []
    if uid is not None:
        keep = "-all,+dac_read_search"  # the interpreter may live where only root reads
        user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", f"--inh-caps={keep}"]
        user += [f"--ambient-caps={keep}", f"--bounding-set={keep}"]
    began = time.perf_counter()
    done = subprocess.run(
        ["ip", "netns", "exec", client, *user, *argv], capture_output=True, text=True, check=False
    )
    return time.perf_counter() - began, done.stdout


def by_anyicmp(client: str, uid: int | None, octets: int) -> tuple[float, list[float]]:
    """Seconds, the interpreter's start included, and round trips."""
    took, said = timed(client, [sys.executable, "-c", SWEEP, str(octets)], uid)
    return took, json.loads(said)


def by_fping(client: str, *options: str) -> tuple[float, list[float]]:
    """The same by fping with these options, one probe to each, a second to wait."""
    took, said = timed(client, ["fping", "-a", "-e", "-r0", "-t1000", *options, "-g", "10.66.0.0/22"], None)
    return took, [float(line.split("(")[1].split()[0]) / 1000 for line in said.splitlines() if "(" in line]


WAYS = {
    "anyicmp, root": lambda client: by_anyicmp(client, None, 0),
    "anyicmp, nobody": lambda client: by_anyicmp(client, NOBODY, 0),
    "anyicmp, root, stock buffers": lambda client: by_anyicmp(client, None, STOCK),
    "anyicmp, nobody, stock buffers": lambda client: by_anyicmp(client, NOBODY, STOCK),
    "fping": by_fping,
    "fping -i1": lambda client: by_fping(client, "-i1"),
}


def main() -> None:
    """Measure, print a table, write JSON where asked."""
    if shutil.which("fping") is None:
        sys.exit("fping is not installed")
    seen: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            with lan() as client:
                seen[name].append(way(client))
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    system = f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} cores"
    print(f"{system}, load {load}; medians of {ROUNDS} rounds")
    print(f"{'':<32}{'found':>6}{'seconds':>9}{'median RTT':>12}{'longest RTT':>13}")
    table = {}
    for name, rounds in seen.items():
        table[name] = row = {
            "found": statistics.median(len(rtts) for _, rtts in rounds),
            "seconds": statistics.median(took for took, _ in rounds),
            "median_rtt": statistics.median(statistics.median(rtts or [0]) for _, rtts in rounds),
            "longest_rtt": statistics.median(max(rtts, default=0) for _, rtts in rounds),
        }
        rtts = f"{row['median_rtt'] * 1e3:>9.3f} ms{row['longest_rtt'] * 1e3:>10.3f} ms"
        print(f"{name:<32}{row['found']:>6g}{row['seconds']:>9.2f}{rtts}")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps({"system": system, "rounds": ROUNDS, "ways": table}), "utf-8")


if __name__ == "__main__":
    main()
