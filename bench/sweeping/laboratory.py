"""Where the contenders run: a namespace that probes, a router's behind it, two TUN doors; and how.

Namespaces and processes are the bench's own and gone afterwards. What is measured, and what it should come
to, is elsewhere.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

HERE = Path(__file__).parent
NOBODY = 65534
SILENT = "10.112.0.0"
"""Behind the router, and dropped there; its other addresses from 10.96.0.0 on answer."""

FIRST = {"lo": "127.1.0.0", "veth": "10.96.0.0", "IPv6": "fd96::1:0", "far": "10.93.1.0"}
Row = dict[str, float]


def run(*argv: str, text: str | None = None) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, input=text, timeout=300)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}\nended with {done.returncode}:\n{done.stderr}")
    return done.stdout


class Laboratory:
    """One namespace to run programs in."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self.folder = folder
        self.loop = folder / "loop"
        self.compiler = shutil.which("cc") or shutil.which("gcc")
        if self.compiler:
            run(self.compiler, "-O2", "-o", str(self.loop), str(HERE / "loop.c"))

    def inside(self, *argv: str, nobody: bool = False) -> str:
        """What a program prints in there; `nobody` has no right but to read files."""
        drop = []
        if nobody:
            keep = "-all,+dac_read_search"  # the interpreter may live where only root reads
            drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            drop += [f"--inh-caps={keep}", f"--ambient-caps={keep}", f"--bounding-set={keep}"]
        return run("ip", "netns", "exec", self.namespace, *drop, *argv)

    def child(self, name: str, *arguments: object, nobody: bool = False, who: str | None = None) -> Row:
        """What a script of this folder prints."""
        argv = [sys.executable, str(HERE / name), *([who] if who else []), json.dumps(arguments)]
        found: Row = json.loads(self.inside(*argv, nobody=nobody))
        return found

    def c_loop(self, first: str, count: int) -> Row:
        """The limit."""
        found: Row = json.loads(self.inside(str(self.loop), first, str(count)))
        return found

    def fping(self, first: str, count: int, timeout: int) -> Row:
        """One run of it; its addresses come from a file."""
        hosts = self.folder / f"{first}-{count}"
        if not hosts.exists():
            base = ipaddress.ip_address(first)
            hosts.write_text("".join(f"{base + i}\n" for i in range(count)))
        return self.child("others.py", str(hosts), timeout, who="fping")

    def imports(self, source: str) -> Row:
        """How long a line of imports takes in a bare interpreter."""
        code = f"import time\nw, c = time.perf_counter(), time.process_time()\n{source}\n"
        code += "print(time.perf_counter() - w, time.process_time() - c)"
        seconds, cpu = map(float, self.inside(sys.executable, "-c", code).split())
        return {"seconds": seconds, "cpu": cpu, "got": 1}


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """Namespaces, doors and a folder, removed on leaving."""
    inner = f"anyicmp-{uuid4().hex[:8]}"
    outer = f"{inner}-far"
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        for each in (inner, outer):
            run("ip", "netns", "add", each)
            undo.callback(subprocess.run, ["ip", "netns", "delete", each], check=False, capture_output=True)
        run(
            "ip", "link", "add", "near", "netns", inner, "type", "veth", "peer", "name", "far", "netns", outer
        )
        near = ["link set lo up", "link set near up", "addr add 10.95.0.1/30 dev near"]
        near += ["route add 10.96.0.0/11 via 10.95.0.2"]
        near += ["-6 route add local fd96::/64 dev lo", "addr add fd95::1/128 dev lo nodad"]
        far = ["link set lo up", "link set far up", "addr add 10.95.0.2/30 dev far"]
        far += ["route add local 10.96.0.0/12 dev lo", f"route add blackhole {SILENT}/15"]
        for namespace, lines in ((inner, near), (outer, far)):
            for line in lines:
                run("ip", "-n", namespace, *line.split())
        settings = {
            inner: {"ipv4/ping_group_range": "0 2147483647", "ipv6/conf/default/accept_dad": "0"},
            outer: {"ipv4/ip_forward": "1", "ipv4/icmp_ratemask": "0"},
        }
        for namespace, values in settings.items():
            script = "; ".join(f"echo '{value}' > /proc/sys/net/{key}" for key, value in values.items())
            run("ip", "netns", "exec", namespace, "sh", "-ec", script)
        for door in ("planter", "far"):
            undo.enter_context(_door(inner, door))
        yield Laboratory(inner, folder)


@contextmanager
def _door(namespace: str, name: str) -> Iterator[None]:
    argv = ["ip", "netns", "exec", namespace, sys.executable, str(HERE / "door.py"), name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != b"open\n":
            raise SystemExit(f"the door {name} did not open")
        try:
            yield
        finally:
            process.stdin.close()
