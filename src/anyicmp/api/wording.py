"""Words for what a diagnosis finds: what routers say, in a clause, and what to do about it.

Text only, keyed by IP version, type and code. Whether it is said is decided in `judgement.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from anyicmp.results import ErrorReply, IPAddress
from anyicmp.wire import Message

__all__ = ["and_list", "icmp", "milliseconds", "remedy", "resolution", "says"]

_NO_ROUTE = "its routing table has no way there: ask whoever runs it, or check the address"
_FILTER = "a filter, most often a firewall, forbids it: ask whoever runs it for a rule that lets this through"
_NOBODY = (
    "the host is off, or not on the link behind that router, or the address is wrong: check the host itself"
)
_POLICY = "it does not take packets from this host's address there: check which uplink and source are used"
_LOOP = "packets circle, or the way is longer than their hop limit: trace the way"

_UNREACHABLE: dict[int, dict[int, tuple[str, str]]] = {
    4: {
        0: ("the network is unreachable", _NO_ROUTE),
        1: ("the host is unreachable", _NOBODY),
        2: ("the host does not speak this protocol", "the host is there: try a service that it offers"),
        3: ("the port is unreachable", "the host is there, or a firewall answers for it: try another port"),
        4: ("the packet is too large for its next link", "send smaller packets"),
        5: ("the source route failed", "send without a source route"),
        6: ("the network is unknown", _NO_ROUTE),
        7: ("the host is unknown", _NOBODY),
        8: ("the source is isolated", _NO_ROUTE),
        9: ("communication with that network is administratively prohibited", _FILTER),
        10: ("communication with that host is administratively prohibited", _FILTER),
        11: ("the network is unreachable for this type of service", "try without a DSCP"),
        12: ("the host is unreachable for this type of service", "try without a DSCP"),
        13: ("communication is administratively prohibited", _FILTER),
        14: ("the precedence is not permitted", "try without a DSCP"),
        15: ("the precedence is too low", "try with another DSCP"),
    },
    6: {
        0: ("it has no route to the destination", _NO_ROUTE),
        1: ("communication is administratively prohibited", _FILTER),
        2: ("the destination is beyond the scope of the source address", "send from a global address"),
        3: ("the address is unreachable", _NOBODY),
        4: ("the port is unreachable", "the host is there, or a firewall answers for it: try another port"),
        5: ("the source address fails its ingress or egress policy", _POLICY),
        6: ("its route to the destination rejects packets", _FILTER),
    },
}
_TABLE = {(4, 3): _UNREACHABLE[4], (6, 1): _UNREACHABLE[6]}
_EXCEEDED = {(4, 11), (6, 3)}


def icmp(message: Message) -> str:
    """`ICMP 3/13`, `ICMPv6 1/1`: type and code."""
    return f"{'ICMP' if message.version == 4 else 'ICMPv6'} {int(message.type)}/{message.code}"


def _found(message: Message) -> tuple[str, str]:
    kind = message.version, int(message.type)
    if kind in _EXCEEDED and message.code == 0:
        return "the hop limit is used up", _LOOP
    known = _TABLE.get(kind, {}).get(message.code)
    if known is not None:
        return known
    sentence = message.explain().rstrip(".")
    return f"{sentence[:1].lower()}{sentence[1:]}", "ask whoever runs it"


def says(error: ErrorReply) -> str:
    """`192.0.2.4 says that communication is administratively prohibited (ICMP 3/13)`."""
    return f"{error.source} says that {_found(error.message)[0]} ({icmp(error.message)})"


def remedy(error: ErrorReply) -> str:
    """What it means, and the next thing to do."""
    return _found(error.message)[1]


def resolution(version: int) -> str:
    """How link addresses are found."""
    return "ARP" if version == 4 else "neighbour discovery (NDP)"


def milliseconds(seconds: float) -> str:
    """`0.041 ms`, `12.3 ms`."""
    return f"{seconds * 1e3:.3g} ms"


def and_list(words: Sequence[str | IPAddress]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    texts = [str(word) for word in words]
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))
