"""Ways that a simulated socket knows already: the next packet that takes one fares as if it were the first.

What is known is forgotten when the network changes. All in virtual time.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from ipaddress import ip_address, ip_network
from typing import Any

import anyio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyicmp import Outcome, Prober, Reply
from anyicmp.testing import Host, Internet, Router, SimulatedNetwork, Topology, VirtualTimeLoop
from anyicmp.testing.clock import VirtualClock
from anyicmp.testing.internet.express import Way, course
from anyicmp.testing.topology import ip_header
from anyicmp.testing.ways import Known
from anyicmp.wire.batch import UNSET, Version

MS = 1_000_000
TARGET = {4: "10.0.0.1", 6: "2001:db8:f::1"}
BOTH = pytest.mark.parametrize("version", [4, 6])
EITHER = pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])


def internet(delay: str = "2 ms", cls: type[Internet] = Internet) -> Internet:
    topology = Topology().router("a", "10.1.0.1", "2001:db8:1::1")
    topology.host("target", *TARGET.values()).link("client", "a", "target", delay=delay)
    return cls(topology)


class Looking(Internet):
    """Looks at each packet, and hides from those in front that nothing on the way would ask."""

    seen: int

    def inject(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        self.seen = getattr(self, "seen", 0) + 1
        return super().inject(packet, now)


def play(network: SimulatedNetwork, version: int, *changes: Any, **options: Any) -> list[Outcome]:
    """A ping before and after each change of the network, from the same sockets; the sequence stays."""

    async def main() -> list[Outcome]:
        async with Prober(network=network) as prober:
            outcomes = [*await prober.ping(TARGET[version], count=2, interval=0.1, **options)]
            for change in changes:
                change()
                outcomes += await prober.ping(TARGET[version], count=2, interval=0.1, timeout=0.05, **options)
        return outcomes

    return anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})


def trips(outcomes: list[Outcome]) -> list[float | None]:
    return [outcome.rtt if isinstance(outcome, Reply) else None for outcome in outcomes]


@BOTH
@EITHER
@pytest.mark.parametrize("size", [0, 3, 56, 57])
def test_octets_and_times_are_those_of_packets_that_are_looked_at(
    version: int, privileged: bool, size: int
) -> None:
    told: list[tuple[Any, ...]] = []
    for cls in (Internet, Looking):
        network = SimulatedNetwork(internet=internet(cls=cls), seed=5, privileged=privileged)
        arrived: list[tuple[int, bytes]] = []
        network.on_arrival = lambda packet, network=network, arrived=arrived: arrived.append(  # type: ignore[misc]
            (network.clocks.monotonic(), packet)
        )
        outcomes = play(network, version, lambda: None, size=size)
        told.append((network.sent, arrived, trips(outcomes), [vars_of(outcome) for outcome in outcomes]))
        assert len(arrived) == 4
        if cls is Looking:
            assert isinstance(network.internet, Looking)
            assert network.internet.seen == 4
    assert told[0] == told[1]


def vars_of(outcome: Outcome) -> tuple[Any, ...]:
    assert isinstance(outcome, Reply)
    return outcome.sequence, outcome.source, outcome.ttl, outcome.size


@BOTH
@EITHER
def test_what_changes_in_the_network_counts_for_the_next_packet(version: int, privileged: bool) -> None:
    network = SimulatedNetwork(internet=internet(), privileged=privileged)

    def nothing() -> None:
        network.internet = None

    def other() -> None:
        network.internet = internet("5 ms")

    found = trips(
        play(
            network,
            version,
            other,
            nothing,
            other,
            lambda: network.add(TARGET[version], Host(delay=0.001)),
            lambda: setattr(
                network.host(network.sent[0][16:20] if version == 4 else network.sent[0][24:40]),
                "silent",
                True,
            ),
        )
    )
    each = (0.008, 0.02, None, 0.02, 0.001, None)
    assert found == [trip for trip in each for _ in range(2)]


def test_whoever_is_woken_runs_before_time_passes_on() -> None:
    """Of two hosts a millisecond apart, each answer is read when it has come."""
    network = SimulatedNetwork(internet=internet())
    network.add("10.0.0.2", Host(delay=0.009))

    async def watch(prober: Prober, address: str, delay: int) -> None:
        async with prober.open_ping(address, count=20, interval=0.0123) as outcomes:
            number = 0
            async for _ in outcomes:
                assert network.clocks.monotonic() - start == number * 12_300_000 + delay
                number += 1
            assert number == 20

    async def main() -> None:
        nonlocal start
        async with Prober(network=network) as prober, anyio.create_task_group() as tasks:
            start = network.clocks.monotonic()
            tasks.start_soon(watch, prober, TARGET[4], 8 * MS)
            tasks.start_soon(watch, prober, "10.0.0.2", 9 * MS)

    start = 0
    anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})


@EITHER
def test_an_interface_that_takes_less_refuses_what_it_took(privileged: bool) -> None:
    network = SimulatedNetwork(internet=internet(), privileged=privileged)
    kinds = [
        outcome.kind
        for outcome in play(
            network,
            4,
            lambda: setattr(network, "mtu", 500),
            lambda: setattr(network, "mtu", 1500),
            size=1000,
            dont_fragment=True,
        )
    ]
    assert kinds == ["reply"] * 2 + ["failed"] * 2 + ["reply"] * 2


def test_a_buffer_that_empties_slowly_holds_known_ways_back_too() -> None:
    network = SimulatedNetwork(internet=internet())
    network.send_buffer = 100
    found: list[int] = []

    async def main() -> None:
        async with Prober(network=network) as prober:
            assert (await prober.ping(TARGET[4], count=1)).is_alive
            network.bandwidth = 1000.0  # 84 octets take 84 ms, and two packets do not fit
            start = network.clocks.monotonic()
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(ping, prober)
            assert len(found) == 3
            assert max(found) - start >= 2 * 84 * MS

    async def ping(prober: Prober) -> None:
        assert (await prober.ping(TARGET[4], count=1)).is_alive
        found.append(network.clocks.monotonic())

    anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})


def test_whoever_listens_hears_the_replies_of_known_ways() -> None:
    network = SimulatedNetwork(internet=internet(), privileged=True)

    async def main() -> list[str]:
        async with Prober(network=network) as prober:
            assert (await prober.ping(TARGET[4], count=1)).is_alive
            async with prober.open_listener(types=None) as messages:
                assert (await prober.ping(TARGET[4], count=1)).is_alive
                with anyio.fail_after(1):
                    return [str((await anext(messages)).source)]

    assert anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop}) == [TARGET[4]]


def test_replies_by_known_ways_need_room_too() -> None:
    network = SimulatedNetwork(internet=internet(), receive_buffer=4 * 832)
    network.rows_per_call = 1

    async def main() -> None:
        async with Prober(network=network) as prober:
            await prober.ping(TARGET[4], count=1)
            (transport,) = network.transports
            network.on_arrival = lambda packet: None
            transport._used[0] = transport.receive_buffer
            await prober.ping(TARGET[4], count=1, timeout=0.05)
            assert transport.dropped() == 1

    asyncio.run(main())


moves = st.lists(
    st.one_of(
        st.tuples(st.just("at"), st.integers(0, 4)),
        st.tuples(st.just("put off"), st.integers(0, 4), st.integers(0, 4)),
        st.tuples(st.just("cancel"), st.integers(0, 4)),
    ),
    max_size=12,
)


@given(moves=moves)
@example(moves=[("at", 2), ("at", 4), ("at", 1), ("put off", 0, 4)])
def test_what_is_put_off_is_as_if_it_were_new(moves: list[tuple[Any, ...]]) -> None:
    """An event that cannot be moved stays as it was; all come by time, then by order."""
    clock, called = VirtualClock(), []
    start = clock.monotonic()
    events: list[Any] = []
    wanted: list[tuple[int, int, int]] = []
    for order, (what, *numbers) in enumerate(moves):
        if what == "at":
            i = len(events)
            events.append(clock.at(start + numbers[0], lambda i=i: called.append((clock.monotonic(), i))))
            heappush(wanted, (start + numbers[0], order, i))
        elif numbers[0] < len(events):
            i = numbers[0]
            if what == "cancel":
                events[i].cancel()
                wanted = sorted(entry for entry in wanted if entry[2] != i)
            elif clock.put_off(events[i], start + numbers[1]):
                (old,) = (entry for entry in wanted if entry[2] == i)
                assert start + numbers[1] >= old[0]
                wanted = sorted(
                    [*(entry for entry in wanted if entry[2] != i), (start + numbers[1], order, i)]
                )
    while clock.jump():
        pass
    assert called == [(when, i) for when, _, i in (heappop(wanted) for _ in range(len(wanted)))]


class LookedAt(Host):
    """A host each of whose requests is looked at."""

    way = None


@BOTH
@EITHER
@pytest.mark.parametrize("routers", [0, 3])
def test_a_plain_host_answers_as_one_whose_requests_are_looked_at(
    version: int, privileged: bool, routers: int
) -> None:
    told: list[tuple[Any, ...]] = []
    for cls in (Host, LookedAt):
        network = SimulatedNetwork(seed=5, privileged=privileged)
        path = (Router(address=ip_address(TARGET[version])),) * routers
        host = network.add(TARGET[version], cls(delay=0.0123, hop_limit=61, path=path))
        arrived: list[tuple[int, bytes]] = []
        network.on_arrival = lambda packet, network=network, arrived=arrived: arrived.append(  # type: ignore[misc]
            (network.clocks.monotonic(), packet)
        )
        outcomes = play(network, version, lambda: None)
        outcomes += play(network, version, ttl=routers, timeout=0.05) if routers else []
        told.append((network.sent, arrived, trips(outcomes), host.heard))
        assert host.heard == 4
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("name", "value", "kinds"),
    [
        ("silent", True, "reply reply timeout timeout"),
        ("lost", frozenset({3}), "reply reply reply timeout"),
        ("corrupt", True, "reply reply timeout timeout"),
        ("errno", 101, "reply reply failed failed"),
        ("delay", 1.0, "reply reply timeout timeout"),
        ("answers_from", ip_address("10.0.0.9"), "reply reply timeout timeout"),
    ],
)
def test_a_change_of_a_plain_host_counts_at_once(name: str, value: object, kinds: str) -> None:
    network = SimulatedNetwork()
    host = network.add(TARGET[4], Host(delay=0.001))
    before = getattr(host, name)
    outcomes = play(network, 4, lambda: setattr(host, name, value), lambda: setattr(host, name, before))
    found = " ".join(outcome.kind for outcome in outcomes)
    assert found == f"{kinds} reply reply"


@EITHER
def test_replies_that_come_together_are_each_as_if_alone(privileged: bool) -> None:
    """Of a network in which nobody looks on, they are one event; the rows and times are the same."""
    told: list[list[Any]] = []
    for watched in (False, True):
        network = SimulatedNetwork(seed=3, privileged=privileged)
        network.add("10.0.0.0/29", Host(delay=0.002))
        network.add("10.0.0.8/29", Host(delay=0.003))
        network.add("10.0.0.3", Host(delay=0.003))
        if watched:
            network.on_arrival = lambda packet: None

        async def main(network: SimulatedNetwork = network) -> list[Any]:
            async with Prober(network=network) as prober:
                result = await prober.sweep("10.0.0.0/28", timeout=0.1, retries=0)
                return [(*vars_of(outcome), outcome.target, outcome.rtt) for outcome in result]

        told.append(anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop}))
    assert told[0] == told[1]
    assert len(told[0]) == 14
    assert {round(row[-1], 9) for row in told[0]} == {0.002, 0.003}


def test_what_is_changed_when_a_packet_has_left_counts_for_the_next_of_the_same_call() -> None:
    """Also where the one that has left was looked at: the first host here is not plain."""
    network = SimulatedNetwork()
    last = network.add("10.0.0.2")
    network.add("10.0.0.1", Host(copies=2))

    async def main() -> list[bool]:
        async with Prober(network=network) as prober:
            await prober.sweep("10.0.0.1-10.0.0.2")
            heard = last.heard
            # The way to the last one is known by now.
            network.on_sent = lambda packet: setattr(last, "silent", packet[19] == 1 or last.silent)
            result = await prober.sweep("10.0.0.1-10.0.0.2", timeout=0.1, retries=0)
            assert last.heard == heard + 1
            return [isinstance(outcome, Reply) for outcome in sorted(result, key=lambda one: one.sequence)]

    assert anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop}) == [True, False]


@given(
    st.sampled_from([4, 6]),
    st.data(),
    st.integers(8, 1400),
    st.integers(1, 255),
    st.integers(0, 255),
    st.booleans(),
)
def test_what_is_known_of_one_address_of_a_host_holds_for_another(
    version: Version,
    data: st.DataObject,
    length: int,
    hop_limit: int,
    traffic_class: int,
    dont_fragment: bool,
) -> None:
    octets = st.binary(min_size=4, max_size=4) if version == 4 else st.binary(min_size=16, max_size=16)
    source, one, other = data.draw(octets), data.draw(octets), data.draw(octets)

    def made(peer: bytes) -> Known:
        header = ip_header(version, length, source, peer, hop_limit, traffic_class, UNSET, dont_fragment)
        return Known(header, course(Way(0, MS, 0xFFFF, 60), header), (), None)

    known, built = made(one).to(other), made(other)
    assert known.header == built.header
    assert known.course is not None
    assert built.course is not None
    assert known.course[:-1] == built.course[:-1]
    assert (known.course.pseudo - built.course.pseudo) % 0xFFFF == 0


@EITHER
@BOTH
def test_all_addresses_of_a_host_answer_as_if_each_were_one(version: int, privileged: bool) -> None:
    """A network of one host beside as many hosts that are alike."""
    prefix = "10.9.0.0/26" if version == 4 else "2001:db8:9::/122"
    together, apart = (SimulatedNetwork(privileged=privileged, seed=5) for _ in range(2))
    together.add(prefix, Host(delay=0.01, path=[]))
    for address in ip_network(prefix):
        apart.add(address, Host(delay=0.01, path=[]))

    async def sweep(network: SimulatedNetwork) -> list[Outcome]:
        async with Prober(network=network) as prober:
            return [outcome for outcome in await prober.sweep(prefix) if isinstance(outcome, Reply)]

    found = [
        anyio.run(sweep, network, backend_options={"loop_factory": VirtualTimeLoop})
        for network in (together, apart)
    ]
    assert found[0] == found[1]
    assert len(found[0]) == (62 if version == 4 else 63)
    assert together.sent == apart.sent
