"""The laboratory itself: what the tests in namespaces stand on is made as said, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from namespaces import NOBODY, chain, command, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]


def who() -> list[object]:
    import os
    import socket

    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
        raw = True
    except PermissionError:
        raw = False
    return [os.getuid(), os.getgid(), os.getgroups(), raw]


async def slept(seconds: float) -> str:
    import anyio
    import sniffio

    await anyio.sleep(seconds)
    return sniffio.current_async_library()


def test_a_child_is_root_or_nobody_and_both_may_open_ping_sockets() -> None:
    with namespaces("only") as (name,):
        assert run_in(name, who)[::3] == [0, True]
        assert run_in(name, who, uid=NOBODY) == [NOBODY, NOBODY, [], False]


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
def test_an_asynchronous_child_runs_on_the_loop_asked_for(backend: str) -> None:
    with namespaces("only") as (name,):
        assert run_in(name, slept, 0, backend=backend) == backend.partition("+")[0]


def test_a_child_that_fails_or_warns_fails_the_test() -> None:
    with namespaces("only") as (name,):
        with pytest.raises(AssertionError, match="ZeroDivisionError"):
            run_in(name, "def main(): return 1 / 0")
        with pytest.raises(AssertionError, match="ResourceWarning"):
            run_in(name, "def main(): open('/dev/null')")


def test_nothing_is_left_behind_when_a_test_fails() -> None:
    made: list[Path] = []

    def fail() -> None:
        with namespaces("a", "b") as names:
            made.extend(Path("/run/netns", name) for name in names)
            assert all(path.exists() for path in made)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(made) == 2
    assert not any(path.exists() for path in made)


PING = """
def main(address, hop_limit):
    import socket
    v6 = ":" in address
    family, protocol, level, option, receive, kind = (
        (socket.AF_INET6, socket.IPPROTO_ICMPV6, 41, 16, 25, 128) if v6 else
        (socket.AF_INET, socket.IPPROTO_ICMP, 0, 2, 11, 8)
    )
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as s:
        s.settimeout(5)
        s.setsockopt(level, option, hop_limit)
        s.setsockopt(level, receive, 1)
        s.sendto(bytes([kind]) + bytes(15), (address, 0))
        try:
            return s.recvfrom(2048)[1][0]
        except OSError:
            ancillary = s.recvmsg(2048, 512, socket.MSG_ERRQUEUE)[1]
            offender = ancillary[0][2][16:]
            return socket.inet_ntop(family, offender[8:24] if v6 else offender[4:8])
"""


def test_a_chain_answers_hop_by_hop_in_both_families() -> None:
    with chain(routers=3) as lab:
        assert len(lab.hops4) == len(lab.hops6) == 3
        for target, hops in ((lab.target4, lab.hops4), (lab.target6, lab.hops6)):
            heard = [run_in(lab.client, PING, target, limit, uid=NOBODY) for limit in range(1, 5)]
            assert heard == [*hops, target]


def test_a_chain_without_routers_is_a_link() -> None:
    with chain(routers=0, mtus={0: 1300}) as lab:
        assert run_in(lab.client, PING, lab.target4, 1) == lab.target4
        assert run_in(lab.client, PING, lab.target6, 1) == lab.target6
        assert "mtu 1300" in command(lab.client, ["ip", "link", "show", "right"]).stdout
