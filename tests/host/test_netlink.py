"""Netlink in octets: rows of well-formed messages, and of whatever else may come no exception."""

from __future__ import annotations

import gc
import pickle
import struct
import sys
from ipaddress import ip_address, ip_interface, ip_network
from itertools import islice

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp import Neighbor, NextHop, Route
from anyicmp.export import to_dict
from anyicmp.host.links import address, link, with_addresses
from anyicmp.host.netlink import HEADER, Inquiry, attribute, attributes
from anyicmp.host.policy import rule
from anyicmp.host.rtnetlink import RouteReader, neighbor

NAMES = {1: "lo", 7: "eth0"}
MAIN, LOCAL = 254, 255


def word(value: int) -> bytes:
    return struct.pack("=I", value)


def route_body(
    *found: bytes, family: int = 2, length: int = 0, table: int = MAIN, code: int = 1, flags: int = 0
) -> bytes:
    return struct.pack("=BBBBBBBBI", family, length, 0, 0, table, 3, 0, code, flags) + b"".join(found)


def read(*found: bytes, local: bool = True, **fields: int) -> Route | None:
    body = route_body(*found, **fields)
    return RouteReader(NAMES, local=local)(24, body, 0, len(body))


def message(kind: int, body: bytes, *, flags: int = 2, sequence: int = 1) -> bytes:
    octets = HEADER.pack(16 + len(body), kind, flags, sequence, 99) + body
    return octets + bytes(-len(octets) % 4)


def test_a_route_through_a_gateway() -> None:
    route = read(
        attribute(1, bytes((10, 9, 0, 0))),
        attribute(4, word(7)),
        attribute(5, bytes((10, 0, 0, 1))),
        attribute(6, word(20)),
        attribute(7, bytes((10, 0, 0, 2))),
        attribute(15, word(1000)),
        attribute(8, attribute(2, word(1400))),
        length=16,
        table=252,
    )
    assert route == Route(
        destination=ip_network("10.9.0.0/16"),
        gateway=ip_address("10.0.0.1"),
        interface="eth0",
        flags="UG",
        metric=20,
        source=ip_address("10.0.0.2"),
        table=1000,
        mtu=1400,
    )


@pytest.mark.parametrize(
    ("fields", "flags", "kind"),
    [
        ({"length": 0}, "U", "unicast"),
        ({"length": 32}, "UH", "unicast"),
        ({"code": 2, "length": 32}, "UH", "local"),
        ({"code": 3, "length": 32}, "UH", "broadcast"),
        ({"code": 6}, "!", "blackhole"),
        ({"code": 7, "length": 32}, "!H", "unreachable"),
        ({"code": 8}, "!", "prohibit"),
        ({"code": 9}, "!", "throw"),
        ({"code": 77}, "U", "77"),
        ({"family": 10, "length": 128}, "UH", "unicast"),
        ({"family": 10, "length": 32}, "U", "unicast"),
    ],
)
def test_flags_and_types(fields: dict[str, int], flags: str, kind: str) -> None:
    prefix = attribute(1, bytes(16 if fields.get("family") == 10 else 4))
    route = read(prefix, **fields)
    assert route is not None
    assert (route.flags, route.type) == (flags, kind)


def test_a_route_that_leads_several_ways() -> None:
    """One of them to a gateway of the other IP version, one over a link that is down."""
    via = struct.pack("=H", 10) + ip_address("fe80::1").packed
    hops = [(0, 2, 7, attribute(5, bytes((10, 0, 0, 1)))), (16, 0, 1, attribute(18, via))]
    several = b"".join(
        struct.pack("=HBBi", 8 + len(found), flags, weight, index) + found
        for flags, weight, index, found in hops
    )
    route = read(attribute(9, several))
    assert route is not None
    assert (route.gateway, route.interface, route.flags) == (None, None, "UG")
    assert route.next_hops == (
        NextHop(gateway=ip_address("10.0.0.1"), interface="eth0", weight=3),
        NextHop(gateway=ip_address("fe80::1"), interface="lo", weight=1, up=False),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"family": 28},  # MPLS
        {"length": 33},
        {"length": 8},  # of a prefix that is not there
        {"flags": 0x200},  # a cached exception
    ],
)
def test_what_is_no_entry_is_no_row(fields: dict[str, int]) -> None:
    assert read(**fields) is None
    assert read() is not None


def test_the_local_table_is_left_out_on_request() -> None:
    assert read(table=LOCAL, local=False) is None
    assert read(table=LOCAL, local=True) is not None
    assert read(attribute(15, word(LOCAL)), local=False) is None


