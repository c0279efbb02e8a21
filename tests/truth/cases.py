"""The adversarial cases and what is right for each: one table.

A case is a host of a simulated internet that misbehaves, and what a ping of two probes must say of it through
each kind of socket. Nothing runs here.

What is right is a line of text: the outcome of both probes (who answered, if not the target; type, code
and MTU of an error; octets of echo data, if not 56), then the counts of `prober.statistics` that are not 0.
A word in brackets names the fact of `docs/explanation/answers.md` because of which the packet never reaches
this kind of socket: the cell does not apply, and what is left is that nothing comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ROUTER = ("10.1.0.1", "2001:db8:1::1")
FORGER = ("10.66.6.6", "2001:db8:66::6")
ELSEWHERE = {4: "10.99.9.9", 6: "2001:db8:99::9"}
GATEWAY = ("10.1.0.9", "fe80::9")
MTU = 1400

SOCKETS = ("raw", "datagram")
VERSIONS = (4, 6)
COLUMNS = [(socket, version) for version in VERSIONS for socket in SOCKETS]


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        name: what happens.
        right: what must come of it.
        host: how the host misbehaves, keywords of `[host.NAME]`, or a function from the version to them.
        options: of the ping.
        versions: the IP versions that have such a thing.
        redirect: the router on the way sends a redirect.
        but: what is right elsewhere: by version, or by `raw4`, `datagram4`, `raw6`, `datagram6`.
    """

    name: str
    right: str
    host: Any = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    versions: tuple[int, ...] = VERSIONS
    redirect: bool = False
    but: dict[Any, str] = field(default_factory=dict)

    def wanted(self, socket: str, version: int) -> str | None:
        """The right text of a cell with its fact, None where the IP version has no such thing."""
        if version not in self.versions:
            return None
        return self.but.get(f"{socket}{version}", self.but.get(version, self.right))

    def keywords(self, version: int) -> dict[str, Any]:
        """The host of one IP version."""
        found: dict[str, Any] = self.host(version) if callable(self.host) else self.host
        return found


def echo(**how: Any) -> dict[str, Any]:
    """A host that answers like this."""
    return {"echo": how}


def told(kind: int, code: int, rest: int = 0, **how: Any) -> dict[str, Any]:
    """A host that never answers; the router reports an error instead."""
    forged = {"source": ROUTER, "kind": "error", "type": kind, "code": code, "rest": rest, **how}
    return {"echo": False, "forged": [forged]}


def beside(**forgery: Any) -> dict[str, Any]:
    """A host that answers after 20 ms, and somebody else who is quicker."""
    return {"echo": {"delay": "20 ms"}, "forged": [{"source": FORGER, **forgery}]}


def elsewhere(version: int) -> dict[str, Any]:
    """An error about a probe like ours to another destination."""
    return beside(kind="unreachable", quoted_destination=ELSEWHERE[version])


def in_its_name(number: int) -> Any:
    """Somebody sends replies with the target's source address and a token that is none."""
    return lambda version: {
        "echo": {"delay": "20 ms"},
        "forged": [{"source": [address(number, version)], "knows": "header"}],
    }


def address(number: int, version: int) -> str:
    """The address of the host of a case."""
    return f"10.2.{number}.1" if version == 4 else f"2001:db8:2:{number:x}::1"


UNREACHABLE = {4: 3, 6: 1}
DF = {"dont_fragment": True}
SHORT = {"size": 8}
GIVEN = {"payload": b"given by the caller, and longer than a token"}

