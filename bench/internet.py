"""How many packets a second the simulated internet answers, by itself: no socket, no loop, one core.

python bench/internet.py
"""

from __future__ import annotations

import platform
from ipaddress import ip_address
from time import perf_counter

from anyicmp.testing import Internet, Topology
from anyicmp.testing.internet.packet import ICMP, build, seal
from anyicmp.wire import EchoRequest, encode
from anyicmp.wire.batch import Version

PACKETS = 50_000
SECOND = 1_000_000_000
CLIENT = {4: "192.0.2.200", 6: "2001:db8::200"}


def request(version: Version, to: str, ttl: int) -> bytes:
    """An echo request of the client."""
    own, peer = ip_address(CLIENT[version]).packed, ip_address(to).packed
    message = encode(EchoRequest(version=version, identifier=7, sequence=1, data=bytes(56)))
    return build(ICMP[version], seal(ICMP[version], message, own, peer), own, peer, hop_limit=ttl)


def short(**last_link: object) -> Internet:
    """Two routers and a host."""
    topology = Topology().router("a", "10.1.0.1", "2001:db8:1::1")
    topology.router("b", "10.2.0.1", "2001:db8:2::1", mpls=[16003]).host("x", "10.0.0.1", "2001:db8:f::1")
    return Internet(topology.link("client", "a", "b", delay="1 ms").link("b", "x", **last_link))


CASES = [
    ("echo, v4", short(), request(4, "10.0.0.1", 64)),
    ("echo, v6", short(), request(6, "2001:db8:f::1", 64)),
    ("time exceeded at the first router", short(), request(4, "10.0.0.1", 1)),
    ("time exceeded at the second, with MPLS", short(), request(4, "10.0.0.1", 2)),
    ("echo, jitter and loss on the last link", short(jitter="1 ms", loss="1 %"), request(4, "10.0.0.1", 64)),
    (
        "demo: server.demo behind eight routers, jitter",
        Internet.from_toml("demo"),
        request(4, "203.0.113.80", 64),
    ),
    ("demo: the sixth router, with MPLS", Internet.from_toml("demo"), request(4, "203.0.113.80", 6)),
]


def main() -> None:
    """Measure each case in turn."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    for what, internet, packet in CASES:
        began = perf_counter()
        for number in range(PACKETS):
            internet.inject(packet, number * SECOND)
        rate = PACKETS / (perf_counter() - began)
        print(f"{rate:>10,.0f} /s  {what}")


if __name__ == "__main__":
    main()
