"""What ICMP messages that concern others cost a waiting prober, at 10,000 packets a second. Run as root:

    python bench/foreign.py

Two namespaces and a link between them. One process sends what is not for the prober; in the other namespace a
prober waits for a silent host. Its processor time over some seconds is compared with that of the same wait
on a quiet link. What the kernel's filters cost is charged to whoever sends, and is not in the figure.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import uuid

RATE = 10_000
SECONDS = 5.0
LIMIT = 0.5
"""Per cent of a core that the prober may take."""

HERE, THERE = {4: "10.77.0.1", 6: "fd77::1"}, {4: "10.77.0.2", 6: "fd77::2"}
SILENT = {4: "10.77.1.9", 6: "fd77:1::9"}

# The prober's child: it waits for a silent host, and says what that took of its processor time.
WAITER = """
import json, resource, sys
import anyio, anyicmp

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

async def main(target, raw, seconds):
    async with anyicmp.Prober(privileged=raw) as prober:
        async with anyio.create_task_group() as tasks:
            async def wait():
                await prober.ping(target, count=1, timeout=3600)
            tasks.start_soon(wait)
            await anyio.sleep(0.5)
            before = used()
            await anyio.sleep(seconds)
            took = used() - before
            tasks.cancel_scope.cancel()
        return [took, prober.statistics.foreign, prober.statistics.sent]

target, raw, seconds = json.loads(sys.argv[1])
print(json.dumps(anyio.run(main, target, raw, seconds)))
"""

# The sender's child: echo replies, and errors that quote others' echo requests and UDP datagrams, by turns.
SENDER = """
import json, socket, sys, time
from anyicmp.wire import build_ipv4_header, build_ipv6_header
from anyicmp.wire.checksum import checksum, pseudo_header_v6

version, here, there, rate, seconds = json.loads(sys.argv[1])
family = socket.AF_INET if version == 4 else socket.AF_INET6
own, peer = socket.inet_pton(family, there), socket.inet_pton(family, here)
build = build_ipv4_header if version == 4 else build_ipv6_header
reply, request, error, protocol = (0, 8, 3, 1) if version == 4 else (129, 128, 1, 58)

def seal(message):
    pseudo = b"" if version == 4 else pseudo_header_v6(own, peer, len(message), protocol)
    return message[:2] + checksum(pseudo + message).to_bytes(2, "big") + message[4:]

def quote(transport, payload):
    kind = {"protocol" if version == 4 else "next_header": transport}
    return build(source=peer, destination=own, payload_length=len(payload), **kind) + payload

# A raw prober draws its identifier: once in 32,768 runs it is one of these two, and the last column shows it.
echo = bytes((reply, 0, 0, 0)) + (60001).to_bytes(2, "big") + bytes(58)
asked = bytes((request, 0, 0, 0)) + (60002).to_bytes(2, "big") + bytes(58)
head = bytes((error, 1)) + bytes(6)
messages = [seal(echo), seal(head + quote(protocol, asked)), seal(head + quote(17, bytes(64)))]
sent, began = 0, time.perf_counter()
with socket.socket(family, socket.SOCK_RAW, protocol if version == 4 else socket.IPPROTO_ICMPV6) as s:
    while (passed := time.perf_counter() - began) < seconds:
        while sent < passed * rate:
            s.sendto(messages[sent % 3], (here, 0))
            sent += 1
        time.sleep(0.001)
print(json.dumps(sent / (time.perf_counter() - began)))
"""


def run(argv: list[str], stdin: str = "") -> str:
    """A program to its end; what it said."""
    return subprocess.run(argv, input=stdin, text=True, capture_output=True, check=True).stdout


def inside(namespace: str, code: str, *arguments: object) -> subprocess.Popen[str]:
    """A child in a namespace."""
    argv = ["ip", "netns", "exec", namespace, sys.executable, "-c", code, json.dumps(arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def result(child: subprocess.Popen[str]) -> object:
    """What a child found."""
    said, _ = child.communicate(timeout=60)
    if child.returncode:
        raise SystemExit(child.returncode)
    return json.loads(said)


def wire(here: str, there: str) -> None:
    """Two namespaces with a link, ping sockets open, everything behind the other end silent."""
    run(["ip", "netns", "add", here])
    run(["ip", "netns", "add", there])
    for name in (here, there):
        keys = {"net/ipv4/ping_group_range": "0 2147483647", "net/ipv6/conf/default/accept_dad": "0"}
        script = "\n".join(f"echo '{value}' > /proc/sys/{key}" for key, value in keys.items())
        run(["ip", "netns", "exec", name, "sh", "-ec", script])
    run(["ip", "link", "add", "right", "netns", here, "type", "veth", "peer", "name", "left", "netns", there])
    for name, device, ends in ((here, "right", HERE), (there, "left", THERE)):
        lines = [f"addr add {ends[4]}/24 dev {device}", f"addr add {ends[6]}/64 dev {device} nodad"]
        lines += ["link set lo up", f"link set {device} up"]
        run(["ip", "-n", name, "-batch", "-"], "\n".join(lines))
    lines = [f"route add {SILENT[4]} via {THERE[4]}", f"route add {SILENT[6]} via {THERE[6]}"]
    run(["ip", "-n", here, "-batch", "-"], "\n".join(lines))


def measure(here: str, there: str, version: int, raw: bool) -> dict[str, float]:
    """Per cent of a core on a quiet link and on a busy one."""
    target = SILENT[version]
    quiet = result(inside(here, WAITER, target, raw, SECONDS))
    sender = inside(there, SENDER, version, HERE[version], THERE[version], RATE, SECONDS + 3)
    busy = result(inside(here, WAITER, target, raw, SECONDS))
    rate = result(sender)
    assert isinstance(quiet, list)
    assert isinstance(busy, list)
    assert isinstance(rate, float)
    return {
        "rate": rate,
        "quiet": 100 * quiet[0] / SECONDS,
        "busy": 100 * busy[0] / SECONDS,
        "foreign": busy[1],
        "sent": busy[2],
    }


def main() -> int:
    """Measure each kind of socket and print a table; 1 if one costs more than the limit."""
    run_name = uuid.uuid4().hex[:8]
    here, there = f"anyicmp-{run_name}-here", f"anyicmp-{run_name}-there"
    worst = 0.0
    print(f"{platform.python_implementation()} {platform.python_version()}, Linux {platform.release()}")
    print("socket          packets/s   quiet, % of a core   busy, % of a core   reached the prober")
    try:
        wire(here, there)
        for version in (4, 6):
            for raw in (True, False):
                found = measure(here, there, version, raw)
                worst = max(worst, found["busy"])
                kind = f"{'raw' if raw else 'datagram'} IPv{version}"
                print(
                    f"{kind:<14} {found['rate']:>10,.0f}   {found['quiet']:>18.3f}   {found['busy']:>17.3f}"
                    f"   {found['foreign']:>18}"
                )
    finally:
        for name in (here, there):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
    return worst > LIMIT


if __name__ == "__main__":
    sys.exit(main())