def test_the_answer_to_a_question_may_be_a_cached_one() -> None:
    """And until there is a rule the kernel calls the local table main, when asked for a match."""
    body = route_body(attribute(1, bytes((127, 0, 0, 1))), length=32, code=2, flags=0x200)
    assert RouteReader(NAMES)(24, body, 0, len(body)) is None
    found = RouteReader(NAMES).answer(24, body, 0, len(body))
    assert found is not None
    assert (found.table, found.type) == (LOCAL, "local")


def test_a_row_read_is_equal_to_one_made() -> None:
    """The network is made of octets when it is looked at; nobody can tell."""
    row = read(attribute(1, bytes((10, 0, 0, 0))), length=8)
    made = Route(destination=ip_network("10.0.0.0/8"))
    assert row == made
    assert (hash(row), repr(row), to_dict(row)) == (hash(made), repr(made), to_dict(made))
    assert pickle.loads(pickle.dumps(row)) == made
    assert attrs.evolve(row, metric=5) == attrs.evolve(made, metric=5)
    assert row != attrs.evolve(made, destination=ip_network("10.0.0.0/9"))
    match row:
        case Route(destination=destination):
            assert destination == ip_network("10.0.0.0/8")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        row.destination = ip_network("10.0.0.0/9")  # type: ignore[misc, union-attr]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="another interpreter collects its own way")
def test_the_collector_does_not_walk_through_a_table() -> None:
    """Else the loop would stand for its walks, 50 ms each at a hundred thousand rows."""
    row = read()
    assert not gc.is_tracked(row)
    assert gc.is_tracked(Route(destination=ip_network("10.0.0.0/8")))
    del row  # is freed without harm
    gc.collect()


def neighbor_body(address: str, state: int, *found: bytes, family: int = 2) -> bytes:
    head = struct.pack("=BBHiHBB", family, 0, 0, 7, state, 0, 1)
    return head + attribute(1, ip_address(address).packed) + b"".join(found)


def test_a_neighbor() -> None:
    body = neighbor_body("10.0.0.1", 2, attribute(2, bytes((2, 0, 0, 0, 0, 1))))
    assert neighbor(NAMES, 28, body, 0, len(body)) == Neighbor(
        address=ip_address("10.0.0.1"), link_address="02:00:00:00:00:01", interface="eth0", state="reachable"
    )


@pytest.mark.parametrize(
    ("state", "name"),
    [(1, "incomplete"), (4, "stale"), (8, "delay"), (16, "probe"), (32, "failed"), (128, "permanent")],
)
def test_states_of_neighbors(state: int, name: str) -> None:
    body = neighbor_body("fe80::1", state, family=10)
    row = neighbor(NAMES, 28, body, 0, len(body))
    assert row is not None
    assert (row.state, row.link_address) == (name, None)


@pytest.mark.parametrize("state", [0, 64])
def test_who_needs_no_link_address_is_no_neighbor(state: int) -> None:
    body = neighbor_body("10.0.0.1", state)
    assert neighbor(NAMES, 28, body, 0, len(body)) is None


def test_interfaces_with_their_addresses() -> None:
    def made(index: int, flags: int, *found: bytes) -> bytes:
        return struct.pack("=BBHiII", 0, 0, 1, index, flags, 0) + b"".join(found)

    bodies = [
        made(7, 0x1 | 0x2 | 0x1000, attribute(3, b"eth0\0"), attribute(4, word(1500)), attribute(16, b"\3")),
        made(1, 0x1 | 0x8 | 0x40 | 0x10000, attribute(3, b"lo\0"), attribute(4, word(65536))),
    ]
    links = [link(16, body, 0, len(body)) for body in bodies]
    own = struct.pack("=BBBBI", 2, 24, 0, 0, 7) + attribute(1, bytes((10, 0, 0, 9)))
    peer = own + attribute(2, bytes((10, 0, 0, 2)))
    found = address(20, peer, 0, len(peer))
    assert found == (7, ip_interface("10.0.0.2/24"))
    assert address(20, own, 0, len(own)) == (7, ip_interface("10.0.0.9/24"))
    impossible = struct.pack("=BBBBI", 2, 33, 0, 0, 7) + attribute(2, bytes((10, 0, 0, 2)))
    assert address(20, impossible, 0, len(impossible)) is None
    lo, eth0 = with_addresses([one for one in links if one is not None], [found])
    assert (lo.name, lo.mtu, lo.flags, lo.state) == ("lo", 65536, ("LOOPBACK", "UP", "LOWER_UP"), "unknown")
    assert (eth0.name, eth0.addresses) == ("eth0", (ip_interface("10.0.0.2/24"),))
    assert (eth0.flags, eth0.state) == (("NO-CARRIER", "BROADCAST", "MULTICAST", "UP"), "lowerlayerdown")


