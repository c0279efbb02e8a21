"""The reserved addresses: none of them is a host's on the internet, and little else is missing."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.reserved import RESERVED
from anyicmp.engine.targets import parse_excluded

SPANS = parse_excluded("reserved")


def reserved(address: IPv4Address | IPv6Address) -> bool:
    return any(span.version == address.version and span.first <= int(address) <= span.last for span in SPANS)


@given(st.ip_addresses())
def test_what_python_calls_private_is_reserved(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert reserved(address) or address == ip_address("192.88.99.0")


@given(st.ip_addresses(v=4))
def test_of_ipv4_nothing_else_is(address: IPv4Address) -> None:
    if reserved(address):
        beside = address in ip_network("192.88.99.0/24") or address in ip_network("192.0.0.0/24")
        assert not address.is_global or address.is_multicast or beside


def test_the_networks_are_in_order_and_apart() -> None:
    for version in (4, 6):
        networks = [ip_network(text) for text in RESERVED if ip_network(text).version == version]
        assert networks == sorted(networks)  # type: ignore[type-var]
        assert all(not a.overlaps(b) for a in networks for b in networks if a is not b)


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "193.0.14.129", "2606:4700::1111", "2a00:1450::1"])
def test_hosts_of_the_internet_are_not_left_out(text: str) -> None:
    assert not reserved(ip_address(text))


@pytest.mark.parametrize("text", ["10.0.0.0/24", ip_network("10.0.0.0/24")])
def test_of_a_network_all_addresses_are_left_out(text: object) -> None:
    """Those too that `hosts()` leaves to the network itself."""
    (span,) = parse_excluded(text)
    assert (span.first, span.count) == (int(ip_address("10.0.0.0")), 256)
