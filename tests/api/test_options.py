"""Wrong options are found before anything is sent, and the message names the option."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import anyicmp
from anyicmp import Prober, SocketPermissionError
from anyicmp.testing import SimulatedNetwork

pytestmark = pytest.mark.anyio

NAN, INFINITE = float("nan"), float("inf")

PING: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"timeout": -1}, ValueError, "timeout"),
    ({"timeout": 0}, ValueError, "timeout"),
    ({"timeout": NAN}, ValueError, "timeout"),
    ({"timeout": INFINITE}, ValueError, "timeout"),
    ({"timeout": "1"}, TypeError, "timeout"),
    ({"timeout": True}, TypeError, "timeout"),
    ({"interval": -0.1}, ValueError, "interval"),
    ({"interval": None}, TypeError, "interval"),
    ({"count": 0}, ValueError, "count"),
    ({"count": 1.5}, TypeError, "count"),
    ({"count": None}, TypeError, "count"),
    ({"size": 70_000}, ValueError, "size"),
    ({"size": -1}, ValueError, "size"),
    ({"size": "56"}, TypeError, "size"),
    ({"payload": "text"}, TypeError, "payload"),
    ({"payload": bytes(70_000)}, ValueError, "payload"),
    ({"payload": b"x", "size": 1}, ValueError, "size or payload"),
    ({"ttl": 0}, ValueError, "ttl"),
    ({"ttl": 300}, ValueError, "ttl"),
    ({"dscp": 64}, ValueError, "dscp"),
    ({"source": "host.example"}, ValueError, "source"),
    ({"source": 5}, TypeError, "source"),
    ({"time_limit": -1}, ValueError, "time_limit"),
    ({"time_limit": "1"}, TypeError, "time_limit"),
]
SWEEP: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"timeout": -1}, ValueError, "timeout"),
    ({"retries": -1}, ValueError, "retries"),
    ({"retries": 256}, ValueError, "retries"),
    ({"retries": 1.0}, TypeError, "retries"),
    ({"rate": 0}, ValueError, "rate"),
    ({"rate": -5}, ValueError, "rate"),
    ({"rate": "fast"}, TypeError, "rate"),
    ({"in_flight": 0}, ValueError, "in_flight"),
    ({"exclude": "host.example"}, ValueError, "exclude"),
    ({"exclude": ["10.0.0.1/24"]}, ValueError, "exclude"),
    ({"exclude": 5}, TypeError, "int"),
    ({"size": 70_000}, ValueError, "size"),
    ({"ttl": 256}, ValueError, "ttl"),
    ({"time_limit": 0}, ValueError, "time_limit"),
]
TRACE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"method": "carrier-pigeon"}, ValueError, "method"),
    ({"max_hops": 0}, ValueError, "max_hops"),
    ({"max_hops": 256}, ValueError, "max_hops"),
    ({"first_hop": 31}, ValueError, "first_hop"),
    ({"probes": 0}, ValueError, "probes"),
    ({"size": 19}, ValueError, "size"),
    ({"flow": 65_535}, ValueError, "flow"),
    ({"timeout": -1}, ValueError, "timeout"),
    ({"time_limit": NAN}, ValueError, "time_limit"),
]
CALLS = [
    *((anyicmp.ping, *case) for case in PING),
    *((anyicmp.sweep, *case) for case in SWEEP),
    *((anyicmp.traceroute, *case) for case in TRACE),
]


@pytest.mark.parametrize(
    ("call", "options", "error", "named"),
    CALLS,
    ids=lambda value: getattr(value, "__name__", str(value)[:40]),
)
async def test_wrong_options(
    network: SimulatedNetwork,
    call: Callable[..., Any],
    options: dict[str, Any],
    error: type[Exception],
    named: str,
) -> None:
    with pytest.raises(error, match=named) as raised:
        await call("10.0.0.1", network=network, **options)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    assert not network.sent


@pytest.mark.parametrize("open_stream", [anyicmp.open_ping, anyicmp.open_sweep])
def test_streams_check_before_they_are_entered(
    open_stream: Callable[..., Any], network: SimulatedNetwork
) -> None:
    with pytest.raises(ValueError, match="timeout"):
        open_stream("10.0.0.1", timeout=-1, network=network)


def test_a_prober_checks_its_own() -> None:
    for options in ({"family": 5}, {"family": "4"}, {"source": "nonsense"}, {"receive_buffer": 1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            Prober(**options)  # type: ignore[arg-type]


async def test_hosts_that_are_none(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        for call in (prober.ping, prober.traceroute):
            for host in (
                "127.0.0.999",
                "nowhere.example",
                "10.0.0.0/24",
                "10.0.0.1-10.0.0.2",
                "a..b",
                "x" * 64,
            ):
                with pytest.raises(anyicmp.NameLookupError) as raised:
                    await call(host)
                assert raised.value.host == host
                assert raised.value.reason
            for wrong in (5, None, b"10.0.0.1"):
                with pytest.raises(TypeError):
                    await call(wrong)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="empty"):
                await call(" ")
    assert not network.sent


async def test_an_unknown_interface_is_named(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        with pytest.raises(ValueError, match="eth99"):
            await prober.ping("fe80::1%eth99", count=1)


async def test_no_permission_says_so(network: SimulatedNetwork) -> None:
    prober = Prober(network=network, privileged=True)
    with pytest.raises(SocketPermissionError) as raised:
        await prober.open()
    assert isinstance(raised.value, PermissionError)
    with pytest.raises(anyicmp.ClosedError):
        await prober.ping("10.0.0.1")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "smoke"}, "method must be one of icmp, udp, tcp, not 'smoke'"),
        ({"port": 80}, "port belongs to the methods 'udp' and 'tcp'; echo has none"),
        ({"method": "udp", "port": 0}, "port must be 1 to 65535, not 0"),
        ({"method": "udp", "size": 11}, "size must be 12 to 65507, not 11"),
        ({"method": "udp", "flow": 64_512}, "flow must be 0 to 64511, not 64512"),
        ({"method": "tcp", "size": 56}, "a probe of the method 'tcp' has no data: give no size"),
        ({"flow": 65_535}, "flow must be 0 to 65534, not 65535"),
    ],
)
async def test_what_a_method_cannot_do_is_said_before_anything_is_sent(
    network: SimulatedNetwork, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        await anyicmp.traceroute("10.0.0.1", network=network, **options)
    assert not network.sent


async def test_more_targets_than_can_be_numbered(network: SimulatedNetwork) -> None:
    network.receive_buffer = 20_000  # few probes in flight, so that the first reply comes soon
    async with Prober(network=network) as prober:
        async with prober.open_sweep("2001:db8:2::/64") as stream:
            assert (await anext(stream)).kind == "reply"
        with pytest.raises(ValueError, match="large networks last"):
            await prober.sweep(["2001:db8:2::/64", "10.0.0.1"])
        assert (await prober.ping("10.0.0.1", count=1)).is_alive


async def test_capabilities(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        found = prober.capabilities
    assert (found.families, found.privileged, found.methods) == ((4, 6), False, ("icmp", "udp", "tcp"))
