"""What follows from facts: the cases that no network in the tables shows."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp import (
    ErrorReply,
    Hop,
    Interface,
    Neighbor,
    NoReply,
    Outcome,
    PathMtu,
    Reply,
    Route,
    SendFailure,
    Statistics,
    Trace,
)
from anyicmp.api.facts import Attempt, Facts
from anyicmp.api.judgement import JUDGES, conclude, judge
from anyicmp.api.local_judgement import LINKED
from anyicmp.findings import STEPS, StepName
from anyicmp.wire import DestinationUnreachable, Message, ParameterProblem, TimeExceeded

pytestmark = pytest.mark.anybody

TARGET, GATEWAY, ROUTER = (ip_address(text) for text in ("198.51.100.7", "192.0.2.254", "203.0.113.1"))
ROUTE = Route(destination=ip_network("0.0.0.0/0"), gateway=GATEWAY, interface="eth0")
LINK = Interface(
    name="eth0", index=2, addresses=(ip_interface("192.0.2.1/24"),), mtu=1500, flags=("UP", "LOWER_UP")
)
NEIGHBOR = Neighbor(address=GATEWAY, link_address="02:00:00:00:00:01", interface="eth0", state="reachable")
FIELDS: dict[str, Any] = {"target": TARGET, "sequence": 0, "sent_at": 0.0}
REPLY = Reply(**FIELDS, source=TARGET, rtt=0.02, size=56)
SILENCE = NoReply(**FIELDS, timeout=1.0)


def error(message: Message, source: object = ROUTER, *, local: bool = False) -> ErrorReply:
    return ErrorReply(
        **FIELDS,
        source=source,  # type: ignore[arg-type]
        rtt=0.01,
        message=message,
        type=int(message.type),
        code=message.code,
        reason=message.explain(),
        local=local,
    )


def facts(**known: Any) -> Facts:
    """A host that answers, unless told otherwise."""
    well: dict[str, Any] = {
        "host": "host.example",
        "addresses": (TARGET,),
        "route": ROUTE,
        "interfaces": (LINK,),
        "neighbor": NEIGHBOR,
        "echo": (REPLY,) * 3,
        "asked": 3,
    }
    return Facts(**{**well, **known})


def verdict(known: Facts, *steps: StepName) -> str:
    findings = {name: judge(name, known) for name in steps or STEPS}
    return conclude(known, findings)[0]


def test_every_step_has_its_judge() -> None:
    assert tuple(JUDGES) == STEPS


@pytest.mark.parametrize(
    ("known", "status", "detail"),
    [
        ({"neighbor": attrs.evolve(NEIGHBOR, state="stale")}, "ok", ", not confirmed lately"),
        ({"neighbor": attrs.evolve(NEIGHBOR, state="stale"), "heard": True}, "ok", "01 on eth0"),
        ({"neighbor": None}, "skipped", "not known whether 192.0.2.254 answers ARP"),
        ({"neighbor": None, "heard": True}, "ok", "192.0.2.254 answers on eth0"),
        ({"neighbor": None, "needs_link_address": False}, "ok", "eth0 needs no link addresses"),
        (
            {"neighbor": None, "route": attrs.evolve(ROUTE, type="local", gateway=None)},
            "ok",
            "this host itself",
        ),
        ({"neighbor": None, "unread": {"neighbor": "only on Linux"}}, "skipped", "only on Linux"),
        (
            {"neighbor": attrs.evolve(NEIGHBOR, state="failed", link_address=None)},
            "failed",
            "the gateway 192.0.2.254 does not answer ARP on eth0",
        ),
    ],
)
def test_the_neighbour(known: dict[str, Any], status: str, detail: str) -> None:
    found = judge("neighbor", facts(**known))
    assert found.status == status
    assert found.detail.endswith(detail)


def test_an_unrelated_interface_that_is_down_is_not_blamed() -> None:
    down = attrs.evolve(LINK, name="wlan0", addresses=(ip_interface("10.0.0.1/8"),), flags=())
    assert "wlan0" not in judge("route", facts(route=None, interfaces=(LINK, down))).detail
    own = attrs.evolve(down, addresses=(ip_interface("198.51.100.1/24"),))
    assert judge("route", facts(route=None, interfaces=(LINK, own))).detail.endswith("wlan0 is down")
    alone = judge("route", facts(route=None, interfaces=(down,)))
    assert alone.detail.endswith("wlan0 is down")
    assert alone.verdict.startswith("the name resolves, but no route leads to 198.51.100.7:")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"echo": (REPLY, REPLY)}, "2 of 3 requests answered, the fastest in 20 ms"),
        ({"redirected": ROUTER}, "a redirect has put 203.0.113.1 in the gateway's place"),
        (
            {"echo": (error(DestinationUnreachable(code=1), TARGET, local=True),)},
            "this host got no answer from 192.0.2.254 on its link (ICMP 3/1)",
        ),
        (
            {"echo": (error(ParameterProblem(pointer=8)),)},
            "203.0.113.1 says that parameter problem: the packet's IP header cannot be processed at octet 8",
        ),
        (
            {"echo": (error(DestinationUnreachable(code=77)),)},
            "(ICMP 3/77)",
        ),
        (
            {"echo": (SendFailure(**FIELDS, errno=1, reason="not permitted"),), "asked": 1},
            "this host cannot send to 198.51.100.7: not permitted",
        ),
        (
            {
                "echo": (SILENCE,),
                "attempts": (
                    Attempt(
                        method="udp", port=33434, outcomes=(error(DestinationUnreachable(code=3), TARGET),)
                    ),
                    Attempt(method="tcp", port=443, outcomes=(SILENCE,)),
                ),
            },
            "UDP port 33434 answers, echo does not: echo is filtered",
        ),
        (
            {
                "echo": (SILENCE,),
                "attempts": (
                    Attempt(method="tcp", port=443, outcomes=(error(DestinationUnreachable(code=13)),)),
                ),
            },
            "203.0.113.1 says that communication is administratively prohibited (ICMP 3/13)",
        ),
    ],
)
def test_the_echo(known: dict[str, Any], words: str) -> None:
    assert words in verdict(facts(**known), "echo")


EPERM = SendFailure(**FIELDS, errno=1, reason="not permitted")


@pytest.mark.parametrize(
    ("echo", "udp", "tcp", "words"),
    [
        (SILENCE, EPERM, SILENCE, "this host cannot send to 198.51.100.7: not permitted; check its own"),
        (SILENCE, EPERM, REPLY, "TCP port 443 answers, echo does not: echo is filtered"),
        (EPERM, EPERM, REPLY, "TCP port 443 answers, echo does not: this host cannot send to 198.51.100.7:"),
        (EPERM, SILENCE, SILENCE, "this host cannot send to 198.51.100.7: not permitted; check its own"),
    ],
)
def test_the_own_firewall(echo: Outcome, udp: Outcome, tcp: Outcome, words: str) -> None:
    """Linux does not tell a datagram socket of ICMPv6, but one of UDP."""
    attempts = (
        Attempt(method="udp", port=33434, outcomes=(udp,)),
        Attempt(method="tcp", port=443, outcomes=(tcp,)),
    )
    assert verdict(facts(echo=(echo,) * 3, attempts=attempts), "echo").startswith(words)


def test_a_closed_port_is_an_answer_of_the_host_alone() -> None:
    """A router that says so in its stead forbids it."""
    closed = DestinationUnreachable(code=3)
    own = Attempt(method="udp", port=33434, outcomes=(error(closed, TARGET),))
    others = Attempt(method="udp", port=33434, outcomes=(error(closed),))
    assert (own.answered(TARGET), own.refusal(TARGET)) == (True, None)
    assert not others.answered(TARGET)
    assert others.refusal(TARGET) == error(closed)


def trace(*hops: Hop, reached: bool = False) -> Trace:
    return Trace(target=TARGET, hops=hops, reached=reached, method="icmp", flow=1)


def test_silence_and_an_answer_to_the_trace() -> None:
    """The host is there: what it loses is not a firewall's."""
    answered = trace(Hop(ttl=1, addresses=(TARGET,), statistics=Statistics(received=1)), reached=True)
    said = verdict(facts(echo=(SILENCE,) * 3, trace=answered))
    assert "most packets are lost" in said
    assert "firewall" not in said


