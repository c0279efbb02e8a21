"""What is kept of a watched target: its last probes, slot by slot, and figures of all of them.

Both in constant memory, whatever comes. Which state that makes is not decided here; but what cannot change
one is only written down, and counted when someone looks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import inf, sqrt
from typing import TypeVar

from anyicmp.engine.histogram import Histogram
from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT
from anyicmp.engine.statistics import Moments, quantile
from anyicmp.results import Statistics

__all__ = ["JUDGED", "Totals", "Window", "note_expected"]

EMPTY = -1.0
"""No probe has ended in the slot. Others hold the round trip, or below this the kind of another end."""

_CODES = {kind: -2.0 - kind for kind in (ERROR, TIMEOUT, FAILED)}
_LOST = (_CODES[ERROR], _CODES[TIMEOUT])
MOST = 0xFFFF
KINDS = 64
"""Different errors that are told apart for one target; further ones count as errors alone."""

ROOM = 32
"""Slots that are kept at least: so many answers are counted together, however short the window is."""

JUDGED = -2
"""In place of a hop limit: no answer is as expected."""

UNEXPECTED = -3
"""In place of the hop limit of what is no answer: no window expects it."""

Number = TypeVar("Number", int, float)


class Window:
    """The last `size` slots of a target: one for each time that a probe is due, numbered from 0.

    Attributes:
        totals: the figures of all probes, as far as `settle` has counted them.
        size: how many slots it has; room: how many are kept.
        head: the newest slot that is over.
        answered: the newest slot whose probe was answered, -1 before, as of the last `settle`.
        ended, lost: of the probes in it, from the slot on that `judge_from` named; as of the last `settle`.
        expected: the hop limit of answers that change nothing (`note_expected`), or JUDGED.
        below: seconds; only shorter round trips change nothing.
        smoothed: the smoothed round trip in seconds, -1 before the first; kept up where a threshold needs it.
    """

    __slots__ = (
        "_copies",
        "_from",
        "_late",
        "_settled",
        "_slots",
        "answered",
        "below",
        "ended",
        "expected",
        "head",
        "lost",
        "room",
        "size",
        "smoothed",
        "totals",
    )

    def __init__(
        self, size: int, totals: Totals | None = None, *, head: int = -1, answered: int = -1
    ) -> None:
        """`head`: the newest slot that is over."""
        self.totals = Totals() if totals is None else totals
        self.size = size
        self.head = self._settled = head
        self.answered = answered
        self.ended = self.lost = 0
        self.expected, self.below, self.smoothed = JUDGED, inf, -1.0
        self.room = max(size, ROOM)
        self._slots = array("d", [EMPTY]) * self.room
        self._from = 0
        self._copies: array[int] | None = None
        self._late: array[int] | None = None

    def judge_from(self, slot: int) -> None:
        """Count `ended` and `lost` anew, of this slot and those after it."""
        self._from = slot
        self.ended = self.lost = 0

    def note(self, slot: int, kind: int, rtt: float) -> None:
        """The probe of a slot has ended."""
        head = self.head
        if head != self._settled:
            self.settle()
        slots, size, room = self._slots, self.size, self.room
        if slot > head:
            for passed in range(head - size + 1, min(slot - size, head) + 1):
                code = slots[passed % room]
                if code != EMPTY and passed >= self._from and code != _CODES[FAILED]:
                    self.ended -= 1
                    self.lost -= code < 0
            reused = max(head + 1, slot - room + 1)
            for missed in range(reused, slot):
                slots[missed % room] = EMPTY
            if self._copies is not None or self._late is not None:
                self._clear(reused, slot + 1)
            self.head = self._settled = slot
        elif slot <= head - size:
            return
        slots[slot % room] = rtt if kind == REPLY else _CODES[kind]
        if kind == REPLY and slot > self.answered:
            self.answered = slot
        if slot >= self._from and kind != FAILED:
            self.ended += 1
            self.lost += kind != REPLY

    def _clear(self, start: int, stop: int) -> None:
        """Slots are used anew: of what was there before no copies are known."""
        for counts in (self._copies, self._late):
            if counts is not None:
                for slot in range(start, stop):
                    counts[slot % len(counts)] = 0

    def settle(self) -> None:
        """Count the answers that were only written down."""
        n = self.head - self._settled
        if not n:
            return
        judged = min(self.size, self._settled + 1 - self._from)
        good = self.ended == judged and not self.lost
        self.answered = self._settled = self.head
        rtts = self._last(self._slots, n)
        self.totals.note_replies(rtts.tolist())
        if self.below < inf:
            for rtt in rtts:
                self.smooth(rtt)
        self._clear(self.head - n + 1, self.head + 1)
        judged = min(self.size, self.head + 1 - self._from)
        if good:  # and so are the new ones
            self.ended = judged
        else:
            slots = self._last(self._slots, judged)
            self.lost = sum(map(slots.count, _LOST))
            self.ended = judged - slots.count(EMPTY) - slots.count(_CODES[FAILED])

    def smooth(self, rtt: float) -> None:
        """Take a round trip into the smoothed one, which a single one does not move far (RFC 6298, 2)."""
        self.smoothed = rtt if self.smoothed < 0 else self.smoothed + (rtt - self.smoothed) / 8

    def _last(self, column: array[Number], n: int) -> array[Number]:
        """What a column has for the newest n slots."""
        stop = self.head % len(column) + 1
        return column[stop - n : stop] if n <= stop else column[stop - n :] + column[:stop]

    def note_copy(self, slot: int) -> None:
        """Another copy of an answer came."""
        self._copies = self._count(self._copies, slot)

    def note_late(self, slot: int) -> None:
        """An answer came after its probe's timeout."""
        self._late = self._count(self._late, slot)

    def _count(self, counts: array[int] | None, slot: int) -> array[int] | None:
        self.settle()
        if slot > self.head - self.size:
            counts = array("H", bytes(2 * len(self._slots))) if counts is None else counts
            counts[slot % len(counts)] = min(MOST, counts[slot % len(counts)] + 1)
        return counts

    def statistics(self) -> Statistics:
        """The figures of the probes in it that have ended."""
        self.settle()
        slots = self._last(self._slots, self.size)
        rtts = [rtt for rtt in slots if rtt >= 0.0]
        moments = Moments()
        moments.fold(rtts, in_order=True)
        ordered = sorted(rtts)
        errors, silent = map(slots.count, _LOST)
        received = len(rtts)
        ended = received + errors + silent
        return Statistics(
            sent=ended,
            received=received,
            errors=errors,
            failed=slots.count(_CODES[FAILED]),
            duplicates=0 if self._copies is None else sum(self._last(self._copies, self.size)),
            late=0 if self._late is None else sum(self._last(self._late, self.size)),
            loss=1 - received / ended if ended else None,
            last=moments.last,
            minimum=moments.minimum,
            average=moments.mean if received else None,
            maximum=moments.maximum,
            stddev=sqrt(moments.squares / (received - 1)) if received > 1 else None,
            median=quantile(ordered, 0.5),
            p95=quantile(ordered, 0.95),
            p99=quantile(ordered, 0.99),
            jitter=moments.jitter if received > 1 else None,
        )


