"""Sweeps of a link of our own on which hardly anyone is at home, with a stock kernel's buffers.

In namespaces, as root and as nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from namespaces import NOBODY, link, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

STOCK = 2 * 212_992  # what a socket may have where net.core.wmem_max and rmem_max are 212,992 (socket(7))
ALIVE = ["10.66.0.9", "10.66.1.10", "10.66.2.2", "10.66.2.11", "10.66.3.12"]


@pytest.fixture
def lan() -> Iterator[str]:
    """The client's namespace; five hosts live on its /20. A test has its own, for neighbours stay known."""
    with link("10.66.15.254/20", [f"{address}/20" for address in ALIVE], crowded=True) as client:
        yield client


@pytest.fixture(params=[None, NOBODY], ids=["root", "nobody"])
def uid(request: pytest.FixtureRequest) -> int | None:
    value: int | None = request.param
    return value


async def swept(targets: list[str], timeout: float, stock: int) -> object:
    import resource
    import time

    import attrs

    import anyicmp
    from anyicmp.api.environment import Environment
    from anyicmp.net.transport import SocketSpec, Transport, open_transport

    def opened(spec: SocketSpec) -> Transport:
        return open_transport(attrs.evolve(spec, send_buffer=stock, receive_buffer=stock))

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    heard: dict[str, list[object]] = {}
    async with anyicmp.Prober(network=Environment(open_transport=opened)) as prober:
        began, cpu = time.perf_counter(), spent()
        async with prober.open_sweep(targets, timeout=timeout) as stream:
            async for outcome in stream:
                at = time.perf_counter() - began
                row = [str(outcome.target), at, getattr(outcome, "rtt", 0)]
                heard.setdefault(outcome.kind, []).append(row)
        took, cpu = time.perf_counter() - began, spent() - cpu
        again = await prober.sweep([host for host, _, _ in heard["reply"]])
        return {
            "heard": heard,
            "took": took,
            "cpu": cpu,
            "again": [reply.rtt for reply in again.alive],
            "dropped": prober.statistics.dropped,
        }


def test_a_sweep_of_a_22_finds_the_five_that_exist(lan: str, uid: int | None) -> None:
    """1,022 addresses: a datagram socket's send buffer has room for 512 packets that wait for a neighbour."""
    found = run_in(lan, swept, ["10.66.0.0/22"], 1.0, STOCK, uid=uid)
    assert sorted(host for host, _, _ in found["heard"]["reply"]) == sorted(ALIVE)
    assert len(found["heard"]["timeout"]) == 1022 - 5
    assert found["took"] < 1.5
    # The first round trip has the neighbour's resolution in it; on this link that is no millisecond.
    assert max(rtt for _, _, rtt in found["heard"]["reply"]) < 0.02
    assert len(found["again"]) == 5
    assert max(found["again"]) < 0.02
    assert found["dropped"] == 0


def test_with_time_to_wait_this_host_says_that_nobody_is_there(lan: str, uid: int | None) -> None:
    """After three seconds the own kernel gives up the neighbour: ICMP 3/1 from the own address."""
    found = run_in(lan, swept, ["10.66.0.0/24", "10.66.2.11"], 5.0, STOCK, uid=uid)
    assert len(found["heard"]["reply"]) == 2
    assert len(found["heard"]["error"]) == 253
    assert "timeout" not in found["heard"]
    assert 2.0 < found["took"] < 5.0


def test_more_than_the_neighbour_table_holds_is_slow_but_not_lost(lan: str, uid: int | None) -> None:
    """Linux tracks 1,024 neighbours (gc_thresh3): beyond that sending waits, and hardly works meanwhile.

    The one target that exists comes last, when the table was full twice.
    """
    found = run_in(lan, swept, ["10.66.4.0/22", "10.66.8.0/22", "10.66.3.12"], 1.0, STOCK, uid=uid)
    assert {kind: len(rows) for kind, rows in found["heard"].items()} == {"reply": 1, "timeout": 2044}
    ((host, _, rtt),) = found["heard"]["reply"]
    assert host == "10.66.3.12"
    assert rtt < 0.02, "what waited to be sent does not count in the round trip"
    assert found["took"] < 9.0
    assert found["cpu"] < 0.15 * found["took"]


async def pinged_meanwhile(live: str, stock: int) -> object:
    import attrs

    import anyicmp
    from anyicmp.api.environment import Environment
    from anyicmp.net.transport import SocketSpec, Transport, open_transport

    def opened(spec: SocketSpec) -> Transport:
        return open_transport(attrs.evolve(spec, send_buffer=stock, receive_buffer=stock))

    async with anyicmp.Prober(network=Environment(open_transport=opened)) as prober:
        await prober.ping(live, count=1)
        async with prober.open_sweep("10.66.8.0/21", timeout=1.0):
            result = await prober.ping(live, count=30, interval=0.1)
    return [(outcome.kind, outcome.rtt if outcome.kind == "reply" else 9.0) for outcome in result.outcomes]


def test_a_ping_is_not_held_up_by_such_a_sweep(lan: str, uid: int | None) -> None:
    rows = run_in(lan, pinged_meanwhile, ALIVE[0], STOCK, uid=uid)
    assert {kind for kind, _ in rows} == {"reply"}
    assert len(rows) == 30
    assert sorted(rtt for _, rtt in rows)[len(rows) // 2] < 0.005
