"""The simulated internet by itself: packets in, packets out, and no socket anywhere.

What a prober makes of it is in `test_scenarios.py`; here are the octets, and what no prober sends yet.
"""

from __future__ import annotations

import pickle
from ipaddress import ip_address
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.testing import Internet, Topology
from anyicmp.testing.internet.packet import build, with_hop_limit
from anyicmp.wire import (
    DestinationUnreachable,
    EchoReply,
    PacketTooBig,
    ParameterProblem,
    Redirect,
    Redirect6,
    TimeExceeded,
    checksum,
    decode_packet,
)
from anyicmp.wire.batch import Version
from testing.probes import FAR, MS, OWN, SECOND, assert_sound, both, chain, datagram, echo, only, segment


@both
def test_an_echo_comes_back_with_its_time_and_hop_limit(version: Version) -> None:
    ((when, answer),) = chain().inject(echo(version, data=b"hello"), 5 * SECOND)
    found = decode_packet(answer)
    assert when == 5 * SECOND + 8 * MS
    assert (str(found.source), found.ttl) == (FAR[version], 61)
    assert found.message == EchoReply(version=version, identifier=7, sequence=1, data=b"hello")


@given(
    version=st.sampled_from([4, 6]),
    data=st.binary(max_size=100),
    ttl=st.integers(0, 255),
    traffic_class=st.integers(0, 255),
    damage=st.none() | st.integers(0, 200),
)
def test_the_quick_way_gives_the_octets_of_the_slow_one(
    version: Version, data: bytes, ttl: int, traffic_class: int, damage: int | None
) -> None:
    packet = echo(version, data=data, ttl=ttl, traffic_class=traffic_class)
    if damage is not None:
        at = (20 if version == 4 else 40) + damage % (len(data) + 8)
        packet = packet[:at] + bytes((packet[at] ^ 0x10,)) + packet[at + 1 :]
    internet = chain()
    assert internet.inject(packet, 0) == internet._simulate(packet, 0)


@given(st.binary(max_size=120), st.sampled_from([b"", b"\x45\0", b"\x60\0\0\0\0"]))
def test_no_octets_make_it_raise(octets: bytes, head: bytes) -> None:
    chain().inject(head + octets, 0)


def test_a_packet_that_shares_its_sender_with_a_node_is_answered_to_that_node() -> None:
    packet = echo()
    spoofed = packet[:12] + ip_address("10.2.0.1").packed + packet[16:]
    assert chain().inject(spoofed, 0) == []


CLIENT = ip_address("192.0.2.10").packed


def test_an_internet_survives_pickling() -> None:
    internet = pickle.loads(pickle.dumps(Internet.from_toml("demo")))
    assert internet.inject(echo(to="203.0.113.130", own=CLIENT), 0)


# Errors and their quotes.


@both
@pytest.mark.parametrize(("quote", "octets"), [(8, 8), (28, 28), (128, 128), ("all", None)])
def test_errors_quote_what_the_router_is_made_to(version: Version, quote: Any, octets: int | None) -> None:
    answer = only(chain({"quote": quote}), echo(version, ttl=2, data=bytes(1400)))
    message = decode_packet(answer).message
    assert isinstance(message, TimeExceeded)
    header, entire = (20, 576) if version == 4 else (40, 1280)
    assert len(message.quoted.packet) == (entire - header - 8 if octets is None else header + octets)
    assert message.quoted.ttl == 1
    assert len(answer) <= entire


@both
@pytest.mark.parametrize("quote", [8, "all"])
def test_extensions_leave_errors_within_what_rfcs_allow(version: Version, quote: Any) -> None:
    router = {"mpls": [16003, {"label": 24001, "traffic_class": 5, "ttl": 9}], "quote": quote}
    answer = only(chain(router), echo(version, ttl=2, data=bytes(1400)))
    (stack,) = decode_packet(answer).message.extensions  # type: ignore[attr-defined]
    assert [(label.label, label.ttl, label.bottom) for label in stack.labels] == [
        (16003, 1, False),
        (24001, 9, True),
    ]
    assert len(answer) <= (576 if version == 4 else 1280)


def test_nobody_reports_about_errors() -> None:
    error = only(chain(), echo(ttl=2))
    about = with_hop_limit(OWN[4].join((error[:12], FAR_PACKED)) + error[20:], 2)
    assert chain().inject(about, 0) == []


FAR_PACKED = ip_address("10.0.0.1").packed


def test_a_quoted_header_is_as_it_arrived() -> None:
    quoted = decode_packet(only(chain(), echo(ttl=3))).message.quoted.packet  # type: ignore[attr-defined]
    assert quoted == with_hop_limit(echo(ttl=3), 1)
    assert not checksum(quoted[:20])


@pytest.mark.parametrize(
    ("rate", "burst", "reported"),
    [
        # One each 100 ms for ten times, then five at 2 s.
        (1, 1, [0, 10, 11]),
        (5, 1, [0, 2, 4, 6, 8, 10, 11]),
        (1, 3, [0, 1, 2, 10, 11]),
        (1000, 100, list(range(16))),
    ],
)
def test_a_token_bucket_limits_errors(rate: float, burst: int, reported: list[int]) -> None:
    internet = chain({"rate_limit": {"rate": rate, "burst": burst}})
    times = [number * 100 * MS for number in range(11)] + [2 * SECOND] * 5
    assert [i for i, when in enumerate(times) if internet.inject(echo(ttl=2), when)] == reported


