"""A small monitoring agent on trio: python examples/agent_trio.py HOST [HOST ...].

It watches the hosts of the command line, prints what changes, and sums up every ten seconds. SIGHUP begins
anew with the hosts of the file `hosts.txt`, if there is one; SIGTERM and Ctrl-C end it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import trio

import anyicmp

LIST = Path("hosts.txt")


def listed() -> list[str]:
    """The hosts of the file, none without one."""
    return LIST.read_text().split() if LIST.exists() else []


async def summarize(monitor: anyicmp.Monitor, seconds: float) -> None:
    """Print the worst hosts now and then."""
    while True:
        await trio.sleep(seconds)
        statuses = sorted(monitor.snapshot().values(), key=lambda status: -(status.statistics.loss or 0))
        for status in statuses[:3]:
            print(f"  {status.key}: {status.state}, loss {status.statistics.loss}")


async def obey(monitor: anyicmp.Monitor, hosts: list[str], stop: trio.CancelScope) -> None:
    """Do what signals ask for."""
    with trio.open_signal_receiver(signal.SIGHUP, signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if number != signal.SIGHUP:
                stop.cancel()
            else:
                monitor.replace(listed() or hosts)


async def watch(hosts: list[str], seconds: float = 10.0) -> None:
    """Watch hosts until SIGTERM or Ctrl-C."""
    async with (
        anyicmp.Prober() as prober,
        prober.open_monitor(hosts, interval=1.0) as monitor,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(summarize, monitor, seconds)
        nursery.start_soon(obey, monitor, hosts, nursery.cancel_scope)
        async for change in monitor:
            print(f"{change.key} is {change.state}: {change.reason}", flush=True)
    print("stopped")


if __name__ == "__main__":
    trio.run(watch, sys.argv[1:] or ["127.0.0.1"])
