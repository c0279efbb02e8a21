"""How a simulated internet is written down, and what is said of what cannot be; and the demo.

Values and TOML; what nodes and links do is tested beside this.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest

from anyicmp.testing import Internet, ScenarioError, Topology
from anyicmp.testing.internet.link import Faults
from anyicmp.testing.internet.nodes import (
    Echo,
    Forgery,
    Host,
    Nat,
    RateLimit,
    Redirection,
    Rejection,
    Router,
)
from anyicmp.testing.internet.values import Draw, duration, occurrence
from anyicmp.wire import (
    EchoReply,
    decode_packet,
)
from testing.probes import MS, SECOND, echo


@pytest.mark.parametrize(
    ("written", "happens"),
    [
        ("2nd, 5th", [2, 5]),
        ([2, 5], [2, 5]),
        ("1 in 4", [4, 8]),
        ("3 in 4", [2, 3, 4, 6, 7, 8]),
        ("3rd to 6th", [3, 4, 5, 6]),
        ("7th on", [7, 8, 9]),
        ("1, 8 on", [1, 8, 9]),
        ("all", list(range(1, 10))),
        (True, list(range(1, 10))),
        ("100 %", list(range(1, 10))),
        ("none", []),
        (False, []),
        (0.0, []),
    ],
)
def test_which_packets(written: Any, happens: list[int]) -> None:
    draw = Draw(occurrence(written), Random(0))
    assert [number for number in range(1, 10) if draw()] == happens


@pytest.mark.parametrize("written", ["sometimes", "0th", "5 in 4", "101 %", "-1 %", 1.5, [0], "2nd 5th", ""])
def test_which_packets_cannot_be_said_so(written: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        occurrence(written)


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [(0.005, 5 * MS), (2, 2 * SECOND), ("5 ms", 5 * MS), ("1.5 s", 1500 * MS), ("20us", 20_000)],
)
def test_times(written: Any, nanoseconds: int) -> None:
    assert duration(written) == duration(duration(written)) == nanoseconds


@pytest.mark.parametrize("written", ["soon", "5", -1, True, "5 h"])
def test_times_that_are_none(written: Any) -> None:
    with pytest.raises(ValueError, match="a time is"):
        duration(written)


def test_the_faults_of_a_link_hold_one_way_and_its_delay_both() -> None:
    topology = (
        Topology().host("target", "10.0.0.1").link("client", "target", delay="3 ms", loss="all", mtu=900)
    )
    (link,) = topology.links
    assert link.back == Faults(delay="3 ms", mtu=900)


GOOD = """
[router.r]
address = "10.1.0.1"
[host.h]
address = "10.0.0.1"
[[link]]
path = ["client", "r", "h"]
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed = 3\n", "speed: unknown key; known here:"),
        (GOOD.replace("[router.r]", "[router.r]\nquota = 8"), "router.r.quota: unknown key"),
        (GOOD.replace("[router.r]", "[router.r]\nquote = 'most'"), "router.r.quote: "),
        (
            GOOD.replace("[router.r]", "[router.r]\nrate_limit = { rat = 3 }"),
            "router.r.rate_limit.rat: unknown",
        ),
        (
            GOOD.replace("[router.r]", "[router.r]\nreject = [{}, { code = 'no' }]"),
            "router.r.reject[2].code: no such",
        ),
        (
            GOOD.replace("[router.r]", "[router.r]\nweights = { x = 1 }"),
            "router.r.weights: 'x' is not linked",
        ),
        (
            GOOD.replace("[router.r]", "[router.r]\nroutes = { nowhere = 'h' }"),
            "router.r.routes: 'nowhere' is",
        ),
        (GOOD.replace("[host.h]", "[host.h]\necho = { lost = 'twice' }"), "host.h.echo.lost: which packets"),
        (GOOD.replace("[host.h]", "[host.h]\nudp = { 53 = 'maybe' }"), "host.h.udp: "),
        (GOOD.replace("10.0.0.1", "10.1.0.1"), "host.h.address: it is that of 'r' too"),
        (GOOD.replace("10.0.0.1", "10.0.0.300"), "host.h.address: "),
        (GOOD + "delay = 'long'\n", "link[1].delay: a time is"),
        (GOOD + "back = { los = 0.1 }\n", "link[1].back.los: unknown key"),
        (GOOD + "[[link]]\npath = ['r', 'h']\n", "link[2].path: 'r' and 'h' are linked already"),
        (GOOD + "[[link]]\npath = ['r', 'x']\n", "link[2].path: no node is named 'x'"),
        (GOOD + "[host.lost]\naddress = '10.0.0.2'\n", "host.lost: no link leads to it"),
        (GOOD + "[client]\nadress = '10.9.9.9'\n", "client.adress: unknown key"),
        ("seed = 'x'\n", "seed: of type int"),
        ("router = 1\n", "router: of type dict"),
        ("[router]\nr = 1\n", "router.r: a table is wanted"),
        ("[[\n", "no TOML: "),
    ],
)
def test_what_cannot_be_is_said_in_one_line(text: str, said: str, tmp_path: Any) -> None:
    with pytest.raises(ScenarioError) as caught:
        Internet.from_toml(text)
    assert str(caught.value).startswith(said)
    path = tmp_path / "odd.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        Internet.from_toml(path)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "scenarios.md"


@pytest.mark.parametrize("cls", [Echo, Faults, Forgery, Host, Nat, RateLimit, Redirection, Rejection, Router])
def test_the_reference_names_every_key(cls: type) -> None:
    prose = re.sub(r"```.*?```", "", REFERENCE.read_text("utf-8"), flags=re.DOTALL)
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", prose))))
    assert {field.name for field in attrs.fields(cls) if field.init} <= words


def test_the_examples_of_the_reference_are_one_internet() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", REFERENCE.read_text("utf-8"), re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", REFERENCE.read_text("utf-8"), re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    for internet in (Internet.from_toml(example), scope["network"].internet):
        answers = [internet.inject(echo(data=bytes((i,))), i) for i in range(10)]
        assert [len(found) for found in answers] == [1] * 9 + [0]
        assert internet.resolve("www.example") == (ip_address("10.0.0.1"),)
    assert internet.topology.nodes == Internet.from_toml(example).topology.nodes


def test_names_resolve_without_regard_to_case() -> None:
    internet = Internet.from_toml("demo")
    wanted = (ip_address("203.0.113.80"), ip_address("2001:db8:300::80"))
    assert internet.resolve("server.demo") == internet.resolve("WWW.Demo.") == wanted
    assert internet.resolve("nowhere.demo") == ()


def test_the_demo_keeps_what_it_promises() -> None:
    """At least six hops to server.demo, one with labels, one balanced over several."""
    internet = Internet.from_toml("demo")
    own = ip_address("192.0.2.10").packed
    hops: list[set[str]] = []
    labelled = []
    for ttl in range(1, 30):
        answers = [
            decode_packet(packet)
            for i in range(30)
            for _, packet in internet.inject(
                echo(to="203.0.113.80", own=own, ttl=ttl, data=bytes((i,))), (ttl * 100 + i) * SECOND
            )
        ]
        hops.append({str(answer.source) for answer in answers})
        labelled += [ttl for answer in answers if getattr(answer.message, "extensions", ()) and ttl == 6]
        if isinstance(answers[0].message, EchoReply):
            break
    assert len(hops) > 6
    assert labelled
    assert max(len(found) for found in hops) == 3
