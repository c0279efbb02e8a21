"""Which IP version a call uses: its own `family`, its source's, the prober's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import pytest

from anyicmp import NameLookupError, Prober, SendFailure
from anyicmp.testing import SimulatedNetwork

NAME = "server.demo"
V4, V6 = ip_address("203.0.113.80"), ip_address("2001:db8:300::80")
TARGETS = {4: V4, 6: V6}

Call = Callable[..., Awaitable[Any]]
CALLS: list[tuple[Callable[[Prober], Call], dict[str, Any]]] = [
    (lambda prober: prober.ping, {"count": 1}),
    (lambda prober: prober.ping, {"count": 1, "time_limit": 60.0}),
    (lambda prober: prober.traceroute, {"probes": 1}),
    (lambda prober: prober.multipath, {"confidence": 0.5}),
    (lambda prober: prober.path_mtu, {}),
    (lambda prober: prober.route_to, {}),
]


def found(result: Any) -> Any:
    """The IP version of what was probed."""
    return (getattr(result, "target", None) or result.destination.network_address).version


@pytest.mark.anyio
@pytest.mark.parametrize(("call", "options"), CALLS)
@pytest.mark.parametrize("version", [4, 6])
async def test_a_call_chooses_its_ip_version(
    call: Callable[[Prober], Call], options: dict[str, Any], version: int
) -> None:
    async with Prober(network=SimulatedNetwork.from_toml("demo")) as prober:
        assert found(await call(prober)(NAME, family=version, **options)) == version


@pytest.mark.anyio
@pytest.mark.parametrize("version", [4, 6])
async def test_a_call_overrides_its_prober(version: int) -> None:
    async with Prober(network=SimulatedNetwork.from_toml("demo"), family=10 - version) as prober:
        assert (await prober.ping(NAME, count=1)).target == TARGETS[10 - version]
        assert (await prober.ping(NAME, count=1, family=version)).target == TARGETS[version]


@pytest.mark.anyio
async def test_the_source_decides_where_nothing_else_does() -> None:
    network = SimulatedNetwork.from_toml("demo")
    async with Prober(network=network) as prober:
        for version in (4, 6):
            source = next(
                address
                for each in await prober.interfaces()
                for address in each.addresses
                if address.version == version and not address.ip.is_loopback
            )
            result = await prober.ping(NAME, count=1, source=source.ip)
            assert result.target == TARGETS[version]


@pytest.mark.anyio
async def test_streams_sweeps_and_monitors_have_it_too() -> None:
    async with Prober(network=SimulatedNetwork.from_toml("demo")) as prober:
        async with prober.open_ping(NAME, count=1, family=6) as pings:
            assert [outcome.target async for outcome in pings] == [V6]
        (outcome,) = (await prober.sweep([NAME], family=6)).outcomes
        assert outcome.target == V6
        (outcome,) = (await prober.sweep([V4], family=6)).outcomes
        assert isinstance(outcome, SendFailure)
        async with prober.open_traceroute(NAME, family=6, rounds=1) as rounds:
            assert [trace.target async for trace in rounds] == [V6]
        async with prober.open_monitor([NAME], family=6, interval=0.1) as monitor:
            change = await anext(monitor)
            assert (change.state, change.target) == ("up", V6)
        assert (await prober.diagnose(NAME, family=6)).steps[0].data["addresses"][0] == V6


@pytest.mark.anyio
async def test_an_address_of_the_other_version_is_refused() -> None:
    async with Prober(network=SimulatedNetwork.from_toml("demo")) as prober:
        with pytest.raises(NameLookupError):
            await prober.ping(V4, count=1, family=6)
        with pytest.raises(ValueError, match="family must be 4, 6 or None"):
            await prober.ping(V4, count=1, family=5)
        assert prober.statistics.sent == 0
