"""What hops tell: translation, the way back, names, systems, loops; and in rounds losses and changes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest

import anyicmp
from anyicmp import ErrorReply, Hop, PathChange, PrefixTable, Prober, Statistics, Translation
from anyicmp.api.hops import find_loop, find_translations, return_hops
from anyicmp.testing import Host, Internet, Router, SimulatedNetwork, Topology
from anyicmp.testing.topology import ip_packet
from anyicmp.wire import InterfaceInformation, TimeExceeded, parse_quoted
from scenarios.playing import HERE

pytestmark = pytest.mark.anyio

METHODS = pytest.mark.parametrize("method", ["icmp", "udp", "tcp"])


def scenario(name: str, *, privileged: bool) -> SimulatedNetwork:
    return SimulatedNetwork.from_toml(HERE / f"{name}.toml", privileged=privileged)


@METHODS
@pytest.mark.parametrize(
    ("name", "target", "shows"),
    [
        ("trace_v4", "10.0.0.1", [False, False, False]),
        ("trace_v6", "2001:db8:f::1", [False, False, False]),
        # Undone in the quoted addresses, and in the checksums as well.
        ("trace_nat_v6", "2001:db8:f::1", [False, False, False]),
        ("trace_nat_not_undone", "10.0.0.1", [False, True, True]),
    ],
)
async def test_raw_sockets_see_a_translator(
    method: str, name: str, target: str, shows: list[bool | None]
) -> None:
    async with Prober(network=scenario(name, privileged=True)) as prober:
        trace = await prober.traceroute(target, method=method)
    assert [hop.nat for hop in trace.hops[:3]] == shows


@METHODS
@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
async def test_a_translator_is_found_between_two_hops(method: str, privileged: bool) -> None:
    """It rewrites sources and, of UDP and TCP, the checksum that covers them."""
    async with Prober(network=scenario("trace_nat_not_undone", privileged=privileged)) as prober:
        trace = await prober.traceroute("10.0.0.1", method=method)
    fields = ("source",) if method == "icmp" else ("source", "checksum")
    if privileged:
        assert [hop.rewritten for hop in trace.hops[:3]] == [(), fields, fields]
        assert trace.translations == (Translation(after=1, before=2, fields=fields),)
    else:
        assert {hop.rewritten for hop in trace.hops} == {()}
        assert trace.translations == ()


def told(ttl: int, *fields: str, source: str = "10.1.0.1", nat: bool | None = True) -> Hop:
    quoted = parse_quoted(
        ip_packet(bytes(8), 4, ip_address(source).packed, ip_address("10.0.0.1").packed, hop_limit=1), 4
    )
    error = ErrorReply(
        target=IPv4Address("10.0.0.1"),
        sequence=0,
        sent_at=0.0,
        source=IPv4Address("10.2.0.1"),
        rtt=0.1,
        message=TimeExceeded(quoted=quoted),
        type=11,
        code=0,
        reason="",
    )
    return Hop(ttl=ttl, outcomes=(error,), nat=nat, rewritten=fields)


def test_each_translator_on_the_way_is_told() -> None:
    """By what it adds; a second one of its kind by the source that it puts in. Some hops tell nothing."""
    hops = [
        told(1, "source"),
        told(2, nat=None),
        told(3, nat=False),
        told(4, "source", "source port"),
        told(5, "source", "source port", source="10.7.0.1"),
        told(6, "source", source="10.7.0.1"),
    ]
    assert find_translations(hops) == (
        Translation(after=0, before=1, fields=("source",)),
        Translation(after=3, before=4, fields=("source port",)),
        Translation(after=4, before=5, fields=("source",)),
    )
    assert find_translations([]) == ()


@METHODS
async def test_what_a_datagram_socket_is_not_told_is_none(method: str) -> None:
    async with Prober(network=scenario("trace_v4", privileged=False)) as prober:
        trace = await prober.traceroute("10.0.0.1", method=method)
        missing = prober.capabilities.missing
    assert {hop.nat for hop in trace.hops} == {None}
    assert {hop.quoted_ttl for hop in trace.hops} == {None}
    assert any("quoted IP headers" in what for what in missing)
    last = trace.hops[-1]
    assert (last.return_hops, last.asymmetric) == ((None, None) if method == "tcp" else (4, False))


async def test_a_longer_way_back_is_seen() -> None:
    async with Prober(network=scenario("ping_asymmetric", privileged=False)) as prober:
        trace = await prober.traceroute("10.0.0.1")
    assert trace.reached
    assert trace.hops[0].asymmetric is False
    assert trace.hops[-1].asymmetric is True
    assert trace.hops[-1].return_hops is not None
    assert trace.hops[-1].return_hops > len(trace.hops)


@pytest.mark.parametrize(
    ("heard", "hops"),
    [(None, None), (64, 1), (255, 1), (128, 1), (61, 4), (65, 64), (120, 9), (129, 127), (250, 6), (0, 65)],
)
def test_the_way_back_is_guessed_from_common_beginnings(heard: int | None, hops: int | None) -> None:
    assert return_hops(heard) == hops


@METHODS
async def test_interfaces_are_told_once(method: str) -> None:
    async with Prober(network=scenario("trace_interface", privileged=False)) as prober:
        trace = await prober.traceroute("10.0.0.1", method=method)
    told = [hop.interfaces for hop in trace.hops if hop.interfaces]
    assert told
    assert all(isinstance(each, InterfaceInformation) for each in told[0])
    assert len(told[0]) == len(set(told[0]))


async def test_names_and_numbers_when_asked_for() -> None:
    network = SimulatedNetwork.from_toml("demo")
    table = PrefixTable(["# of documentation", "", "198.51.100.0/24\t64500", "198.51.100.16/28\tAS64501"])
    trace = await anyicmp.traceroute("server.demo", family=4, network=network, names=True, asn=table, flow=5)
    assert trace.hops[1].names == ("access.isp.demo",)
    assert trace.hops[-1].names == ("www.demo",)
    assert trace.hops[1].asn == 64500
    assert trace.hops[0].asn is None
    assert trace.hops[4].asn == 64501, "198.51.100.21: the longest prefix counts"
    plain = await anyicmp.traceroute("server.demo", family=4, network=SimulatedNetwork.from_toml("demo"))
    assert {hop.names for hop in plain.hops} == {()}
    assert {hop.asn for hop in plain.hops} == {None}


async def test_names_that_nobody_tells_do_not_hold_a_trace_up() -> None:
    network = SimulatedNetwork.from_toml("demo")

    async def refuse(address: object) -> str:
        raise OSError(-3, "Temporary failure in name resolution")

    network.name_of = refuse  # type: ignore[assignment, method-assign]
    trace = await anyicmp.traceroute("server.demo", family=4, network=network, names=True)
    assert {name for hop in trace.hops for name in hop.names} == {None}


def test_a_prefix_table_is_a_file_of_text(tmp_path: Path) -> None:
    file = tmp_path / "prefixes.tsv"
    file.write_text("2001:db8::/32\t64496\n2001:db8:1::/48\t64497\n0.0.0.0/0\t1\n10.0.0.1/32\t4294967295\n")
    table = PrefixTable.read(file)
    assert table(IPv6Address("2001:db8:1::5")) == 64497
    assert table(IPv6Address("2001:db8:2::5")) == 64496
    assert table(IPv6Address("2001:db9::")) is None
    assert table(IPv4Address("10.0.0.1")) == 4294967295
    assert table(IPv4Address("10.0.0.2")) == 1


@pytest.mark.parametrize(
    "line", ["10.0.0.0/8", "10.0.0.0/8 64496", "10.0.0.1/8\t1", "x\t1", "::/0\tAS", "::/0\t-1", "::/0\t1\t2"]
)
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 is not prefix, tab and number"):
        PrefixTable(["::/0\t1", line])


# Loops.


@METHODS
async def test_a_loop_is_noticed(method: str) -> None:
    async with Prober(network=scenario("trace_loop", privileged=False)) as prober:
        trace = await prober.traceroute("10.0.0.1", method=method, probes=1)
    assert not trace.reached
    assert len(trace.loop) == 2
    assert set(trace.loop) == set(trace.hops[-1].addresses + trace.hops[-2].addresses)


def path(*letters: str) -> list[Hop]:
    """Hops that are answered from one address each; "-" is silent."""
    return [
        Hop(ttl=i, addresses=() if letter == "-" else (ip_address(f"10.0.0.{ord(letter)}"),))
        for i, letter in enumerate(letters, 1)
    ]


@pytest.mark.parametrize(
    ("hops", "loop"),
    [
        ("", ""),
        ("abcdef", ""),
        ("abcbc", "bc"),
        ("abcbcb", "bc"),
        ("abcb", ""),
        ("abcdbcd", "bcd"),
        ("ab-b-bcb", ""),
        ("abc-cbc", "bc"),
        ("abcbcd", ""),
        ("aab", ""),
        ("abb", ""),
        ("abbb", "b"),
        ("a---", ""),
    ],
)
def test_a_loop_goes_on_to_the_end(hops: str, loop: str) -> None:
    assert "".join(chr(int(str(address).rpartition(".")[2])) for address in find_loop(path(*hops))) == loop


# Rounds.


def limited(rate: float | None, lost: int = 0) -> SimulatedNetwork:
    topology = Topology()
    options: dict[str, Any] = {} if rate is None else {"rate_limit": {"rate": rate, "burst": 1}}
    for name, address, own in (("r1", "10.9.1.1", {}), ("r2", "10.9.2.1", options), ("r3", "10.9.3.1", {})):
        topology.router(name, address, **own)
    topology.host("target", "10.0.0.1")
    topology.link("client", "r1", delay="1 ms")
    topology.link("r1", "r2", delay="1 ms", loss=lost / 100)
    topology.link("r2", "r3", "target", delay="1 ms")
    return SimulatedNetwork(internet=Internet(topology), seed=1)


async def rounds(network: SimulatedNetwork, number: int, **options: Any) -> list[anyicmp.Trace]:
    async with (
        Prober(network=network) as prober,
        prober.open_traceroute("10.0.0.1", rounds=number, interval=0.2, timeout=0.1, **options) as stream,
    ):
        return [trace async for trace in stream]


@METHODS
async def test_a_router_that_limits_its_errors_is_told_from_loss(method: str) -> None:
    last = (await rounds(limited(1.0), 30, method=method))[-1]
    assert [hop.rate_limited for hop in last.hops] == [False, True, False, False]
    assert last.hops[1].statistics.loss == pytest.approx(0.8, abs=0.05)


async def test_loss_on_the_way_is_one_of_all_hops_behind() -> None:
    last = (await rounds(limited(None, lost=30), 60))[-1]
    assert last.hops[0].rate_limited is False
    assert all(hop.statistics.loss for hop in last.hops[1:])
    assert True not in {hop.rate_limited for hop in last.hops}


async def test_few_probes_do_not_tell() -> None:
    last = (await rounds(limited(1.0), 2))[-1]
    assert last.hops[1].statistics.loss == 0.5
    assert last.hops[1].rate_limited is None


def routers(*numbers: int) -> tuple[Router, ...]:
    return tuple(Router(address=ip_address(f"10.9.{n}.1")) for n in numbers)


async def test_a_path_has_changed_when_three_rounds_say_so() -> None:
    network = SimulatedNetwork()
    host = network.add("10.0.0.1", Host(path=routers(1, 2)))
    found = []
    async with (
        Prober(network=network) as prober,
        prober.open_traceroute("10.0.0.1", rounds=12, interval=1.0) as stream,
    ):
        for numbers in ((1, 2), (1, 3), (1, 3), (1, 2), (1, 3), (1, 3), (1, 3), (1, 3), (1, 2), (1, 3)):
            host.path = routers(*numbers)
            found.append((await anext(stream)).changes)
    before, after = (ip_address(f"10.9.{n}.1") for n in (2, 3))
    assert found == [(), (), (), (), (), (), (PathChange(ttl=2, before=before, after=after),), (), (), ()]


def test_a_hop_has_room_for_all_of_it() -> None:
    hop = Hop(ttl=1)
    assert (hop.statistics, hop.names, hop.asn, hop.nat, hop.rate_limited) == (
        Statistics(),
        (),
        None,
        None,
        None,
    )
