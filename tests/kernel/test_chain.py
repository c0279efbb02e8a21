"""Traceroute and ping over real routers: six namespaces in a row, as root and as nobody, on three loops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from namespaces import NOBODY, Chain, chain, command, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

USERS = {"root": None, "nobody": NOBODY}


@pytest.fixture(scope="module")
def lab() -> Iterator[Chain]:
    """A client, six routers, a target."""
    with chain(routers=6) as built:
        yield built


@pytest.fixture(params=["asyncio", "asyncio+uvloop", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The loop that the child in the namespace runs."""
    return str(request.param)


@pytest.fixture(params=list(USERS))
def uid(request: pytest.FixtureRequest) -> int | None:
    """Who the child is."""
    return USERS[request.param]


async def trace(target: str) -> object:
    import anyicmp

    found = await anyicmp.traceroute(target)
    return {
        "hops": [[str(address) for address in hop.addresses] for hop in found.hops],
        "received": [hop.statistics.received for hop in found.hops],
        "quoted": [hop.quoted_ttl for hop in found.hops],
        "clocks": sorted({outcome.clock for hop in found.hops for outcome in hop.outcomes}),
        "reached": found.reached,
        "stopped_by": found.stopped_by.kind,
    }


@pytest.mark.parametrize("family", [4, 6])
def test_a_trace_lists_the_six_routers_and_the_target(
    lab: Chain, backend: str, uid: int | None, family: int
) -> None:
    """Every hop answers all three probes, in order, with the kernel's own stamps."""
    hops, target = (lab.hops4, lab.target4) if family == 4 else (lab.hops6, lab.target6)
    found = run_in(lab.client, trace, target, uid=uid, backend=backend)
    assert found["hops"] == [[hop] for hop in (*hops, target)]
    assert found["received"] == [3] * 7
    assert found["reached"]
    assert found["stopped_by"] == "reply"
    assert found["clocks"] == ["kernel"]
    # The quoted IP header is there for raw sockets alone; elsewhere it is unknown, not invented.
    assert found["quoted"] == ([None] * 7 if uid else [1] * 6 + [None])


async def explain(target: str, ttl: int) -> object:
    import anyicmp

    result = await anyicmp.ping(target, count=2, interval=0, ttl=ttl)
    error = result.outcomes[0]
    return {
        "alive": result.is_alive,
        "kinds": [outcome.kind for outcome in result.outcomes],
        "source": str(error.source),
        "type": error.type,
        "code": error.code,
        "quoted": [str(error.message.quoted.destination), error.message.quoted.identifier is not None],
        "loss": result.statistics.loss,
    }


@pytest.mark.parametrize(("family", "kind"), [(4, (11, 0)), (6, (3, 0))])
def test_an_error_ends_the_wait_and_says_who_reported_it(
    lab: Chain, uid: int | None, family: int, kind: tuple[int, int]
) -> None:
    """A probe with too small a hop limit is an ErrorReply of the third router, quoting the probe."""
    target, hops = (lab.target4, lab.hops4) if family == 4 else (lab.target6, lab.hops6)
    found = run_in(lab.client, explain, target, 3, uid=uid)
    assert found == {
        "alive": False,
        "kinds": ["error", "error"],
        "source": hops[2],
        "type": kind[0],
        "code": kind[1],
        "quoted": [target, True],
        "loss": 1.0,
    }


async def unreachable(target: str) -> object:
    import anyicmp

    found = await anyicmp.traceroute(target, timeout=0.5)
    stopped_by = found.stopped_by
    return [found.reached, len(found.hops), str(stopped_by.source), stopped_by.type, stopped_by.code]


def test_an_unreachable_ends_the_trace_with_its_reporter(lab: Chain, uid: int | None) -> None:
    """A router that knows the network to be unreachable says so (ICMP 3/1), and the trace stops there."""
    # A router each: Linux sends one host only five such errors at once (net.ipv4.route.error_burst).
    hop = 3 if uid is None else 4
    command(lab.routers[hop - 1], ["ip", "route", "replace", "unreachable", f"10.99.{hop}.0/24"])
    found = run_in(lab.client, unreachable, f"10.99.{hop}.1", uid=uid)
    assert found == [False, hop, lab.hops4[hop - 1], 3, 1]


async def many_at_once() -> object:
    from pathlib import Path

    import anyio

    import anyicmp

    alive = []

    def count_icmp_sockets() -> int:
        inodes = set()
        for table in ("icmp", "icmp6", "raw", "raw6"):
            lines = Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
            inodes.update(f"socket:[{line.split()[9]}]" for line in lines)
        opened = Path("/proc/self/fd").iterdir()
        return sum(str(entry.readlink()) in inodes for entry in opened if entry.is_symlink())

    async def one(prober: anyicmp.Prober) -> None:
        alive.append((await prober.ping("127.0.0.1", count=1)).is_alive)

    async with anyicmp.Prober(receive_buffer=212_992) as prober:
        async with anyio.create_task_group() as tasks:
            for _ in range(1000):
                tasks.start_soon(one, prober)
        sockets = count_icmp_sockets()
        granted = next(iter(prober._drivers.values())).transport.receive_buffer
        return [sum(alive), sockets, granted, prober.statistics.dropped]


def test_a_thousand_pings_share_one_socket_with_the_stock_receive_buffer(
    backend: str, uid: int | None
) -> None:
    """None is lost although the buffer holds 256 replies, and one ICMP socket serves them all."""
    with namespaces("alone") as (alone,):
        found = run_in(alone, many_at_once, uid=uid, backend=backend)
    assert found == [1000, 1, 212_992, 0]


async def whole_loopback() -> object:
    import anyicmp

    result = await anyicmp.sweep("127.0.0.0/16")
    return [len(result.alive), len(result.outcomes), len({reply.target for reply in result.alive})]


def test_a_sweep_of_a_16_loses_nothing(backend: str, uid: int | None) -> None:
    """All 65,534 hosts of 127.0.0.0/16 answer, each once."""
    with namespaces("alone") as (alone,):
        assert run_in(alone, whole_loopback, uid=uid, backend=backend) == [65534, 65534, 65534]


async def refused() -> object:
    import anyicmp

    try:
        await anyicmp.ping("127.0.0.1", count=1)
    except anyicmp.SocketPermissionError as error:
        return [isinstance(error, PermissionError), str(error)]
    return None


def test_no_permission_for_any_socket_names_the_remedy() -> None:
    """With ping_group_range shut and no capability, the error says what to configure."""
    with namespaces("alone") as (alone,):
        command(alone, ["sysctl", "-qw", "net.ipv4.ping_group_range=1 0"])
        permission, text = run_in(alone, refused, uid=NOBODY)
    assert permission
    assert "net.ipv4.ping_group_range" in text
    assert "CAP_NET_RAW" in text
    assert "\n" not in text


async def no_route() -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        result = await prober.sweep(["127.0.0.1", "203.0.113.1", "127.0.0.2"], timeout=0.5)
        return [[str(outcome.target), outcome.kind] for outcome in sorted(result, key=lambda o: o.sequence)]


def test_a_target_without_a_route_costs_no_other_its_answer(uid: int | None) -> None:
    """The send fails for one address only; it is a SendFailure in its place."""
    with namespaces("alone") as (alone,):
        found = run_in(alone, no_route, uid=uid)
    assert found == [["127.0.0.1", "reply"], ["203.0.113.1", "failed"], ["127.0.0.2", "reply"]]
