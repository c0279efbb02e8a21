"""Ping through a simulated network: what callers get for what the network does."""

from __future__ import annotations

import errno
from ipaddress import IPv4Address, ip_address
from itertools import pairwise

import anyio
import pytest

import anyicmp
from anyicmp import ErrorReply, NoReply, Prober, Reply, SendFailure
from anyicmp.testing import Host, SimulatedNetwork
from api.scene import let_others_run, routers

pytestmark = pytest.mark.anyio


async def test_a_host_that_answers(either_network: SimulatedNetwork) -> None:
    async with Prober(network=either_network) as prober:
        result = await prober.ping("10.0.0.1")
    assert result.is_alive
    assert result.target == IPv4Address("10.0.0.1")
    assert result.host is None
    assert [outcome.sequence for outcome in result] == [0, 1, 2, 3]
    for outcome in result.outcomes:
        assert isinstance(outcome, Reply)
        assert outcome.source == outcome.target == result.target
        assert outcome.rtt == pytest.approx(0.01)
        assert (outcome.ttl, outcome.size, outcome.clock) == (64, 56, "kernel")
    times = [outcome.sent_at for outcome in result]
    assert [later - earlier for earlier, later in pairwise(times)] == [1.0] * 3
    figures = result.statistics
    assert (figures.sent, figures.received, figures.loss) == (4, 4, 0.0)
    assert figures.average == pytest.approx(0.01)
    assert figures.stddev == pytest.approx(0.0)


async def test_ipv6(either_network: SimulatedNetwork) -> None:
    async with Prober(network=either_network) as prober:
        result = await prober.ping("2001:db8:1::1", count=2)
    assert [type(outcome) for outcome in result] == [Reply, Reply]


async def test_the_function_opens_a_prober_of_its_own(network: SimulatedNetwork) -> None:
    result = await anyicmp.ping("answers.example", count=1, network=network)
    assert (result.host, result.target) == ("answers.example", IPv4Address("10.0.0.1"))
    assert result.is_alive
    result = await anyicmp.ping("answers.example", count=1, network=network, family=6)
    assert result.target == ip_address("2001:db8:1::1")
    assert all(transport.closed for transport in network.transports)


