"""How a watched target stands: from how its probes end to states, with thresholds and hysteresis.

Which words a state gets is decided here too; who is told of it is not.
"""

from __future__ import annotations

from math import inf

import attrs

from anyicmp.engine.window import JUDGED, Window
from anyicmp.states import State

__all__ = ["Standing", "Thresholds", "Turn"]

FEWEST = 10
"""Probes whose loss is judged at least: of fewer, one is too large a share."""

RELIEF = 0.8
"""What degrades a target must fall to so many of its threshold before the target counts as well again."""

PATH_AFTER = 3
"""Answers in a row with another hop limit before the path counts as changed."""


@attrs.frozen(kw_only=True)
class Thresholds:
    """When a state changes.

    Attributes:
        down_after: probes in a row without an answer.
        up_after: answers in a row, of a target that was silent.
        degraded_loss: share of the probes in the window, 0 to 1, that were lost (1: never).
        degraded_rtt: smoothed round trip in seconds, None: never.
        path_changes: whether another hop limit of the answers is told.
    """

    down_after: int
    up_after: int
    degraded_loss: float
    degraded_rtt: float | None
    path_changes: bool


@attrs.frozen
class Turn:
    """A change: the state, the one before, why, and when (Unix time in seconds)."""

    state: State
    previous: State
    reason: str
    at: float


class Standing:
    """The state of one target.

    Losses count in a row if no later probe was answered, answers if no later one was lost: so the order in
    which timeouts and answers come does not matter where probes are in flight together.

    Where the next answer can change nothing if it is as expected, the window is told so, and the standing
    need not hear of it.

    Attributes:
        state, since, reason: as in `states.TargetStatus`.
        window: the last probes; each is noted there first.
    """

    __slots__ = (
        "_answers",
        "_cause",
        "_hop_limit",
        "_losses",
        "_lost",
        "_other_hop_limit",
        "_others",
        "reason",
        "since",
        "state",
        "window",
    )

    def __init__(self, now: float, window: Window) -> None:
        """`now`: Unix time in seconds."""
        self.window = window
        self.state: State = "unknown"
        self.since = now
        self.reason = "nothing is known yet"
        self._answers = self._losses = 0
        self._lost = -1  # the newest slot
        self._cause: str | None = None
        self._hop_limit = self._other_hop_limit = -1
        self._others = 0

    @property
    def silent(self) -> bool:
        """Whether the target counts as one that does not answer."""
        return self.state in ("down", "unreachable")

    def answered(self, slot: int, at: float, rtt: float, hop_limit: int, limits: Thresholds) -> Turn | None:
        """The probe of a slot was answered."""
        window = self.window
        window.expected = JUDGED
        if slot > self._lost:
            self._answers += 1
            self._losses = 0
            self._cause = None
        if limits.degraded_rtt is not None:
            window.smooth(rtt)
        state = self.state
        if state not in ("up", "degraded"):
            if self._answers < limits.up_after and state != "unknown":
                return None
            # What was lost before is told already: it does not make the target a bad one now.
            window.judge_from(slot + 1)
            window.smoothed, self._hop_limit = rtt, hop_limit
            words = "it answers" if self._answers < 2 else f"{self._answers} answers in a row"
            return self._turn("up", words, at)
        turn = self._judge(at, limits) or self._look_at_path(hop_limit, at, limits)
        if turn is None and self.state == "up" and not self._others and slot > self._lost:
            self._expect(hop_limit, limits.degraded_rtt)
        return turn

    def _expect(self, hop_limit: int, degraded_rtt: float | None) -> None:
        """Answers like this one change nothing: they do not raise the share that was lost.

        Of few probes they do, for only then is it judged.
        """
        window = self.window
        if not window.lost or window.ended >= FEWEST:
            window.expected = hop_limit
            window.below = inf if degraded_rtt is None else degraded_rtt

    def lost(self, slot: int, at: float, cause: str | None, limits: Thresholds) -> Turn | None:
        """The probe of a slot was not answered; `cause` says why, where something told."""
        self.window.expected = JUDGED
        if slot < self.window.answered:
            return None
        self._losses += 1
        self._answers = 0
        self._lost = max(self._lost, slot)
        self._cause = cause or self._cause
        if self.silent or self._losses < limits.down_after:
            return None
        if self._cause is None:
            return self._turn("down", f"{_times(self._losses, 'probe')} in a row without an answer", at)
        return self._turn("unreachable", self._cause, at)

    def without_address(self, at: float, cause: str) -> Turn | None:
        """There is nothing to probe."""
        if self.silent:
            return None
        self.window.expected = JUDGED
        return self._turn("unreachable", cause, at)

    def moved(self) -> None:
        """Another address is probed from now on: its answers may well have another hop limit."""
        self._hop_limit, self.window.expected = -1, JUDGED

    def _judge(self, at: float, limits: Thresholds) -> Turn | None:
        window = self.window
        if self.state == "up" and not window.lost and limits.degraded_rtt is None:
            return None
        factor = 1.0 if self.state == "up" else RELIEF
        loss = window.lost / window.ended if window.ended >= FEWEST else 0.0
        slow = limits.degraded_rtt is not None and window.smoothed >= limits.degraded_rtt * factor
        lossy = window.lost > 0 and loss >= limits.degraded_loss * factor and limits.degraded_loss < 1.0
        if not slow and not lossy:
            return None if self.state == "up" else self._turn("up", "loss and round trips are well again", at)
        if self.state == "degraded":
            return None
        if lossy:
            return self._turn("degraded", f"a loss of {loss:.0%} within the window", at)
        return self._turn("degraded", f"round trips of {window.smoothed:.6f} s, smoothed", at)

    def _look_at_path(self, hop_limit: int, at: float, limits: Thresholds) -> Turn | None:
        if self._hop_limit < 0:
            self._hop_limit = hop_limit
        elif hop_limit == self._hop_limit or not limits.path_changes:
            self._others = 0
        elif hop_limit != self._other_hop_limit or not self._others:
            self._other_hop_limit, self._others = hop_limit, 1
        else:
            self._others += 1
            if self._others == PATH_AFTER:
                before, self._hop_limit = self._hop_limit, hop_limit
                words = f"path changed: the hop limit of the answers is {hop_limit} instead of {before}"
                return Turn(self.state, self.state, words, at)
        return None

    def _turn(self, state: State, reason: str, at: float) -> Turn:
        previous, self.state = self.state, state
        self.since, self.reason = at, reason
        return Turn(state, previous, reason, at)


def _times(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
