"""From ends of probes to states: thresholds, hysteresis, and that an outage is told once."""

from __future__ import annotations

from itertools import pairwise
from math import nan

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp.engine.outcome import REPLY, TIMEOUT
from anyicmp.engine.standing import FEWEST, PATH_AFTER, Standing, Thresholds, Turn
from anyicmp.engine.window import Window, note_expected

LIMITS = Thresholds(down_after=3, up_after=2, degraded_loss=0.2, degraded_rtt=0.1, path_changes=True)
CAUSE = "Host unreachable."


class Target:
    """A standing and its window, told of one probe after the other. `each`: all are judged."""

    def __init__(self, limits: Thresholds = LIMITS, window: int = 20, *, each: bool = False) -> None:
        self.limits = limits
        self.window = Window(window)
        self.standing = Standing(1000.0, self.window)
        self.each = each
        self.judged = 0
        self.slot = 0
        self.turns: list[Turn] = []

    def answer(self, rtt: float = 0.01, *, hop_limit: int = 60, slot: int | None = None) -> None:
        at = self._next(slot)
        if not self.each and not note_expected([self.window], [at], [REPLY], [rtt], [hop_limit]):
            return
        self.judged += 1
        self.window.note(at, REPLY, rtt)
        self.window.totals.note_reply(rtt)
        self._note(self.standing.answered(at, 1000.0 + at, rtt, hop_limit, self.limits))

    def lose(self, cause: str | None = None, *, slot: int | None = None) -> None:
        at = self._next(slot)
        assert note_expected([self.window], [at], [TIMEOUT], [nan], [-1]) == [0]
        self.window.note(at, TIMEOUT, nan)
        self._note(self.standing.lost(at, 1000.0 + at, cause, self.limits))

    def say(self, script: str) -> list[str]:
        """'r' is answered, 's' slowly, '.' is lost, 'e' gets an error; returns the states that were told."""
        before = len(self.turns)
        for letter in script:
            if letter in "rs":
                self.answer(0.01 if letter == "r" else 0.5)
            else:
                self.lose(CAUSE if letter == "e" else None)
        return [turn.state for turn in self.turns[before:]]

    def _next(self, slot: int | None) -> int:
        if slot is None:
            slot, self.slot = self.slot, self.slot + 1
        return slot

    def _note(self, turn: Turn | None) -> None:
        if turn is not None:
            self.turns.append(turn)


@pytest.mark.parametrize(
    ("script", "states"),
    [
        ("", []),
        ("r", ["up"]),
        ("..", []),
        ("...", ["down"]),
        ("eee", ["unreachable"]),
        ("..e", ["unreachable"]),
        ("e..", ["unreachable"]),
        ("rrrrr..r..r..", ["up", "degraded"]),  # a fifth and more of ten probes
        ("r...", ["up", "down"]),
        ("r........", ["up", "down"]),
        ("r...eee", ["up", "down"]),  # the same outage, whatever tells of it now
        ("r...r", ["up", "down"]),
        ("r...r.r.r.", ["up", "down"]),
        ("r...rr", ["up", "down", "up"]),
        ("r...rr..r", ["up", "down", "up"]),
        ("r...rr...", ["up", "down", "up", "down"]),
        ("...r", ["down"]),
        ("e.r...", ["up", "down"]),  # an error before an answer is no cause of what comes after
    ],
)
def test_states(script: str, states: list[str]) -> None:
    assert Target().say(script) == states


def test_a_change_says_why_and_when() -> None:
    target = Target()
    target.say("r..e" + "rr")
    assert target.turns == [
        Turn("up", "unknown", "it answers", 1000.0),
        Turn("unreachable", "up", CAUSE, 1003.0),
        Turn("up", "unreachable", "2 answers in a row", 1005.0),
    ]
    assert (target.standing.state, target.standing.since) == ("up", 1005.0)


def test_loss_degrades_and_falls_by_a_fifth_before_all_is_well() -> None:
    target = Target()
    assert target.say("r" * 15) == ["up"]
    assert target.say(".r.r.r") == []  # 3 of 20 and fewer
    assert target.say(".r") == ["degraded"]
    assert target.turns[-1].reason == "a loss of 20% within the window"
    assert target.say("r" * 12) == []
    assert target.say("r" * 4) == ["up"]


def test_a_degraded_target_is_well_when_it_is_well_below_the_threshold() -> None:
    target = Target(window=50)
    assert target.say("r" * 30) == ["up"]
    assert target.say(".r" * 10) == ["degraded"]
    assert target.say("r" * 32) == []  # 10 of 50, then 9
    assert target.say("r") == ["up"]


def test_few_probes_are_not_judged() -> None:
    target = Target()
    assert target.say("rr.r.r.r.r") == ["up"]
    assert target.slot == FEWEST
    assert target.say("r") == ["degraded"]


def test_losses_of_an_outage_do_not_make_a_bad_target_of_one_that_is_back() -> None:
    target = Target()
    assert target.say("r" * 20 + "." * 10 + "r" * 30) == ["up", "down", "up"]


def test_one_slow_answer_is_nothing_many_degrade() -> None:
    target = Target()
    assert target.say("rrrrs" + "r" * 20) == ["up"]
    assert target.say("ssss") == ["degraded"]
    assert "round trips of 0." in target.turns[-1].reason
    assert target.say("r" * 20) == ["up"]


