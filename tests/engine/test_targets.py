"""What people write as targets, and what is left of a span when others are taken out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.targets import BadTarget, Name, Span, parse_target, subtract


def v4(text: str) -> int:
    return int(IPv4Address(text))


@pytest.mark.parametrize(
    ("target", "first", "count"),
    [
        ("10.0.0.1", "10.0.0.1", 1),
        (" 10.0.0.1 ", "10.0.0.1", 1),
        (IPv4Address("10.0.0.1"), "10.0.0.1", 1),
        ("10.0.0.0/24", "10.0.0.1", 254),
        ("10.0.0.0/16", "10.0.0.1", 65_534),
        ("10.0.0.0/31", "10.0.0.0", 2),
        ("10.0.0.7/32", "10.0.0.7", 1),
        (IPv4Network("10.0.0.0/30"), "10.0.0.1", 2),
        ("10.0.0.0-10.0.0.255", "10.0.0.0", 256),
        ("10.0.0.1 - 10.0.0.1", "10.0.0.1", 1),
        ("::1", "::1", 1),
        ("2001:db8::/126", "2001:db8::1", 3),
        ("2001:db8::/127", "2001:db8::", 2),
        (IPv6Network("2001:db8::/64"), "2001:db8::1", (1 << 64) - 1),
        ("2001:db8::1-2001:db8::a", "2001:db8::1", 10),
    ],
)
def test_addresses_networks_and_ranges(target: object, first: str, count: int) -> None:
    address = ip_address(first)
    assert parse_target(target) == Span(4 if address.version == 4 else 6, int(address), count)


def test_a_link_local_address_keeps_its_zone() -> None:
    span = parse_target("fe80::1%eth0")
    assert span == Span(6, int(IPv6Address("fe80::1")), 1, "eth0")
    assert parse_target(IPv6Address("fe80::1%7")) == Span(6, int(IPv6Address("fe80::1")), 1, "7")


@pytest.mark.parametrize(
    "name", ["host", "host.example", "a-b.example.", "xn--bcher-kva.example", "bücher.example"]
)
def test_names(name: str) -> None:
    assert parse_target(name) == Name(name)


@pytest.mark.parametrize(
    ("text", "malformed"),
    [
        ("", False),
        ("127.0.0.999", False),
        ("1.2.3", False),
        ("12345", False),
        ("host name", False),
        ("-host", False),
        ("host..example", False),
        ("fe80::zz", False),
        ("a" * 64, False),
        ("a." * 127 + "a", False),
        ("10.0.0.1/24", True),
        ("10.0.0.0/33", True),
        ("10.0.0.0/x", True),
        ("10.0.0.9-10.0.0.1", True),
        ("10.0.0.1-::1", True),
    ],
)
def test_what_is_no_target_has_a_reason(text: str, malformed: bool) -> None:
    found = parse_target(text)
    assert isinstance(found, BadTarget)
    assert found.reason
    assert "\n" not in found.reason
    assert found.malformed == malformed


@pytest.mark.parametrize("thing", [None, 5, b"10.0.0.1", 1.5, ["10.0.0.1"]])
def test_other_things_are_type_errors(thing: object) -> None:
    with pytest.raises(TypeError, match="a target is text"):
        parse_target(thing)


@given(st.text(max_size=40))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert isinstance(parse_target(text), (Span, Name, BadTarget))


@given(st.ip_addresses())
def test_each_address_is_itself(address: IPv4Address | IPv6Address) -> None:
    assert parse_target(str(address)) == parse_target(address)


@given(st.ip_addresses(v=4), st.integers(24, 32))
def test_a_network_means_its_hosts(address: IPv4Address, length: int) -> None:
    network = ip_network((address, length), strict=False)
    span = parse_target(str(network))
    assert isinstance(span, Span)
    hosts = list(network.hosts())
    assert (span.first, span.last, span.count) == (int(hosts[0]), int(hosts[-1]), len(hosts))


spans = st.builds(lambda first, count: Span(4, first, count), st.integers(0, 60), st.integers(1, 20))


@given(spans, st.lists(spans, max_size=8))
def test_what_is_excluded_is_left_out_and_nothing_else(span: Span, excluded: list[Span]) -> None:
    left = [a for part in subtract(span, excluded) for a in range(part.first, part.last + 1)]
    gone = {a for cut in excluded for a in range(cut.first, cut.last + 1)}
    assert left == [a for a in range(span.first, span.last + 1) if a not in gone]


@given(spans, st.lists(spans, max_size=8))
def test_parts_are_not_empty_and_in_order(span: Span, excluded: list[Span]) -> None:
    parts = list(subtract(span, excluded))
    assert all(part.count > 0 for part in parts)
    assert parts == sorted(parts, key=lambda part: part.first)


def test_the_other_version_is_not_excluded() -> None:
    span = Span(6, v4("10.0.0.1"), 5)
    assert list(subtract(span, [Span(4, v4("10.0.0.1"), 5)])) == [span]