async def test_silence_is_an_outcome(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        result = await prober.ping("10.0.0.2", count=3, interval=0.1, timeout=2.0)
    assert [type(outcome) for outcome in result] == [NoReply] * 3
    assert {outcome.timeout for outcome in result if isinstance(outcome, NoReply)} == {2.0}
    assert not result.is_alive
    assert result, "a result itself is always true"
    assert (result.statistics.loss, result.statistics.average) == (1.0, None)


@pytest.mark.parametrize("version", [4, 6])
async def test_an_unreachable_is_an_outcome(either_network: SimulatedNetwork, version: int) -> None:
    target = "10.0.0.4" if version == 4 else "2001:db8:1::4"
    either_network.add(target, Host(path=routers(version, 2), unreachable=1))
    async with Prober(network=either_network) as prober:
        result = await prober.ping(target, count=1)
    (outcome,) = result.outcomes
    assert isinstance(outcome, ErrorReply)
    assert outcome.source == routers(version, 2)[-1].address
    assert outcome.target == ip_address(target)
    assert (outcome.type, outcome.code) == (3 if version == 4 else 1, 1)
    assert outcome.reason.endswith(".")
    assert outcome.rtt == pytest.approx(0.002)
    # Only a raw socket is given the quoted IP header (ip(7), IP_RECVERR).
    quoted = outcome.message.quoted  # type: ignore[attr-defined]
    assert bool(quoted.packet) == either_network.privileged
    assert quoted.destination == ip_address(target)
    assert result.statistics.errors == 1


async def test_a_hop_limit_too_low_is_an_error_of_the_router(either_network: SimulatedNetwork) -> None:
    async with Prober(network=either_network) as prober:
        result = await prober.ping("10.0.0.3", count=1, ttl=3)
    (outcome,) = result.outcomes
    assert isinstance(outcome, ErrorReply)
    assert (outcome.source, outcome.type) == (IPv4Address("10.9.3.1"), 11)


async def test_packets_have_the_fields_asked_for(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        await prober.ping("10.0.0.1", count=1, ttl=9, dscp=46, payload=b"hello", dont_fragment=True)
    (packet,) = network.sent
    assert packet[8] == 9
    assert packet[1] == 46 << 2
    assert packet[6] & 0x40
    assert packet[28:] == b"hello"


async def test_the_source_is_the_one_asked_for(network: SimulatedNetwork) -> None:
    async with Prober(network=network, source="192.0.2.77") as prober:
        await prober.ping("10.0.0.1", count=1)
        await prober.ping("10.0.0.1", count=1, source="192.0.2.78")
        with pytest.raises(anyicmp.NameLookupError, match="not an IPv4 address"):
            await prober.ping("2001:db8:1::1", count=1)
    async with Prober(network=network) as prober:
        with pytest.raises(ValueError, match="different IP versions"):
            await prober.ping("2001:db8:1::1", count=1, source="192.0.2.77")
    assert [packet[12:16] for packet in network.sent] == [bytes([192, 0, 2, 77]), bytes([192, 0, 2, 78])]


@pytest.mark.parametrize("size", [0, 1, 19, 20, 1472, 8000, 65_507])
async def test_all_sizes(network: SimulatedNetwork, size: int) -> None:
    async with Prober(network=network) as prober:
        result = await prober.ping("10.0.0.1", count=2, size=size, interval=0.01)
        small = await prober.ping("10.0.0.1", count=1)
    assert [outcome.size for outcome in result if isinstance(outcome, Reply)] == [size, size]
    assert small.is_alive


async def test_copies_and_late_answers_are_counted(network: SimulatedNetwork) -> None:
    network.add("10.0.0.5", Host(delay=0.01, copies=3, spacing=0.001))
    network.add("10.0.0.6", Host(delay=1.5))
    async with Prober(network=network) as prober:
        copies = await prober.ping("10.0.0.5", count=2)
        assert copies.statistics.duplicates == 2, "those of the last probe came after the end"
        late = await prober.ping("10.0.0.6", count=3)
        assert [type(outcome) for outcome in late] == [NoReply] * 3
        assert late.statistics.late == 2
        assert prober.statistics.late >= 2
        assert prober.statistics.duplicates >= 2


async def test_forged_and_broken_answers_are_counted_and_dropped(either_network: SimulatedNetwork) -> None:
    either_network.add("10.0.0.7", Host(answers_from=ip_address("10.0.0.66")))
    either_network.add("10.0.0.8", Host(corrupt=True))
    async with Prober(network=either_network) as prober:
        forged = await prober.ping("10.0.0.7", count=2)
        broken = await prober.ping("10.0.0.8", count=3)
        statistics = prober.statistics
    assert not forged.is_alive
    assert not broken.is_alive
    assert (statistics.foreign, statistics.received, statistics.sent) == (2, 0, 5)
    # Of datagram sockets the kernel itself drops what has a wrong checksum.
    assert statistics.malformed == (3 if either_network.privileged else 0)


async def test_lost_probes(network: SimulatedNetwork) -> None:
    network.add("10.0.0.9", Host(lost=frozenset({1, 3})))
    result = await anyicmp.ping("10.0.0.9", count=5, network=network)
    assert [outcome.kind for outcome in result] == ["reply", "timeout", "reply", "timeout", "reply"]
    assert result.statistics.loss == pytest.approx(0.4)


async def test_each_responder_of_a_broadcast_is_a_reply(network: SimulatedNetwork) -> None:
    hosts = tuple(ip_address(f"10.0.0.{i}") for i in (20, 21, 22))
    network.add("255.255.255.255", Host(responders=hosts, copies=2))
    network.add("ff02::1", Host(responders=(ip_address("fe80::5"), ip_address("fe80::6"))))
    async with Prober(network=network) as prober:
        result = await prober.ping("255.255.255.255", count=2, broadcast=True)
        assert [(o.sequence, o.source) for o in result if isinstance(o, Reply)] == [
            (sequence, host) for sequence in (0, 1) for host in hosts
        ]
        assert (result.statistics.sent, result.statistics.received) == (2, 2)
        assert result.statistics.duplicates == 6
        result = await prober.ping("ff02::1%sim0", count=1)
        assert [str(o.source) for o in result if isinstance(o, Reply)] == ["fe80::5%sim0", "fe80::6%sim0"]
        result = await prober.ping("255.255.255.255", count=1)
    (outcome,) = result.outcomes
    assert isinstance(outcome, SendFailure)
    assert outcome.errno == errno.EACCES


async def test_who_has_an_anycast_address_answers_in_its_own_name(network: SimulatedNetwork) -> None:
    network.add("2001:db8:9::", Host(responders=(ip_address("2001:db8:9::1"),)))
    async with Prober(network=network) as prober:
        plain = await prober.ping("2001:db8:9::", count=1)
        assert [outcome.kind for outcome in plain] == ["timeout"]
        assert prober.statistics.foreign == 1
        (outcome,) = await prober.ping("2001:db8:9::", count=1, anycast=True)
        assert isinstance(outcome, Reply)
        assert (str(outcome.target), str(outcome.source)) == ("2001:db8:9::", "2001:db8:9::1")
    async with anyicmp.open_ping(
        "2001:db8:9::", count=2, interval=0.1, anycast=True, network=network
    ) as stream:
        assert [str(row.source) async for row in stream if isinstance(row, Reply)] == ["2001:db8:9::1"] * 2
        assert (stream.statistics.received, stream.statistics.loss) == (2, 0.0)


async def test_what_cannot_leave_is_an_outcome(network: SimulatedNetwork) -> None:
    network.add("10.0.0.10", Host(errno=errno.ENETUNREACH))
    async with Prober(network=network) as prober:
        result = await prober.ping("10.0.0.10", count=2)
    assert [type(outcome) for outcome in result] == [SendFailure] * 2
    assert result.outcomes[0].errno == errno.ENETUNREACH  # type: ignore[union-attr]
    assert (result.statistics.sent, result.statistics.failed, result.statistics.loss) == (0, 2, None)


async def test_too_large_for_the_interface_or_for_the_path(either_network: SimulatedNetwork) -> None:
    either_network.mtu = 1500
    either_network.add("10.0.0.11", Host(path=routers(4, 2), mtu=1300))
    async with Prober(network=either_network) as prober:
        result = await prober.ping("10.0.0.1", count=1, size=1473, dont_fragment=True)
        assert [outcome.errno for outcome in result if isinstance(outcome, SendFailure)] == [errno.EMSGSIZE]
        assert (await prober.ping("10.0.0.1", count=1, size=1472, dont_fragment=True)).is_alive
        result = await prober.ping("10.0.0.11", count=1, size=1400, dont_fragment=True)
        (outcome,) = result.outcomes
        assert isinstance(outcome, ErrorReply)
        assert outcome.message.next_hop_mtu == 1300  # type: ignore[attr-defined]
        assert (await prober.ping("10.0.0.11", count=1, size=1400)).is_alive


async def test_the_time_limit_returns_what_has_ended(network: SimulatedNetwork) -> None:
    network.turns.automatic = False  # nothing further happens in the network: the limit alone ends it
    async with Prober(network=network) as prober, anyio.create_task_group() as tasks:
        results = []

        async def ping() -> None:
            results.append(await prober.ping("10.0.0.1", count=100, interval=1.0, time_limit=0.2))

        tasks.start_soon(ping)
        for _ in range(5):
            await let_others_run()
            network.clocks.advance(0.5)
    (result,) = results
    assert 1 <= len(result.outcomes) < 10
    assert {outcome.kind for outcome in result} == {"reply"}
    assert result.statistics.sent == len(result.outcomes), "what is in flight is left out"


async def test_a_thousand_at_once_over_one_socket(network: SimulatedNetwork) -> None:
    alive = []
    async with Prober(network=network) as prober:

        async def ping(i: int) -> None:
            result = await prober.ping(f"10.1.{i // 250}.{i % 250 + 1}", count=1)
            alive.append(result.is_alive)

        async with anyio.create_task_group() as tasks:
            for i in range(1000):
                tasks.start_soon(ping, i)
        assert prober.statistics.dropped == 0
    assert alive == [True] * 1000
    assert len(network.transports) == 1


async def test_clock_steps_do_not_reach_the_round_trips(network: SimulatedNetwork) -> None:
    """The wall clock jumps between sending and the stamp, and between stamp and reading."""
    async with Prober(network=network) as prober:
        start = network.clocks.monotonic()
        for i, step in enumerate((-3600.0, 3600.0, -0.5, 7.0)):
            network.clocks.at(
                start + i * 1_000_000_000 + 5_000_000, lambda step=step: network.clocks.step(step)
            )
        result = await prober.ping("10.0.0.1", count=4)
        assert {outcome.rtt for outcome in result if isinstance(outcome, Reply)} == {0.01}

        def step_after_the_stamp() -> None:
            network.clocks.after(0.0, lambda: network.clocks.step(-1.0))

        network.clocks.after(0.01, step_after_the_stamp)
        (outcome,) = await prober.ping("10.0.0.1", count=1)
        assert isinstance(outcome, Reply)
        assert outcome.rtt == pytest.approx(0.01)


async def test_the_last_answers_may_come_in_one_turn(network: SimulatedNetwork) -> None:
    """The process was stopped while they came: each of them is an outcome all the same."""
    network.add("10.0.0.9", Host(delay=0.5))
    sent: list[bytes] = []

    def noting(packet: bytes) -> None:
        sent.append(packet)
        if len(sent) == 6:
            network.clocks.advance(2.0)

    network.on_sent = noting
    found: dict[float, anyicmp.PingResult] = {}
    async with Prober(network=network) as prober, anyio.create_task_group() as tasks:

        async def ping(interval: float) -> None:
            found[interval] = await prober.ping("10.0.0.9", count=2, interval=interval, timeout=5.0)

        for interval in (0.1, 0.2, 0.3):
            tasks.start_soon(ping, interval)
    for result in found.values():
        assert [outcome.sequence for outcome in result] == [0, 1]
        assert [type(outcome) for outcome in result] == [Reply, Reply]
    assert prober.statistics.received == 6


async def test_transmit_stamps_disturb_nobody(network: SimulatedNetwork) -> None:
    network.stamps_sending = True
    async with Prober(network=network) as prober:
        assert (await prober.ping("10.0.0.1", count=3)).is_alive
        assert prober.statistics.foreign == 0


async def test_the_same_seed_sends_the_same_bytes() -> None:
    async def sent(seed: int) -> list[bytes]:
        network = SimulatedNetwork(seed=seed)
        network.add("10.0.0.1")
        await anyicmp.ping("10.0.0.1", count=3, network=network)
        return network.sent

    assert await sent(1) == await sent(1)
    assert await sent(1) != await sent(2)
