"""A small monitoring agent on asyncio: python examples/agent_asyncio.py HOST [HOST ...].

It watches the hosts of the command line, prints what changes, and sums up every ten seconds. SIGHUP begins
anew with the hosts of the file `hosts.txt`, if there is one; SIGTERM and Ctrl-C end it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import anyicmp

LIST = Path("hosts.txt")


async def summarize(monitor: anyicmp.Monitor, seconds: float) -> None:
    """Print the worst hosts now and then."""
    while True:
        await asyncio.sleep(seconds)
        statuses = sorted(monitor.snapshot().values(), key=lambda status: -(status.statistics.loss or 0))
        for status in statuses[:3]:
            print(f"  {status.key}: {status.state}, loss {status.statistics.loss}")


async def watch(hosts: list[str], seconds: float = 10.0) -> None:
    """Watch hosts until SIGTERM."""
    loop = asyncio.get_running_loop()
    this_task = asyncio.current_task()
    assert this_task is not None
    loop.add_signal_handler(signal.SIGTERM, this_task.cancel)
    async with anyicmp.Prober() as prober, prober.open_monitor(hosts, interval=1.0) as monitor:
        loop.add_signal_handler(
            signal.SIGHUP, lambda: monitor.replace(LIST.read_text().split() if LIST.exists() else hosts)
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(summarize(monitor, seconds))
            async for change in monitor:
                print(f"{change.key} is {change.state}: {change.reason}", flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(watch(sys.argv[1:] or ["127.0.0.1"]))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped")
