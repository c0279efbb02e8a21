"""Pictures: well-formed, deterministic, escaped, small, and true to what they show."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp import MplsLabel, Outcome, PathEdge, PathNode, PingResult, SendFailure, StateChange, Statistics
from anyicmp.plot import svg
from anyicmp.plot.curve import hilbert
from anyicmp.plot.picture import draw
from anyicmp.plot.series import SweepColumns, histogram, smoke
from anyicmp.plot.sweep_map import _networks
from plot.drawn import HOSTILE, demo, noise, pixels, reply, silence

CHANGES = [
    StateChange(key=HOSTILE, target=None, state="up", previous="unknown", reason="it answers", at=1e9),
    StateChange(key="db", target=None, state="down", previous="up", reason="silence", at=1e9 + 60),
]
DRAWN = [
    (demo().ping, None),
    (demo().ping, "distribution"),
    (demo().sweep, None),
    (demo().sweep, "distribution"),
    (demo().trace, None),
    (demo().paths, None),
    (CHANGES, None),
    (CHANGES, "states"),
    (CHANGES[0], None),
    ([demo().ping] * 2, None),
    (list(demo().sweep), None),
    (list(demo().sweep.batches()), None),
]


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter() if element.tag.endswith("}text")]


@pytest.mark.parametrize(("result", "kind"), DRAWN)
def test_a_picture_is_well_formed_and_needs_nothing_else(result: object, kind: str | None) -> None:
    picture = svg(result, kind=kind)
    assert len(ET.fromstring(picture)) > 3
    assert picture == svg(result, kind=kind)
    for link in re.findall(r'(?:href|src)="([^"]*)"|url\(', picture):
        assert link.startswith("data:image/png;base64,")
    assert "prefers-color-scheme:dark" in picture
    assert "<script" not in picture


def test_names_are_text_and_never_markup() -> None:
    hop = attrs.evolve(demo().trace.hops[0], names=(HOSTILE,))
    for result in (
        attrs.evolve(demo().ping, host=HOSTILE),
        attrs.evolve(demo().trace, host=HOSTILE, hops=(hop,)),
        attrs.evolve(demo().paths, host=HOSTILE),
        CHANGES,
    ):
        picture = svg(result)
        ET.fromstring(picture)
        assert "<script" not in picture
        assert "\x00" not in picture
        assert "\x1b" not in picture
        assert "\u202e" not in picture


@pytest.mark.parametrize("first", ["10.1.0.0", "10.0.128.0"])
def test_a_slash_16_is_small_whatever_is_in_it(first: str) -> None:
    """The second one lies across a border of /16s: one map of a /15 with two addresses a pixel."""
    assert len(svg(noise(4, first))) < 60_000


@given(st.lists(st.integers(0, 2**13 - 1), min_size=1, max_size=60, unique=True), st.data())
def test_each_address_is_at_its_place_on_the_map(hosts: list[int], data: st.DataObject) -> None:
    base = int(IPv4Address("10.1.32.0"))
    # The ends of the network are there, so that it is drawn as one whatever else there is.
    hosts = sorted({0, 2**13 - 1, *hosts})
    rtts = [data.draw(st.sampled_from([None, 0.0002, 0.002, 0.02, 0.2])) for _ in hosts]
    sweep = [
        silence(IPv4Address(base + host)) if rtt is None else reply(IPv4Address(base + host), rtt)
        for host, rtt in zip(hosts, rtts, strict=True)
    ]
    (image,) = re.findall(r"base64,([^\"]*)", svg(sweep))
    width, found = pixels(image)
    assert (width, len(found)) == (64, 2**13)  # half of the square of 128
    wanted = dict(zip(hosts, rtts, strict=True))
    for host, (x, y) in enumerate(hilbert(7)[: 2**13]):
        rtt = wanted.get(host, "not probed")
        expected = {None: 5, 0.0002: 0, 0.002: 1, 0.02: 2, 0.2: 3, "not probed": 4}[rtt]
        assert found[y * width + x] == expected


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=80, unique=True))
def test_each_target_is_on_one_map_and_maps_do_not_overlap(numbers: list[int]) -> None:
    found = [(number, (0, 0.001)) for number in sorted(numbers)]
    networks = list(_networks(4, found))
    assert sorted(number for network in networks for number in network.found) == sorted(numbers)
    ends = sorted((network.base, network.base + (1 << network.bits)) for network in networks)
    for network in networks:
        assert all(network.base <= number < network.base + (1 << network.bits) for number in network.found)
        assert network.bits <= 16 or len(network.found) * 16 >= 1 << network.bits
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends))


def test_a_grid_tells_answers_errors_and_silence_apart() -> None:
    picture = svg(demo().sweep)
    assert "203.0.113.128/28" in picture
    titles = [
        element.text or "" for element in ET.fromstring(picture).iter() if element.tag.endswith("}title")
    ]
    assert "203.0.113.135: error" in titles
    assert sum(title.endswith(" ms") for title in titles) == len(demo().sweep.alive) == 4
    # Without colours: the error has a cross, two lines over it.
    assert picture.count('class="over"') == 2


def test_other_networks_than_the_largest_are_counted() -> None:
    sweep = [reply(f"10.{i}.0.1") for i in range(14)] + [reply("10.0.0.2")]
    assert "and 2 targets in 2 other networks" in texts(svg(sweep))


def test_ipv6_and_what_has_no_address() -> None:
    columns = SweepColumns()
    columns.add(attrs.evolve(reply("192.0.2.1"), target=IPv6Address("2001:db8::1")))
    columns.add(SendFailure(target=None, host="x", sequence=1, sent_at=1e9, errno=None, reason="no address"))
    assert "2001:db8::1/128" in texts(draw(columns, width=400).svg())
    assert columns.counts == [1, 0, 0, 1]


def test_the_graph_marks_labels_translators_and_balancers() -> None:
    """And the lines are as wide as the share of flows, however many flows were sent to find out."""
    target = IPv4Address("192.0.2.9")
    one, two = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
    label = MplsLabel(24016, 0, True, 1)
    graph = attrs.evolve(
        demo().paths,
        nodes=(
            PathNode(1, one, balances="flow"),
            PathNode(2, two, mpls=(label,), nat=True),
            PathNode(2, None),
            PathNode(3, target, final=True),
        ),
        edges=(
            PathEdge(1, one, two, flows=6),
            PathEdge(1, one, None, flows=2),
            PathEdge(2, two, target, flows=9),
            PathEdge(2, None, target, flows=9),
        ),
    )
    picture = svg(graph)
    assert {"splits flows", "MPLS 24016, NAT", "*", "this host"} <= set(texts(picture))
    widths = re.findall(r'stroke-width="([\d.]+)"', picture)
    assert [float(width) for width in widths] == [6.45, 2.95, 6.45, 2.95, 8.2]


def test_the_demo_s_graph_has_labels_and_flows() -> None:
    """What routers tell in a multipath trace reaches the graph."""
    (labelled,) = [node for node in demo().paths.nodes if node.mpls]
    assert (str(labelled.address), labelled.mpls[0].label) == ("203.0.113.1", 24016)
    assert all(edge.flows > 0 for edge in demo().paths.edges)
    edge = demo().paths.edges[0]
    assert edge == PathEdge(edge.ttl, edge.source, edge.target)
    assert {node.nat for node in demo().paths.nodes if not node.final} == {False}


outcomes = st.lists(
    st.tuples(st.floats(0, 1e4), st.one_of(st.none(), st.floats(1e-6, 10))), min_size=1, max_size=300
).map(
    lambda rows: [
        attrs.evolve(
            silence("192.0.2.1", i) if rtt is None else reply("192.0.2.1", rtt, i), sent_at=1e9 + sent_at
        )
        for i, (sent_at, rtt) in enumerate(rows)
    ]
)


@given(outcomes)
def test_smoke_counts_each_probe_once_and_percentiles_rise(rows: Sequence[Outcome]) -> None:
    bins = smoke(rows)
    assert sum(b.sent for b in bins) == len(rows)
    assert sum(b.lost for b in bins) == sum(row.kind != "reply" for row in rows)
    for b in bins:
        assert len(b.rtts) == (5 if b.sent > b.lost else 0)
        assert list(b.rtts) == pytest.approx(sorted(b.rtts))
    assert [b.start for b in bins] == sorted(b.start for b in bins)


@given(outcomes)
def test_any_series_can_be_drawn(rows: Sequence[Outcome]) -> None:
    result = PingResult(target=IPv4Address("192.0.2.1"), outcomes=tuple(rows), statistics=Statistics())
    for kind in ("smoke", "distribution"):
        picture = svg(result, kind=kind)
        ET.fromstring(picture)
        assert "nan" not in picture
        assert "inf" not in picture.replace("info", "")


@given(st.lists(st.floats(1e-9, 1e3), max_size=200))
def test_a_histogram_counts_each_round_trip_once(rtts: list[float]) -> None:
    bars = histogram(rtts)
    assert sum(number for _, _, number in bars) == len(rtts)
    assert all(low < high for low, high, _ in bars)
    assert len(bars) <= 160


@pytest.mark.parametrize(
    ("result", "options", "error"),
    [
        (demo().mtu, {}, TypeError),
        ("text", {}, TypeError),
        (3, {}, TypeError),
        ([], {}, ValueError),
        ([demo().ping, demo().trace], {}, TypeError),
        (demo().trace, {"kind": "map"}, ValueError),
        (CHANGES, {"kind": "map"}, ValueError),
        (demo().trace, {"width": 10}, ValueError),
        (demo().trace, {"width": float("nan")}, ValueError),
    ],
)
def test_what_cannot_be_drawn_is_refused(result: object, options: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        svg(result, **options)


def test_a_title_of_one_s_own_is_escaped() -> None:
    assert "<title>a &lt;b&gt;</title>" in svg(demo().trace, title="a <b>")
