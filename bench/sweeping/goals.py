"""What the figures should come to, and what they come to: one line for each goal.

Times hold for a machine on which fping needs 4.2 µs a host and are scaled by the CPU time it needs here; what
lies above a timeout is scaled, the timeout is not. Ratios and megabytes are not scaled. Nothing is run here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sweeping.rounds import Results

LO, VETH, SIX = "lo", "veth", "IPv6 beside IPv4, lo"
FIRST, SILENT, MILLION = (
    "first sweep of a process, lo",
    "silent hosts behind a router, timeout 1 s",
    "a million, lo",
)
ICMPLIB, TASKS, SINGLE, IMPORT = "icmplib, lo", "1000 tasks x 20 pings", "pings one after the other", "import"
FPING, C = "fping -i 0 -r 0", "C, sendmmsg and recvmmsg"
RAW, PLAIN = "anyicmp, rows, raw", "anyicmp, rows, unprivileged"
BULK, PLAIN_BULK = "anyicmp, batches, raw", "anyicmp, batches, unprivileged"
REFERENCE = 4.2


@dataclass
class Line:
    """A goal and what was measured. `more`: a larger figure is better."""

    work: str
    unit: str
    measured: float
    by_cpu: float | None
    least: float
    aim: float | None = None
    more: bool = False

    def verdict(self, value: float | None, goal: float | None) -> str:
        """ "yes", "no", or nothing where there is no figure or no goal."""
        if value is None or goal is None:
            return ""
        return "yes" if (value >= goal if self.more else value <= goal) else "no"

    def as_json(self) -> dict[str, object]:
        """All of it, verdicts too."""
        by_wall, by_cpu = self.verdict(self.measured, self.least), self.verdict(self.by_cpu, self.least)
        return {**asdict(self), "reached": by_wall, "reached_by_cpu": by_cpu}


def scale(results: Results) -> float:
    """How much slower than the reference this machine is."""
    return results.each(LO, FPING, "cpu") / REFERENCE if results.has(LO, FPING) else 1.0


def lines(results: Results, trips: dict[str, float]) -> Iterator[Line]:
    """Those whose contenders have run; `trips`: what is known of round trips, in µs."""
    k = scale(results)
    yield from _against_fping(results)
    for where in (LO, VETH):
        if results.has(where, C, RAW):
            yield _ratio(results, f"rows, raw, {where}: time / C", where, RAW, C, 1.9, None)
    best = min((name for name in results.rounds.get(LO, {}) if name.startswith("gufo")), default=None)
    if best:
        names = [
            name for name in results.rounds[LO] if name.startswith("gufo") and not results.lost(LO, name)
        ]
        best = min(names or [best], key=lambda name: results.each(LO, name))
        yield _ratio(results, f"rows, raw, lo: {best} / us", LO, best, RAW, 1.4, 1.8, more=True)
    if results.has(ICMPLIB, RAW, "icmplib, 10 tasks"):
        yield _ratio(
            results, "rows, raw, lo: icmplib / us", ICMPLIB, "icmplib, 10 tasks", RAW, 20, None, more=True
        )
    if results.has(FIRST, FPING):
        yield _ratio(results, "first 1,000 of a process, lo: time / fping", FIRST, RAW, FPING, 1.4, 1.1)
    if results.has(SIX, RAW + ", IPv6", C + ", IPv6"):
        wall, cpu = (
            results.ratio(SIX, f"{RAW}, IPv6", f"{RAW}, IPv4", key)
            / results.ratio(SIX, f"{C}, IPv6", f"{C}, IPv4", key)
            for key in ("seconds", "cpu")
        )
        yield Line("IPv6: our v6/v4 over C's v6/v4", "×", wall, cpu, 1.15)
    for name, kind in ((RAW, "raw"), (PLAIN, "unprivileged")):
        if results.has(SILENT, name):
            seconds, cpu = (results.median(SILENT, name, key) for key in ("seconds", "cpu"))
            yield Line(f"65,000 silent, {kind}", "s", seconds, None, 1 + 0.15 * k, 1 + 0.08 * k)
            yield Line(f"65,000 silent, {kind}: CPU", "s", cpu, None, 0.25 * k)
    yield from _million(results)
    goals = (
        (TASKS, "asyncio", 8, 5),
        (TASKS, "trio", 15, None),
        (SINGLE, "asyncio", 15, 10),
        (SINGLE, "trio", 30, None),
    )
    for section, backend, least, aim in goals:
        if results.has(section, name := f"anyicmp, {backend}"):
            wall, cpu = results.each(section, name), results.each(section, name, "cpu")
            yield Line(f"{section}, {backend}", "µs", wall, cpu, least * k, aim * k if aim else None)
    first = "anyio, attrs, asyncio, ctypes"
    if results.has(IMPORT, first, "anyicmp"):
        yield _ratio(
            results, "import anyicmp / anyio, attrs, asyncio, ctypes", IMPORT, "anyicmp", first, 1.25, 1.1
        )
    yield from _trips(trips, k)
    yield from _losses(results)


def _ratio(
    results: Results,
    work: str,
    section: str,
    over: str,
    under: str,
    least: float,
    aim: float | None,
    *,
    more: bool = False,
) -> Line:
    wall, cpu = (results.ratio(section, over, under, key) for key in ("seconds", "cpu"))
    return Line(work, "×", wall, cpu, least, aim, more)


def _against_fping(results: Results) -> Iterator[Line]:
    goals = {
        RAW: ((1.2, 1.4), (1.0, 1.15)),
        PLAIN: ((1.15, 1.3), (0.95, 1.05)),
        BULK: ((1.5, 1.7), (1.2, 1.3)),
        PLAIN_BULK: ((1.5, 1.7), (1.2, 1.3)),
    }
    for name, pairs in goals.items():
        for where, (least, aim) in zip((LO, VETH), pairs, strict=True):
            if results.has(where, FPING, name):
                work = f"{name.removeprefix('anyicmp, ')}, {where}: fping / us"
                yield _ratio(results, work, where, FPING, name, least, aim, more=True)


def _million(results: Results) -> Iterator[Line]:
    small, large = "anyicmp, 65536", "anyicmp, 1048576"
    if results.has(MILLION, small, large):
        if results.has(MILLION, FPING):
            yield _ratio(
                results, "1,048,576: time a host / fping's for 65,000", MILLION, large, FPING, 1.0, None
            )
        before, after = (results.median(MILLION, name, "memory") for name in (small, large))
        yield Line("1,048,576: memory beyond that of 65,536", "MB", after - before, None, 2)
        yield Line("1,048,576: memory in all", "MB", after, None, 35, 25)


def _trips(trips: dict[str, float], k: float) -> Iterator[Line]:
    goals = {
        "least round trip in a full sweep": 0.0,
        "99 % of round trips in a full sweep are wrong by less than": 20 * k,
        "the same, exact": 3 * k,
        "20 ms away, half of the round trips are wrong by less than": 100 * k,
        "20 ms away, 99 % are wrong by less than": 100 * k,
        "20 ms away, 99 % are wrong by less than, exact": 100 * k,
        "other tasks' lateness in a sweep, 99 %, asyncio": 1500 * k,
        "other tasks' lateness in a sweep, 99 %, trio": 1500 * k,
    }
    for work, least in goals.items():
        if work in trips:
            yield Line(work, "µs", trips[work], None, least, more=work.startswith("least"))


def _losses(results: Results) -> Iterator[Line]:
    ours = [
        (section, name, rows)
        for section, names in results.rounds.items()
        for name, rows in names.items()
        if name.startswith("anyicmp") and section not in (SILENT, IMPORT)
    ]
    if ours:
        yield Line(
            "answers lost in any run of ours", "", max(results.lost(a, b) for a, b, _ in ours), None, 0
        )
    planted = [row["in_time"] for section, _, rows in ours for row in rows if "in_time" in row]
    if planted:
        work = "bad replies caught before the last good one, share of runs"
        yield Line(work, "", sum(caught >= 2 for caught in planted) / len(planted), None, 1.0, more=True)


def table(found: list[Line]) -> list[str]:
    """A Markdown table, which is also what is printed."""
    rows = [("", "measured", "by CPU", "at least", "", "aim", "")]
    for line in found:
        by_cpu = "" if line.by_cpu is None else _show(line.by_cpu, line.unit)
        wall, cpu = line.verdict(line.measured, line.least), line.verdict(line.by_cpu, line.least)
        verdict = wall if wall == cpu or not cpu else f"{wall}, by CPU {cpu}"
        goal, aim = _show(line.least, line.unit), "" if line.aim is None else _show(line.aim, line.unit)
        rows.append(
            (
                line.work,
                _show(line.measured, line.unit),
                by_cpu,
                goal,
                verdict,
                aim,
                line.verdict(line.measured, line.aim),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = [
        "| "
        + " | ".join(f"{cell:{'<' if i in (0, 4, 6) else '>'}{widths[i]}}" for i, cell in enumerate(row))
        + " |"
        for row in rows
    ]
    rule = (
        "|" + "|".join(f"{'-' * (w + 1)}{'-' if i in (0, 4, 6) else ':'}" for i, w in enumerate(widths)) + "|"
    )
    return [shown[0], rule, *shown[1:]]


def _show(value: float, unit: str) -> str:
    digits = 2 if unit in ("×", "s", "") and value % 1 else 1 if value < 100 and unit else 0
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}"