def test_silence_and_no_trace() -> None:
    known = facts(echo=(SILENCE,) * 3, unread={"path": "no socket", "mtu": "no answer"})
    assert verdict(known) == "no answer to echo: a firewall, or the host is off"


def test_a_path_that_is_longer_than_it_was_traced() -> None:
    found = judge("path", facts(trace=trace(Hop(ttl=1), Hop(ttl=2))))
    assert (found.status, found.detail) == ("ok", "the host answers, but farther than 2 hops")


def test_nobody_on_an_own_link_answers() -> None:
    on_link = attrs.evolve(ROUTE, gateway=None)
    found = judge("path", facts(route=on_link, echo=(SILENCE,), trace=trace(Hop(ttl=1))))
    assert found.detail == "nobody on the way answers, not even 198.51.100.7"
    assert found.culprit == TARGET


def test_the_way_says_where_packets_circle() -> None:
    exceeded = error(TimeExceeded())
    hops = tuple(Hop(ttl=n, addresses=((GATEWAY, ROUTER)[n % 2],), outcomes=(exceeded,)) for n in range(1, 7))
    circle = attrs.evolve(trace(*hops), loop=(ROUTER, GATEWAY))
    known = facts(echo=(exceeded,), trace=circle)
    assert verdict(known).startswith("packets circle between 203.0.113.1 and 192.0.2.254:")


