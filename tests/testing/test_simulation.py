"""The simulated network: its time, its sockets, and what it makes of packets."""

from __future__ import annotations

import errno
from ipaddress import ip_address

import anyio
import pytest

from anyicmp import MplsLabel, Prober, Reply
from anyicmp.errors import SocketPermissionError
from anyicmp.methods.echo import EchoMethod
from anyicmp.net.transport import SocketSpec
from anyicmp.testing import Host, Router, SimulatedNetwork, VirtualClock
from anyicmp.testing.topology import answers, ip_packet, seal
from anyicmp.testing.transport import SimulatedTransport
from anyicmp.wire import (
    DestinationUnreachable,
    EchoReply,
    MplsStack,
    PacketTooBig,
    TimeExceeded,
    decode_packet,
)
from anyicmp.wire.batch import STAMP_TOKEN, PacketBatch, Quoted, RowKind, Version
from api.scene import let_others_run

SECOND = 1_000_000_000
OWN: dict[int, str] = {4: "192.0.2.1", 6: "2001:db8::1"}
FAR: dict[int, str] = {4: "10.0.0.1", 6: "2001:db8:1::1"}
HOP: dict[int, str] = {4: "10.0.9.9", 6: "2001:db8:9::9"}
both = pytest.mark.parametrize("version", [4, 6])


# Time.


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock()
    before = clock.monotonic(), clock.real()
    assert (clock.monotonic(), clock.real()) == before
    clock.advance(1.5)
    assert clock.monotonic() - before[0] == clock.real() - before[1] == 1_500_000_000


def test_events_come_in_order_at_their_time() -> None:
    clock, seen = VirtualClock(), []
    start = clock.monotonic()
    for name, seconds in (("c", 2.0), ("a", 1.0), ("b", 1.0), ("d", 9.0)):
        clock.after(seconds, lambda name=name: seen.append((name, clock.monotonic() - start)))  # type: ignore[misc]
    cancelled = clock.after(1.0, lambda: seen.append(("never", 0)))
    cancelled.cancel()
    clock.advance(3.0)
    assert seen == [("a", SECOND), ("b", SECOND), ("c", 2 * SECOND)]
    assert clock.monotonic() - start == 3 * SECOND
    assert clock.jump()
    assert seen[-1] == ("d", 9 * SECOND)
    assert not clock.jump()


def test_what_an_event_adds_for_now_is_called_now() -> None:
    clock, seen = VirtualClock(), []
    clock.after(1.0, lambda: clock.after(0.0, lambda: seen.append("then")) and None)
    clock.jump()
    assert seen == ["then"]


def test_only_the_wall_clock_steps() -> None:
    clock = VirtualClock()
    monotonic, real = clock.monotonic(), clock.real()
    clock.step(-3600.0)
    assert (clock.monotonic(), clock.real()) == (monotonic, real - 3600 * SECOND)


@pytest.mark.anyio
async def test_time_waits_for_tasks_that_have_work() -> None:
    """A task that goes on at once after its answer loses no virtual time."""
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(delay=0.25))
    start = network.clocks.monotonic()
    async with Prober(network=network) as prober:
        for _ in range(10):
            await prober.ping("10.0.0.1", count=1)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.lowlevel.checkpoint)
    assert network.clocks.monotonic() - start == pytest.approx(2.5 * SECOND)


@pytest.mark.anyio
async def test_time_by_hand() -> None:
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(delay=0.25))
    network.turns.automatic = False
    async with Prober(network=network) as prober, anyio.create_task_group() as tasks:
        done = anyio.Event()

        async def ping() -> None:
            await prober.ping("10.0.0.1", count=1)
            done.set()

        tasks.start_soon(ping)
        await let_others_run()
        assert not done.is_set()
        assert network.sent
        network.clocks.advance(0.25)
        await let_others_run()
        assert done.is_set()
        network.turns.resume()
        assert (await prober.ping("10.0.0.1", count=2)).is_alive


