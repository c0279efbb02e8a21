"""How long a probe waits, in real time: no less than it was told to, and no longer than the loop makes it."""

from __future__ import annotations

import pytest

from conftest import LOOPS
from namespaces import NOBODY, command, namespaces, run_in, settings
from products import paired

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once, pytest.mark.waits]

SILENT = {4: "192.0.2.{}", 6: "2001:db8::{:x}"}


async def waited(pattern: str) -> object:
    """(timeout, seconds from call to end, whether in time) of a ping, 40 at once, a sweep.

    In time is what ends before a timer of the loop that is 20 ms longer and was set when the probes had left.
    A machine that stops this process, or gives it no turn, is as late with the one as with the other.
    """
    import time
    from collections.abc import Awaitable, Callable

    import anyio
    import anyio.lowlevel

    import anyicmp

    late = 0.02
    found = []

    async with anyicmp.Prober() as prober:

        async def turns() -> None:
            for _ in range(20):
                await anyio.lowlevel.checkpoint()

        async def judged(timeout: float, call: Callable[[], Awaitable[object]], sent: int) -> None:
            in_time = True

            async def judge() -> None:
                nonlocal in_time
                while prober.statistics.sent < sent:
                    await anyio.lowlevel.checkpoint()
                # Each timer is set when those that were due before have had their turns.
                for seconds in (timeout, late):
                    await anyio.sleep(seconds)
                    await turns()
                in_time = False

            began = time.monotonic()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(judge)
                await call()
                tasks.cancel_scope.cancel()
            found.append([timeout, time.monotonic() - began, in_time])

        def ping(last: int, timeout: float) -> Callable[[], Awaitable[object]]:
            async def call() -> None:
                result = await prober.ping(pattern.format(last), count=1, timeout=timeout)
                assert {outcome.kind for outcome in result.outcomes} == {"timeout"}

            return call

        async def sweep() -> None:
            result = await prober.sweep([pattern.format(i) for i in range(2, 200)], timeout=1.0)
            assert len(result.unanswered) == 198

        await judged(1.0, ping(9, 1.0), 1)
        async with anyio.create_task_group() as tasks:
            for i in range(40):
                timeout = (1.0, 0.3, 0.7, 0.1)[i % 4]
                tasks.start_soon(judged, timeout, ping(10 + i, timeout), 41)
        await judged(1.0, sweep, 41 + 198)
    return found


@pytest.mark.parametrize(("version", "uid", "loop"), paired([4, 6], [None, NOBODY], list(LOOPS)))
def test_a_probe_waits_as_long_as_it_was_told(version: int, uid: int | None, loop: str) -> None:
    """The namespace has all the addresses, and answers no echo request."""
    with namespaces("client") as (client,):
        routes = "route add local 192.0.2.0/24 dev lo\nroute add local 2001:db8::/64 dev lo"
        assert command(client, ["ip", "-batch", "-"], stdin=routes).returncode == 0
        settings(client, {"net/ipv4/icmp_echo_ignore_all": "1", "net/ipv6/icmp/echo_ignore_all": "1"})
        found = run_in(client, waited, SILENT[version], uid=uid, backend=loop)
    assert len(found) == 42
    assert [row for row in found if row[1] < row[0]] == []
    assert [row for row in found if not row[2]] == []
