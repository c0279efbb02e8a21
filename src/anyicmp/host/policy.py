"""The policy rules, and which entry refused a packet: the one thing that the kernel does not tell when asked.

To a packet that may not leave it answers with an error number alone. Pure: rules in octets, and rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from errno import EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH
from ipaddress import ip_network
from struct import Struct

import attrs

from anyicmp.host.netlink import Inquiry, attributes
from anyicmp.host.rtnetlink import FAMILIES, WIDTHS, number
from anyicmp.results import IPAddress
from anyicmp.tables import IPNetwork, Route

__all__ = ["REFUSALS", "Rule", "ask_rules", "refusing_route", "rule"]

RTM_NEWRULE, RTM_GETRULE = 32, 34
RULE = Struct("=BBBBBBBBI")  # family, prefix lengths to and from, tos, table, -, -, action, flags
FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_PRIORITY, FRA_FWMARK, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_FWMASK = (
    1, 2, 3, 6, 10, 14, 15, 16,
)  # fmt: skip
OTHERS = frozenset({12, 17, 19, 20, 22, 23, 24})
"""Tunnel, output interface, l3mdev, user, protocol and ports: nobody knows whether such a rule is meant."""
FIB_RULE_INVERT = 2
TO_TABLE = 1
ACTIONS = {6: "blackhole", 7: "unreachable", 8: "prohibit"}
NO_LIMIT = 0xFFFFFFFF

REFUSALS = {EHOSTUNREACH: "unreachable", EACCES: "prohibit", EINVAL: "blackhole", ENETUNREACH: "unreachable"}
"""What the kernel says of an entry that refuses. ENETUNREACH: no entry fits, or a rule says "unreachable"."""


@attrs.frozen(kw_only=True)
class Rule:
    """One policy rule (ip-rule(8)).

    Attributes:
        priority: rules apply in the order of these.
        action: number of FR_ACT_*.
        table: that it looks up in.
        destination, source: networks that it is for, None: all.
        mark, mask: of the packets that it is for.
        local: whether it is for what this host itself sends, and for whatever protocol.
        inverted: it is for all others.
        beyond: entries with a prefix this short do not count, -1: all count.
    """

    priority: int
    action: int
    table: int
    destination: IPNetwork | None = None
    source: IPNetwork | None = None
    mark: int = 0
    mask: int = 0
    local: bool = True
    inverted: bool = False
    beyond: int = -1

    def applies(self, address: IPAddress, source: IPAddress | None, mark: int) -> bool:
        """Whether it is for a packet that this host sends."""
        fits = (
            self.local
            and (self.destination is None or address in self.destination)
            and (self.source is None or (source is not None and source in self.source))
            and (self.mark ^ mark) & self.mask == 0
        )
        return fits is not self.inverted


def ask_rules(family: int) -> Inquiry:
    """All rules of an IP version."""
    return Inquiry(RTM_GETRULE, RULE.pack(FAMILIES[family], 0, 0, 0, 0, 0, 0, 0, 0), dump=True)


def rule(kind: int, octets: bytes, at: int, end: int) -> Rule | None:
    """The rule of one message; None for what is none."""
    if kind != RTM_NEWRULE or end - at < RULE.size:
        return None
    family, to, come, _, table, _, _, action, flags = RULE.unpack_from(octets, at)
    found = attributes(octets, at + RULE.size, end)
    width = WIDTHS.get(family)
    if width is None or max(to, come) > width * 8:
        return None
    beyond = number(found.get(FRA_SUPPRESS_PREFIXLEN), NO_LIMIT)
    mark = number(found.get(FRA_FWMARK), 0)
    return Rule(
        priority=number(found.get(FRA_PRIORITY), 0),
        action=action,
        table=number(found.get(FRA_TABLE), table),
        destination=_network(found.get(FRA_DST), to, width),
        source=_network(found.get(FRA_SRC), come, width),
        mark=mark,
        mask=number(found.get(FRA_FWMASK), 0xFFFFFFFF if mark else 0),
        local=found.get(FRA_IIFNAME, b"lo\0") == b"lo\0" and not OTHERS.intersection(found),
        inverted=bool(flags & FIB_RULE_INVERT),
        beyond=-1 if beyond == NO_LIMIT else beyond,
    )


def _network(octets: bytes | None, length: int, width: int) -> IPNetwork | None:
    if octets is None or len(octets) != width:
        return None
    return ip_network((octets, length), strict=False)


def refusing_route(
    errno: int,
    rules: Iterable[Rule],
    routes: Sequence[Route],
    *,
    address: IPAddress,
    source: IPAddress | None,
    mark: int,
) -> Route | None:
    """The entry, or the rule as a route of table 0, that made the kernel answer with `errno`.

    Rules are followed as the kernel follows them. Where that leads to another answer than the kernel's (a
    rule that depends on more than this knows), the entry of that type with the longest prefix is taken.
    None where there is none.
    """
    wanted = REFUSALS[errno]
    fitting = [route for route in routes if address in route.destination]
    for one in sorted(rules, key=lambda one: one.priority):
        if not one.applies(address, source, mark):
            continue
        if one.action == TO_TABLE:
            best = _best(route for route in fitting if route.table == one.table)
            if best is None or best.type == "throw" or best.destination.prefixlen <= one.beyond:
                continue
            if best.type == wanted and errno != ENETUNREACH:
                return best
            break
        if one.action in ACTIONS:
            return _refusal(one, address) if ACTIONS[one.action] == wanted else None
    return None if errno == ENETUNREACH else _best(route for route in fitting if route.type == wanted)


def _best(routes: Iterable[Route]) -> Route | None:
    """The one that counts: the longest prefix, then the lowest metric."""
    return max(routes, key=lambda route: (route.destination.prefixlen, -route.metric), default=None)


def _refusal(one: Rule, address: IPAddress) -> Route:
    everything = ip_network("0.0.0.0/0" if address.version == 4 else "::/0")
    destination = one.destination or everything
    single = destination.prefixlen == destination.max_prefixlen
    return Route(destination=destination, flags="!H" if single else "!", table=0, type=ACTIONS[one.action])