def test_an_event_may_let_time_pass() -> None:
    clock, seen = VirtualClock(), []
    start = clock.monotonic()

    def note(name: str) -> None:
        seen.append((name, clock.monotonic() - start))

    clock.after(1.0, lambda: clock.advance(5.0))
    for name, seconds in (("a", 1.0), ("b", 3.0), ("c", 7.0)):
        clock.after(seconds, lambda name=name: note(name))  # type: ignore[misc]
    clock.advance(2.0)
    assert seen == [("a", SECOND), ("b", 3 * SECOND)]
    assert clock.monotonic() - start == 6 * SECOND, "time never goes back"
    clock.advance(1.0)
    assert seen[-1] == ("c", 7 * SECOND)


@pytest.mark.anyio
@pytest.mark.parametrize("moment", ["sending", "on the way", "before reading", "after"])
async def test_moments_of_a_probe(moment: str) -> None:
    """The wall clock is set an hour back at each of them; the packet waits two seconds for its reader."""
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(delay=0.25))
    clocks, log = network.clocks, []
    start, unix = clocks.monotonic(), clocks.real()

    def note(name: str) -> None:
        log.append((name, clocks.monotonic() - start, clocks.real() - unix))
        if name == moment:
            clocks.step(-3600.0)

    def busy(packet: bytes) -> None:
        note("before reading")
        clocks.advance(2.0)

    network.on_sent = lambda packet: note("sending")
    network.on_arrival = busy
    clocks.after(0.1, lambda: note("on the way"))
    async with Prober(network=network) as prober:
        (outcome,) = await prober.ping("10.0.0.1", count=1, timeout=5.0)
    note("after")
    names = ["sending", "on the way", "before reading", "after"]
    assert [name for name, *_ in log] == names
    assert [when for _, when, _ in log] == [0, SECOND // 10, SECOND // 4, 9 * SECOND // 4]
    hours = [(real - when) // SECOND for _, when, real in log]
    assert hours == [-3600 if names.index(moment) < i else 0 for i in range(4)]
    assert isinstance(outcome, Reply)
    # The round trip is what the kernel saw, unless the clock was set between its stamp and the reading.
    assert (outcome.rtt, outcome.clock) == (
        (2.25, "user") if moment == "before reading" else (0.25, "kernel")
    )


@pytest.mark.anyio
async def test_several_probers_share_a_network() -> None:
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(delay=0.1))
    async with Prober(network=network) as first, Prober(network=network) as second:
        alive = []

        async def ping(prober: Prober) -> None:
            alive.append((await prober.ping("10.0.0.1", count=5)).statistics.received)

        async with anyio.create_task_group() as tasks:
            for prober in (first, second, first, second):
                tasks.start_soon(ping, prober)
    assert alive == [5] * 4


@pytest.mark.parametrize("first", ["asyncio", "trio"])
def test_a_network_outlives_its_loop(first: str) -> None:
    """Also where a prober was left open."""
    network = SimulatedNetwork()
    network.add("10.0.0.1")

    async def leave_open() -> None:
        prober = Prober(network=network)
        await prober.open()
        assert (await prober.ping("10.0.0.1", count=1)).is_alive

    async def again() -> bool:
        async with Prober(network=network) as prober:
            return (await prober.ping("10.0.0.1", count=3)).is_alive

    anyio.run(leave_open, backend=first)
    for backend in ("asyncio", "trio"):
        assert anyio.run(again, backend=backend)


# Packets.


def request(version: Version, *, ttl: int = 64, size: int = 56, dont_fragment: bool = False) -> bytes:
    source, target = ip_address(OWN[version]).packed, ip_address(FAR[version]).packed
    head = bytes([8 if version == 4 else 128, 0, 0, 0, 0x12, 0x34, 0, 9])
    message = seal(head + bytes(i & 0xFF for i in range(size)), version, source, target)
    return ip_packet(message, version, source, target, hop_limit=ttl, dont_fragment=dont_fragment)


@both
def test_a_reply_is_sound(version: Version) -> None:
    ((delay, octets),) = answers(Host(delay=0.5, hop_limit=55), request(version))
    packet = decode_packet(octets)
    assert delay == 0.5
    assert (str(packet.source), str(packet.destination), packet.ttl) == (FAR[version], OWN[version], 55)
    assert isinstance(packet.message, EchoReply)
    assert (packet.message.identifier, packet.message.sequence) == (0x1234, 9)
    assert packet.message.data == bytes(range(56))


@both
def test_errors_are_sound(version: Version) -> None:
    labels = (MplsLabel(100, 1, False, 1), MplsLabel(200, 2, True, 255))
    router = Router(address=ip_address(HOP[version]), labels=labels, delay=0.25)
    ((delay, octets),) = answers(Host(path=(router,)), request(version, ttl=1, size=400))
    message = decode_packet(octets).message
    assert isinstance(message, TimeExceeded)
    assert delay == 0.25
    assert message.quoted.ttl == 1
    assert str(message.quoted.destination) == FAR[version]
    assert message.quoted.sequence == 9
    assert message.extensions == (MplsStack(labels=labels),)
    ((_, octets),) = answers(Host(path=(router,), unreachable=1), request(version))
    assert isinstance(decode_packet(octets).message, DestinationUnreachable)


@both
def test_the_path_may_be_too_narrow(version: Version) -> None:
    host = Host(path=(Router(address=ip_address(HOP[version])),), mtu=1280)
    ((_, octets),) = answers(host, request(version, size=1300, dont_fragment=True))
    message = decode_packet(octets).message
    if version == 4:
        assert isinstance(message, DestinationUnreachable)
        assert (message.code, message.next_hop_mtu) == (4, 1280)
        assert isinstance(
            decode_packet(next(iter(answers(host, request(4, size=1300))))[1]).message, EchoReply
        )
    else:
        assert isinstance(message, PacketTooBig)
        assert message.mtu == 1280


def test_elsewhere_all_is_silent() -> None:
    assert list(SimulatedNetwork().carry(request(4))) == []


def test_silent_hosts_and_routers_say_nothing() -> None:
    router = Router(address=ip_address(HOP[4]), silent=True)
    assert list(answers(Host(silent=True), request(4))) == []
    assert list(answers(Host(path=(router,)), request(4, ttl=1))) == []


# Sockets.


def opened(network: SimulatedNetwork, **fields: object) -> tuple[SimulatedTransport, EchoMethod]:
    transport = network.open_transport(SocketSpec(**{"version": 4, **fields}))  # type: ignore[arg-type]
    method = EchoMethod(transport.spec.version)
    method.identify(transport.identifiers, verify=transport.privileged)
    return transport, method


def rows(method: EchoMethod, n: int, *, size: int = 56, lane: int = 0, peer: str = FAR[4]) -> PacketBatch:
    tx = PacketBatch(method.version, capacity=n, slot=2048)
    for i in range(n):
        tx.peer[i * tx.width : (i + 1) * tx.width] = ip_address(peer).packed
    method.stamp(tx, 0, n, lane << 48 | 1 << 16, method.template(size=size))
    return tx


def test_datagram_sockets_have_identifiers_of_the_kernel_s_choice() -> None:
    network = SimulatedNetwork(privileged=True)
    chosen, _ = opened(network, privileged=False, lanes=3, identifiers=(1, 2, 3))
    assert chosen.identifiers != (1, 2, 3)
    assert len(set(chosen.identifiers)) == 3
    given, _ = opened(network, lanes=3, identifiers=(1, 2, 3))
    assert given.identifiers == (1, 2, 3)
    with pytest.raises(ValueError, match="identifiers"):
        opened(network, lanes=3, identifiers=(1,))
    with pytest.raises(SocketPermissionError):
        opened(SimulatedNetwork(), privileged=True)


def test_a_full_send_buffer_empties_with_time_and_says_so() -> None:
    network = SimulatedNetwork()
    network.send_buffer, network.bandwidth = 300, 1000.0
    network.add(FAR[4])
    calls: list[int] = []
    network.turns.readable = lambda: calls.append(network.clocks.monotonic())  # type: ignore[method-assign]
    transport, method = opened(network)
    tx = rows(method, 10)
    assert transport.send(tx, 0, 10) == (3, errno.EAGAIN)
    assert transport.send(tx, 3, 10) == (0, errno.EAGAIN)
    transport.watch_writable(True)
    network.clocks.advance(0.085)
    assert calls, "room in the buffer wakes the driver that watches for it"
    assert transport.send(tx, 3, 10) == (1, errno.EAGAIN)
    network.when_full = errno.ENOBUFS
    assert transport.send(tx, 4, 10) == (0, errno.ENOBUFS)


def test_a_stamp_is_keyed_by_the_probe_s_token() -> None:
    network = SimulatedNetwork()
    network.stamps_sending = True
    transport, method = opened(network)
    tx, rx = rows(method, 3), PacketBatch(4)
    tx.stamped[:2] = b"\1\1"
    transport.send(tx, 0, 3)
    assert transport.recv(rx, 0) == 2
    assert list(rx.kind[:2]) == [RowKind.STAMP] * 2
    wanted = [token & STAMP_TOKEN for token in tx.token[:2]]
    assert list(rx.token[:2]) == wanted
    assert rx.when[0] == network.clocks.real()


@pytest.mark.parametrize("privileged", [False, True])
def test_what_is_too_large_for_the_interface_is_refused_and_reported(privileged: bool) -> None:
    network = SimulatedNetwork(privileged=privileged)
    network.mtu = 1000
    transport, method = opened(network, dont_fragment=True, identifiers=(5,))
    assert transport.send(rows(method, 1, size=1000), 0, 1) == (0, errno.EMSGSIZE)
    rx = PacketBatch(4, slot=2048)
    assert transport.recv(rx, 0) == (0 if privileged else 1)
    if not privileged:
        assert (rx.kind[0], rx.errno[0], rx.quoted[0]) == (
            RowKind.LOCAL_ERROR,
            errno.EMSGSIZE,
            Quoted.TRANSPORT,
        )
        assert rx.address(rx.original, 0) == ip_address(FAR[4]).packed
    transport, method = opened(network, identifiers=(6,))
    assert transport.send(rows(method, 1, size=1000), 0, 1) == (1, 0)


def test_errors_come_first() -> None:
    network = SimulatedNetwork()
    network.add(FAR[4], Host(delay=0.001, path=(Router(address=ip_address(HOP[4]), delay=0.002),)))
    transport, method = opened(network)
    tx = rows(method, 2)
    tx.hop_limit[1] = 1
    transport.send(tx, 0, 2)
    network.clocks.advance(0.01)
    rx = PacketBatch(4)
    assert transport.recv(rx, 0) == 2
    assert list(rx.kind[:2]) == [RowKind.ERROR, RowKind.ICMP]


def test_a_row_s_own_source_and_class_are_used() -> None:
    network = SimulatedNetwork()
    transport, method = opened(network, version=6, source=ip_address("2001:db8::2").packed)
    tx = rows(method, 2, peer=FAR[6])
    tx.has_local[1] = 1
    tx.local[16:32] = ip_address("2001:db8::3").packed
    tx.traffic_class[1], tx.flow_label[1], tx.hop_limit[1] = 0xB8, 0xABCDE, 7
    transport.send(tx, 0, 2)
    first, second = network.sent
    assert first[8:24] == ip_address("2001:db8::2").packed
    assert second[8:24] == ip_address("2001:db8::3").packed
    assert int.from_bytes(second[:4], "big") == 6 << 28 | 0xB8 << 20 | 0xABCDE
    assert second[7] == 7


def test_nothing_arrives_after_closing() -> None:
    network = SimulatedNetwork()
    network.add(FAR[4])
    transport, method = opened(network)
    transport.send(rows(method, 1), 0, 1)
    transport.close()
    network.clocks.advance(1)
    assert transport.recv(PacketBatch(4), 0) == 0


def test_interfaces_and_names() -> None:
    network = SimulatedNetwork()
    assert network.interface_index("sim0") == network.interface_index("1") == 1
    with pytest.raises(OSError, match="eth0"):
        network.interface_index("eth0")
