"""Packets that a probing host sends, as octets, and small internets to send them into.

For the tests of the simulated internet; no test stands here.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack
from typing import Any

import pytest

from anyicmp.testing import Internet, Topology
from anyicmp.testing.internet.packet import ICMP, TCP, UDP, build, intact, seal
from anyicmp.wire import EchoRequest, checksum, encode
from anyicmp.wire.batch import Version

MS = 1_000_000
SECOND = 1_000_000_000
OWN: dict[int, bytes] = {4: ip_address("192.0.2.1").packed, 6: ip_address("2001:db8::1").packed}
FAR: dict[int, str] = {4: "10.0.0.1", 6: "2001:db8:f::1"}
both = pytest.mark.parametrize("version", [4, 6])


def echo(
    version: Version = 4,
    *,
    to: str | None = None,
    own: bytes | None = None,
    ttl: int = 64,
    data: bytes = b"x" * 56,
    sequence: int = 1,
    **header: Any,
) -> bytes:
    """An echo request of the client."""
    peer, own = ip_address(to or FAR[version]).packed, own or OWN[version]
    message = encode(EchoRequest(version=version, identifier=7, sequence=sequence, data=data))
    sealed = seal(ICMP[version], message, own, peer)
    return build(ICMP[version], sealed, own, peer, hop_limit=ttl, **header)


def datagram(version: Version = 4, *, port: int = 33434, ttl: int = 64, data: bytes = b"probe") -> bytes:
    """A UDP datagram of the client."""
    peer = ip_address(FAR[version]).packed
    octets = pack("!HHHH", 4321, port, 8 + len(data), 0) + data
    return build(UDP, seal(UDP, octets, OWN[version], peer), OWN[version], peer, hop_limit=ttl)


def segment(version: Version = 4, *, port: int = 443, flags: int = 2, ttl: int = 64) -> bytes:
    """A TCP segment of the client; flag 2 is SYN."""
    peer = ip_address(FAR[version]).packed
    head = pack("!HHIIBBHHH", 4321, port, 1000, 77, 5 << 4, flags, 1024, 0, 0)
    return build(TCP, seal(TCP, head, OWN[version], peer), OWN[version], peer, hop_limit=ttl)


def chain(router: dict[str, Any] | None = None, host: dict[str, Any] | None = None, **link: Any) -> Internet:
    """Client, routers a, b and c, target; b and the target as asked for, the last link too."""
    topology = Topology(seed=1)
    for number, name in enumerate("abc", 1):
        options = (router or {}) if name == "b" else {}
        topology.router(name, f"10.{number}.0.1", f"2001:db8:{number}::1", **options)
    topology.host("target", "10.0.0.1", "2001:db8:f::1", **(host or {}))
    topology.link("client", "a", "b", "c", delay="1 ms").link("c", "target", **{"delay": "1 ms", **link})
    return Internet(topology)


def only(internet: Internet, packet: bytes, now: int = 0) -> bytes:
    """The one packet that comes back."""
    ((_, answer),) = internet.inject(packet, now)
    assert_sound(answer)
    return answer


def assert_sound(packet: bytes) -> None:
    """Lengths and checksums are right."""
    if packet[0] >> 4 == 4:
        assert int.from_bytes(packet[2:4], "big") == len(packet)
        assert not checksum(packet[: (packet[0] & 15) * 4])
    else:
        assert int.from_bytes(packet[4:6], "big") == len(packet) - 40
    assert intact(packet)
