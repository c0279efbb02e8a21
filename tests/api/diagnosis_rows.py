"""The internet that the tests of a diagnosis break, and the table of what is broken and who is to blame.

Client, three routers in a row, target; every row breaks something. No test stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EPERM
from typing import Any

import attrs

from anyicmp.testing import Host, Internet, SimulatedNetwork, Topology

TARGET = {4: "10.0.0.1", 6: "2001:db8:f::1"}
ROUTER = {4: "10.{}.0.1", 6: "2001:db8:{}::1"}
BEYOND = {4: "10.9.9.9", 6: "2001:db8:9::9"}


def router(number: int) -> dict[int, str]:
    return {version: pattern.format(number) for version, pattern in ROUTER.items()}


def network(
    *,
    privileged: bool = True,
    target: dict[str, Any] | None = None,
    narrow: dict[str, Any] | None = None,
    on_link: bool = False,
    **routers: dict[str, Any],
) -> SimulatedNetwork:
    """`router1` and so on: keywords of a router; `narrow`: of the link behind the second."""
    topology = Topology()
    for number in (1, 2, 3):
        name = f"router{number}"
        addresses = router(number)
        topology.router(name, addresses[4], addresses[6], **routers.get(name, {}))
    topology.host("target", TARGET[4], TARGET[6], names=["target.example"], **(target or {}))
    topology.link("client", "router1", delay="2 ms", mtu=1500).link("router1", "router2", delay="2 ms")
    topology.link("router2", "router3", delay="2 ms", **(narrow or {}))
    topology.link("client" if on_link else "router3", "target", delay="2 ms")
    return SimulatedNetwork(internet=Internet(topology), privileged=privileged)


Breaks = Callable[[SimulatedNetwork, int], None]


def _route(kind: str) -> Breaks:
    def breaks(scene: SimulatedNetwork, version: int) -> None:
        table = scene.host_tables.route_table
        table[:] = [
            attrs.evolve(route, type=kind, gateway=None, interface=None, flags="!")
            if route.gateway is not None
            else route
            for route in table
        ]

    return breaks


def _no_route(scene: SimulatedNetwork, version: int) -> None:
    table = scene.host_tables.route_table
    table[:] = [route for route in table if route.gateway is None]


def _interface(*flags: str, routes: bool) -> Breaks:
    def breaks(scene: SimulatedNetwork, version: int) -> None:
        tables = scene.host_tables
        tables.interface_table[:] = [attrs.evolve(tables.interface_table[0], flags=flags, state="down")]
        if not routes:
            tables.route_table.clear()

    return breaks


def _neighbor(state: str) -> Breaks:
    def breaks(scene: SimulatedNetwork, version: int) -> None:
        table = scene.host_tables.neighbor_table
        table[:] = [attrs.evolve(one, state=state, link_address=None) for one in table]

    return breaks


def _refused(scene: SimulatedNetwork, version: int) -> None:
    scene.add(TARGET[version], Host(errno=EPERM))


@attrs.frozen(kw_only=True)
class Row:
    """One thing that is broken, and what is to be found.

    Attributes:
        host: what is asked for, TARGET unless given.
        scene: keywords of `network`; `breaks`: what is changed in it.
        step: the first step that fails, None: nothing does.
        address: IP version to the address that must be named.
        message: IP version to type and code, None: none is to be told.
        innocent: addresses that must not be named in the verdict.
        says: what the verdict must contain.
        versions: those that have this row.
    """

    host: dict[int, str] = TARGET
    scene: dict[str, Any] = attrs.field(factory=dict)
    breaks: Breaks = lambda scene, version: None
    step: str | None = None
    address: dict[int, str] | None = None
    message: dict[int, tuple[int, int]] | None = None
    innocent: tuple[dict[int, str], ...] = ()
    says: tuple[str, ...] = ()
    versions: tuple[int, ...] = (4, 6)


def _rejecting(*codes: int | str, **more: Any) -> dict[str, Any]:
    return {"reject": [{"code": code, **more} for code in codes]}


def _prohibited(kind: int, code: int, version: int, words: str) -> Row:
    return Row(
        scene={"router2": _rejecting(code)},
        step="echo",
        address=router(2),
        message={version: (kind, code)},
        innocent=(router(1), router(3), TARGET),
        says=(words, f"{'ICMP' if version == 4 else 'ICMPv6'} {kind}/{code}"),
        versions=(version,),
    )


PROHIBITED = "administratively prohibited"
BOTH = ("communication administratively prohibited", PROHIBITED)  # a name is one of IPv4 or of IPv6
OPEN = {"echo": False, "tcp": {443: "open"}}
ROWS: dict[str, Row] = {
    "healthy": Row(says=("answers",), innocent=(router(1), router(2), router(3))),
    "healthy by name": Row(host=dict.fromkeys((4, 6), "target.example"), says=("target.example (",)),
    "no such name": Row(
        host=dict.fromkeys((4, 6), "nowhere.example"),
        step="name",
        innocent=(router(1), TARGET),
        says=("nowhere.example", "leads to no address"),
    ),
    "no route": Row(breaks=_no_route, step="route", innocent=(router(1),), says=("no route leads to",)),
    **{
        f"{kind} route": Row(breaks=_route(kind), step="route", innocent=(router(1),), says=(f"type {kind}",))
        for kind in ("unreachable", "prohibit", "blackhole", "throw")
    },
    "interface down": Row(
        breaks=_interface(routes=False), step="route", innocent=(router(1),), says=("sim0 is down",)
    ),
    "no carrier": Row(
        breaks=_interface("UP", routes=True), step="route", innocent=(router(1),), says=("has no carrier",)
    ),
    "gateway without ARP": Row(
        scene={"router1": {"silent": "all", "reject": [{"code": "silent"}]}},
        breaks=_neighbor("failed"),
        step="neighbor",
        address=router(1),
        innocent=(TARGET, router(2)),
        says=("the gateway", "does not answer", "sim0"),
    ),
    "gateway without ARP, not given up": Row(
        scene={"router1": {"silent": "all", "reject": [{"code": "silent"}]}},
        breaks=_neighbor("incomplete"),
        step="neighbor",
        address=router(1),
        innocent=(TARGET, router(2)),
        says=("the gateway",),
    ),
    "neighbour failed": Row(
        scene={"on_link": True, "target": {"absent": True}},
        step="neighbor",
        address=TARGET,
        innocent=(router(1),),
        says=("does not answer", "the host is off"),
    ),
    "host unreachable": Row(
        scene={"target": {"absent": True}},
        step="echo",
        address=router(3),
        message={4: (3, 1), 6: (1, 3)},
        innocent=(router(1), router(2)),
        says=("unreachable", "the host is off"),
    ),
    "no route on the way": Row(
        scene={"router2": _rejecting(0)},
        step="echo",
        address=router(2),
        message={4: (3, 0), 6: (1, 0)},
        innocent=(router(1), router(3), TARGET),
        says=("no way there",),
    ),
    "prohibited 3/9": _prohibited(3, 9, 4, PROHIBITED),
    "prohibited 3/10": _prohibited(3, 10, 4, PROHIBITED),
    "prohibited 3/13": _prohibited(3, 13, 4, PROHIBITED),
    "prohibited 1/1": _prohibited(1, 1, 6, PROHIBITED),
    "policy 1/5": _prohibited(1, 5, 6, "policy"),
    "reject route 1/6": _prohibited(1, 6, 6, "rejects"),
    "prohibited by the host itself": Row(
        scene={"target": _rejecting(*BOTH)},
        step="echo",
        address=TARGET,
        message={4: (3, 13), 6: (1, 1)},
        innocent=(router(1), router(2), router(3)),
        says=(PROHIBITED,),
    ),
    "silent drop": Row(
        scene={"router2": _rejecting("silent")},
        step="echo",
        address=router(2),
        innocent=(router(1), router(3), TARGET),
        says=("ends silently after", "a firewall, or the host is off"),
    ),
    "silent host": Row(
        scene={"target": {"silent": "all"}},
        step="echo",
        address=router(3),
        innocent=(router(1), router(2), TARGET),
        says=("ends silently after",),
    ),
    "gateway that forwards nothing and says nothing": Row(
        scene={"router1": {"silent": "all", **_rejecting("silent")}},
        step="echo",
        address=router(1),
        innocent=(router(2), router(3), TARGET),
        says=("at the gateway",),
    ),
    "MTU black hole": Row(
        scene={"narrow": {"mtu": 1340, "black_hole": True}},
        step="mtu",
        address=router(2),
        innocent=(router(1), router(3), TARGET),
        says=("answers come, but packets above 1340 bytes vanish behind",),
    ),
    "narrow link that is reported": Row(
        scene={"narrow": {"mtu": 1340}}, says=("1340 bytes pass",), innocent=(router(1), router(3))
    ),
    "echo filtered, TCP open": Row(
        scene={"target": OPEN},
        step="echo",
        innocent=(router(1), router(2), router(3), TARGET),
        says=("TCP port 443", "echo does not: echo is filtered"),
    ),
    "echo filtered on the way, TCP open": Row(
        scene={"router2": _rejecting("silent", protocol="icmp"), "target": {"tcp": {443: "open"}}},
        step="echo",
        innocent=(router(1), router(2), router(3), TARGET),
        says=("echo is filtered",),
    ),
    "rate-limited router": Row(
        scene={"router2": {"rate_limit": {"rate": 0.1, "burst": 1}}},
        says=("answers",),
        innocent=(router(1), router(2), router(3)),
    ),
    "silent router on the way": Row(
        scene={"router2": {"silent": "all"}}, says=("1 of them silent",), innocent=(router(2),)
    ),
    "redirect": Row(
        scene={"router1": {"redirect": [{"gateway": ["10.2.0.1", "2001:db8:2::1"]}]}}, says=("redirects to",)
    ),
    "routing loop": Row(
        scene={"router2": {"routes": {"target": ["router1"]}}},
        step="echo",
        address=router(1),
        message={4: (11, 0), 6: (3, 0)},
        innocent=(router(3), TARGET),
        says=("circle between",),
    ),
    "own firewall": Row(
        breaks=_refused,
        step="echo",
        innocent=(router(1),),
        says=("this host cannot send", "its own firewall"),
    ),
    "two faults: silent drop behind a silent router": Row(
        scene={"router1": {"silent": "all"}, "router2": _rejecting("silent")},
        step="echo",
        address=router(2),
        innocent=(router(1), router(3), TARGET),
        says=("ends silently after",),
    ),
    "two faults: echo dropped, TCP and UDP prohibited farther on": Row(
        scene={
            "router2": _rejecting("silent", protocol="icmp", to=list(TARGET.values())),
            "router3": _rejecting(*BOTH),
        },
        step="echo",
        address=router(3),
        message={4: (3, 13), 6: (1, 1)},
        innocent=(router(1), TARGET),
        says=(PROHIBITED, "ends silently after"),
    ),
    "two faults: echo prohibited, TCP open, a black hole that cannot be seen": Row(
        scene={
            "router2": _rejecting(*BOTH, protocol="icmp"),
            "narrow": {"mtu": 1340, "black_hole": True},
            "target": {"tcp": {443: "open"}},
        },
        step="echo",
        address=router(2),
        message={4: (3, 13), 6: (1, 1)},
        innocent=(router(1), router(3), TARGET),
        says=("TCP port 443 answers, echo does not", PROHIBITED),
    ),
    "two faults: a black hole behind a rate-limited router": Row(
        scene={
            "router1": {"rate_limit": {"rate": 2, "burst": 4}},
            "narrow": {"mtu": 1340, "black_hole": True},
        },
        step="mtu",
        address=router(2),
        innocent=(router(1), router(3), TARGET),
        says=("vanish behind",),
    ),
    "two faults: no such name, interface down": Row(
        host=dict.fromkeys((4, 6), "nowhere.example"),
        breaks=_interface(routes=False),
        step="name",
        says=("leads to no address",),
    ),
}
