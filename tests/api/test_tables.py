"""The doors to the host's tables: of a simulated host, of a scripted kernel, and where there are none."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, Self

import anyio
import anyio.lowlevel
import attrs
import pytest

import anyicmp
from anyicmp import Interface, NameLookupError, Neighbor, NextHop, Prober, Route, UnsupportedError
from anyicmp.api import host_tables
from anyicmp.host.netlink import HEADER, attribute
from anyicmp.testing import Internet, SimulatedNetwork, Topology

pytestmark = pytest.mark.anyio


def two_routers() -> SimulatedNetwork:
    topology = Topology(client=["192.0.2.10", "2001:db8::10"])
    topology.router("left", "192.0.2.1", "2001:db8::1").router("right", "192.0.2.2", "2001:db8::2")
    topology.host("near", "192.0.2.9", absent=True)
    topology.host("one", "10.1.0.1", "2001:db8:1::1").host("two", "10.2.0.1")
    topology.link("client", "left", "one").link("client", "right", "two").link("client", "near")
    return SimulatedNetwork(internet=Internet(topology))


async def test_a_simulated_host_has_routes() -> None:
    """By the topology: what is linked is on the link, the rest lies behind the routers."""
    routes = await anyicmp.routes(4, network=two_routers())
    assert [(str(route.destination), route.flags) for route in routes] == [
        ("192.0.2.1/32", "UH"),
        ("192.0.2.2/32", "UH"),
        ("192.0.2.9/32", "UH"),
        ("0.0.0.0/0", "UG"),
    ]
    assert routes[-1].next_hops == tuple(
        NextHop(gateway=ip_address(router), interface="sim0") for router in ("192.0.2.1", "192.0.2.2")
    )


@pytest.mark.parametrize(
    ("host", "destination", "gateway"),
    [
        ("one", "0.0.0.0/0", "192.0.2.1"),
        ("two", "0.0.0.0/0", "192.0.2.2"),
        ("10.9.9.9", "0.0.0.0/0", "192.0.2.1"),
        ("192.0.2.2", "192.0.2.2/32", None),
        ("192.0.2.10", "192.0.2.10/32", None),
        ("2001:db8:1::1", "::/0", "2001:db8::1"),
    ],
)
async def test_a_simulated_host_knows_the_way(host: str, destination: str, gateway: str | None) -> None:
    found = await anyicmp.route_to(host, network=two_routers())
    assert found is not None
    assert (str(found.destination), found.gateway) == (destination, gateway and ip_address(gateway))
    assert found.source == ip_address("192.0.2.10" if found.destination.version == 4 else "2001:db8::10")


async def test_a_simulated_host_has_neighbors_and_an_interface() -> None:
    network = two_routers()
    known = await anyicmp.neighbors(network=network)
    assert [(str(one.address), one.state) for one in known] == [
        ("192.0.2.1", "reachable"),
        ("192.0.2.2", "reachable"),
        ("192.0.2.9", "failed"),
        ("2001:db8::1", "reachable"),
        ("2001:db8::2", "reachable"),
    ]
    assert len({one.link_address for one in known}) == 5
    assert await anyicmp.neighbors(6, network=network) == known[3:]
    (interface,) = await anyicmp.interfaces(network=network)
    assert (interface.name, interface.index, interface.state) == ("sim0", 1, "up")
    assert interface.addresses == (ip_interface("192.0.2.10/32"), ip_interface("2001:db8::10/128"))


async def test_a_test_may_change_the_tables_of_its_network() -> None:
    network = two_routers()
    refused = Route(destination=ip_network("10.1.0.0/16"), flags="!", type="prohibit")
    network.host_tables.route_table.append(refused)
    found = await anyicmp.route_to("one", network=network)
    assert found is not None
    assert found.type == "prohibit"
    network.host_tables.route_table.clear()
    assert await anyicmp.route_to("one", network=network) is None
    assert await anyicmp.routes(network=network) == ()


async def test_the_tables_need_no_open_prober_and_know_its_family() -> None:
    prober = Prober(family=6, network=SimulatedNetwork.from_toml("demo"))
    assert {route.destination.version for route in await prober.routes()} == {6}
    assert {route.destination.version for route in await prober.routes(4)} == {4}
    assert {one.address.version for one in await prober.neighbors()} == {6}
    kinds = [route.type for route in await prober.routes(local=True)]
    assert kinds.count("local") == 1
    found = await prober.route_to("server.demo")
    assert found is not None
    assert found.destination.version == 6


async def test_misuse_is_an_error() -> None:
    network = SimulatedNetwork.from_toml("demo")
    with pytest.raises(ValueError, match="family must be 4, 6 or None"):
        await anyicmp.routes(5, network=network)
    with pytest.raises(ValueError, match="family must be 4, 6 or None"):
        await anyicmp.neighbors(5, network=network)
    with pytest.raises(TypeError, match="local must be True"):
        await anyicmp.routes(local="yes", network=network)  # type: ignore[arg-type]
    with pytest.raises(NameLookupError):
        await anyicmp.route_to("nowhere.demo", network=network)
    with pytest.raises(ValueError, match="no interface of this host is named 'eth9'"):
        await anyicmp.route_to("server.demo", interface="eth9", network=network)
    with pytest.raises(ValueError, match="different IP versions"):
        await anyicmp.route_to("192.0.2.1", source="2001:db8::1", network=network)


async def test_a_system_without_netlink_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    for call in (anyicmp.routes, anyicmp.neighbors, anyicmp.interfaces):
        with pytest.raises(UnsupportedError, match=r"only Linux has; ping, sweep and traceroute do not"):
            await call()


# A scripted kernel.


class Kernel:
    """In place of the socket: each request is answered by the next script, one datagram after the other."""

    scripts: list[list[bytes]]

    def __init__(self) -> None:
        self.left: list[bytes] = []

    def send(self, request: bytes) -> None:
        self.left = list(self.scripts.pop(0))

    def receive(self) -> bytes:
        return self.left.pop(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def message(kind: int, body: bytes, flags: int = 2) -> bytes:
    return HEADER.pack(16 + len(body), kind, flags, 1, 0) + body


DONE = message(3, bytes(4))


def routes_of(first: int, count: int, flags: int = 2) -> bytes:
    """A datagram of routes to 10.x.y.0/24, numbered."""
    return b"".join(
        message(
            24,
            struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 3, 0, 1, 0)
            + attribute(1, bytes((10, number >> 8, number & 255, 0))),
            flags,
        )
        for number in range(first, first + count)
    )


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> type[Kernel]:
    monkeypatch.setattr(host_tables, "NetlinkSocket", Kernel)
    return Kernel


async def test_a_table_that_changed_meanwhile_is_read_again(kernel: type[Kernel]) -> None:
    changed = [routes_of(0, 2), routes_of(2, 1, flags=0x12), DONE]
    kernel.scripts = [[DONE], changed, [routes_of(0, 5), DONE]]
    assert len(await anyicmp.routes(4)) == 5
    assert kernel.scripts == []


async def test_a_table_that_always_changes_is_read_a_few_times(kernel: type[Kernel]) -> None:
    changed = [routes_of(0, 2, flags=0x12), DONE]
    kernel.scripts = [[DONE], changed, changed, [routes_of(0, 4, flags=0x12), DONE]]
    assert len(await anyicmp.routes(4)) == 4
    assert kernel.scripts == []


async def test_a_refusal_of_the_kernel_is_raised(kernel: type[Kernel]) -> None:
    kernel.scripts = [[DONE], [message(2, struct.pack("=i", -1))]]
    with pytest.raises(PermissionError):
        await anyicmp.routes(4)


async def test_a_kernel_without_ipv6_has_no_such_routes(kernel: type[Kernel]) -> None:
    kernel.scripts = [[DONE], [routes_of(0, 1), DONE], [message(2, struct.pack("=i", -95))]]
    assert len(await anyicmp.routes()) == 1


async def test_others_have_their_turn_while_a_large_table_is_read(kernel: type[Kernel]) -> None:
    """At least once in 128 entries: about a millisecond."""
    kernel.scripts = [[DONE], [routes_of(0, 5_000), routes_of(5_000, 5_000), DONE]]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        rows = await anyicmp.routes(4)
        tasks.cancel_scope.cancel()
    assert len(rows) == 10_000
    assert turns >= 10_000 / 128
    assert rows[300].destination == ip_network("10.1.44.0/24")


async def test_reading_can_be_cancelled(kernel: type[Kernel]) -> None:
    kernel.scripts = [[DONE], [*(routes_of(0, 500) for _ in range(20)), DONE]]
    with anyio.CancelScope() as scope:
        scope.cancel()
        await anyicmp.routes(4)
    assert scope.cancelled_caught


ROWS: list[Any] = [
    Route(destination=ip_network("10.0.0.0/8")),
    NextHop(),
    Neighbor(address=ip_address("10.0.0.1"), interface="eth0", state="failed"),
    Interface(name="eth0", index=1, mtu=1500),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
async def test_rows_are_frozen_and_hashable(row: object) -> None:
    assert hash(row) == hash(attrs.evolve(row))  # type: ignore[type-var]
    assert not hasattr(row, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        row.interface = "other"  # type: ignore[attr-defined]
