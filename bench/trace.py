"""Traces to many targets at once, through the TUN door, beside traceroute and mtr. Run as root:

    python bench/trace.py [MOST]

Ten hops, 1 ms each; one probe a hop; each method, as root and as nobody. Printed are seconds from the first
call to the last trace, the CPU time of the process, and probes a second. The pump answers on the other core:
two quiet ones are needed.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time

from anyicmp.testing import Internet, Topology
from anyicmp.testing.tun import TunNetwork, behind_tun

NOBODY = 65534
DESCRIPTORS = 4096
"""Connections that the kernel makes have a descriptor each."""

# A child in the namespace: so many traces at once.
CLIENT = """
import json, sys, time
import anyio, anyicmp

number, method = int(sys.argv[1]), sys.argv[2]

async def main():
    reached = 0
    async with anyicmp.Prober() as prober:
        async def trace(i):
            nonlocal reached
            target = f"10.{i // 65536}.{i // 250 % 256}.{i % 250 + 1}"
            found = await prober.traceroute(target, method=method, probes=1, timeout=2.0)
            reached += found.reached and all(hop.addresses for hop in found.hops)
        began, spent = time.perf_counter(), time.process_time()
        async with anyio.create_task_group() as tasks:
            for i in range(number):
                tasks.start_soon(trace, i)
        return {
            "took": time.perf_counter() - began,
            "spent": time.process_time() - spent,
            "sent": prober.statistics.sent,
            "whole": reached,
        }

print(json.dumps(anyio.run(main)))
"""

TOOLS = {
    "icmp": (["traceroute", "-n", "-q", "1", "-I"], ["mtr", "-n", "-C", "-c", "1"]),
    "udp": (["traceroute", "-n", "-q", "1"], ["mtr", "-n", "-C", "-c", "1", "-u"]),
    "tcp": (["traceroute", "-n", "-q", "1", "-T"], ["mtr", "-n", "-C", "-c", "1", "-T"]),
}


def internet() -> Internet:
    """Nine routers in a row, and sixteen million hosts behind them."""
    topology, routers = Topology(), [f"r{i}" for i in range(1, 10)]
    for i, router in enumerate(routers, 1):
        topology.router(router, f"172.16.{i}.1")
    topology.host("targets", "10.0.0.0/8")
    return Internet(topology.link("client", *routers, "targets", delay="0.5 ms"))


def measure(network: TunNetwork, number: int, method: str, uid: int) -> dict[str, float]:
    """Print a line; returns what the client measured."""
    # The interpreter may live where only root reads.
    only = "-all,+dac_read_search"
    drop = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", f"--inh-caps={only}"]
    who = ["setpriv", *drop, f"--ambient-caps={only}", f"--bounding-set={only}"] if uid else []
    argv = network.command([*who, sys.executable, "-c", CLIENT, str(number), method])
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    print(
        f"{method:<5}{'nobody' if uid else 'root':<7}{number:>5} traces: {found['took']:>6.2f} s, "
        f"CPU {found['spent']:>5.2f} s, {found['sent'] / found['took']:>7,.0f} probes/s, "
        f"{found['whole']} whole"
    )
    return found


def beside(network: TunNetwork, method: str) -> None:
    """Print what the other tools take for one trace."""
    for tool in TOOLS[method]:
        if shutil.which(tool[0]) is not None:
            began = time.perf_counter()
            subprocess.run(network.command([*tool, "10.0.0.1"]), capture_output=True, check=True)
            print(
                f"{method:<5}{tool[0]:<11}1 trace:  {time.perf_counter() - began:>6.2f} s, all of the program"
            )


def main(most: int) -> None:
    """All methods, as root and as nobody, from one trace to `most`."""
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    system = f"Python {platform.python_version()}, Linux {platform.release()}"
    print(f"{system}, {os.cpu_count()} cores, load {load}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with behind_tun(internet()) as network:
        for method in TOOLS:
            for uid in (0, NOBODY):
                numbers = sorted({1, 10, 100, most})
                found = [measure(network, number, method, uid) for number in numbers]
                one, all_of_them = found[0], found[-1]
                print(
                    f"{method:<5}{'nobody' if uid else 'root':<7}{numbers[-1]:>5} take "
                    f"{all_of_them['took'] / one['took']:.0f} times as long as one, and "
                    f"{all_of_them['spent'] / one['spent']:.0f} times the CPU time"
                )
            beside(network, method)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
