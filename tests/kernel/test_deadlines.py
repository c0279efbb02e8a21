"""How long a probe waits, in real time: no less than it was told to, and hardly more."""

from __future__ import annotations

import pytest

from conftest import LOOPS, paired
from namespaces import NOBODY, command, namespaces, run_in, settings

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once, pytest.mark.waits]

SILENT = {4: "192.0.2.{}", 6: "2001:db8::{:x}"}
LATE = 0.05
"""Seconds that an end may come late."""

TRIES = 3
"""Other work may stop this process for longer than that; a prober that is late is so at every try."""


async def waited(pattern: str) -> object:
    """(timeout, seconds from the call to its end) of single pings, of 40 at once, and of a sweep."""
    import time

    import anyio

    import anyicmp

    found = []
    async with anyicmp.Prober() as prober:

        async def ping(last: int, timeout: float, count: int = 1) -> None:
            began = time.monotonic()
            result = await prober.ping(pattern.format(last), count=count, timeout=timeout)
            assert {outcome.kind for outcome in result.outcomes} == {"timeout"}
            found.append([timeout, time.monotonic() - began])

        await ping(9, 1.0)
        async with anyio.create_task_group() as tasks:
            for i in range(40):
                tasks.start_soon(ping, 10 + i, (1.0, 0.3, 0.7, 0.1)[i % 4])
        began = time.monotonic()
        swept = await prober.sweep([pattern.format(i) for i in range(2, 200)], timeout=1.0)
        assert len(swept.unanswered) == 198
        found.append([1.0, time.monotonic() - began])
    return found


@pytest.mark.parametrize(("version", "uid", "loop"), paired([4, 6], [None, NOBODY], list(LOOPS)))
def test_a_probe_waits_as_long_as_it_was_told(version: int, uid: int | None, loop: str) -> None:
    """The namespace has all the addresses, and answers no echo request."""
    with namespaces("client") as (client,):
        routes = "route add local 192.0.2.0/24 dev lo\nroute add local 2001:db8::/64 dev lo"
        assert command(client, ["ip", "-batch", "-"], stdin=routes).returncode == 0
        settings(client, {"net/ipv4/icmp_echo_ignore_all": "1", "net/ipv6/icmp/echo_ignore_all": "1"})
        for _ in range(TRIES):
            found = run_in(client, waited, SILENT[version], uid=uid, backend=loop)
            assert len(found) == 42
            assert [row for row in found if row[1] < row[0]] == []
            late = [row for row in found if row[1] > row[0] + LATE]
            if not late:
                break
    assert late == []
