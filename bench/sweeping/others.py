"""A child that has others probe: `others.py WHO [ARGUMENTS]`; prints seconds, CPU and answers as JSON.

gufo       [FIRST, COUNT, TASKS, EACH, UVLOOP]   its socket with a receive buffer for all icmplib    [FIRST,
COUNT, TASKS] fping      [FILE, TIMEOUT in ms]                 seconds are those that it says itself,
without its start
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from ipaddress import ip_address


def taken(began: float, cpu: float, got: int) -> dict[str, float]:
    """What has passed since."""
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "got": got}


async def gufo(first: str, count: int, tasks: int, each: int) -> dict[str, float]:
    """Tasks that share the addresses."""
    from gufo.ping import Ping

    got, base = 0, ip_address(first)
    ping = Ping(size=64, recv_buffer_size=64 << 20)
    left = iter(range(count))

    async def one() -> None:
        nonlocal got
        for i in left:
            address = str(base + i) if each == 1 else first
            for _ in range(each):
                alive = await ping.ping(address) is not None
                got += alive  # not in one line: what is added to is read before the await

    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(tasks)))
    return taken(began, cpu, got)


async def icmplib(first: str, count: int, tasks: int) -> dict[str, float]:
    """Its own sweep."""
    from icmplib import async_multiping

    addresses = [str(ip_address(first) + i) for i in range(count)]
    cpu, began = time.process_time(), time.perf_counter()
    hosts = await async_multiping(addresses, count=1, timeout=1, concurrent_tasks=tasks)
    return taken(began, cpu, sum(host.is_alive for host in hosts))


def fping(hosts: str, timeout: int) -> dict[str, float]:
    """One probe to each address of a file, as fast as it can."""
    argv = ["fping", "-q", "-s", "-i", "0", "-r", "0", "-t", str(timeout), "-f", hosts]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = {
        line.split(maxsplit=1)[1].strip(): line.split()[0]
        for line in done.stderr.splitlines()
        if line.strip()
    }
    return {
        "seconds": float(said["sec (elapsed real time)"]),
        "cpu": used.ru_utime + used.ru_stime,
        "got": int(said["alive"]),
        "memory": used.ru_maxrss / 1024,
    }


def main(who: str, *arguments: object) -> dict[str, float]:
    """Whoever it is."""
    if who == "gufo":
        *rest, fast = arguments
        if fast:
            import uvloop

            return uvloop.run(gufo(*rest))  # type: ignore[arg-type]
        return asyncio.run(gufo(*rest))  # type: ignore[arg-type]
    if who == "icmplib":
        return asyncio.run(icmplib(*arguments))  # type: ignore[arg-type]
    return fping(*arguments)  # type: ignore[arg-type]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *json.loads(sys.argv[2]))))
