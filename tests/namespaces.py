"""A small laboratory: network namespaces, chains of routers between them, and Python run inside.

It makes and removes namespaces of its own and never touches another. It knows nothing of anyicmp. Tests
that use it ask for the fixture `needs_namespaces` first.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import inspect
import itertools
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NOBODY = 65534
SETTINGS = {
    "net/ipv4/ping_group_range": "0 2147483647",  # icmp(7): the default lets nobody open a ping socket
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/icmp_ratemask": "0",  # no limit on the errors that routers send
    "net/ipv6/icmp/ratemask": "",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/conf/default/accept_dad": "0",  # set before links exist, or the first seconds lose IPv6 packets
}
# The child runs this: it calls `main` of the source it is given and prints what that returns.
CHILD = """\
import inspect, json, sys
source, arguments, backend = json.load(sys.stdin)
scope = {"__name__": "child"}
exec(compile(source, "<child>", "exec", dont_inherit=True), scope)
main = scope["main"]
if inspect.iscoroutinefunction(main):
    import anyio
    loop, options = {"asyncio+uvloop": ("asyncio", {"use_uvloop": True})}.get(backend, (backend, {}))
    answer = anyio.run(main, *arguments, backend=loop, backend_options=options)
else:
    answer = main(*arguments)
print(json.dumps(answer))
"""


def _ip(*options: str, lines: Sequence[str]) -> str:
    done = subprocess.run(
        ["ip", *options, "-batch", "-"], input="\n".join(lines), text=True, check=False, capture_output=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(options)} failed: {done.stderr.strip()}")
    return done.stdout


def python(*arguments: str) -> list[str]:
    """The command line of a Python that has imported already what tests import; see `warm.py`."""
    _serve()
    return [sys.executable, "-S", "-E", warm.__file__, *arguments]


@cache
def _serve() -> None:
    directory = tempfile.TemporaryDirectory(prefix="anyicmp-warm-")
    Path(directory.name).chmod(0o755)
    path = str(Path(directory.name, "socket"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.curdir for entry in sys.path)}
    server = subprocess.Popen(
        [sys.executable, warm.__file__, "SERVE", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )

    def end() -> None:
        with server:
            server.communicate()
        directory.cleanup()

    atexit.register(end)
    assert server.stdout is not None
    server.stdout.readline()
    os.environ[warm.SOCKET] = path


@cache
def first() -> list[str]:
    """Before a command line: what has its turn before all that is not so; nothing where that is not allowed.

    For what is judged by real time. A program that waits nearly always takes no core from the others by it,
    and what else the machine does makes it no later (sched(7), SCHED_RR).
    """
    words = ["chrt", "--rr", "1"]
    allowed = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if allowed else []


def command(
    namespace: str,
    argv: Sequence[str],
    *,
    uid: int | None = None,
    stdin: str = "",
    timeout: float = 60.0,
    timed: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program inside a namespace, as root or as another user, and return it when it has ended.

    Another user keeps one capability, to read files, because the interpreter may live where only root
    reads. It has none over the network. `timed`: it is judged by real time, and goes `first`.
    """
    drop = first() if timed else []
    if uid is not None:
        only = "-all,+dac_read_search"
        drop = [*drop, "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", f"--inh-caps={only}"]
        drop += [f"--ambient-caps={only}", f"--bounding-set={only}"]
    return subprocess.run(
        ["ip", "netns", "exec", namespace, *drop, *argv],
        input=stdin,
        text=True,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def run_in(
    namespace: str,
    code: str | Callable[..., Any],
    *arguments: Any,
    uid: int | None = None,
    backend: str = "asyncio",
    timeout: float = 60.0,
    timed: bool = False,
) -> Any:
    """Run a function in an interpreter of its own inside a namespace and return its result.

    Args:
        namespace: name of the network namespace.
        code: Python source that defines `main`, or a self-contained function (it imports what it needs;
            nothing around it is seen). Either may be asynchronous.
        arguments: positional arguments, anything that JSON carries.
        uid: the user to be; None is root.
        backend: "asyncio", "asyncio+uvloop" or "trio", for an asynchronous function.
        timeout: seconds until the child is killed.
        timed: as in `command`.

    Raises:
        AssertionError: the child failed or wrote to standard error, for example a warning.
    """
    source = textwrap.dedent(code if isinstance(code, str) else inspect.getsource(code))
    if not isinstance(code, str):
        source += f"\nmain = {code.__name__}"
    child = command(
        namespace,
        python("-W", "error", "-c", CHILD),
        uid=uid,
        stdin=json.dumps([source, arguments, backend]),
        timeout=timeout,
        timed=timed,
    )
    if child.returncode != 0 or child.stderr:
        raise AssertionError(f"the child ended with {child.returncode} and said:\n{child.stderr}")
    return json.loads(child.stdout)


def settings(namespace: str, values: Mapping[str, str]) -> None:
    """Write files below /proc/sys as seen inside a namespace: {"net/ipv4/ip_forward": "1"}."""
    script = "\n".join(f"printf '%s\\n' '{value}' > /proc/sys/{key}" for key, value in values.items())
    done = command(namespace, ["sh", "-ec", script])
    if done.returncode != 0:
        raise RuntimeError(f"settings of {namespace} failed: {done.stderr.strip()}")


@contextlib.contextmanager
def namespaces(*roles: str) -> Iterator[tuple[str, ...]]:
    """One namespace for each role, removed on leaving: loopback up, ping sockets open, no limit on errors."""
    run = uuid.uuid4().hex[:8]
    names = tuple(f"anyicmp-{run}-{role}" for role in roles)
    try:
        _ip(lines=[f"netns add {name}" for name in names])
        for name in names:
            settings(name, SETTINGS)
            _ip("-n", name, lines=["link set lo up"])
        yield names
    finally:
        left = [name for name in names if Path("/run/netns", name).exists()]
        _ip("-force", lines=[f"netns delete {name}" for name in left])


@contextlib.contextmanager
def neighbors(*, alone: bool) -> Iterator[None]:
    """The kernel's neighbour table, which all namespaces of a machine share (gc_thresh3, arp(7)).

    Whoever fills it has it alone; the others, in this process or another, have it together.
    """
    deadline = time.monotonic() + 120.0
    with Path(tempfile.gettempdir(), "anyicmp-neighbors.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RuntimeError("another test run keeps the neighbour table for itself") from None
                time.sleep(0.05)
            else:
                break
        yield


@dataclass(frozen=True)
class Chain:
    """A client, routers in a row, and a target: names of namespaces, and addresses as text.

    `hops4[k]` and `hops6[k]` are what the client hears at hop limit k + 1. They list the routers only: the
    target's own answer comes one hop later.
    """

    client: str
    routers: tuple[str, ...]
    target: str
    source4: str
    source6: str
    hops4: tuple[str, ...]
    hops6: tuple[str, ...]
    target4: str
    target6: str


def _wiring(node: int, last: int, mtus: Mapping[int, int]) -> list[str]:
    lines = []
    if node > 0:
        link = node - 1
        lines += [f"addr add 10.77.{link}.2/24 dev left", f"addr add {_v6(link, 2)}/64 dev left nodad"]
        lines += [f"link set left mtu {mtus.get(link, 1500)} up"]
    if node < last:
        lines += [f"addr add 10.77.{node}.1/24 dev right", f"addr add {_v6(node, 1)}/64 dev right nodad"]
        lines += [f"link set right mtu {mtus.get(node, 1500)} up"]
        lines += [f"route add default via 10.77.{node}.2", f"route add ::/0 via {_v6(node, 2)}"]
    if node > 1:
        lines += [f"route add 10.77.0.0/24 via 10.77.{node - 1}.1"]
        lines += [f"route add fd77::/64 via {_v6(node - 1, 1)}"]
    return lines


def _v6(link: int, end: int) -> str:
    return f"fd77:{link:x}::{end}" if link else f"fd77::{end}"


def _settle(namespace: str, end: str) -> None:
    """Wait until a link carries packets.

    The kernel tells IPv6 of a new carrier up to a second late. Asking for one link by its name makes it tell
    at once (rtnl_getlink since Linux 6.8); on an older kernel this waits.
    """
    deadline = time.monotonic() + 5.0
    while " state UP " not in _ip("-n", namespace, "-o", lines=[f"link show dev {end}"]):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the link {end} of {namespace} stays down")
        time.sleep(0.01)


@contextlib.contextmanager
def chain(routers: int = 6, *, mtus: Mapping[int, int] | None = None) -> Iterator[Chain]:
    """Namespaces joined by veth pairs: client, `routers` routers, target; removed on leaving.

    Link k joins node k and node k + 1 (the client is node 0) with 10.77.k.1 and fd77:k::1 on its left end, .2
    and ::2 on its right end. A node's interface to the next node is called `right`, to the one before `left`.
    `mtus` maps a link to its MTU in octets.
    """
    mtus = mtus or {}
    roles = ["client", *(f"router{number}" for number in range(1, routers + 1)), "target"]
    last = routers + 1
    with neighbors(alone=False), namespaces(*roles) as names:
        pairs = list(itertools.pairwise(names))
        _ip(lines=[f"link add right netns {a} type veth peer name left netns {b}" for a, b in pairs])
        for node, name in enumerate(names):
            _ip("-n", name, lines=_wiring(node, last, mtus))
        for a, b in pairs:
            _settle(a, "right")
            _settle(b, "left")
        yield Chain(
            client=names[0],
            routers=names[1:-1],
            target=names[-1],
            source4="10.77.0.1",
            source6="fd77::1",
            hops4=tuple(f"10.77.{k}.2" for k in range(routers)),
            hops6=tuple(_v6(k, 2) for k in range(routers)),
            target4=f"10.77.{routers}.2",
            target6=_v6(routers, 2),
        )


@contextlib.contextmanager
def link(address: str, others: Sequence[str], *, crowded: bool = False) -> Iterator[str]:
    """Two namespaces on one link, removed on leaving: the client has one address, a neighbour all the others.

    Yields the client's name. Addresses are with their prefix length; the client's interface is called `lan`.
    `crowded`: the test will fill the kernel's neighbour table.
    """
    with neighbors(alone=crowded), namespaces("client", "neighbour") as (client, neighbour):
        _ip(lines=[f"link add lan netns {client} type veth peer name lan netns {neighbour}"])
        for name, addresses in ((client, [address]), (neighbour, others)):
            lines = [f"addr add {one} dev lan{' nodad' if ':' in one else ''}" for one in addresses]
            _ip("-n", name, lines=[*lines, "link set lan up"])
        _settle(client, "lan")
        _settle(neighbour, "lan")
        yield client


FIRST, SECOND = "10.88.0.2", "10.88.0.3"
BEHIND, BEHIND6 = "10.99.0.1", "fd99::1"


@contextlib.contextmanager
def redirecting_lan(*, taken: bool) -> Iterator[str]:
    """The host's namespace: its way to BEHIND leads to FIRST, which redirects to SECOND, where it lives.

    `taken`: the host's kernel believes redirects.
    """
    with (
        neighbors(alone=False),
        namespaces("bridge", "host", "first", "second") as (bridge, host, first, second),
    ):
        ends = {"port1": host, "port2": first, "port3": second}
        _ip(
            lines=[
                f"link add lan netns {name} type veth peer name {end} netns {bridge}"
                for end, name in ends.items()
            ]
        )
        _ip("-n", bridge, lines=["link add name switch type bridge", "link set switch up"])
        _ip("-n", bridge, lines=[f"link set {end} master switch up" for end in ends])
        accept = str(int(taken))
        for name, last, accepts in ((host, 1, accept), (first, 2, "0"), (second, 3, "0")):
            settings(
                name,
                {
                    "net/ipv4/conf/all/accept_redirects": accepts,
                    "net/ipv4/conf/lan/accept_redirects": accepts,
                    "net/ipv4/conf/all/secure_redirects": "0",
                    "net/ipv4/conf/lan/secure_redirects": "0",
                    "net/ipv4/conf/all/send_redirects": "1",
                    "net/ipv4/conf/lan/send_redirects": "1",
                    "net/ipv6/conf/lan/accept_redirects": accepts,
                },
            )
            lines = [f"addr add 10.88.0.{last}/24 dev lan", f"addr add fe80::{last}/64 dev lan nodad"]
            _ip("-n", name, lines=[*lines, f"addr add fd88::{last}/64 dev lan nodad", "link set lan up"])
        # A host that forwards believes no redirect; and these settings reset those about redirects.
        settings(
            host,
            {
                "net/ipv4/ip_forward": "0",
                "net/ipv6/conf/all/forwarding": "0",
                "net/ipv4/conf/all/accept_redirects": accept,
                "net/ipv4/conf/lan/accept_redirects": accept,
                "net/ipv6/conf/lan/accept_redirects": accept,
            },
        )
        _ip("-n", host, lines=[f"route add default via {FIRST}", "route add ::/0 via fe80::2 dev lan"])
        _ip(
            "-n",
            first,
            lines=[f"route add 10.99.0.0/24 via {SECOND}", "route add fd99::/64 via fe80::3 dev lan"],
        )
        _ip("-n", second, lines=[f"addr add {BEHIND}/24 dev lo", f"addr add {BEHIND6}/64 dev lo nodad"])
        for end, name in ends.items():
            _settle(bridge, end)
            _settle(name, "lan")
        yield host
