"""The tables of real hosts, in namespaces, beside what ip(8) says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from conftest import LOOPS
from namespaces import NOBODY, chain, command, namespaces, neighbors, run_in, settings

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

TABLES = {"main": 254, "local": 255, "default": 253}
LINES = """
addr add 10.0.0.2/24 dev lan
addr add 10.0.0.3/24 dev lan
addr add fd00::2/64 dev lan nodad
addr add 10.5.0.2/24 dev other
addr add 192.0.2.77 peer 192.0.2.78/32 dev other
route add default via 10.0.0.1 metric 100
route add default via 10.5.0.1 metric 200
route add 10.20.0.0/16 nexthop via 10.0.0.1 weight 1 nexthop via 10.5.0.1 weight 3
route add 10.21.0.0/16 via inet6 fd00::1 dev lan
route add 10.22.0.0/16 via 10.0.0.1 mtu 1400 src 10.0.0.3
route add 10.23.0.1 dev lan
nexthop add id 1 via 10.0.0.1 dev lan
nexthop add id 2 via 10.5.0.1 dev other
nexthop add id 10 group 1,2/2,3
route add 10.24.0.0/16 nhid 1
route add 10.25.0.0/16 nhid 10
route add unreachable 10.30.0.0/16
route add unreachable 10.30.0.0/15 metric 7
route add prohibit 10.31.0.0/16
route add blackhole 10.32.0.0/16
route add throw 10.33.0.0/16
route add default via 10.5.0.1 table 100
route add unreachable 10.40.0.0/24 table 100
route add 10.41.0.0/16 dev other table 70000
route add ::/0 via fd00::1 metric 100
route add fd20::/32 nexthop via fd00::1 weight 2 nexthop via fd00::9 weight 1
route add fd22::/32 via fd00::1 mtu 1400
route add unreachable fd30::/32
route add prohibit fd31::/32
route add blackhole fd32::/32
route add default via 10.0.0.1 table 101
rule add to 10.40.0.0/16 lookup 100
rule add fwmark 5 lookup 100
rule add to 10.50.0.0/16 prohibit
rule add to 10.51.0.0/16 unreachable
neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev lan nud permanent
neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev lan nud failed
neigh add 10.5.0.1 lladdr 02:00:00:00:00:05 dev other nud stale
neigh add fd00::1 lladdr 02:00:00:00:00:06 dev lan nud permanent
neigh add 10.0.0.10 lladdr 02:00:00:00:00:0a dev lan nud noarp
neigh add proxy 10.0.0.77 dev lan
""".strip().splitlines()

LOOKUPS = [
    "10.0.0.7", "10.0.0.2", "127.0.0.1", "8.8.8.8", "10.20.1.1", "10.20.1.2", "10.20.1.3", "10.21.1.1",
    "10.22.1.1", "10.24.1.1", "10.25.1.1", "10.25.1.2", "10.23.0.1", "10.40.9.9", "10.0.0.255", "224.0.0.1",
    "fd00::7", "fd00::2", "::1", "2001:db8::1", "fd20::1", "fd20::2", "fd20::3", "fd22::1",
]  # fmt: skip
REFUSED = {
    "10.30.1.1": ["10.30.0.0/16", "unreachable", 254],
    "10.31.1.1": ["10.31.0.0/16", "prohibit", 254],
    "10.32.1.1": ["10.32.0.0/16", "blackhole", 254],
    "10.40.0.9": ["10.40.0.0/24", "unreachable", 100],
    "10.50.1.1": ["10.50.0.0/16", "prohibit", 0],
    "10.51.1.1": ["10.51.0.0/16", "unreachable", 0],
    "fd30::1": ["fd30::/32", "unreachable", 254],
    "fd31::1": ["fd31::/32", "prohibit", 254],
    "fd32::1": ["fd32::/32", "blackhole", 254],
}
THROWN = "10.33.1.1"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """A host with two links that lead nowhere, many routes and a few neighbours."""
    with neighbors(alone=False), namespaces("host") as (name,):
        lines = [
            *(f"link add {one} type veth peer name {one}-end" for one in ("lan", "other")),
            *(f"link set {one}{end} up" for one in ("lan", "other") for end in ("", "-end")),
            *LINES,
        ]
        done = command(name, ["ip", "-batch", "-"], stdin="\n".join(lines))
        assert done.returncode == 0, done.stderr
        yield name


async def read(lookups: list[str]) -> dict[str, object]:
    import anyicmp
    from anyicmp.export import to_dict

    async def asked(host: str, **options: object) -> object:
        found = await anyicmp.route_to(host, **options)  # type: ignore[arg-type]
        return None if found is None else to_dict(found)

    async with anyicmp.Prober() as prober:
        again = await prober.routes()
    assert again == await anyicmp.routes()
    try:
        foreign: object = await asked("8.8.8.8", source="203.0.113.1")
    except ValueError as error:
        foreign = str(error)
    return {
        "routes": list(map(to_dict, await anyicmp.routes(local=True))),
        "usual": [route.table for route in again],
        "neighbors": list(map(to_dict, await anyicmp.neighbors())),
        "interfaces": list(map(to_dict, await anyicmp.interfaces())),
        "lookups": {host: await asked(host) for host in lookups},
        "marked": await asked("8.8.8.8", mark=5),
        "through": await asked("8.8.8.8", interface="other"),
        "foreign": foreign,
    }


@pytest.fixture(scope="module")
def found(host: str) -> dict[str, Any]:
    """What the library reads there, as nobody."""
    answer: dict[str, Any] = run_in(host, read, [*LOOKUPS, *REFUSED, THROWN], uid=NOBODY)
    return answer


def ip(namespace: str, *arguments: str) -> Any:
    done = command(namespace, ["ip", "-j", *arguments])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "[]")


def network(text: str, family: int) -> str:
    return {4: "0.0.0.0/0", 6: "::/0"}[family] if text == "default" else str(ip_network(text))


def way(said: dict[str, Any]) -> list[object]:
    gateway = said.get("gateway") or said.get("via", {}).get("host")
    return [gateway, said.get("dev")]


def expected(said: dict[str, Any], family: int) -> dict[str, object]:
    """A route as `ip -j route` says it, in this library's words, without the flags."""
    gateway, interface = way(said)
    table = said.get("table", "main")
    return {
        "destination": network(said["dst"], family),
        "gateway": gateway,
        "interface": interface,
        "metric": said.get("metric", 0),
        "source": said.get("prefsrc"),
        "table": TABLES.get(table) or int(table),
        "type": said.get("type", "unicast"),
        "next_hops": [[*way(hop), hop["weight"]] for hop in said.get("nexthops", ())],
        "mtu": next((metric["mtu"] for metric in said.get("metrics", ()) if "mtu" in metric), None),
    }


