"""All ICMP that reaches a real host, the redirects of a real router among it; in namespaces."""

from __future__ import annotations

import pytest

from namespaces import BEHIND, BEHIND6, FIRST, NOBODY, SECOND, namespaces, redirecting_lan, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]


async def heard(target: str, version: int) -> list[object]:
    """The redirects about a target, while it is pinged; and the gateway before and after."""
    import anyio

    import anyicmp

    async with anyicmp.Prober() as prober:
        before = await prober.route_to(target)
        async with prober.open_listener("redirect", family=version) as messages:
            alive = (await prober.ping(target, count=2, interval=0.1)).is_alive
            found = None
            with anyio.move_on_after(3.0):
                found = await anext(messages)
            left = messages.dropped
        after = await prober.route_to(target)
        diagnosis = await prober.diagnose(target)
    assert found is not None
    assert before is not None
    assert after is not None
    message = found.message
    gateway = message.gateway if version == 4 else message.target
    about = message.quoted.destination if version == 4 else message.destination
    return [
        alive,
        [str(found.source), str(gateway), message.code, str(about), found.interface],
        [str(before.gateway), str(after.gateway), "D" in after.flags],
        abs(found.received_at - __import__("time").time()) < 10,
        left,
        [diagnosis.ok, diagnosis.step("echo").detail.split("; ")[1:]],
    ]


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
def test_a_redirect_is_heard_and_whether_the_kernel_took_it(taken: bool) -> None:
    """ICMP 5/1 for the host; over IPv6 between link-local addresses, as RFC 4861 section 8 demands."""
    with redirecting_lan(taken=taken) as host:
        found = [run_in(host, heard, BEHIND, 4), run_in(host, heard, BEHIND6, 6)]
        nobody = run_in(host, diagnosed, BEHIND, uid=NOBODY) if taken else None
    for (alive, redirect, route, recent, left, diagnosis), first, second, target in zip(
        found, (FIRST, "fe80::2"), (SECOND, "fe80::3"), (BEHIND, BEHIND6), strict=True
    ):
        assert (alive, recent, left) == (True, True, 0)
        assert redirect == [first, second, 1 if target == BEHIND else 0, target, "lan"]
        assert route == [first, second if taken else first, taken]
        assert diagnosis[0]
        if not taken:
            assert diagnosis[1] == [f"{first} redirects to {second}, and this host has not taken it over"]
    if nobody is not None:
        assert nobody == [True, [f"a redirect has put {SECOND} in the gateway's place"]]


async def diagnosed(target: str) -> list[object]:
    import anyicmp

    found = await anyicmp.diagnose(target)
    return [found.ok, found.step("echo").detail.split("; ")[1:]]


async def refused() -> str:
    import anyicmp

    try:
        async with anyicmp.open_listener():
            return "heard"
    except anyicmp.SocketPermissionError as error:
        return str(error)


async def loopback(backend: str) -> list[object]:
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


def test_the_kernel_filters_by_type() -> None:
    with namespaces("alone") as (name,):
        for backend in ("asyncio", "asyncio+uvloop", "trio"):
            found = run_in(name, loopback, backend, backend=backend)
            assert found[0] == [42]
            assert 42 not in found[1]
            assert set(found[1]) == {0, 8}
            assert {8, 42} <= set(found[2])
        assert "CAP_NET_RAW" in run_in(name, refused, uid=NOBODY)
