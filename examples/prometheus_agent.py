"""Serve round trips to Prometheus: python examples/prometheus_agent.py PORT HOST [HOST ...].

SIGHUP reads the hosts anew from `hosts.txt`; counters of hosts that stay go on. Only this host can connect.
The command `anyicmp monitor` is the whole of it.
"""

from __future__ import annotations

import signal
import sys

import anyio
import prometheus_client

import anyicmp
from anyicmp.export.prometheus import MonitorCollector

LIST = anyio.Path("hosts.txt")


async def obey(monitor: anyicmp.Monitor, stop: anyio.CancelScope) -> None:
    """SIGHUP takes the hosts of the file, SIGTERM and Ctrl-C end it."""
    with anyio.open_signal_receiver(signal.SIGHUP, signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if number != signal.SIGHUP:
                stop.cancel()
            else:
                monitor.replace((await LIST.read_text("utf-8")).split())


async def main(port: int, hosts: list[str]) -> None:
    """Watch and serve."""
    registry = prometheus_client.CollectorRegistry()
    async with anyicmp.open_monitor(hosts, interval=1.0) as monitor, anyio.create_task_group() as tasks:
        registry.register(MonitorCollector(monitor))
        server, thread = prometheus_client.start_http_server(port, "127.0.0.1", registry)
        print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
        tasks.start_soon(obey, monitor, tasks.cancel_scope)
        try:
            async for change in monitor:
                print(f"{change.key} is {change.state}: {change.reason}", flush=True)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
    print("stopped")


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]), sys.argv[2:])
