"""icmplib's interface: what an application of it does, and the same names, parameters and figures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import anyio
import icmplib as original
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp.compat import icmplib
from anyicmp.compat.icmplib import exceptions, models
from anyicmp.testing import Host, SimulatedNetwork
from api.scene import made

CALLS = ("ping", "async_ping", "multiping", "async_multiping", "traceroute", "resolve", "async_resolve")
MODELS = ("Host", "Hop")


@pytest.fixture
def network() -> Iterator[SimulatedNetwork]:
    with made(privileged=True).activate() as network:
        network.name("both.example", "2001:db8:1::1", "10.0.0.1")
        network.name("six.example", "2001:db8:1::1")
        yield network


@pytest.fixture
def unprivileged() -> Iterator[SimulatedNetwork]:
    with made(privileged=False).activate() as network:
        yield network


@pytest.mark.anyio
async def test_a_ping_as_home_assistant_does_it(network: SimulatedNetwork) -> None:
    host = await icmplib.async_ping("10.0.0.1", count=3, timeout=1, privileged=True)
    assert host.is_alive
    figures = {name: getattr(host, f"{name}_rtt") for name in ("min", "avg", "max")}
    assert figures == {"min": 10.0, "avg": 10.0, "max": 10.0}
    assert (host.jitter, host.packet_loss) == (0.0, 0.0)
    assert (host.packets_sent, host.packets_received, host.rtts) == (3, 3, pytest.approx([10.0] * 3))
    assert host.address == "10.0.0.1"
    silent = await icmplib.async_ping("silent.example", count=2, interval=0.1)
    assert (silent.is_alive, silent.packet_loss, silent.min_rtt, silent.jitter) == (False, 1.0, 0.0, 0.0)
    with pytest.raises(icmplib.NameLookupError, match=r"nowhere\.example"):
        await icmplib.async_ping("nowhere.example")


@pytest.mark.anyio
async def test_how_home_assistant_finds_out_what_is_allowed(unprivileged: SimulatedNetwork) -> None:
    """It sends nothing: what may be opened is all that it asks."""
    with pytest.raises(icmplib.SocketPermissionError):
        await icmplib.async_ping("127.0.0.1", count=0, timeout=0, privileged=True)
    host = await icmplib.async_ping("127.0.0.1", count=0, timeout=0, privileged=False)
    assert (host.is_alive, host.packets_sent, host.packet_loss) == (False, 0, 0.0)
    assert not unprivileged.sent


@pytest.mark.anyio
async def test_several_hosts_in_their_order(network: SimulatedNetwork) -> None:
    hosts = ["10.0.0.2", "10.0.0.1", "six.example", "10.0.0.1"]
    found = await icmplib.async_multiping(hosts, count=2, interval=0.1, timeout=1, concurrent_tasks=2)
    assert [host.address for host in found] == ["10.0.0.2", "10.0.0.1", "2001:db8:1::1", "10.0.0.1"]
    assert [host.is_alive for host in found] == [False, True, True, True]
    with pytest.raises(icmplib.NameLookupError):
        await icmplib.async_multiping(["10.0.0.1", "nowhere.example"], count=1)
    assert await icmplib.async_multiping([]) == []


@pytest.mark.anyio
async def test_names_are_ipv4_first(network: SimulatedNetwork) -> None:
    assert await icmplib.async_resolve("both.example") == ["10.0.0.1"]
    assert await icmplib.async_resolve("both.example", 6) == ["2001:db8:1::1"]
    assert await icmplib.async_resolve("six.example") == ["2001:db8:1::1"]
    with pytest.raises(icmplib.NameLookupError):
        await icmplib.async_resolve("six.example", 4)


@pytest.mark.anyio
async def test_options_reach_the_packet(network: SimulatedNetwork) -> None:
    await icmplib.async_ping("10.0.0.1", count=1, payload=b"abc", payload_size=9, traffic_class=0xB8)
    assert network.sent[-1][28:] == b"abc"
    assert network.sent[-1][1] == 0xB8
    with pytest.raises(TypeError, match="unknown option"):
        await icmplib.async_ping("10.0.0.1", count=1, ttl=3)


def test_the_blocking_calls(network: SimulatedNetwork) -> None:
    assert icmplib.ping("10.0.0.1", count=2, interval=0.1).packets_received == 2
    assert [host.is_alive for host in icmplib.multiping(["10.0.0.1", "10.0.0.2"], count=1)] == [True, False]
    assert icmplib.resolve("both.example") == ["10.0.0.1"]
    hops = icmplib.traceroute("10.0.0.3", count=2)
    assert [hop.distance for hop in hops] == list(range(1, 8))
    assert (hops[-1].address, hops[0].packets_sent, len(hops[0].rtts)) == ("10.0.0.3", 2, 2)


def test_silent_hops_are_left_out(network: SimulatedNetwork) -> None:
    host = network.host(bytes([10, 0, 0, 3]))
    assert host is not None
    host.path[2].silent = True
    assert [hop.distance for hop in icmplib.traceroute("10.0.0.3", timeout=0.5)] == [1, 2, 4, 5, 6, 7]


def test_the_blocking_calls_within_a_running_loop(network: SimulatedNetwork) -> None:
    async def application() -> bool:
        return icmplib.ping("10.0.0.1", count=1).is_alive

    assert anyio.run(application)


@pytest.mark.usefixtures("needs_icmp_socket")
def test_a_source_that_is_not_ours() -> None:
    with pytest.raises(icmplib.SocketAddressError, match=r"192\.0\.2\.77"):
        icmplib.ping("127.0.0.1", count=1, source="192.0.2.77", privileged=None)  # type: ignore[arg-type]


def test_addresses_and_names() -> None:
    for text, expected in (("10.0.0.1", "ipv4"), ("::1", "ipv6"), ("a.example", "name"), ("host", "name")):
        assert icmplib.is_ipv4_address(text) == (expected == "ipv4")
        assert icmplib.is_ipv6_address(text) == (expected == "ipv6")
        assert icmplib.is_hostname(text) == (expected == "name")


def test_results_show_themselves() -> None:
    host, hop = models.Host("10.0.0.1", 4, [1.0, 2.5]), models.Hop("10.0.0.1", 2, [1.0], 3)
    assert (repr(host), repr(hop)) == ("<Host [10.0.0.1]>", "<Hop 3 [10.0.0.1]>")
    assert "Packet loss:      50.0%" in str(host)
    assert str(hop).startswith("  #3  10.0.0.1")


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_the_original_s_parameters(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (icmplib, original))
    assert [(each.name, each.default, each.kind) for each in ours.values()] == [
        (each.name, each.default, each.kind) for each in theirs.values()
    ]


def test_exceptions_have_the_original_s_family_tree() -> None:
    for name in exceptions.__all__:
        ours, theirs = getattr(exceptions, name), getattr(original, name)
        assert [each.__name__ for each in ours.__mro__] == [each.__name__ for each in theirs.__mro__]


@settings(max_examples=50)
@given(rtts=st.lists(st.floats(0.001, 5000.0), max_size=10), lost=st.integers(0, 5))
def test_figures_are_the_original_s(rtts: list[float], lost: int) -> None:
    sent = len(rtts) + lost
    pairs = [
        (models.Host("10.0.0.1", sent, rtts), original.Host("10.0.0.1", sent, rtts)),
        (models.Hop("10.0.0.1", sent, rtts, 7), original.Hop("10.0.0.1", sent, rtts, 7)),
    ]
    for ours, theirs in pairs:
        assert (str(ours), repr(ours)) == (str(theirs), repr(theirs))
        for name in [name for name in dir(theirs) if not name.startswith("_")]:
            assert getattr(ours, name) == getattr(theirs, name), name


def test_an_answer_with_a_wrong_checksum_is_none(network: SimulatedNetwork) -> None:
    network.add("10.0.0.66", Host(corrupt=True))
    assert not icmplib.ping("10.0.0.66", count=1, timeout=0.5).is_alive
