"""Which entry refused a packet, by rules and routes: what the kernel answers with an error number alone."""

from __future__ import annotations

from errno import EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH
from ipaddress import ip_address, ip_network

import pytest

from anyicmp import Route
from anyicmp.host.policy import Rule, refusing_route

LOOKUP, BLACKHOLE, UNREACHABLE, PROHIBIT = 1, 6, 7, 8
RULES = (
    Rule(priority=0, action=LOOKUP, table=255),
    Rule(priority=32766, action=LOOKUP, table=254),
    Rule(priority=32767, action=LOOKUP, table=253),
)


def entry(destination: str, kind: str, *, table: int = 254, metric: int = 0) -> Route:
    return Route(destination=ip_network(destination), flags="!", type=kind, table=table, metric=metric)


def refused(
    errno: int, routes: list[Route], *rules: Rule, source: str | None = None, mark: int = 0
) -> Route | None:
    return refusing_route(
        errno,
        [*RULES, *rules],
        routes,
        address=ip_address("10.1.2.3"),
        source=None if source is None else ip_address(source),
        mark=mark,
    )


@pytest.mark.parametrize(
    ("errno", "kind"), [(EHOSTUNREACH, "unreachable"), (EACCES, "prohibit"), (EINVAL, "blackhole")]
)
def test_the_entry_with_the_longest_prefix(errno: int, kind: str) -> None:
    short, long = entry("10.0.0.0/8", kind), entry("10.1.2.0/24", kind)
    assert refused(errno, [short, long, entry("10.1.3.0/24", kind)]) == long
    assert refused(errno, [short]) == short


def test_of_equal_prefixes_the_lowest_metric() -> None:
    first = entry("10.1.0.0/16", "prohibit", metric=1)
    assert refused(EACCES, [entry("10.1.0.0/16", "prohibit", metric=9), first]) == first


def test_a_rule_comes_before_a_longer_prefix() -> None:
    """Only the table that the rules lead to first is meant."""
    meant, other = entry("0.0.0.0/0", "prohibit", table=100), entry("10.1.2.0/24", "prohibit")
    leads = Rule(priority=5, action=LOOKUP, table=100, destination=ip_network("10.1.0.0/16"))
    elsewhere = Rule(priority=5, action=LOOKUP, table=100, destination=ip_network("10.2.0.0/16"))
    assert refused(EACCES, [meant, other], leads) == meant
    assert refused(EACCES, [meant, other], elsewhere) == other


def test_a_rule_for_a_mark_or_a_source() -> None:
    meant, other = entry("0.0.0.0/0", "blackhole", table=100), entry("10.0.0.0/8", "blackhole")
    marked = Rule(priority=5, action=LOOKUP, table=100, mark=0x10, mask=0xF0)
    assert refused(EINVAL, [meant, other], marked, mark=0x1F) == meant
    assert refused(EINVAL, [meant, other], marked, mark=0x2F) == other
    sent = Rule(priority=5, action=LOOKUP, table=100, source=ip_network("192.0.2.0/24"))
    assert refused(EINVAL, [meant, other], sent, source="192.0.2.7") == meant
    assert refused(EINVAL, [meant, other], sent) == other
    inverted = Rule(priority=5, action=LOOKUP, table=100, mark=0x10, mask=0xF0, inverted=True)
    assert refused(EINVAL, [meant, other], inverted, mark=0x2F) == meant


def test_a_throw_leads_on_to_the_next_rule() -> None:
    thrown, meant = entry("10.1.0.0/16", "throw", table=100), entry("10.0.0.0/8", "unreachable")
    other = entry("10.1.2.0/24", "unreachable", table=200)
    first = Rule(priority=5, action=LOOKUP, table=100)
    assert refused(EHOSTUNREACH, [thrown, meant, other], first) == meant


def test_a_prefix_too_short_for_its_rule_leads_on() -> None:
    """`suppress_prefixlength 0`, as tunnels set it: the default route of main does not count."""
    short, meant = entry("0.0.0.0/0", "unicast"), entry("0.0.0.0/0", "prohibit", table=100)
    other = entry("10.1.2.0/24", "prohibit", table=200)
    rules = [
        Rule(priority=5, action=LOOKUP, table=254, beyond=0),
        Rule(priority=6, action=LOOKUP, table=100),
    ]
    assert refused(EACCES, [short, meant, other], *rules) == meant


def test_a_rule_itself_refuses() -> None:
    rule = Rule(priority=5, action=PROHIBIT, table=0, destination=ip_network("10.1.0.0/16"))
    found = refused(EACCES, [], rule)
    assert found == Route(destination=ip_network("10.1.0.0/16"), flags="!", table=0, type="prohibit")
    everything = refused(EINVAL, [], Rule(priority=5, action=BLACKHOLE, table=0))
    assert everything == Route(destination=ip_network("0.0.0.0/0"), flags="!", table=0, type="blackhole")


def test_no_entry_fits() -> None:
    """The kernel says the same of a rule "unreachable" as of no route at all."""
    assert refused(ENETUNREACH, []) is None
    found = refused(ENETUNREACH, [], Rule(priority=40000, action=UNREACHABLE, table=0))
    assert found is not None
    assert (found.type, found.table) == ("unreachable", 0)


def test_what_these_rules_cannot_explain_is_explained_by_type() -> None:
    """A rule for one user or protocol: the kernel knew what is not known here."""
    unknown = Rule(priority=5, action=LOOKUP, table=100, local=False)
    meant = entry("0.0.0.0/0", "prohibit", table=100)
    assert refused(EACCES, [meant, entry("10.0.0.0/8", "unicast")], unknown) == meant
    assert refused(EACCES, [entry("10.0.0.0/8", "unicast")], unknown) is None
