"""What sweeps cost, beside fping, gufo_ping, icmplib and a loop in C. Run as root on Linux:

    python bench/sweep/table.py [--rounds 5] [--hosts 65000] [--json FILE]
                                [--only lo,veth,silent,await,first,import,million]

All in network namespaces of its own. The contenders take turns, so that a busy machine hits all alike; what
counts are medians of the rounds and their ratios. fping (5.1 or later) and a C compiler are used if they are
there, and so are the packages gufo-ping and icmplib; what is missing is said.

Each row that is measured as `async for` reads target, source, rtt, ttl and size of each reply.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import ipaddress
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

HERE = Path(__file__).parent
NOBODY = 65534
FIRST = {"lo": "127.1.0.0", "veth": "10.96.0.0"}
SILENT = "10.112.0.0"  # behind the router, and dropped there

# Each runs in a child: prints {"seconds": ..., "got": ..., "cpu": ..., "memory": ...}.
OURS = """
import json, resource, sys, time
import anyio, anyicmp
first, count, how, timeout, privileged, backend = json.loads(sys.argv[1])
async def main():
    n, last = 0, int(anyicmp_address(first)) + count - 1
    async with anyicmp.Prober(privileged=privileged) as prober:
        cpu, began = time.process_time(), time.perf_counter()
        async with prober.open_sweep(f"{first}-{anyicmp_address(last)}", timeout=timeout) as sweep:
            if how == "batches":
                async for batch in sweep.batches():
                    n += batch.kinds.count(0)
                    batch.packed, batch.sequences, batch.rtts
            else:
                async for outcome in sweep:
                    if outcome.kind == "reply":
                        n += 1
                        outcome.target, outcome.source, outcome.rtt, outcome.ttl, outcome.size
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        dropped = prober.statistics.dropped
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "got": n, "cpu": cpu, "memory": memory, "dropped": dropped}))
from ipaddress import ip_address as anyicmp_address
anyio.run(main, backend=backend)
"""
AWAITED = """
import json, sys, time
import anyio, anyicmp
tasks, each, privileged, backend = json.loads(sys.argv[1])
async def main():
    got = 0
    async with anyicmp.Prober(privileged=privileged) as prober:
        async def one():
            nonlocal got
            for _ in range(each):
                alive = (await prober.ping("127.0.0.1", count=1)).is_alive
                got += alive
        await prober.ping("127.0.0.1", count=1)
        cpu, began = time.process_time(), time.perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(one)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "got": got, "cpu": cpu}))
anyio.run(main, backend=backend)
"""
GUFO = """
import asyncio, json, sys, time
from ipaddress import ip_address
from gufo.ping import Ping
first, count, tasks, each = json.loads(sys.argv[1])
async def main():
    got, base = 0, int(ip_address(first))
    ping = Ping(size=64, recv_buffer_size=64 << 20)
    left = iter(range(count))
    async def one():
        nonlocal got
        for i in left:
            for _ in range(each):
                rtt = await ping.ping(str(ip_address(base + i)) if each == 1 else first)
                got += rtt is not None
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(tasks)))
    print(json.dumps({"seconds": time.perf_counter() - began, "got": got, "cpu": time.process_time() - cpu}))
asyncio.run(main())
"""
ICMPLIB = """
import asyncio, json, sys, time
from ipaddress import ip_address
from icmplib import async_multiping
first, count = json.loads(sys.argv[1])
async def main():
    addresses = [str(ip_address(int(ip_address(first)) + i)) for i in range(count)]
    cpu, began = time.process_time(), time.perf_counter()
    hosts = await async_multiping(addresses, count=1, timeout=1, concurrent_tasks=10)
    got = sum(host.is_alive for host in hosts)
    print(json.dumps({"seconds": time.perf_counter() - began, "got": got, "cpu": time.process_time() - cpu}))
asyncio.run(main())
"""
TIMED = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
alive = [line.split()[0] for line in done.stderr.splitlines() if line.endswith(" alive")]
cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "got": int(alive[0]) if alive else -1, "cpu": cpu, "memory": memory}))
"""
IMPORT = """
import json, time
began = time.perf_counter()
import {0}
print(json.dumps({{"seconds": time.perf_counter() - began, "got": 1}}))
"""


