"""Whoever hears all ICMP keeps one contract, simulated or real; see `net/listening.py`."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.errors import UnsupportedError
from anyicmp.net.listening import Heard, Listening, ListenSpec, open_listening
from anyicmp.testing import SimulatedNetwork
from anyicmp.testing.topology import ip_packet
from anyicmp.wire import EchoRequest, ExtendedEchoRequest, Message, encode

Send = Callable[[Message], None]
Setting = Callable[[ListenSpec], Iterator[tuple[Listening, Send]]]
HERE = ip_address("127.0.0.1")


@contextmanager
def simulated(spec: ListenSpec) -> Iterator[tuple[Listening, Send]]:
    network = SimulatedNetwork(privileged=True)
    listening = network.open_listening(spec)
    try:
        yield listening, lambda message: network.hear(ip_packet(encode(message), 4, HERE.packed, HERE.packed))
    finally:
        listening.close()


@contextmanager
def real(spec: ListenSpec) -> Iterator[tuple[Listening, Send]]:
    listening = open_listening(spec)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sender:
            yield listening, lambda message: sender.sendto(encode(message), (str(HERE), 0)) and None
    finally:
        listening.close()


@pytest.fixture(params=[simulated, real], ids=["simulated", "real"])
def setting(request: pytest.FixtureRequest) -> Setting:
    if request.param is real:
        request.getfixturevalue("needs_raw_socket")
    chosen: Setting = request.param
    return chosen


def hear(listening: Listening, messages: Sequence[Message], n: int = 1) -> list[Heard]:
    """What comes of these messages, n or more; other programs' ICMP passes by here too."""
    octets, heard = [encode(message) for message in messages], []
    for _ in range(100):
        heard += [one for one in listening.recv() if one.octets in octets]
        if len(heard) >= n or listening.fileno() < 0:
            break
        select.select([listening.fileno()], [], [], 0.01)
    return heard


def test_a_message_is_heard_with_all_that_is_known_of_it(setting: Setting) -> None:
    """The kernel begins to stamp a little after it was asked to: the first messages may have none."""
    request = EchoRequest(identifier=0x4711, sequence=7, data=b"heard by all")
    with setting(ListenSpec(types={4: frozenset({8})})) as (listening, send):
        assert listening.recv() == []
        for _ in range(200):
            send(request)
            (heard,) = hear(listening, [request])
            if heard.when:
                break
        assert (heard.version, heard.source, heard.destination) == (4, HERE.packed, HERE.packed)
        assert (heard.octets, heard.ttl) == (encode(request), 64)
        assert heard.interface in ("lo", "sim0")
        assert heard.when > 0
        assert listening.dropped() == 0


@pytest.mark.parametrize("types", [{42}, {8}, {8, 42}, set(range(256))])
def test_no_other_types_are_heard(setting: Setting, types: set[int]) -> None:
    """42 is beyond what ICMP_FILTER knows."""
    messages = (ExtendedEchoRequest(identifier=0x4711, sequence=9), EchoRequest(sequence=9, data=b"other"))
    with setting(ListenSpec(types={4: frozenset(types)})) as (listening, send):
        for message in messages:
            send(message)
        wanted = [message for message in messages if message.type in types]
        heard = [one.octets for one in hear(listening, messages, len(wanted))]
        assert set(heard) == {encode(message) for message in wanted}
        assert not listening.dropped()


def test_a_full_buffer_drops_and_counts(setting: Setting) -> None:
    with setting(ListenSpec(types={4: frozenset({8})}, receive_buffer=8192)) as (listening, send):
        flood = [EchoRequest(sequence=number, data=b"a flood") for number in range(200)]
        for message in flood:
            send(message)
        heard = len([one for one in listening.recv() if one.octets.endswith(b"a flood")])
        assert 0 < heard < 200
        assert listening.dropped() >= 200 - heard
        dropped = listening.dropped()
        listening.close()
        listening.close()
        assert listening.dropped() == dropped


def test_an_ip_version_that_this_host_lacks_is_left_out(
    needs_raw_socket: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = socket.socket

    def without(lacking: int) -> Callable[..., socket.socket]:
        def socket_of(family: int, *kind: int) -> socket.socket:
            if family == lacking:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            return made(family, *kind)

        return socket_of

    monkeypatch.setattr(socket, "socket", without(socket.AF_INET6))
    listening = open_listening(ListenSpec(types={4: None, 6: None}))
    listening.close()
    with pytest.raises(UnsupportedError, match="IPv6"):
        open_listening(ListenSpec(types={6: None}))


@given(st.binary(min_size=1, max_size=120), st.sampled_from([0x45, 0x60, 0x4F]))
def test_whatever_comes_nothing_is_raised(octets: bytes, first: int) -> None:
    network = SimulatedNetwork(privileged=True)
    listening = network.open_listening(ListenSpec(types={4: None, 6: None}))
    network.hear(bytes([first]) + octets)
    assert all(one.octets for one in listening.recv())