def note_expected(
    windows: Iterable[Window | None],
    slots: Iterable[int],
    kinds: bytes | bytearray,
    rtts: Iterable[float],
    hop_limits: Iterable[int],
) -> list[int]:
    """Write down the outcomes that change nothing: answers as expected, in the next slot of their window.

    Returns the rows that are left to note and judge. Where nobody watches any longer (None), none is.
    """
    left: list[int] = []
    if kinds.count(REPLY) != len(kinds):
        hop_limits = [
            hops if kind == REPLY else UNEXPECTED for kind, hops in zip(kinds, hop_limits, strict=True)
        ]
    rows = range(len(kinds))
    for i, window, slot, rtt, hop_limit in zip(rows, windows, slots, rtts, hop_limits, strict=True):
        if window is None:
            continue
        if hop_limit == window.expected and slot == window.head + 1 and rtt < window.below:
            column = window._slots
            at = slot % window.room
            if not at:
                window.settle()
            column[at] = rtt
            window.head = slot
        else:
            left.append(i)
    return left


class Totals:
    """All probes of a target since it was added.

    Attributes:
        kinds: how many ended in each way, by index of `results.KINDS`.
        duplicates, late: as in `Statistics`.
        total_rtt: the sum of all round trips.
        hop_limit: of the last answer, -1 before.
        errors, failures: how often each ICMP error (type, code) and each errno came.
        round_trips: their histogram.
    """

    __slots__ = (
        "_moments",
        "duplicates",
        "errors",
        "failures",
        "hop_limit",
        "kinds",
        "late",
        "round_trips",
        "total_rtt",
    )

    def __init__(self) -> None:
        self.kinds = [0, 0, 0, 0]
        self.duplicates = self.late = 0
        self.hop_limit = -1
        self.errors: dict[tuple[int, int], int] | None = None
        self.failures: dict[int, int] | None = None
        self.round_trips = Histogram()
        self.total_rtt = 0.0
        self._moments = Moments()

    @property
    def ended(self) -> int:
        """Probes that have ended, those that never left left out."""
        return sum(self.kinds[:FAILED])

    def note_reply(self, rtt: float) -> None:
        """A probe was answered."""
        self.kinds[REPLY] += 1
        self.total_rtt += rtt
        self._moments.take(rtt)
        self.round_trips.add(rtt)

    def note_replies(self, rtts: Sequence[float]) -> None:
        """Probes were answered, one after the other."""
        self.kinds[REPLY] += len(rtts)
        self.total_rtt += self._moments.fold(rtts, in_order=True)
        self.round_trips.add_all(rtts)

    def note_error(self, type_: int, code: int) -> None:
        """An ICMP error came instead of an answer."""
        self.kinds[ERROR] += 1
        errors = self.errors = {} if self.errors is None else self.errors
        if (type_, code) in errors or len(errors) < KINDS:
            errors[type_, code] = errors.get((type_, code), 0) + 1

    def note_failure(self, errno: int) -> None:
        """A probe could not be sent."""
        self.kinds[FAILED] += 1
        failures = self.failures = {} if self.failures is None else self.failures
        failures[errno] = failures.get(errno, 0) + 1

    def statistics(self, sent: int) -> Statistics:
        """The figures so far. `sent` counts probes in flight too."""
        received, ended, moments = self.kinds[REPLY], self.ended, self._moments
        return Statistics(
            sent=sent,
            received=received,
            errors=self.kinds[ERROR],
            failed=self.kinds[FAILED],
            duplicates=self.duplicates,
            late=self.late,
            loss=1 - received / ended if ended else None,
            last=moments.last,
            minimum=moments.minimum,
            average=moments.mean if received else None,
            maximum=moments.maximum,
            stddev=sqrt(moments.squares / (received - 1)) if received > 1 else None,
            median=self._quantile(0.5),
            p95=self._quantile(0.95),
            p99=self._quantile(0.99),
            jitter=moments.jitter if received > 1 else None,
        )

    def _quantile(self, share: float) -> float | None:
        found, moments = self.round_trips.quantile(share), self._moments
        if found is None or moments.minimum is None or moments.maximum is None:
            return None
        return min(max(found, moments.minimum), moments.maximum)
