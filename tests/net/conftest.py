"""Transports to test: each way of calling, each kind of socket, each IP version; in a laboratory or here.

Root tests inside namespaces of its own, where datagram sockets are open to it and routers answer; others
test on this host's loopback with the rights they have. Packets are built with struct alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anyicmp.net.stamping import ask_for_stamps, try_stamps
from anyicmp.net.transport import SocketSpec, Transport, open_transport
from net.bench import IDENTIFIERS, Kind

from namespaces import Chain, chain

CLONE_NEWNET = 0x40000000


def _enter(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread in another network namespace: sockets that it opens there stay there."""
    here = f"/proc/self/task/{threading.get_native_id()}/ns/net"
    home, away = os.open(here, os.O_RDONLY), os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        _enter(away)
        yield
    finally:
        _enter(home)
        os.close(home)
        os.close(away)


@pytest.fixture(scope="package", autouse=True)
def stamping() -> Iterator[None]:
    """The kernel stamps from now on. It begins a little after the first socket has asked, on a busy machine
    after more than a transport waits; then the first packets have no stamp."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with contextlib.suppress(OSError):
            ask_for_stamps(sock)
        any(try_stamps(4)[0] for _ in range(100))
        yield


@pytest.fixture(scope="package")
def laboratory() -> Iterator[Chain | None]:
    """Client, one router, target, 1,300 octets of MTU between the last two; None where it cannot be."""
    with contextlib.ExitStack() as stack:
        made = None
        if os.geteuid() == 0 and shutil.which("ip") is not None:
            # A container's root may not make namespaces; the tests that need them say so themselves.
            with contextlib.suppress(RuntimeError):
                made = stack.enter_context(chain(1, mtus={1: 1300}))
        yield made


KINDS = [
    Kind(batched, raw, version) for batched in (None, False) for raw in (True, False) for version in (4, 6)
]


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest, laboratory: Chain | None) -> Iterator[Kind]:
    """The kind of transport under test; skips where this process may not open it."""
    wanted: Kind = request.param
    if laboratory is not None:
        with inside(laboratory.client):
            yield wanted
        return
    request.getfixturevalue("needs_raw_socket" if wanted.raw else "needs_ping_socket")
    if wanted.version == 6:
        request.getfixturevalue("needs_ipv6")
    yield wanted


@pytest.fixture
def opened(kind: Kind) -> Iterator[Callable[..., Any]]:
    """Opens transports of the kind under test with more fields of the specification; closes them all."""
    made: list[Transport] = []

    def opener(**fields: Any) -> Transport:
        usual: dict[str, Any] = {"identifiers": IDENTIFIERS, "privileged": kind.raw, **fields}
        spec = SocketSpec(version=kind.version, batched=kind.batched, **usual)
        transport = open_transport(spec)
        made.append(transport)
        return transport

    yield opener
    for transport in made:
        transport.close()
