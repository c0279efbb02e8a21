"""Round trips a second through the TUN door, and how well it keeps a delay of 10 ms. Run as root:

    python bench/tun.py

Three internets: a host behind a router, the same 10 ms away, and the built-in "demo". The client makes plain
system calls, so that what is measured is the door. Both ends run at once: two quiet cores are needed.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys

from anyicmp.testing import Internet, Topology
from anyicmp.testing.tun import behind_tun

ROUND_TRIPS = 200_000
WINDOW = 500

# A child in the namespace: `most` requests, never more than `window` unanswered; then 500 single round trips.
CLIENT = """
import json, os, select, socket, sys, time
from anyicmp.wire import checksum

os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # as the pump: other work shall not count
target, most, window = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
    s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
    s.setblocking(False)
    request = bytes([8, 0]) + bytes(62)
    request = request[:2] + checksum(request).to_bytes(2, "big") + request[4:]
    sent = heard = 0
    buffer = bytearray(2048)
    began = time.perf_counter()
    while heard < most:
        while sent < most and sent - heard < window:
            s.sendto(request, (target, 0))
            sent += 1
        if not select.select([s], [], [], 1.0)[0]:
            break
        try:
            while True:
                s.recv_into(buffer)
                heard += 1
        except BlockingIOError:
            pass
    rate = heard / (time.perf_counter() - began)
    singles = []
    for _ in range(500):
        time.sleep(0.002)
        began = time.perf_counter()
        s.sendto(request, (target, 0))
        select.select([s], [], [], 1.0)
        singles.append(time.perf_counter() - began)
        s.recv_into(buffer)
singles.sort()
print(json.dumps({"sent": sent, "heard": heard, "rate": rate, "median": singles[250], "p99": singles[494]}))
"""


def near(delay: str) -> Internet:
    """A router and a host, with a delay each way."""
    topology = Topology().router("gateway", "192.0.2.254").host("server", "203.0.113.80")
    topology.link("client", "gateway", delay=delay)
    return Internet(topology.link("gateway", "server"))


def measure(name: str, internet: Internet, most: int) -> None:
    """Print a line."""
    with behind_tun(internet) as network:
        argv = network.command([sys.executable, "-c", CLIENT, "203.0.113.80", str(most), str(WINDOW)])
        shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(shown)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{name:<11}{found['rate']:>8,.0f} round trips/s ({found['heard']:,} of {found['sent']:,} answered); "
        f"single: median {found['median'] * 1e3:.3f} ms, 99 % {found['p99'] * 1e3:.3f} ms; "
        f"pump {spent / network.counts['taken'] * 1e6:.1f} µs a packet"
    )


if __name__ == "__main__":
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    system = f"Python {platform.python_version()}, Linux {platform.release()}"
    print(f"{system}, {os.cpu_count()} cores, load {load}")
    measure("near", near("0 ms"), ROUND_TRIPS)
    measure("10 ms away", near("5 ms"), ROUND_TRIPS // 10)
    measure("demo", Internet.from_toml("demo"), ROUND_TRIPS // 4)
