"""All ICMP that reaches a real host, the redirects of a real router among it; in namespaces."""

from __future__ import annotations

import pytest

from namespaces import BEHIND, BEHIND6, FIRST, NOBODY, SECOND, namespaces, redirecting_lan, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]


async def heard(target: str, version: int) -> list[object]:
    """The first redirect about a target, while it is pinged; and the gateway before and after."""
    import time

    import anyio

    import anyicmp

    async with anyicmp.Prober() as prober:
        before = await prober.route_to(target)
        async with prober.open_listener("redirect", family=version) as messages:
            alive = (await prober.ping(target, count=2, interval=0.1)).is_alive
            with anyio.fail_after(5.0):
                found = await anext(messages)
            left = messages.dropped
        after = await prober.route_to(target)
    assert before is not None
    assert after is not None
    message = found.message
    gateway = message.gateway if version == 4 else message.target
    about = message.quoted.destination if version == 4 else message.destination
    return [
        [alive, left, abs(found.received_at - time.time()) < 10],
        [str(found.source), str(gateway), message.code, str(about), found.interface],
        [str(before.gateway), str(after.gateway), "D" in after.flags],
    ]


async def diagnosed(target: str) -> list[object]:
    import anyicmp

    found = await anyicmp.diagnose(target)
    return [found.ok, found.step("echo").detail.split("; ")[1:]]


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
def test_a_redirect_is_heard_and_whether_the_kernel_took_it(taken: bool) -> None:
    """ICMP 5/1 for the host; over IPv6 between link-local addresses, as RFC 4861 section 8 demands."""
    with redirecting_lan(taken=taken) as host:
        # A router soon tires of redirecting who does not listen: the diagnosis has to come first there.
        before = None if taken else run_in(host, diagnosed, BEHIND)
        found = [run_in(host, heard, BEHIND, 4), run_in(host, heard, BEHIND6, 6)]
        after = run_in(host, diagnosed, BEHIND, uid=NOBODY) if taken else None
    for (well, redirect, route), first, second, target in zip(
        found, (FIRST, "fe80::2"), (SECOND, "fe80::3"), (BEHIND, BEHIND6), strict=True
    ):
        assert well == [True, 0, True]
        assert redirect == [first, second, 1 if target == BEHIND else 0, target, "lan"]
        assert route == [first, second if taken else first, taken]
    if taken:
        assert after == [True, [f"a redirect has put {SECOND} in the gateway's place"]]
    else:
        assert before == [True, [f"{FIRST} redirects to {SECOND}, and this host has not taken it over"]]


async def refused() -> str:
    import anyicmp

    try:
        async with anyicmp.open_listener():
            return "heard"
    except anyicmp.SocketPermissionError as error:
        return str(error)


async def loopback() -> list[object]:
    """Types above 31, which ICMP_FILTER does not know, and others, filtered by the kernel."""
    import socket

    import anyio

    import anyicmp
    from anyicmp.wire import EchoRequest, ExtendedEchoRequest, encode

    kinds: list[list[int]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sender:
        for types in ([42], [8, 0], ["echo request", 42]):
            async with anyicmp.open_listener(types, family=4, interface="lo") as messages:
                for message in (ExtendedEchoRequest(identifier=1, sequence=2), EchoRequest(data=b"x")):
                    sender.sendto(encode(message), ("127.0.0.1", 0))
                heard = []
                with anyio.move_on_after(0.2):
                    async for one in messages:
                        assert (one.interface, str(one.source), one.ttl) == ("lo", "127.0.0.1", 64)
                        heard.append(int(one.message.type))
                kinds.append(sorted(heard))
    return kinds


@pytest.mark.parametrize(
    "backend",
    ["asyncio", *(pytest.param(loop, marks=pytest.mark.slow) for loop in ("asyncio+uvloop", "trio"))],
)
def test_the_kernel_filters_by_type(backend: str) -> None:
    """And whoever may not hear is told so."""
    with namespaces("alone") as (name,):
        found = run_in(name, loopback, backend=backend)
        assert "CAP_NET_RAW" in run_in(name, refused, uid=NOBODY)
    assert found[0] == [42]
    assert set(found[1]) == {0, 8}
    assert {8, 42} <= set(found[2])
