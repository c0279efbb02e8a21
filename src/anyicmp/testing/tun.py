"""The TUN door: a simulated internet behind a device of the real kernel, in a network namespace of its own.

For root on Linux with iproute2. It makes and removes namespace, device, addresses and routes; the packets are
moved by a child process (`pump.py`), so that a busy application does not delay them. No clock is read here.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import attrs

from anyicmp.errors import UnsupportedError
from anyicmp.testing.internet import Internet

__all__ = ["TunNetwork", "behind_tun"]

DEVICE = "sim0"
QUEUE = 20_000
"""Packets that the device holds for the pump; beyond that the kernel drops in silence (500 by default)."""

PUMP = (sys.executable, "-m", "anyicmp.testing.pump")
"""The child that moves the packets; the device's name follows."""

PATIENCE = 10.0
"""Seconds that a child may take to start, and to end."""

SETTINGS = {
    "net/ipv4/ping_group_range": "0 2147483647",  # icmp(7): the default lets nobody open a ping socket
    "net/ipv4/conf/all/rp_filter": "0",  # answers may come from anywhere
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/accept_redirects": "0",  # a redirect is reported to the prober and changes no route
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv6/auto_flowlabels": "0",  # a label of the kernel's choice would choose the path at balancers
    "net/ipv6/conf/default/accept_redirects": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
    "net/ipv6/conf/default/accept_dad": "0",  # the addresses are usable at once
}
"""Below /proc/sys, set before the device exists."""


@attrs.define
class TunNetwork:
    """A namespace whose default routes lead into a simulated internet.

    Attributes:
        namespace: its name, for `ip netns exec`.
        counts: after the end: packets `taken` from the kernel, answers `written` and `refused`, and the
            `latest` that one was written, in nanoseconds after its time.
    """

    namespace: str
    counts: dict[str, int] = attrs.field(factory=dict)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs a program inside; the names of the internet are in its /etc/hosts."""
        return ["ip", "netns", "exec", self.namespace, *argv]


@contextmanager
def behind_tun(internet: Internet, *, mtu: int | None = None) -> Iterator[TunNetwork]:
    """Put a simulated internet behind the device "sim0" of a new namespace; removed on leaving.

    The namespace has the addresses of the internet's client, and the names of its nodes.

    Args:
        internet: what answers. It is pickled: a child process has it, and what happens to it there is not
            seen in this process.
        mtu: of the device, in octets; None: what the internet's client has.

    Raises:
        UnsupportedError: this is not Linux, this process is not root, or iproute2 or TUN are missing.
        RuntimeError: the child did not start; it says why.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        raise UnsupportedError("a TUN device needs Linux, root and the program ip (iproute2)")
    if not Path("/dev/net/tun").exists():
        raise UnsupportedError("a TUN device needs /dev/net/tun: load the kernel module tun")
    network = TunNetwork(f"anyicmp-{uuid4().hex[:8]}-tun")
    with ExitStack() as undo:
        _ip(lines=[f"netns add {network.namespace}"])
        undo.callback(_ip, lines=[f"netns delete {network.namespace}"])
        undo.enter_context(_hosts(network.namespace, internet))
        _settings(network)
        undo.enter_context(_pumping(network, internet, internet.mtu if mtu is None else mtu))
        yield network


@contextmanager
def _pumping(network: TunNetwork, internet: Internet, mtu: int) -> Iterator[None]:
    """The child, from its start to its end."""
    # What is pickled may be of any module that this process can import.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)}
    child = subprocess.Popen(  # noqa: S603 - this interpreter, through ip
        network.command([*PUMP, DEVICE]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the parent: it ends the child by closing its input
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        try:
            child.stdin.write(pickle.dumps(internet))
            child.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and has said why
        if not child.stdout.readline():
            _, said = child.communicate(timeout=PATIENCE)
            raise RuntimeError(f"the pump did not start: {said.decode().strip()}")
        _ip("-n", network.namespace, lines=_wiring(internet, mtu))
        child.stdin.write(b"go\n")
        child.stdin.flush()
        yield
        counts, said = child.communicate(timeout=PATIENCE)
        if child.returncode != 0:
            raise RuntimeError(f"the pump failed: {said.decode().strip()}")
        network.counts.update(json.loads(counts))
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def _wiring(internet: Internet, mtu: int) -> Iterator[str]:
    """What iproute2 is told once the device is there."""
    yield "link set lo up"
    # Without a link-local address the kernel has nothing to say by itself.
    yield f"link set {DEVICE} addrgenmode none"
    yield f"link set {DEVICE} mtu {mtu} txqueuelen {QUEUE} up"
    for version, everywhere, prefix in ((4, "0.0.0.0/0", "32"), (6, "::/0", "128")):
        own = [address for address in internet.topology.client if address.version == version]
        nodad = " nodad" if version == 6 else ""
        yield from (f"addr add {address}/{prefix} dev {DEVICE}{nodad}" for address in own)
        if own:
            yield f"route add {everywhere} dev {DEVICE} src {own[0]}"


def _settings(network: TunNetwork) -> None:
    script = "\n".join(f"echo '{value}' > /proc/sys/{key}" for key, value in SETTINGS.items())
    _run(network.command(["sh", "-ec", script]))


@contextmanager
def _hosts(namespace: str, internet: Internet) -> Iterator[None]:
    """The /etc/hosts that programs started by `ip netns exec` see (ip-netns(8))."""
    where = Path("/etc/netns", namespace)
    where.mkdir(parents=True)
    try:
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for name, node in internet.topology.nodes.items():
            lines += [" ".join((str(address), name, *node.names)) for address in internet.resolve(name)]
        where.joinpath("hosts").write_text("\n".join([*lines, ""]))
        yield
    finally:
        shutil.rmtree(where)


def _ip(*options: str, lines: Iterator[str] | Sequence[str]) -> None:
    _run(["ip", *options, "-batch", "-"], "\n".join(lines))


def _run(argv: Sequence[str], stdin: str = "") -> None:
    done = subprocess.run(argv, input=stdin, text=True, capture_output=True, check=False)  # noqa: S603 - ip and sh
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} failed: {done.stderr.strip()}")


def main(arguments: Sequence[str]) -> int:
    """Run a program inside: `python -m anyicmp.testing.tun demo traceroute server.demo`."""
    scenario, *program = arguments
    with behind_tun(Internet.from_toml(scenario)) as network:
        return subprocess.run(network.command(program), check=False).returncode  # noqa: S603 - the user's own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
