"""Contenders in turns, and what the rounds say: medians, and ratios of what ran in the same round.

A machine that is shared gets faster and slower; two that ran one after the other met the same machine. So a
ratio is the median of the rounds' ratios, not a ratio of medians. Nothing is run by itself here.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

from sweeping.laboratory import Row

Contender = tuple[str, int, Callable[[], Row]]
"""Name, how many probes, and what runs it once."""


class Results:
    """All rounds of all contenders, by section.

    Attributes:
        rounds: section, name, and what each round measured; JSON takes it.
        counts: probes of one round.
    """

    def __init__(self, rounds: int) -> None:
        self.wanted = rounds
        self.rounds: dict[str, dict[str, list[Row]]] = {}
        self.counts: dict[str, dict[str, int]] = {}

    def turns(self, section: str, contenders: list[Contender]) -> None:
        """Run each in turn, every other round backwards, and print what came of it."""
        heard: dict[str, list[Row]] = {name: [] for name, _, _ in contenders}
        for number in range(self.wanted):
            for name, _, contender in contenders[:: -1 if number % 2 else 1]:
                if sys.stderr.isatty():
                    now = f"{section}: round {number + 1} of {self.wanted}, {name}"
                    print(f"\r{now:110}\r", end="", file=sys.stderr, flush=True)
                heard[name].append(contender())
        if sys.stderr.isatty():
            print(f"\r{'':110}\r", end="", file=sys.stderr)
        self.rounds[section] = heard
        self.counts[section] = {name: count for name, count, _ in contenders}
        print("\n" + "\n".join(self.table(section)), flush=True)

    def has(self, section: str, *names: str) -> bool:
        """Whether these have run."""
        return all(name in self.rounds.get(section, {}) for name in names)

    def median(self, section: str, name: str, key: str) -> float:
        """Of the rounds."""
        return statistics.median(row[key] for row in self.rounds[section][name])

    def each(self, section: str, name: str, key: str = "seconds") -> float:
        """The median a probe, in microseconds."""
        return self.median(section, name, key) / self.counts[section][name] * 1e6

    def ratio(self, section: str, over: str, under: str, key: str = "seconds") -> float:
        """Median of the rounds' ratios a probe."""
        counts, rounds = self.counts[section], self.rounds[section]
        pairs = zip(rounds[over], rounds[under], strict=True)
        share = counts[under] / counts[over]
        return statistics.median(a[key] / b[key] * share for a, b in pairs)

    def lost(self, section: str, name: str) -> int:
        """The most answers that a round missed."""
        return max(self.counts[section][name] - round(row["got"]) for row in self.rounds[section][name])

    def spread(self, section: str, name: str, key: str = "seconds") -> float:
        """By how much the slowest round took longer than the fastest, in per cent."""
        values = [row[key] for row in self.rounds[section][name]]
        return 100 * (max(values) / min(values) - 1)

    def table(self, section: str) -> list[str]:
        """Lines for people."""
        heads = f"{'µs each':>10}{'CPU µs':>10}{'seconds':>10}{'spread':>8}{'lost':>7}{'MB':>7}{'ratio':>8}"
        first, *_ = self.rounds[section]
        lines = [f"{section:<46}{heads}"]
        for name, rows in self.rounds[section].items():
            memory = f"{self.median(section, name, 'memory'):7.1f}" if "memory" in rows[0] else f"{'':7}"
            lines.append(
                f"  {name:44}{self.each(section, name):10.2f}{self.each(section, name, 'cpu'):10.2f}"
                f"{self.median(section, name, 'seconds'):10.4f}{self.spread(section, name):7.0f}%"
                f"{self.lost(section, name):7}{memory}{self.ratio(section, name, first):8.2f}"
            )
        return lines