def heard(route: dict[str, Any]) -> dict[str, object]:
    hops = [[hop["gateway"], hop["interface"], hop["weight"]] for hop in route["next_hops"]]
    return {**{name: value for name, value in route.items() if name != "flags"}, "next_hops": hops}


def in_order(rows: list[Any]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.mark.parametrize("family", [4, 6])
def test_routes_agree_with_ip(host: str, found: dict[str, Any], family: int) -> None:
    said = [expected(one, family) for one in ip(host, f"-{family}", "route", "show", "table", "all")]
    ours = [heard(one) for one in found["routes"] if ip_network(one["destination"]).version == family]
    assert in_order(ours) == in_order(said)
    assert len(said) > 10


def test_the_local_table_is_left_out_unless_asked_for(found: dict[str, Any]) -> None:
    assert found["usual"] == [one["table"] for one in found["routes"] if one["table"] != 255]
    assert set(found["usual"]) == {254, 100, 101, 70000}


def test_flags_are_those_of_netstat(found: dict[str, Any]) -> None:
    flags = {(one["destination"], one["table"], one["metric"]): one["flags"] for one in found["routes"]}
    assert flags["0.0.0.0/0", 254, 100] == "UG"
    assert flags["10.0.0.0/24", 254, 0] == "U"
    assert flags["10.20.0.0/16", 254, 0] == flags["10.21.0.0/16", 254, 0] == "UG"
    assert flags["10.23.0.1/32", 254, 0] == "UH"
    assert {flags[f"10.3{n}.0.0/16", 254, 0] for n in range(4)} == {"!"}
    assert flags["fd00::2/128", 255, 0] == "UH"


def test_the_way_to_a_host_agrees_with_ip(host: str, found: dict[str, Any]) -> None:
    """Destination, table and type as the entry that matched, the rest as that host gets it."""
    for target in LOOKUPS:
        family = ip_address(target).version
        (entry,), (used,) = ip(host, "route", "get", target, "fibmatch"), ip(host, "route", "get", target)
        wanted, ours = expected(entry, family), found["lookups"][target]
        if wanted["type"] in ("local", "broadcast"):
            wanted["table"] = 255  # ip does not correct the kernel's word
        names = ("destination", "metric", "table", "type")
        assert {name: ours[name] for name in names} == {name: wanted[name] for name in names}
        assert [ours["gateway"], ours["interface"]] == way(used), target
        assert ours["source"] == used.get("prefsrc")


def test_what_refuses_is_named(found: dict[str, Any]) -> None:
    """The kernel says only that there is no way; entry and rule are found by following the rules."""
    for target, wanted in REFUSED.items():
        ours = found["lookups"][target]
        assert [ours["destination"], ours["type"], ours["table"]] == wanted, target
        assert ours["flags"] == "!"
    assert found["lookups"][THROWN] is None


def test_a_mark_an_interface_and_a_source_count(found: dict[str, Any]) -> None:
    assert (found["marked"]["table"], found["marked"]["gateway"]) == (100, "10.5.0.1")
    assert (found["through"]["metric"], found["through"]["gateway"]) == (200, "10.5.0.1")
    assert found["foreign"] == "source 203.0.113.1 is no address of this host"


def test_neighbors_agree_with_ip(host: str, found: dict[str, Any]) -> None:
    said = [[one["dst"], one.get("lladdr"), one["dev"], one["state"][0].lower()] for one in ip(host, "neigh")]
    names = ("address", "link_address", "interface", "state")
    ours = [[one[name] for name in names] for one in found["neighbors"]]
    assert in_order(ours) == in_order(said)
    assert {row[3] for row in ours} == {"permanent", "failed", "stale"}


def test_interfaces_agree_with_ip(host: str, found: dict[str, Any]) -> None:
    said = [
        {
            "name": one["ifname"],
            "index": one["ifindex"],
            "addresses": sorted(f"{own['local']}/{own['prefixlen']}" for own in one["addr_info"]),
            "mtu": one["mtu"],
            "flags": one["flags"],
            "state": one["operstate"].lower(),
            "link_address": one["address"],
        }
        for one in ip(host, "addr")
    ]
    assert [{**one, "addresses": sorted(one["addresses"])} for one in found["interfaces"]] == said


@pytest.mark.parametrize("backend", [loop for loop in LOOPS if loop != "asyncio"])
def test_the_other_loops_read_the_same(host: str, found: dict[str, Any], backend: str) -> None:
    again = run_in(host, read, [*LOOKUPS, *REFUSED, THROWN], backend=backend)
    assert again == found


async def nothing() -> list[object]:
    import anyicmp

    ways = [await anyicmp.route_to(host) for host in ("8.8.8.8", "2001:db8::1")]
    own = await anyicmp.route_to("127.0.0.1")
    return [*ways, own and own.table, list(await anyicmp.routes()), list(await anyicmp.neighbors())]


def test_a_host_without_routes() -> None:
    with namespaces("alone") as (name,):
        assert run_in(name, nothing) == [None, None, 255, [], []]


@contextmanager
def lan() -> Iterator[tuple[str, str]]:
    """A client whose default route leads through `first`, which knows a better gateway on the same link.

    Yields the names of client and first.
    """
    with neighbors(alone=False), namespaces("client", "first", "better") as names:
        client, first, better = names
        settings(client, {"net/ipv4/ip_forward": "0", "net/ipv4/conf/all/accept_redirects": "1"})
        ways = [
            (first, ["link add lan type bridge", "link set lan up", "addr add 10.88.0.1/24 dev lan"]),
            (first, [f"link add one type veth peer name lan netns {client}"]),
            (first, [f"link add two type veth peer name lan netns {better}"]),
            (first, [f"link set {end} master lan up" for end in ("one", "two")]),
            (client, ["addr add 10.88.0.9/24 dev lan", "link set lan up", "route add default via 10.88.0.1"]),
            (better, ["addr add 10.88.0.2/24 dev lan", "addr add 10.99.0.1/24 dev lo", "link set lan up"]),
            (first, ["route add 10.99.0.0/24 via 10.88.0.2"]),
        ]
        for name, lines in ways:
            done = command(name, ["ip", "-batch", "-"], stdin="\n".join(lines))
            assert done.returncode == 0, done.stderr
        yield client, first


async def redirected(target: str) -> list[object]:
    import anyicmp
    from anyicmp.export import to_dict

    before = await anyicmp.route_to(target)
    pings = await anyicmp.ping(target, count=5, interval=0.05)
    after = await anyicmp.route_to(target)
    return [to_dict(before), pings.is_alive, to_dict(after)]


def test_a_redirect_that_the_kernel_took() -> None:
    with lan() as (client, _):
        before, alive, after = run_in(client, redirected, "10.99.0.1")
    assert alive
    assert (before["gateway"], before["flags"]) == ("10.88.0.1", "UG")
    assert (after["gateway"], after["flags"]) == ("10.88.0.2", "UGD")
    assert after["destination"] == before["destination"] == "0.0.0.0/0"


async def too_large(targets: list[str]) -> list[object]:
    import socket

    import anyicmp

    found = []
    for target in targets:
        before = await anyicmp.route_to(target)
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:  # the kernel's own path MTU discovery
            sender.sendto(bytes(1400), (target, 9))
        await anyicmp.ping(target, count=1)  # the router's report was here before this answer
        after = await anyicmp.route_to(target)
        found += [[route and route.mtu, route and route.flags] for route in (before, after)]
    return found


def test_an_mtu_that_the_kernel_has_learned() -> None:
    with chain(routers=2, mtus={1: 1300}) as lab:
        found = run_in(lab.client, too_large, [lab.target4, lab.target6])
    assert found == [[None, "UG"], [1300, "UGM"]] * 2
