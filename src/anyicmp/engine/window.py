"""What is kept of a watched target: its last probes, slot by slot, and figures of all of them.

Both in constant memory, whatever comes. Which state that makes is not decided here.
"""

from __future__ import annotations

from array import array
from math import sqrt

from anyicmp.engine.histogram import Histogram
from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT
from anyicmp.engine.statistics import Moments, quantile
from anyicmp.results import Statistics

__all__ = ["Totals", "Window"]

EMPTY = -1.0
"""No probe has ended in the slot. Others hold the round trip, or below this the kind of another end."""

_CODES = {kind: -2.0 - kind for kind in (ERROR, TIMEOUT, FAILED)}
_LOST = (_CODES[ERROR], _CODES[TIMEOUT])
MOST = 0xFFFF
KINDS = 64
"""Different errors that are told apart for one target; further ones count as errors alone."""


class Window:
    """The last `size` slots of a target: one for each time that a probe is due, numbered from 0.

    Attributes:
        ended, lost: of the probes in it, from the slot on that `judge_from` named.
    """

    __slots__ = ("_copies", "_from", "_head", "_late", "_slots", "ended", "lost")

    def __init__(self, size: int, head: int = -1) -> None:
        """`head`: the newest slot that is over."""
        self._slots = array("d", [EMPTY]) * size
        self._head = head
        self._from = 0
        self._copies: array[int] | None = None
        self._late: array[int] | None = None
        self.ended = self.lost = 0

    @property
    def size(self) -> int:
        """How many slots it has."""
        return len(self._slots)

    def judge_from(self, slot: int) -> None:
        """Count `ended` and `lost` anew, of this slot and those after it."""
        self._from = slot
        self.ended = self.lost = 0

    def note(self, slot: int, kind: int, rtt: float) -> None:
        """The probe of a slot has ended."""
        slots, head = self._slots, self._head
        size = len(slots)
        at = slot % size
        if slot == head + 1:
            if slots[at] != EMPTY:
                self._forget(at, slot - size)
            self._head = slot
        elif slot > head:
            for passed in range(max(head + 1, slot - size + 1), slot + 1):
                i = passed % size
                if slots[i] != EMPTY:
                    self._forget(i, head - (head - passed) % size)
            self._head = slot
        elif slot <= head - size:
            return
        slots[at] = rtt if kind == REPLY else _CODES[kind]
        if slot >= self._from and kind != FAILED:
            self.ended += 1
            self.lost += kind != REPLY

    def _forget(self, i: int, slot: int) -> None:
        code = self._slots[i]
        self._slots[i] = EMPTY
        if slot >= self._from and code != _CODES[FAILED]:
            self.ended -= 1
            self.lost -= code < 0
        if self._copies is not None:
            self._copies[i] = 0
        if self._late is not None:
            self._late[i] = 0

    def note_copy(self, slot: int) -> None:
        """Another copy of an answer came."""
        self._copies = self._count(self._copies, slot)

    def note_late(self, slot: int) -> None:
        """An answer came after its probe's timeout."""
        self._late = self._count(self._late, slot)

    def _count(self, counts: array[int] | None, slot: int) -> array[int] | None:
        size = len(self._slots)
        if slot > self._head - size:
            counts = array("H", bytes(2 * size)) if counts is None else counts
            counts[slot % size] = min(MOST, counts[slot % size] + 1)
        return counts

    def statistics(self) -> Statistics:
        """The figures of the probes in it that have ended."""
        slots = self._slots
        start = (self._head + 1) % len(slots)
        rtts = [rtt for rtt in (*slots[start:], *slots[:start]) if rtt >= 0.0]
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
            duplicates=sum(self._copies or ()),
            late=sum(self._late or ()),
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
        "_jitter",
        "_last",
        "_maximum",
        "_mean",
        "_minimum",
        "_squares",
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
        self.total_rtt = self._mean = self._squares = self._jitter = 0.0
        self._last = self._minimum = self._maximum = -1.0

    @property
    def ended(self) -> int:
        """Probes that have ended, those that never left left out."""
        return sum(self.kinds[:FAILED])

    def note_reply(self, rtt: float, hop_limit: int) -> None:
        """A probe was answered."""
        kinds, last = self.kinds, self._last
        kinds[REPLY] += 1
        if last < 0.0:
            self._minimum = self._maximum = rtt
        else:
            self._jitter += (abs(rtt - last) - self._jitter) / 16
            if rtt < self._minimum:
                self._minimum = rtt
            elif rtt > self._maximum:
                self._maximum = rtt
        self._last = rtt
        self.total_rtt += rtt
        # Welford's mean and squares, a round trip at a time.
        delta = rtt - self._mean
        self._mean += delta / kinds[REPLY]
        self._squares += delta * (rtt - self._mean)
        self.hop_limit = hop_limit
        self.round_trips.add(rtt)

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
        received, ended = self.kinds[REPLY], self.ended
        heard = received > 0
        return Statistics(
            sent=sent,
            received=received,
            errors=self.kinds[ERROR],
            failed=self.kinds[FAILED],
            duplicates=self.duplicates,
            late=self.late,
            loss=1 - received / ended if ended else None,
            last=self._last if heard else None,
            minimum=self._minimum if heard else None,
            average=self._mean if heard else None,
            maximum=self._maximum if heard else None,
            stddev=sqrt(self._squares / (received - 1)) if received > 1 else None,
            median=self._quantile(0.5),
            p95=self._quantile(0.95),
            p99=self._quantile(0.99),
            jitter=self._jitter if received > 1 else None,
        )

    def _quantile(self, share: float) -> float | None:
        found = self.round_trips.quantile(share)
        return None if found is None else min(max(found, self._minimum), self._maximum)