def run(*argv: str, text: str | None = None) -> str:
    """What a program prints; it must succeed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True, input=text).stdout


@contextmanager
def namespaces() -> Iterator[str]:
    """One that probes, and a router's that owns 10.96.0.0/12's answers; yields the name of the first."""
    name = f"anyicmp-{uuid4().hex[:8]}"
    inner, outer = name, f"{name}-far"
    try:
        lines = [f"netns add {inner}", f"netns add {outer}"]
        lines += [f"link add near netns {inner} type veth peer name far netns {outer}"]
        run("ip", "-batch", "-", text="\n".join(lines))
        near = ["link set lo up", "link set near up", "addr add 10.95.0.1/30 dev near"]
        near += ["route add 10.96.0.0/11 via 10.95.0.2"]
        far = ["link set lo up", "link set far up", "addr add 10.95.0.2/30 dev far"]
        far += ["route add local 10.96.0.0/12 dev lo", f"route add blackhole {SILENT}/15"]
        run("ip", "-n", inner, "-batch", "-", text="\n".join(near))
        run("ip", "-n", outer, "-batch", "-", text="\n".join(far))
        settings = "echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range"
        run("ip", "netns", "exec", inner, "sh", "-ec", settings)
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratemask"
        run("ip", "netns", "exec", outer, "sh", "-ec", forward)
        yield inner
    finally:
        for each in (inner, outer):
            subprocess.run(["ip", "netns", "delete", each], check=False, capture_output=True)


class Bench:
    """Contenders, run in turns inside a namespace."""

    def __init__(self, namespace: str, rounds: int, folder: Path) -> None:
        self.namespace = namespace
        self.rounds = rounds
        self.folder = folder
        self.missing: dict[str, str] = {}
        self.results: dict[str, dict[str, dict[str, float]]] = {}

    def inside(self, *argv: str, nobody: bool = False) -> str:
        drop = []
        if nobody:
            keep = "-all,+dac_read_search"  # the interpreter may live where only root reads
            drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            drop += [f"--inh-caps={keep}", f"--ambient-caps={keep}", f"--bounding-set={keep}"]
        return run("ip", "netns", "exec", self.namespace, *drop, *argv)

    def python(self, source: str, *arguments: object, nobody: bool = False) -> dict[str, float]:
        return json.loads(self.inside(sys.executable, "-c", source, json.dumps(arguments), nobody=nobody))

    def fping(self, first: str, count: int, timeout: int) -> dict[str, float]:
        hosts = self.folder / f"{first}-{count}"
        if not hosts.exists():
            base = int(ipaddress.ip_address(first))
            hosts.write_text("".join(f"{ipaddress.ip_address(base + i)}\n" for i in range(count)))
        argv = ["fping", "-q", "-s", "-i", "0", "-r", "0", "-t", str(timeout), "-f", str(hosts)]
        return json.loads(self.inside(sys.executable, "-c", TIMED, *argv))

    def turns(self, title: str, contenders: dict[str, object], count: int) -> None:
        """Run each `rounds` times, in turns; print medians and their ratios to the first."""
        heard: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for number in range(self.rounds):
            for name, contender in contenders.items():
                if sys.stderr.isatty():
                    now = f"{title}: round {number + 1} of {self.rounds}, {name:40}"
                    print(f"\r{now}", end="", file=sys.stderr, flush=True)
                heard[name].append(contender())  # type: ignore[operator]
        if sys.stderr.isatty():
            print("\r" + " " * 100 + "\r", end="", file=sys.stderr)
        table: dict[str, dict[str, float]] = {}
        for name, rounds in heard.items():
            row = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
            row["lost"] = max(count - one["got"] for one in rounds)
            table[name] = row
        self.results[title] = table
        first = next(iter(table.values()))["seconds"]
        heads = f"{'µs each':>10}{'CPU µs':>10}{'seconds':>10}{'lost':>8}{'MB':>8}{'time/first':>12}"
        print(f"\n{title}\n{'':44}{heads}")
        for name, row in table.items():
            cpu = f"{row['cpu'] / count * 1e6:10.2f}" if "cpu" in row else f"{'':10}"
            memory = f"{row['memory']:8.1f}" if "memory" in row else f"{'':8}"
            print(
                f"  {name:42}{row['seconds'] / count * 1e6:10.2f}{cpu}{row['seconds']:10.4f}"
                f"{row['lost']:8.0f}{memory}{row['seconds'] / first:12.2f}"
            )


def has(package: str) -> bool:
    """Whether a distribution is installed."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Measure what was asked for, print tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hosts", type=int, default=65_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="lo,veth,silent,first,await,import")
    options = parser.parse_args()
    wanted, count = options.only.split(","), options.hosts
    with namespaces() as namespace, tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        bench = Bench(namespace, options.rounds, Path(folder))
        compiler = shutil.which("cc") or shutil.which("gcc")
        loop = Path(folder) / "loop"
        if compiler:
            run(compiler, "-O2", "-o", str(loop), str(HERE / "loop.c"))
        fping, gufo, icmplib = shutil.which("fping"), has("gufo-ping"), has("icmplib")
        tools = {"C compiler": compiler, "fping": fping, "gufo-ping": gufo, "icmplib": icmplib}
        for name, there in tools.items():
            if not there:
                print(f"{name} is not installed: left out")

        def ours(where: str, how: str, raw: bool, hosts: int = count, timeout: float = 1.0) -> object:
            return lambda: bench.python(OURS, where, hosts, how, timeout, raw, "asyncio", nobody=not raw)

        def gufo_ping(where: str, hosts: int, tasks: int, each: int) -> object:
            return lambda: bench.python(GUFO, where, hosts, tasks, each)

        few = min(count, 5_000)
        for where in ("lo", "veth"):
            if where not in wanted:
                continue
            first, contenders = FIRST[where], {}
            if fping:
                contenders["fping -i 0 -r 0"] = lambda first=first: bench.fping(first, count, 500)
            if compiler:
                contenders["C, sendmmsg and recvmmsg"] = lambda first=first: json.loads(
                    bench.inside(str(loop), first, str(count))
                )
            contenders["anyicmp, async for, raw"] = ours(first, "rows", True)
            contenders["anyicmp, async for, unprivileged"] = ours(first, "rows", False)
            contenders["anyicmp, batches, raw"] = ours(first, "batches", True)
            contenders["anyicmp, batches, unprivileged"] = ours(first, "batches", False)
            if gufo:
                contenders["gufo_ping, 50 tasks"] = gufo_ping(first, count, 50, 1)
            bench.turns(f"{count} answering hosts, {where}", contenders, count)
            if icmplib and where == "lo":
                some = {
                    "anyicmp, async for, raw": ours(first, "rows", True, few),
                    "icmplib, 10 tasks": lambda first=first: bench.python(ICMPLIB, first, few),
                }
                bench.turns(f"{few} answering hosts, {where}", some, few)
        if "first" in wanted:
            contenders = {"fping": lambda: bench.fping(FIRST["lo"], 1000, 500)} if fping else {}
            contenders["anyicmp, first sweep of a process"] = ours(FIRST["lo"], "rows", True, 1000)
            bench.turns("1000 answering hosts, lo", contenders, 1000)
        if "silent" in wanted:
            contenders = {"fping -t 1000": lambda: bench.fping(SILENT, 65_000, 1000)} if fping else {}
            contenders["anyicmp, raw"] = ours(SILENT, "rows", True, 65_000)
            contenders["anyicmp, unprivileged"] = ours(SILENT, "rows", False, 65_000)
            bench.turns("65000 silent hosts behind a router, timeout 1 s", contenders, 65_000)
        if "million" in wanted:
            small, large = ours(FIRST["lo"], "rows", True, 65_536), ours(FIRST["lo"], "rows", True, 1 << 20)
            bench.turns("65536 answering hosts, lo", {"anyicmp": small}, 65_536)
            bench.turns("1048576 answering hosts, lo", {"anyicmp": large}, 1 << 20)
        if "await" in wanted:
            awaits = ("1000 tasks x 20 pings", 1000, 20), ("5000 pings one by one", 1, 5000)
            for title, tasks, each in awaits:
                contenders = {}
                if gufo:
                    contenders["gufo_ping"] = gufo_ping("127.0.0.1", tasks, tasks, each)
                for backend in ("asyncio", "trio"):
                    contenders[f"anyicmp, {backend}"] = lambda t=tasks, e=each, b=backend: bench.python(
                        AWAITED, t, e, True, b
                    )
                bench.turns(title, contenders, tasks * each)
        if "import" in wanted:
            contenders = {
                name: lambda name=name: json.loads(bench.inside(sys.executable, "-c", IMPORT.format(name)))
                for name in ("anyio, attrs, asyncio, ctypes", "anyicmp")
            }
            bench.turns("import", contenders, 1)
        about = {"python": platform.python_version(), "kernel": platform.release()}
        if fping:
            about["fping"] = run("fping", "-v").split("Version ")[-1].splitlines()[0]
        packages = ("anyicmp", "anyio", "gufo-ping", "icmplib")
        about |= {name: importlib.metadata.version(name) for name in packages if has(name)}
        print("\n" + ", ".join(f"{name} {version}" for name, version in about.items()))
        if options.json:
            options.json.write_text(json.dumps({"about": about, "results": bench.results}, indent=1))


if __name__ == "__main__":
    main()
