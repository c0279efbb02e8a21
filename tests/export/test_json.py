"""What other programs read of a result: names, types, and that nothing is lost or added."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any

import attrs
import pytest

import anyicmp
from anyicmp import ErrorReply, Hop, NoReply, PingResult, Reply, SendFailure, Statistics, Trace
from anyicmp.export import to_dict, to_json
from anyicmp.wire import (
    EchoReply,
    MplsLabel,
    MplsStack,
    QuotedDatagram,
    RawObject,
    TimeExceeded,
    Unknown,
)

TARGET = IPv4Address("192.0.2.1")
ROUTER = IPv4Address("198.51.100.7")
REPLY = Reply(
    target=TARGET, sequence=0, sent_at=1.7e9, source=TARGET, rtt=0.0125, ttl=57, size=56, clock="kernel"
)
EXCEEDED = TimeExceeded(
    quoted=QuotedDatagram(source=ROUTER, destination=TARGET, protocol=1, ttl=1, data=b"\x08\0\xff\x01"),
    extensions=(
        MplsStack(labels=(MplsLabel(16, 0, True, 1),)),
        RawObject(class_number=99, sub_type=3, payload=b"\xde\xad\xbe\xef"),
    ),
)
ERROR = ErrorReply(
    host="far.example",
    target=TARGET,
    sequence=1,
    sent_at=1.7e9,
    source=ROUTER,
    rtt=0.002,
    message=EXCEEDED,
    type=EXCEEDED.type,
    code=0,
    reason=EXCEEDED.explain(),
)
SILENCE = NoReply(target=TARGET, sequence=2, sent_at=1.7e9, timeout=1.0)
FAILURE = SendFailure(host="no.example", target=None, sequence=3, sent_at=1.7e9, errno=None, reason="unknown")
PING = PingResult(target=TARGET, outcomes=(REPLY, ERROR, SILENCE, FAILURE), statistics=Statistics(sent=3))
TRACE = Trace(
    target=TARGET,
    hops=(Hop(ttl=1, outcomes=(ERROR,), addresses=(ROUTER,), mpls=(MplsLabel(16, 0, True, 1),)),),
    reached=False,
    method="icmp",
    flow=7,
    stopped_by=REPLY,
)
EVERYTHING = (REPLY, ERROR, SILENCE, FAILURE, PING, TRACE, EXCEEDED, Statistics())
JSON_TYPES = {dict, list, str, int, float, bool, type(None)}


def test_a_reply_is_written_with_its_attribute_names() -> None:
    assert to_dict(REPLY) == {
        "kind": "reply",
        "host": None,
        "target": "192.0.2.1",
        "sequence": 0,
        "sent_at": 1.7e9,
        "source": "192.0.2.1",
        "rtt": 0.0125,
        "ttl": 57,
        "size": 56,
        "duplicates": 0,
        "clock": "kernel",
    }


def test_the_kind_is_always_there_and_first() -> None:
    """It is a class constant and no field, and the one key that tells the four kinds of line apart."""
    for outcome in (REPLY, ERROR, SILENCE, FAILURE):
        assert next(iter(to_dict(outcome).items())) == ("kind", outcome.kind)


def test_the_decoded_message_is_written_whole() -> None:
    message = to_dict(ERROR)["message"]
    assert (message["type"], message["code"], message["version"]) == (11, 0, 4)
    assert message["quoted"]["source"] == "198.51.100.7"
    assert message["quoted"]["data"] == "0800ff01"
    assert message["extensions"] == [
        {
            "class_number": 1,
            "sub_type": 1,
            "labels": [{"label": 16, "traffic_class": 0, "bottom": True, "ttl": 1}],
        },
        {"class_number": 99, "sub_type": 3, "payload": "deadbeef"},
    ]


@pytest.mark.parametrize("result", EVERYTHING, ids=lambda result: type(result).__name__)
def test_every_field_is_there_under_its_name(result: Any) -> None:
    written = to_dict(result)
    assert {field.name for field in attrs.fields(type(result))} <= written.keys()
    assert all(hasattr(result, name) for name in written)


@pytest.mark.parametrize("result", EVERYTHING, ids=lambda result: type(result).__name__)
def test_json_is_the_dict_and_nothing_but_plain_types_is_in_it(result: Any) -> None:
    def check(value: Any) -> None:
        assert type(value) in JSON_TYPES, value  # an enum member would compare equal to its number
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    written = to_dict(result)
    check(written)
    line = to_json(result)
    assert json.loads(line) == written
    assert "\n" not in line


def test_a_line_has_no_blanks_between_its_parts() -> None:
    """Scripts look for '"kind":"reply"' with grep."""
    assert to_json(REPLY).startswith('{"kind":"reply","host":null,')


def test_a_ping_says_whether_the_host_is_alive() -> None:
    assert to_dict(PING)["is_alive"] is True
    assert to_dict(attrs.evolve(PING, outcomes=(SILENCE,)))["is_alive"] is False


def test_a_link_local_address_keeps_its_scope() -> None:
    near = IPv6Address("fe80::1%eth0")
    assert to_dict(attrs.evolve(REPLY, target=near, source=near))["source"] == "fe80::1%eth0"


def test_messages_of_any_type_are_written() -> None:
    assert to_dict(EchoReply(identifier=1, sequence=2, data=b"\0\xff"))["data"] == "00ff"
    unknown = to_dict(Unknown(type=250, body=b"abc"))
    assert (unknown["type"], unknown["body"]) == (250, "616263")


def test_what_later_results_hold_has_a_form_too() -> None:
    @attrs.frozen
    class Later:
        network: IPv6Network
        names: frozenset[str]
        by_address: dict[IPv4Address, bytes]

    later = Later(IPv6Network("2001:db8::/32"), frozenset({"a"}), {TARGET: b"\x01"})
    assert to_dict(later) == {
        "network": "2001:db8::/32",
        "names": ["a"],
        "by_address": {"192.0.2.1": "01"},
    }


@pytest.mark.parametrize("other", [None, 7, "reply", {"kind": "reply"}, [REPLY], Reply])
def test_what_is_no_result_is_refused(other: object) -> None:
    with pytest.raises(TypeError, match="a result of anyicmp is wanted"):
        to_dict(other)


def test_a_value_without_a_form_is_refused() -> None:
    @attrs.frozen
    class Odd:
        value: object

    with pytest.raises(TypeError, match="object has no JSON form"):
        to_dict(Odd(object()))


def test_the_capabilities_of_this_host_are_written() -> None:
    capabilities = anyicmp.Capabilities(
        families=(4,),
        privileged=False,
        methods=("echo",),
        listen=False,
        clock="kernel",
        missing={"raw": "root"},
    )
    assert to_dict(capabilities)["missing"] == {"raw": "root"}
