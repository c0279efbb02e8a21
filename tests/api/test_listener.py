"""All ICMP that reaches a simulated host: decoded, filtered, bounded, and only with raw sockets."""

from __future__ import annotations

from ipaddress import ip_address

import anyio
import attrs
import pytest

import anyicmp
from anyicmp import ClosedError, Prober, Received, SocketPermissionError
from anyicmp.api.listener import Kind, wanted_types
from anyicmp.net.listening import Heard
from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.testing.listening import SimulatedListening
from anyicmp.testing.topology import ip_packet
from anyicmp.wire import (
    DestinationUnreachable,
    EchoReply,
    PacketTooBig,
    Redirect,
    Redirect6,
    TimeExceeded,
    Type4,
    Type6,
    encode,
)
from api.scene import let_others_run, made, routers

pytestmark = pytest.mark.anyio

OWN = ip_address("192.0.2.1")
ROUTER = ip_address("192.0.2.254")
REDIRECT = Redirect(code=1, gateway=ip_address("192.0.2.253"))


@pytest.fixture
def scene() -> SimulatedNetwork:
    return made(privileged=True)


def send(
    scene: SimulatedNetwork, *, count: int = 1, spoil: bool = False, redirect: Redirect = REDIRECT
) -> None:
    """A redirect reaches the host, unasked."""
    octets = bytearray(encode(redirect))
    octets[3] ^= spoil
    for _ in range(count):
        scene.hear(ip_packet(bytes(octets), 4, ROUTER.packed, OWN.packed))


@pytest.mark.parametrize(("target", "version"), [("10.0.0.3", 4), ("2001:db8:1::3", 6)])
async def test_what_others_asked_for_is_heard(scene: SimulatedNetwork, target: str, version: int) -> None:
    """Errors and replies to the probes of another prober, decoded and with their header's fields."""
    scene.privileged = True
    async with (
        anyicmp.open_listener(network=scene) as messages,
        Prober(network=scene, privileged=False) as other,
    ):
        trace = await other.traceroute(target, probes=1)
        heard = [await anext(messages) for _ in trace.hops]
    # The scouts beyond the target are answered by it too.
    assert {type(one.message) for one in heard} == {TimeExceeded, EchoReply}
    first = next(one for one in heard if isinstance(one.message, TimeExceeded))
    assert first.source == routers(version, 1)[0].address
    assert first.destination == scene.address(version)
    assert (first.interface, first.ttl) == ("sim0", 64)
    assert first.message.quoted.destination == ip_address(target)
    assert 0 < first.received_at <= scene.clocks.real() / 1e9
    assert hash(first) == hash(first)