REPLIES = [
    Case("as it should be", "reply"),
    Case("from another source", "timeout, foreign 2", echo(source=FORGER)),
    Case(
        "ICMP checksum wrong", "timeout [checksum]", echo(checksum=True), but={"raw4": "timeout, malformed 2"}
    ),
    Case("last octet of the data altered", "reply", echo(alter=True)),
    Case("token altered", "timeout, foreign 2", lambda v: in_its_name(4)(v) | {"echo": False}),
    Case("data cut behind the token", "reply size 30", echo(truncate=30)),
    Case("data cut inside of the token", "timeout, foreign 2", echo(truncate=12)),
    Case("data cut to nothing", "timeout, foreign 2", echo(truncate=0)),
    Case("three copies", "reply, duplicates 4", echo(copies=3)),
    Case("1.5 s late", "timeout, late 2", echo(late=True, late_by="1.5 s")),
    Case("wrong sequence", "timeout, foreign 2", echo(sequence=1)),
    Case("wrong identifier", "timeout [identifier]", echo(identifier=20_000)),
    Case(
        "options in the IP header, or a header between",
        "reply",
        lambda version: echo(options="01010100") if version == 4 else echo(destination_options=True),
    ),
    Case("8 octets of data", "reply size 8", options=SHORT),
    Case("8 octets of data, one altered", "timeout, foreign 2", echo(alter=True), SHORT),
    Case("8 octets of data, cut to 4", "timeout, foreign 2", echo(truncate=4), SHORT),
    Case("data given by the caller", "reply size 44", options=GIVEN),
    Case("data given by the caller, one octet altered", "timeout, foreign 2", echo(alter=True), GIVEN),
    Case("data given by the caller, cut", "timeout, foreign 2", echo(truncate=30), GIVEN),
    Case("forged by a third host, then the reply", "reply, foreign 2", beside(kind="reply")),
    Case("forged in the target's name, then the reply", "reply, foreign 2", in_its_name(20)),
]

ERRORS = [
    Case("about another's probe, then the reply", "reply [identifier]", beside(kind="foreign")),
    Case("about a probe to elsewhere, then the reply", "reply, foreign 2", elsewhere),
    Case("its token altered, then the reply", "reply, foreign 2", beside(kind="unreachable", knows="header")),
    Case(
        "from a third host that saw the probe",
        "error 3/1 from forger, duplicates 2",
        beside(kind="unreachable"),
        but={6: "error 1/1 from forger, duplicates 2"},
    ),
    Case(
        "quotes a header with options",
        "error 3/1 from router",
        lambda version: told(UNREACHABLE[version], 1, quoted_options=True),
        but={6: "error 1/1 from router"},
    ),
    Case(
        "quotes 8 octets",
        "error 3/1 from router",
        lambda version: told(UNREACHABLE[version], 1, quote=8),
        but={6: "error 1/1 from router"},
    ),
    Case("redirect, then the reply", "reply", redirect=True, but={6: "reply [redirect]"}),
    Case(
        "source quench, then the reply",
        "reply",
        beside(kind="error", type=4, code=0),
        versions=(4,),
        but={"raw4": "reply [type]"},
    ),
    Case(
        "3/4 about a probe that may be fragmented",
        f"error 3/4 mtu {MTU} from router",
        told(3, 4, MTU),
        versions=(4,),
        but={"datagram4": "timeout [fragmentation]"},
    ),
]


def codes() -> list[Case]:
    """Each code of each error, IPv4 first."""
    kinds = {4: {3: range(16), 11: range(2), 12: range(1)}, 6: {1: range(8), 2: range(1), 3: range(2)}}
    kinds[6][4] = range(3)
    return [
        Case(
            f"{kind}/{code}",
            f"error {kind}/{code}{f' mtu {MTU}' if rest else ''} from router",
            told(kind, code, rest),
            options=DF if rest else {},
            versions=(version,),
            but={"datagram4": "timeout [reassembly]"} if (version, kind, code) == (4, 11, 1) else {},
        )
        for version, of in kinds.items()
        for kind, numbers in of.items()
        for code in numbers
        for rest in [MTU if (version, kind, code) in ((4, 3, 4), (6, 2, 0)) else 0]
    ]


CASES = [*REPLIES, *ERRORS, *codes()]
GROUPS = {"Replies": REPLIES, "Errors": ERRORS, "Each code": CASES[len(REPLIES) + len(ERRORS) :]}
