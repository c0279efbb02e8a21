"""What the tests of the doors share: a simulated network, and turns of the loop for all others.

Who answers, who is silent, who lies behind routers; no test stands here.
"""

from __future__ import annotations

from ipaddress import ip_address

import anyio.lowlevel

from anyicmp.testing import Host, Router, SimulatedNetwork


def routers(version: int, count: int) -> tuple[Router, ...]:
    """A chain of routers, each a millisecond farther."""
    base = "10.9.{}.1" if version == 4 else "2001:db8:9:{}::1"
    return tuple(Router(address=ip_address(base.format(i)), delay=i / 1000) for i in range(1, count + 1))


async def let_others_run() -> None:
    """Turns of the loop, enough for whatever needs no time; they take none worth mentioning."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


def made(*, privileged: bool) -> SimulatedNetwork:
    network = SimulatedNetwork(privileged=privileged)
    network.add("10.0.0.1", Host(delay=0.01))
    network.add("10.0.0.2", Host(silent=True))
    network.add("10.0.0.3", Host(delay=0.02, path=routers(4, 6)))
    network.add("10.1.0.0/16", Host(delay=0.005))
    network.add("2001:db8:1::1", Host(delay=0.01))
    network.add("2001:db8:1::3", Host(delay=0.02, path=routers(6, 6)))
    network.add("2001:db8:2::/64", Host(delay=0.005))
    network.name("answers.example", "10.0.0.1", "2001:db8:1::1")
    network.name("silent.example", "10.0.0.2")
    return network