async def test_a_message_without_a_timestamp_gets_the_time_of_its_reading(
    scene: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the first messages have none that come after the kernel was asked to stamp."""
    recv = SimulatedListening.recv

    def unstamped(listening: SimulatedListening) -> list[Heard]:
        return [attrs.evolve(heard, when=0) for heard in recv(listening)]

    monkeypatch.setattr(SimulatedListening, "recv", unstamped)
    async with anyicmp.open_listener(network=scene) as messages:
        began = scene.clocks.real()
        send(scene)
        heard = await anext(messages)
    assert began / 1e9 <= heard.received_at <= scene.clocks.real() / 1e9


async def test_only_the_types_asked_for_are_heard(scene: SimulatedNetwork) -> None:
    async with Prober(network=scene) as prober, prober.open_listener(types=[TimeExceeded]) as messages:
        await prober.traceroute("10.0.0.3", probes=1)
        await prober.traceroute("2001:db8:1::3", probes=1)
        kinds = [(await anext(messages)).message.version for _ in range(12)]
    assert sorted(kinds) == [4] * 6 + [6] * 6


async def test_the_family_is_the_probers(scene: SimulatedNetwork) -> None:
    async with Prober(network=scene, family=6) as prober, prober.open_listener("time exceeded") as messages:
        async with Prober(network=scene) as other:
            await other.traceroute("10.0.0.3", probes=1)
            await other.traceroute("2001:db8:1::3", probes=1)
        assert (await anext(messages)).message.version == 6


async def test_a_slow_consumer_loses_the_oldest(scene: SimulatedNetwork) -> None:
    async with anyicmp.open_listener(network=scene, buffer=3) as messages:
        redirects = [Redirect(gateway=ip_address(f"192.0.2.{number}")) for number in range(2, 12)]
        for redirect in redirects:
            send(scene, redirect=redirect)
            await let_others_run()  # each is taken in by a turn of its own
        assert messages.dropped == 7
        assert [(await anext(messages)).message for _ in range(3)] == redirects[-3:]
        assert messages.dropped == 7


async def test_what_the_buffer_has_no_room_for_is_counted(scene: SimulatedNetwork) -> None:
    async with Prober(network=scene, receive_buffer=4000) as prober, prober.open_listener() as messages:
        send(scene, count=10)
        await anext(messages)
        assert messages.dropped == 6  # 832 octets each


async def test_a_wrong_checksum_is_counted(scene: SimulatedNetwork) -> None:
    async with anyicmp.open_listener(network=scene) as messages:
        assert (messages.malformed, messages.dropped) == (0, 0)
        send(scene, spoil=True)
        send(scene)
        assert (await anext(messages)).message == REDIRECT
        assert messages.malformed == 1


async def test_without_raw_sockets_it_does_not_begin() -> None:
    scene = made(privileged=False)
    listener = anyicmp.open_listener(network=scene)
    with pytest.raises(SocketPermissionError, match="raw sockets"):
        await listener.__aenter__()
    assert listener.dropped == 0
    assert not scene.sent
    scene.privileged = True
    async with Prober(network=scene, privileged=False) as prober:
        with pytest.raises(SocketPermissionError, match="privileged=False"):
            async with prober.open_listener():
                pass


async def test_closing_the_prober_ends_it(scene: SimulatedNetwork) -> None:
    ended: list[str] = []

    async def wait(messages: anyicmp.Listener) -> None:
        with pytest.raises(ClosedError):
            await anext(messages)
        ended.append("closed")

    async with Prober(network=scene) as prober:
        async with prober.open_listener() as messages, anyio.create_task_group() as group:
            group.start_soon(wait, messages)
            await anyio.wait_all_tasks_blocked()
            await prober.aclose()
        assert ended == ["closed"]
        with pytest.raises(ClosedError):
            await prober.open_listener().__aenter__()
    assert scene.listening == []


async def test_leaving_frees_it_and_a_cancelled_wait_harms_nothing(scene: SimulatedNetwork) -> None:
    async with anyicmp.open_listener(network=scene) as messages:
        with anyio.move_on_after(0.05) as scope:
            await anext(messages)
        assert scope.cancelled_caught
        send(scene)
        found: Received = await anext(messages)
        assert found.message == REDIRECT
        assert len(scene.listening) == 1
    assert scene.listening == []
    with pytest.raises(StopAsyncIteration):
        await anext(messages)


async def test_one_task_iterates(scene: SimulatedNetwork) -> None:
    async with anyicmp.open_listener(network=scene) as messages, anyio.create_task_group() as group:
        group.start_soon(anext, messages)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await anext(messages)
        group.cancel_scope.cancel()


async def test_an_unknown_interface(scene: SimulatedNetwork) -> None:
    async with Prober(network=scene) as prober:
        with pytest.raises(ValueError, match="nosuch"):
            await prober.open_listener(interface="nosuch").__aenter__()
        async with prober.open_listener(interface="sim0"):
            pass


@pytest.mark.parametrize(
    ("kinds", "family", "types"),
    [
        (None, None, {4: None, 6: None}),
        (None, 6, {6: None}),
        ("redirect", None, {4: {5}, 6: {137}}),
        (["Time Exceeded", "time-exceeded", "11"], 4, {4: {11}}),
        (Redirect, None, {4: {5}}),
        ([Redirect, Redirect6], None, {4: {5}, 6: {137}}),
        (DestinationUnreachable, 6, {6: {1}}),
        (PacketTooBig, None, {6: {2}}),
        (Type4.ECHO_REPLY, None, {4: {0}}),
        (Type6.ECHO_REPLY, None, {6: {129}}),
        (3, None, {4: {3}, 6: {3}}),
        ("echo request", None, {4: {8}, 6: {128}}),
    ],
)
def test_the_kinds_of_messages(
    kinds: Kind | list[Kind] | None, family: int | None, types: dict[int, set[int] | None]
) -> None:
    assert wanted_types(kinds, family) == types


@pytest.mark.parametrize(
    "wrong",
    [
        {"types": "pigeon"},
        {"types": 256},
        {"types": -1},
        {"types": True},
        {"types": [4.5]},
        {"types": []},
        {"types": Host},
        {"types": Redirect, "family": 6},
        {"family": 5},
        {"buffer": 0},
        {"interface": ""},
    ],
)
def test_wrong_arguments_are_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Prober().open_listener(**wrong)  # type: ignore[arg-type]