def test_thresholds_may_be_off() -> None:
    limits = attrs.evolve(LIMITS, degraded_loss=1.0, degraded_rtt=None, path_changes=False)
    target = Target(limits)
    target.say("r" + "s.." * 20)
    for hop_limit in (60, 61, 61, 61, 61, 61):
        target.answer(hop_limit=hop_limit)
    assert [turn.state for turn in target.turns] == ["up"]


def test_another_path_is_told_once_it_lasts() -> None:
    target = Target()
    target.say("rrr")
    for hop_limit in (61, 61, 60, 61, 62, 61, 61):
        target.answer(hop_limit=hop_limit)
    assert len(target.turns) == 1
    target.answer(hop_limit=61)
    words = "path changed: the hop limit of the answers is 61 instead of 60"
    assert attrs.astuple(target.turns[-1]) == ("up", "up", words, 1000.0 + target.slot - 1)
    for _ in range(PATH_AFTER + 1):
        target.answer(hop_limit=61)
    assert len(target.turns) == 2
    target.standing.moved()
    for _ in range(PATH_AFTER + 1):
        target.answer(hop_limit=50)
    assert len(target.turns) == 2


def test_late_timeouts_of_probes_before_the_answer_are_no_new_outage() -> None:
    """Of probes in flight together, those that were lost end after the later ones that were answered."""
    target = Target(attrs.evolve(LIMITS, up_after=1))
    target.say("rrr...")
    target.turns.clear()
    target.slot = 20
    target.answer(slot=20)
    for slot in range(6, 20):
        target.lose(slot=slot)
    assert [turn.state for turn in target.turns] == ["up"]


def test_a_straggler_ends_no_outage() -> None:
    target = Target(attrs.evolve(LIMITS, up_after=1))
    target.answer(slot=0)
    for slot in (2, 3, 4):
        target.lose(slot=slot)
    target.answer(slot=1)
    assert [turn.state for turn in target.turns] == ["up", "down"]


def test_without_an_address() -> None:
    target = Target()
    turn = target.standing.without_address(5.0, "no address: unknown name")
    assert turn == Turn("unreachable", "unknown", "no address: unknown name", 5.0)
    assert target.standing.without_address(6.0, "the same") is None
    assert target.say("r") == []
    assert target.say("r") == ["up"]


@given(st.text("r.e", max_size=80), st.integers(1, 5), st.integers(1, 4))
def test_every_outage_is_told_once(script: str, down_after: int, up_after: int) -> None:
    """By a machine of two states, written down as simply as can be."""
    limits = Thresholds(
        down_after=down_after, up_after=up_after, degraded_loss=1.0, degraded_rtt=None, path_changes=False
    )
    target = Target(limits)
    target.say(script)
    expected: list[tuple[bool, int]] = []
    answering: bool | None = None
    for i, letter in enumerate(script):
        run = len(script[: i + 1]) - len(script[: i + 1].rstrip("r" if letter == "r" else ".e"))
        wanted = 1 if letter == "r" and answering is None else up_after if letter == "r" else down_after
        if (letter == "r") != answering and run >= wanted:
            answering = letter == "r"
            expected.append((answering, i))
    assert [(turn.state == "up", turn.at - 1000.0) for turn in target.turns] == expected
    assert all(after.previous == before.state for before, after in pairwise(target.turns))


steps = st.one_of(
    st.tuples(
        st.just("answer"), st.sampled_from([0.01, 0.02, 0.09, 0.3, 2.0]), st.sampled_from([60, 60, 60, 61])
    ),
    st.tuples(st.sampled_from(["answer", "answer", "lose", "miss", "swap"]), st.just(0.01), st.just(60)),
)


@settings(max_examples=300)
@given(
    st.lists(steps, max_size=150), st.sampled_from([1, 5, 12, 40]), st.sampled_from([0.2, 1.0]), st.booleans()
)
def test_what_is_only_written_down_changes_nothing(
    script: list[tuple[str, float, int]], window: int, loss: float, slow: bool
) -> None:
    """States, figures of the window and of all are those of a target of which each answer is judged."""
    limits = attrs.evolve(LIMITS, degraded_loss=loss, degraded_rtt=0.1 if slow else None)
    each, few = Target(limits, window, each=True), Target(limits, window)
    for target in (each, few):
        for what, rtt, hop_limit in script:
            if what == "answer":
                target.answer(rtt, hop_limit=hop_limit)
            elif what == "lose":
                target.lose()
            elif what == "miss":
                target.slot += 1
            else:
                target.slot += 2
                target.answer(rtt, slot=target.slot - 1)
                target.answer(rtt, slot=target.slot - 2)
        target.window.note_copy(target.slot - 1)
        assert few.window.statistics().sent <= window
    assert few.turns == each.turns
    assert few.window.statistics() == each.window.statistics()
    assert (few.window.ended, few.window.lost) == (each.window.ended, each.window.lost)
    assert not slow or few.window.smoothed == pytest.approx(each.window.smoothed)
    ours, theirs = (attrs.astuple(target.window.totals.statistics(sent=0)) for target in (few, each))
    for our, their in zip(ours, theirs, strict=True):
        assert our == (their if their is None else pytest.approx(their, rel=1e-6, abs=1e-9))
    assert few.judged <= each.judged


def test_answers_of_a_target_that_is_well_are_only_written_down() -> None:
    target = Target()
    target.say("r" * 1000)
    assert target.judged == 2
    target.say("." + "r" * 1000)
    assert target.judged == 3
    assert target.window.statistics().received == 20
    assert target.window.totals.statistics(sent=0).received == 2000
