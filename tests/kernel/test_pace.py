"""A sweep over real sockets: it keeps its rate, and a consumer that blocks the loop costs nothing."""

from __future__ import annotations

import pytest

from conftest import LOOPS
from namespaces import NOBODY, namespaces, run_in
from products import paired

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]


async def paced(rate: float, count: int) -> object:
    """Answers, seconds from the call to the last probe, from the first to the last, and lost in between.

    Lost is what a task of the same loop woke late by, each time that it was more than 5 ms.
    """
    import time
    from ipaddress import ip_address

    import anyio

    import anyicmp

    tick = 0.005
    stalls: list[tuple[float, float]] = []

    async def watch() -> None:
        at = time.time()
        while True:
            await anyio.sleep(tick)
            before, at = at, time.time()
            if at - before > 2 * tick:
                stalls.append((before + tick, at))

    address = ip_address("127.1.0.0")
    async with anyicmp.Prober() as prober, anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        began = time.time()
        result = await prober.sweep(f"{address}-{address + count - 1}", rate=rate)
        await anyio.sleep(2 * tick)
        tasks.cancel_scope.cancel()
    times = [outcome.sent_at for outcome in result]
    first, last = min(times), max(times)
    lost = sum(max(0.0, min(end, last) - max(start, first)) for start, end in stalls)
    return [len(result.alive), last - began, last - first, lost]


@pytest.mark.waits
@pytest.mark.parametrize(("uid", "rate", "loop"), paired([None, NOBODY], [10, 500, 3000], list(LOOPS)))
def test_the_rate_is_kept(uid: int | None, rate: int, loop: str) -> None:
    """Within 5 %. Of what the loop is late by 20 ms at most are made up for."""
    count = max(rate, 12)
    with namespaces("alone") as (alone,):
        found = run_in(alone, paced, rate, count, uid=uid, backend=loop, timed=True)
    alive, since_the_call, between, lost = found
    assert alive == count
    assert count - 1 <= rate * (1.01 * since_the_call + 0.02), found
    assert count - 1 >= 0.95 * rate * (between - lost), found


async def blocked(count: int) -> object:
    """Outcomes of a consumer that blocks the loop for 30 ms each 2,000 outcomes."""
    import time
    from ipaddress import ip_address

    import anyicmp

    first, kinds, n = ip_address("127.1.0.0"), {}, 0
    async with anyicmp.Prober(receive_buffer=212_992) as prober:
        async with prober.open_sweep(f"{first}-{first + count - 1}") as sweep:
            async for outcome in sweep:
                kinds[outcome.kind] = kinds.get(outcome.kind, 0) + 1
                n += 1
                if n % 2000 == 0:
                    time.sleep(0.03)  # noqa: ASYNC251 - that is the point
        return [kinds, prober.statistics.dropped, prober.statistics.sent]


@pytest.mark.parametrize("loop", list(LOOPS))
@pytest.mark.parametrize("uid", [None, NOBODY], ids=["raw", "unprivileged"])
def test_a_consumer_that_blocks_the_loop_loses_nothing(uid: int | None, loop: str) -> None:
    """With the receive buffer that a stock kernel grants an ordinary user: room for 256 replies."""
    with namespaces("alone") as (alone,):
        found = run_in(alone, blocked, 20_000, uid=uid, backend=loop)
    assert found == [{"reply": 20_000}, 0, 20_000]
