"""What is said of a hop, in a list of hops as in a table of rounds: who answered, marks of errors, remarks.

Text without colour and without layout; those are the subcommands'.
"""

from __future__ import annotations

from collections.abc import Iterator

from anyicmp import ErrorReply, Hop, IPAddress, Reply
from anyicmp.cli.text import named

__all__ = ["mark", "remarks", "who"]

_TIME_EXCEEDED = {(4, 11, 0), (6, 3, 0)}  # in transit: what every hop but the last answers
_MARKS = {
    (4, 3, 0): "!N",
    (4, 3, 1): "!H",
    (4, 3, 2): "!P",
    (4, 3, 4): "!F",
    (4, 3, 5): "!S",
    (4, 3, 9): "!X",
    (4, 3, 10): "!X",
    (4, 3, 13): "!X",
    (4, 3, 14): "!V",
    (4, 3, 15): "!C",
    (6, 1, 0): "!N",
    (6, 1, 1): "!X",
    (6, 1, 2): "!S",
    (6, 1, 3): "!H",
    (6, 2, 0): "!F",
}
"""(IP version, ICMP type, code) to traceroute's mark (traceroute(8)); any other error is `!<type-code>`."""


def who(hop: Hop, address: IPAddress) -> str:
    """An address, its name and the autonomous system, where these were asked for."""
    names = dict(zip(hop.addresses, hop.names, strict=False))
    name, number = names.get(address), hop.asn if hop.addresses[:1] == (address,) else None
    return f"{named(name, address)}{'' if number is None else f' [AS{number}]'}"


def mark(outcome: Reply | ErrorReply, reasons: dict[str, str]) -> str:
    """traceroute's mark for an error, which is noted with its reason; "" where an answer needs none."""
    if isinstance(outcome, Reply):
        return ""
    what = (outcome.target.version, int(outcome.type), int(outcome.code))
    if what in _TIME_EXCEEDED:
        return ""
    found = _MARKS.get(what, f"!<{what[1]}-{what[2]}>")
    reasons[found] = outcome.reason
    return found


def remarks(hop: Hop) -> Iterator[str]:
    """What a hop tells besides, a line each."""
    for label in hop.mpls:
        yield f"MPLS label {label.label}, traffic class {label.traffic_class}, TTL {label.ttl}"
    for interface in hop.interfaces:
        yield interface.explain()
    if hop.rate_limited:
        yield "answers some probes only: hops behind it answer more"