@both
def test_too_big_a_packet_is_reported_with_the_mtu_of_the_link(version: Version) -> None:
    big = echo(version, data=bytes(1400))
    if version == 4:
        big = with_fragments_forbidden(big)
    message = decode_packet(only(chain(mtu=1300), big)).message
    if version == 4:
        assert isinstance(message, DestinationUnreachable)
        assert message.next_hop_mtu == 1300
    else:
        assert isinstance(message, PacketTooBig)
        assert message.mtu == 1300
    assert chain(mtu=1300, black_hole=True).inject(big, 0) == []


def with_fragments_forbidden(packet: bytes) -> bytes:
    head = packet[:6] + b"\x40\0" + packet[8:10] + b"\0\0" + packet[12:20]
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + packet[20:]


def test_what_may_be_fragmented_arrives_whole() -> None:
    answer = only(chain(mtu=1300), echo(data=bytes(1400)))
    assert len(answer) == 1428


@both
def test_a_redirect_comes_beside_the_answer(version: Version) -> None:
    gateway = "10.2.0.9" if version == 4 else "fe80::9"
    internet = chain(
        {"redirect": [{"to": ["10.0.0.0/24", "2001:db8:f::/64"], "gateway": ["10.2.0.9", "fe80::9"]}]}
    )
    found = [decode_packet(packet) for _, packet in internet.inject(echo(version), 0)]
    first, second = (each.message for each in found)
    if version == 4:
        assert isinstance(first, Redirect)
        assert str(first.gateway) == gateway
    else:
        assert isinstance(first, Redirect6)
        assert (str(first.target), str(first.destination)) == (gateway, FAR[6])
    assert isinstance(second, EchoReply)


def test_a_loop_of_hidden_routers_has_an_end() -> None:
    """Nothing counts hops here: without a bound, the packet would go round for ever."""
    topology = Topology().router("a", "10.1.0.1", hidden=True)
    topology.router("b", "10.2.0.1", hidden=True, routes={"target": "a"}).host("target", "10.0.0.1")
    topology.link("client", "a", "b", "target")
    assert Internet(topology).inject(echo(), 0) == []


# Targets.


@both
def test_a_closed_port_is_reported_and_an_application_answers(version: Version) -> None:
    internet = chain(host={"udp": {53: "answer", 161: "silent"}})
    message = decode_packet(only(internet, datagram(version))).message
    assert isinstance(message, DestinationUnreachable)
    assert message.code == (3 if version == 4 else 4)
    assert message.quoted.destination_port == 33434
    answer = only(internet, datagram(version, port=53))
    assert answer[-13:-9] == pack("!HH", 53, 4321)
    assert answer.endswith(b"probe")
    assert internet.inject(datagram(version, port=161), 0) == []


@both
@pytest.mark.parametrize(
    ("port", "flags", "answered"),
    [(443, 2, 0x12), (80, 2, 0x14), (443, 16, 0x04), (25, 2, None), (80, 4, None)],
)
def test_tcp_ports(version: Version, port: int, flags: int, answered: int | None) -> None:
    """SYN to an open port: SYN and ACK; to a closed one, and ACK out of the blue: RST (RFC 9293)."""
    internet = chain(host={"tcp": {"443": "open", "80": "closed", "others": "silent"}})
    answers = internet.inject(segment(version, port=port, flags=flags), 0)
    if answered is None:
        assert answers == []
        return
    ((_, answer),) = answers
    assert_sound(answer)
    tcp = answer[20 if version == 4 else 40 :]
    assert tcp[:4] == pack("!HH", port, 4321)
    assert tcp[13] == answered
    acknowledged = 1001 if flags & 2 else 0
    assert int.from_bytes(tcp[8:12], "big") == acknowledged


@both
def test_an_unknown_protocol_is_reported(version: Version) -> None:
    peer = ip_address(FAR[version]).packed
    message = decode_packet(only(chain(), build(132, bytes(12), OWN[version], peer))).message
    if version == 4:
        assert isinstance(message, DestinationUnreachable)
        assert message.code == 2
    else:
        assert isinstance(message, ParameterProblem)
        assert (message.code, message.pointer) == (1, 6)


def test_a_firewall_resets_and_a_name_of_a_code_counts_for_its_version() -> None:
    rules = [{"protocol": "tcp", "ports": [25], "code": "reset"}, {"code": "host unreachable"}]
    internet = chain(host={"reject": rules})
    assert only(internet, segment(port=25))[33] == 0x14
    assert decode_packet(only(internet, echo())).message.code == 1
    assert isinstance(decode_packet(only(internet, echo(6))).message, EchoReply)


@pytest.mark.parametrize("kind", ["unreachable", "time exceeded", "foreign"])
def test_forged_errors_come_from_the_forger(kind: str) -> None:
    forged = [{"source": "203.0.113.9", "kind": kind, "delay": "1 ms"}]
    answers = [
        decode_packet(packet)
        for _, packet in chain(host={"silent": True, "forged": forged}).inject(echo(), 0)
    ]
    (found,) = answers
    assert str(found.source) == "203.0.113.9"
    quoted = found.message.quoted  # type: ignore[attr-defined]
    assert (quoted.identifier == 7) is (kind != "foreign")
