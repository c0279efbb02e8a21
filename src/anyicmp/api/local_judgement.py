"""From facts to findings, as far as this host's own tables tell: name, route, neighbour.

Pure: facts in, findings out. What the network tells is judged in `judgement.py`.
"""

from __future__ import annotations

from typing import Any

from anyicmp.api.facts import Facts, Finding, failed
from anyicmp.api.wording import resolution
from anyicmp.tables import Interface

__all__ = ["judge_name", "judge_neighbor", "judge_route"]

REFUSING = {
    "unreachable": "refuses its packets as unreachable",
    "prohibit": "prohibits them",
    "blackhole": "drops them silently",
    "throw": "sends them back to other tables, which have no way",
}
"""Types of routes that lead nowhere (ip-route(8))."""

SURE = frozenset({"reachable", "permanent", "noarp"})
LINKED = SURE | {"stale", "delay", "probe"}
"""States of a neighbour that is known to work, and of one with a link address (RFC 4861 section 7.3.2)."""


def judge_name(facts: Facts) -> Finding:
    """Whether the host has an address."""
    data = {"host": facts.host, "addresses": facts.addresses, "reason": facts.name_error}
    if facts.name_error is not None:
        detail = f"{facts.host} leads to no address: {facts.name_error}"
        verdict = (
            f"the name {facts.host} leads to no address ({facts.name_error}): check its spelling, and which "
            "name servers this host asks"
        )
        return failed(detail, verdict, data=data, ends="there is no address")
    if facts.is_address:
        return Finding(status="ok", detail=f"{facts.target} is an address: nothing to look up", data=data)
    others = len(facts.addresses) - 1
    more = f", and {others} more address{'es' if others > 1 else ''}, not tried" if others else ""
    return Finding(status="ok", detail=f"{facts.host} is {facts.target}{more}", data=data)


def judge_route(facts: Facts) -> Finding:
    """Whether a route leads to the target, through an interface that works."""
    route, target = facts.route, facts.target
    so_far = "" if facts.is_address else "the name resolves, but "
    if route is None:
        down = _down(facts)
        data: dict[str, Any] = {"destination": None, "interface": None if down is None else down.name}
        why = "this host has no default route either" if down is None else f"{down.name} {_trouble(down)}"
        advice = (
            "add a route or a default gateway, or check the address" if down is None else _switch_on(down)
        )
        return failed(
            f"no route leads to {target}: {why}",
            f"{so_far}no route leads to {target}: {why}; {advice}",
            data=data,
            ends=f"no route leads to {target}",
        )
    data = {
        "destination": route.destination,
        "gateway": route.gateway,
        "interface": route.interface,
        "source": route.source,
        "route_type": route.type,
        "table": route.table,
        "flags": route.flags,
    }
    if route.type in REFUSING:
        what = f"the route to {route.destination} {REFUSING[route.type]} (type {route.type})"
        return failed(
            what,
            f"{so_far}this host's own routing table refuses {target}: {what}; remove it with 'ip route del'",
            data=data,
            ends="this host's own routing table refuses it",
        )
    link = next((link for link in facts.interfaces if link.name == route.interface), None)
    if link is not None and (trouble := _trouble(link)):
        return failed(
            f"the route to {target} leads through {link.name}, which {trouble}",
            f"{so_far}the route to {target} leads through {link.name}, which {trouble}: {_switch_on(link)}",
            data=data,
            ends=f"{link.name} {trouble}",
        )
    through = f" through {route.gateway}" if route.gateway is not None else ""
    return Finding(status="ok", detail=f"{route.destination}{through} on {route.interface}", data=data)


def _down(facts: Facts) -> Interface | None:
    """The interface whose route is missing because it is down: the target's own, or the only one there is."""
    links = [link for link in facts.interfaces if link.addresses and "LOOPBACK" not in link.flags]
    troubled = [link for link in links if _trouble(link)]
    own = (link for link in troubled if any(facts.target in address.network for address in link.addresses))
    return next(own, troubled[0] if troubled and len(troubled) == len(links) else None)


def _trouble(link: Interface) -> str:
    """What is wrong with an interface, "" for nothing."""
    if "UP" not in link.flags:
        return "is down"
    return "" if "LOWER_UP" in link.flags else "has no carrier"


def _switch_on(link: Interface) -> str:
    if "UP" not in link.flags:
        return f"switch it on with 'ip link set {link.name} up'"
    return "check its cable and what it is connected to"


def judge_neighbor(facts: Facts) -> Finding:
    """Whether the next hop has a link address."""
    route, hop, known = facts.route, facts.next_hop, facts.neighbor
    interface = route.interface if route is not None else None
    data = {
        "address": hop,
        "interface": interface,
        "link_address": None if known is None else known.link_address,
        "state": None if known is None else known.state,
    }
    if route is not None and route.type == "local":
        return Finding(status="ok", detail=f"{hop} is this host itself", data=data)
    if not facts.needs_link_address:
        return Finding(status="ok", detail=f"{interface} needs no link addresses", data=data)
    if known is not None and known.state in LINKED and known.link_address is not None:
        sure = "" if known.state in SURE or facts.heard else ", not confirmed lately"
        return Finding(
            status="ok",
            detail=f"{hop} has the link address {known.link_address} on {interface}{sure}",
            data=data,
        )
    if facts.heard:
        return Finding(status="ok", detail=f"{hop} answers on {interface}", data=data)
    way = resolution(hop.version)
    if known is None or known.state not in ("failed", "incomplete"):
        return Finding(status="skipped", detail=f"it is not known whether {hop} answers {way}", data=data)
    if route is not None and route.gateway is not None:
        what = f"the gateway {hop} does not answer {way} on {interface}"
        advice = "it is off, not on this link, or its address is wrong"
    else:
        what = f"{hop} does not answer {way} on {interface}"
        advice = "the host is off, not on this link, or the address is wrong"
    verdict = f"{what}: {advice}; check it, and the link of {interface}"
    return failed(what, verdict, data=data, culprit=hop, ends=what)
