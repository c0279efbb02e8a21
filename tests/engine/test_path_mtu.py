"""The search for a path's MTU, against paths that are a few lines of arithmetic: no packet, no clock."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyicmp.engine.path_mtu import LARGEST, SMALLEST, Fate, MtuSearch, Shot
from anyicmp.wire.batch import Version

ROUTERS = [ip_address(f"10.{hop}.0.1") for hop in range(1, 12)]
TARGET = ip_address("10.99.0.1")
Report = Literal["true", "nothing", "too much", "too little", "below the least", "none"]


@attrs.define(kw_only=True)
class Path:
    """Links from this host on, by what they carry; what the routers before them report, and who is silent."""

    links: list[int]
    report: Report = "true"
    silent: frozenset[int] = frozenset()
    answers: bool = True
    lost: frozenset[int] = frozenset()
    probes: int = 3
    version: Version = 4
    sent: int = 0
    waves: int = 0
    budget: int = 1 << 30

    def fate(self, shot: Shot) -> Fate:
        if shot.size > self.links[0]:
            return Fate("own link")
        self.sent += 1
        if self.sent in self.lost:
            return Fate("silence")
        for hop, carries in enumerate(self.links[1:], 1):
            if shot.ttl == hop:
                return Fate("silence") if hop in self.silent else Fate("exceeded", ROUTERS[hop - 1])
            if shot.size > carries:
                return self.too_big(hop, shot.size, carries)
        return Fate("reply", TARGET) if self.answers else Fate("silence")

    def too_big(self, hop: int, size: int, carries: int) -> Fate:
        least = 68 if self.version == 4 else 1280
        if self.report == "none" or not self.budget:
            return Fate("silence")
        self.budget -= 1
        said = {
            "true": carries,
            "nothing": 0,
            "too much": size + 100,
            "too little": max(least, carries // 2),
            "below the least": least - 1,
        }
        return Fate("too big", ROUTERS[hop - 1], said[self.report])

    def search(self) -> MtuSearch:
        found = MtuSearch(self.version, probes=self.probes, max_hops=30)
        waves = found.waves()
        wave = next(waves)
        while True:
            assert wave
            assert len(set(wave)) == len(wave)
            self.waves += 1
            assert self.waves < 200
            try:
                wave = waves.send({shot: self.fate(shot) for shot in wave})
            except StopIteration:
                return found


sizes = st.integers(SMALLEST, LARGEST)
honest: list[Report] = ["true", "none"]
reports = st.sampled_from([*honest, "nothing", "too much", "too little", "below the least"])


@given(links=st.lists(sizes, min_size=1, max_size=11), report=reports, version=st.sampled_from([4, 6]))
@example(links=[1500, 1400], report="too little", version=4)
# The first router's lie is what the second one's link carries.
@example(links=[150, 138, 69], report="too little", version=4)
@example(links=[SMALLEST], report="true", version=4)
@example(links=[LARGEST, SMALLEST], report="none", version=6)
def test_what_is_found_is_what_the_narrowest_link_carries(
    links: list[int], report: Report, version: Version
) -> None:
    path = Path(links=links, report=report, version=version)
    found = path.search()
    narrow = min(links)
    assert (found.passed, found.mtu) == (narrow, narrow)
    first = links.index(narrow)
    assert found.black_hole is (first > 0 and report == "none")
    if first > 0 and report == "none":
        assert (found.limited_by, found.limited_at) == (ROUTERS[first - 1], first)
    elif first > 0 and (report != "true" or narrow >= found._least):
        assert found.limited_by == ROUTERS[first - 1]
    elif first == 0:
        assert found.limited_by is None


@given(mtu=st.integers(SMALLEST, 1500))
def test_a_black_hole_takes_few_rounds(mtu: int) -> None:
    """Each costs a timeout: sizes are tried together, not one after the other."""
    path = Path(links=[1500, 1500, mtu], report="none", probes=1)
    path.search()
    assert path.waves <= 18


def test_an_ordinary_path_takes_one_probe_that_leaves() -> None:
    path = Path(links=[1500, 1500, 1500])
    path.search()
    assert path.sent == 1


def test_a_report_takes_three_probes_that_leave() -> None:
    """One that is too large, the size reported, and one octet more."""
    path = Path(links=[1500, 1500, 1400])
    path.search()
    assert path.sent == 3


@given(lost=st.frozensets(st.integers(1, 40), max_size=2))
def test_two_lost_packets_change_nothing(lost: frozenset[int]) -> None:
    """A size is tried three times before its silence counts."""
    found = Path(links=[1500, 1500, 1400], report="none", lost=lost).search()
    assert (found.passed, found.black_hole, found.limited_at) == (1400, True, 2)


def test_a_size_that_was_lost_each_time_is_found_to_pass_after_all() -> None:
    """With the smallest one beside it from the second time on, the third probe is that one."""
    found = Path(links=[1500, 1500, 1500], lost=frozenset({1, 2, 4})).search()
    assert (found.passed, found.black_hole, found.limited_by, found.limited_at) == (1500, False, None, None)


def test_a_host_that_answers_nothing_is_no_black_hole() -> None:
    found = Path(links=[1500, 1500], answers=False).search()
    assert (found.mtu, found.passed, found.black_hole) == (None, 0, None)


def test_a_silent_host_behind_a_link_that_is_reported() -> None:
    found = Path(links=[1500, 1450, 1400], answers=False).search()
    assert (found.mtu, found.passed, found.black_hole) == (1400, 0, False)
    assert found.limited_by == ROUTERS[1]


def test_a_hole_behind_a_link_that_is_reported() -> None:
    """The report is true of its link, and yet not of the path."""

    class Both(Path):
        def too_big(self, hop: int, size: int, carries: int) -> Fate:
            return Fate("silence") if hop == 2 else super().too_big(hop, size, carries)

    found = Both(links=[1500, 1400, 1300]).search()
    assert (found.passed, found.black_hole) == (1300, True)
    assert (found.limited_by, found.limited_at) == (ROUTERS[1], 2)


@pytest.mark.parametrize("silent", [{2}, {3}])
def test_a_silent_hop_beside_the_narrow_link_leaves_its_place_open(silent: set[int]) -> None:
    found = Path(links=[1500, 1500, 1400, 1500, 1500], report="none", silent=frozenset(silent)).search()
    assert found.passed == 1400
    assert found.black_hole
    assert (found.limited_by, found.limited_at) == (None, None)


def test_a_router_that_reports_once_is_not_asked_again() -> None:
    """Routers report seldom (RFC 1812 section 4.3.2.8): silence about one octet more contradicts nothing."""
    path = Path(links=[1500, 1500, 1400], budget=1)
    found = path.search()
    assert (found.passed, found.black_hole, found.limited_by) == (1400, False, ROUTERS[1])
    assert path.sent == 3


@pytest.mark.parametrize("report", ["nothing", "too much"])
def test_a_router_that_reports_once_and_not_how_much_is_no_black_hole(report: Report) -> None:
    found = Path(links=[1500, 1500, 1400], report=report, budget=1).search()
    assert (found.passed, found.black_hole, found.limited_by) == (1400, False, ROUTERS[1])


def test_a_hole_right_behind_this_host() -> None:
    class First(Path):
        def fate(self, shot: Shot) -> Fate:
            return Fate("silence") if shot.size > 1400 else super().fate(shot)

    found = First(links=[1500, 1500]).search()
    assert (found.passed, found.black_hole, found.limited_by, found.limited_at) == (1400, True, None, 0)
