"""What pictures and tables show, reckoned from results: percentiles over time, counts by size, columns of a
sweep.

Numbers alone: no shape, no colour, no text.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import floor, isnan, log10, nan
from statistics import quantiles
from typing import Any

import attrs

from anyicmp import KINDS, ErrorReply, Outcome, OutcomeBatch, Reply

__all__ = ["Bin", "SweepColumns", "histogram", "smoke", "spread"]

ERROR, REPLY, SILENT = KINDS.index("error"), KINDS.index("reply"), KINDS.index("timeout")


@attrs.frozen
class Bin:
    """Probes of a stretch of time.

    Attributes:
        start, end: Unix time in seconds.
        sent: probes that ended.
        lost: those without a reply.
        rtts: 5th, 25th, 50th, 75th and 95th percentile of the round trips in seconds; empty without a reply.
    """

    start: float
    end: float
    sent: int
    lost: int
    rtts: tuple[float, ...]


def spread(rtts: Sequence[float]) -> tuple[float, ...]:
    """The 5th, 25th, 50th, 75th and 95th percentile, interpolated between neighbours; empty of none."""
    if len(rtts) < 2:
        return tuple(rtts) * 5
    cuts = quantiles(rtts, n=20, method="inclusive")
    return cuts[0], cuts[4], cuts[9], cuts[14], cuts[18]


def smoke(outcomes: Iterable[Any], bins: int | None = None) -> list[Bin]:
    """Outcomes with `kind`, `sent_at` and `rtt` as bins of as many probes each, in order of sending.

    `bins` None takes as many as give each at least 8 probes, at most 120. What never left is not counted.
    """
    rows = sorted((o for o in outcomes if o.kind != "failed"), key=lambda o: (o.sent_at, o.sequence or 0))
    if not rows:
        return []
    number = min(len(rows), max(1, min(120, len(rows) // 8)) if bins is None else bins)
    edges = [len(rows) * k // number for k in range(number + 1)]
    made = []
    for first, behind in pairwise(edges):
        part = rows[first:behind]
        rtts = [row.rtt for row in part if row.kind == "reply"]
        end = rows[behind].sent_at if behind < len(rows) else rows[-1].sent_at
        made.append(Bin(part[0].sent_at, end, len(part), len(part) - len(rtts), spread(rtts)))
    return made


def histogram(rtts: Iterable[float]) -> list[tuple[float, float, int]]:
    """Round trips counted in steps of equal ratio: (from, to, how many), from the smallest to the largest.

    There are about 36 steps, none larger than a twelfth of a power of ten, none smaller than a 500th.
    """
    sizes = [log10(rtt) for rtt in rtts if rtt > 0]
    if not sizes:
        return []
    per_decade = min(500, max(12, round(36 / max(max(sizes) - min(sizes), 1e-3))))
    counts: dict[int, int] = {}
    for size in sizes:
        step = floor(size * per_decade)
        counts[step] = counts.get(step, 0) + 1
    return [
        (10 ** (step / per_decade), 10 ** ((step + 1) / per_decade), counts.get(step, 0))
        for step in range(min(counts), max(counts) + 1)
    ]


class SweepColumns:
    """The outcomes of a sweep as columns, one IP version after the other.

    Attributes:
        numbers: address as a number, by version (4, 6) and in order of coming.
        kinds: indices into `anyicmp.KINDS`, beside `numbers`.
        rtts: seconds, NaN where there are none.
        counts: how many outcomes of each kind, those without an address included.
    """

    def __init__(self) -> None:
        self.numbers: dict[int, list[int]] = {4: [], 6: []}
        self.kinds: dict[int, bytearray] = {4: bytearray(), 6: bytearray()}
        self.rtts: dict[int, array[float]] = {4: array("d"), 6: array("d")}
        self.counts = [0] * len(KINDS)

    @classmethod
    def of(cls, source: Any) -> SweepColumns:
        """Those of a sweep's result, of batches, or of outcomes."""
        columns = cls()
        for item in source.batches() if hasattr(source, "batches") else source:
            if isinstance(item, OutcomeBatch):
                columns._add_batch(item)
            else:
                columns.add(item)
        return columns

    def add(self, outcome: Outcome) -> None:
        """Take one outcome in."""
        kind, target = KINDS.index(outcome.kind), outcome.target
        if target is not None:
            self._add(
                target.version,
                int(target),
                kind,
                outcome.rtt if isinstance(outcome, Reply | ErrorReply) else nan,
            )
        self.counts[kind] += 1

    def _add_batch(self, batch: OutcomeBatch) -> None:
        width = 4 if batch.version == 4 else 16
        for i, kind in enumerate(batch.kinds):
            self.counts[kind] += 1
            if not batch.nowhere:
                number = int.from_bytes(batch.packed[i * width : (i + 1) * width])
                self._add(batch.version, number, kind, batch.rtts[i])

    def _add(self, version: int, number: int, kind: int, rtt: float) -> None:
        self.numbers[version].append(number)
        self.kinds[version].append(kind)
        self.rtts[version].append(rtt)

    def round_trips(self) -> list[float]:
        """Those of all replies, in seconds."""
        return [
            rtt
            for version in (4, 6)
            for rtt, kind in zip(self.rtts[version], self.kinds[version], strict=True)
            if kind == REPLY and not isnan(rtt)
        ]

    def best(self, version: int) -> dict[int, tuple[int, float]]:
        """Address to kind and round trip; of several outcomes of an address, a reply before all others."""
        found: dict[int, tuple[int, float]] = {}
        for number, kind, rtt in zip(
            self.numbers[version], self.kinds[version], self.rtts[version], strict=True
        ):
            if number not in found or (kind == REPLY and found[number][0] != REPLY):
                found[number] = kind, rtt
        return found