# How an answer is read.


def test_a_table_ends_with_done() -> None:
    inquiry = Inquiry(26, b"\2", dump=True)
    first = message(24, b"abcd") + message(24, b"efgh1")
    assert [first[start:end] for _, start, end in inquiry.feed(first)] == [b"abcd", b"efgh1"]
    assert not inquiry.done
    assert list(inquiry.feed(message(3, struct.pack("=i", 0)))) == []
    assert (inquiry.done, inquiry.errno, inquiry.interrupted) == (True, 0, False)


def test_a_question_has_one_answer() -> None:
    inquiry = Inquiry(26, b"")
    assert len(list(inquiry.feed(message(24, b"abcd") + message(24, b"efgh")))) == 1
    assert inquiry.done


@pytest.mark.parametrize("kind", [2, 3])
def test_a_refusal(kind: int) -> None:
    inquiry = Inquiry(26, b"", dump=True)
    assert list(inquiry.feed(message(kind, struct.pack("=i", -101)))) == []
    assert (inquiry.done, inquiry.errno) == (True, 101)


def test_a_table_that_changed_meanwhile() -> None:
    inquiry = Inquiry(26, b"", dump=True)
    assert len(list(inquiry.feed(message(24, b"abcd", flags=0x12)))) == 1
    assert inquiry.interrupted


def test_answers_to_others_are_not_ours() -> None:
    inquiry = Inquiry(26, b"", sequence=5, dump=True)
    both = message(24, b"abcd", sequence=4) + message(24, b"efgh", sequence=5)
    assert [both[start:end] for _, start, end in inquiry.feed(both)] == [b"efgh"]
    assert list(inquiry.feed(message(3, word(0), sequence=4))) == []
    assert not inquiry.done


@pytest.mark.parametrize("length", [0, 15, 21])
def test_a_message_of_an_impossible_length_ends_the_datagram(length: int) -> None:
    octets = HEADER.pack(length, 24, 2, 1, 0) + b"abcd"
    inquiry = Inquiry(26, b"", dump=True)
    assert list(islice(inquiry.feed(octets), 9)) == []
    assert not inquiry.done


def test_an_attribute_longer_than_its_message_ends_the_reading() -> None:
    whole = attribute(1, b"abcd") + attribute(2, b"ef")
    assert attributes(whole, 0, len(whole)) == {1: b"abcd", 2: b"ef"}
    assert attributes(whole, 0, len(whole) - 3) == {1: b"abcd"}
    assert attributes(b"\0\0\1\0" + whole, 0, 4 + len(whole)) == {}


TEMPLATES = [
    (24, route_body(attribute(1, bytes(4)), attribute(4, word(7)), attribute(9, bytes(range(8, 40))))),
    (24, route_body(attribute(1, bytes(16)), attribute(8, attribute(2, word(1))), family=10, length=64)),
    (28, neighbor_body("10.0.0.1", 2, attribute(2, bytes(6)))),
    (16, struct.pack("=BBHiII", 0, 0, 1, 7, 1, 0) + attribute(3, b"eth0\0") + attribute(16, b"\6")),
    (20, struct.pack("=BBBBI", 2, 24, 0, 0, 7) + attribute(2, bytes(4))),
    (32, struct.pack("=BBBBBBBBI", 2, 8, 0, 0, 254, 0, 0, 1, 0) + attribute(1, bytes(4))),
]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[int, bytes]:
    """A message as the kernel writes it, of which some octets are others, or the end is missing."""
    kind, body = draw(st.sampled_from(TEMPLATES))
    octets = bytearray(body)
    for at in draw(st.lists(st.integers(0, len(octets) - 1), max_size=6)):
        octets[at] = draw(st.integers(0, 255))
    return kind, bytes(octets[: draw(st.integers(0, len(octets)))])


@given(damaged() | st.tuples(st.sampled_from([16, 20, 24, 28, 32]), st.binary(max_size=80)))
def test_no_octets_make_a_reader_raise(given: tuple[int, bytes]) -> None:
    kind, body = given
    reader = RouteReader(NAMES)
    for read in (reader, reader.answer, link, address, rule, lambda *where: neighbor(NAMES, *where)):
        row = read(kind, body, 0, len(body))  # type: ignore[operator]
        if row is not None:
            repr(row)
        if attrs.has(type(row)):
            to_dict(row)


@given(st.binary(max_size=120) | damaged().map(lambda one: message(*one)))
def test_no_datagram_makes_an_inquiry_raise(octets: bytes) -> None:
    for dump in (False, True):
        for _, start, end in Inquiry(26, b"", dump=dump).feed(octets):
            assert 16 <= start <= end <= len(octets)
