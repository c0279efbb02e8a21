"""A sweep over real sockets: it keeps its rate, and a consumer that blocks the loop costs nothing."""

from __future__ import annotations

import pytest

from conftest import LOOPS, paired
from namespaces import NOBODY, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]


async def paced(rate: float, count: int) -> object:
    """Packets a second, from when the first left to when the last did; time lost in stalls is left out."""
    from ipaddress import ip_address
    from itertools import pairwise

    import anyicmp

    first = ip_address("127.1.0.0")
    result = await anyicmp.sweep(f"{first}-{first + count - 1}", rate=rate)
    times = sorted(outcome.sent_at for outcome in result)
    stalls = sum(max(0.0, later - earlier - 1 / rate - 0.02) for earlier, later in pairwise(times))
    return [len(result.alive), (count - 1) / (times[-1] - times[0] - stalls)]


@pytest.mark.waits
@pytest.mark.parametrize(("uid", "rate", "loop"), paired([None, NOBODY], [10, 500, 3000], list(LOOPS)))
def test_the_rate_is_kept(uid: int | None, rate: int, loop: str) -> None:
    """Within 5 %. What is lost while the process has no turn for more than 20 ms is not made up for."""
    count = max(rate, 12)
    with namespaces("alone") as (alone,):
        alive, kept = run_in(alone, paced, rate, count, uid=uid, backend=loop, timed=True)
    assert alive == count
    assert kept == pytest.approx(rate, rel=0.05)


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