@pytest.mark.parametrize(
    ("mtu", "status", "detail"),
    [
        (None, "skipped", "it could not be told"),
        (PathMtu(target=TARGET, mtu=None, confirmed=False, black_hole=None), "skipped", "could not be told"),
        (
            PathMtu(target=TARGET, mtu=1400, confirmed=True, black_hole=True),
            "failed",
            "1400 bytes vanish on the way",
        ),
        (
            PathMtu(target=TARGET, mtu=1400, confirmed=True, black_hole=False, limited_by=ROUTER),
            "ok",
            "limited by 203.0.113.1, which says so",
        ),
    ],
)
def test_the_mtu(mtu: PathMtu | None, status: str, detail: str) -> None:
    found = judge("mtu", facts(mtu=mtu))
    assert found.status == status
    assert found.detail.endswith(detail)


def test_a_diagnosis_without_time_says_so() -> None:
    assert conclude(facts(), {}) == ("not finished: no time was left", None)
    assert verdict(facts(), "name", "route") == "not finished: no time was left"


ERRORS = [
    error(DestinationUnreachable(code=13)),
    error(DestinationUnreachable(code=1), TARGET, local=True),
    error(DestinationUnreachable(code=3), TARGET),
    error(TimeExceeded()),
]
OUTCOMES = st.sampled_from([REPLY, SILENCE, EPERM, *ERRORS])
HOPS = st.builds(
    Hop,
    ttl=st.just(1),
    addresses=st.sampled_from([(), (ROUTER,), (TARGET,)]),
    outcomes=st.lists(OUTCOMES, max_size=2).map(tuple),
)
ANY_FACTS = st.builds(
    facts,
    is_address=st.booleans(),
    name_error=st.sampled_from([None, "no such name"]),
    route=st.sampled_from(
        [
            None,
            ROUTE,
            attrs.evolve(ROUTE, gateway=None),
            attrs.evolve(ROUTE, type="blackhole", interface=None),
        ]
    ),
    interfaces=st.sampled_from([(), (LINK,), (attrs.evolve(LINK, flags=()),)]),
    neighbor=st.none()
    | st.sampled_from(sorted(LINKED | {"failed", "incomplete", "odd"})).map(
        lambda state: attrs.evolve(NEIGHBOR, state=state)
    ),
    heard=st.booleans(),
    echo=st.lists(OUTCOMES, max_size=3).map(tuple),
    attempts=st.lists(
        st.builds(
            Attempt,
            method=st.sampled_from(["udp", "tcp"]),
            port=st.just(80),
            outcomes=st.lists(OUTCOMES, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    trace=st.none()
    | st.builds(
        Trace,
        target=st.just(TARGET),
        hops=st.lists(HOPS, max_size=3).map(tuple),
        reached=st.booleans(),
        method=st.just("icmp"),
        flow=st.just(1),
        stopped_by=st.none() | OUTCOMES,
        loop=st.sampled_from([(), (ROUTER,), (ROUTER, GATEWAY)]),
    ),
    mtu=st.none()
    | st.builds(
        PathMtu,
        target=st.just(TARGET),
        mtu=st.sampled_from([None, 1400]),
        confirmed=st.booleans(),
        black_hole=st.sampled_from([None, False, True]),
        limited_by=st.sampled_from([None, ROUTER]),
    ),
    redirected=st.sampled_from([None, ROUTER]),
)


@given(ANY_FACTS)
def test_whatever_the_facts_there_is_a_verdict(known: Facts) -> None:
    """As the stream takes them: a step that ends the diagnosis is the last. The culprit is in the verdict."""
    findings = {}
    for name in STEPS:
        findings[name] = found = judge(name, known)
        assert found.detail
        assert found.status in ("ok", "failed", "skipped")
        if found.status == "failed":
            assert found.data.keys() >= {"address", "type", "code"}
            assert found.verdict or name == "echo"
        if found.ends:
            assert found.status == "failed"
            break
    said, culprit = conclude(known, findings)
    assert said
    assert culprit is None or str(culprit) in said
    if any(found.status == "failed" for found in findings.values()):
        assert "answers: " not in said
