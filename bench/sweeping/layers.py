"""Where the time of a sweep goes: a Markdown table of nanoseconds a host. `timing.py` has the stopwatch."""

from __future__ import annotations

import statistics
from typing import Any, cast

from sweeping.laboratory import FIRST, Laboratory


def layers(lab: Laboratory, hosts: int, rounds: int) -> list[str]:
    """Medians of the rounds, for rows and for batches, as root on loopback."""
    heard: dict[str, list[dict[str, Any]]] = {"rows": [], "batches": []}
    for _ in range(rounds):
        for how, found in heard.items():
            found.append(cast("dict[str, Any]", lab.child("timing.py", FIRST["lo"], hosts, how)))
    steps = list(heard["rows"][0]["steps"])
    table = {how: {step: _median(found, step) for step in steps} for how, found in heard.items()}
    heads = " | ".join(f"{how}, ns a host | of all" for how in heard)
    lines = [f"| step, CPU time | {heads} |", "|---|--:|--:|--:|--:|"]
    for step in steps:
        cells = (f"{found[step]:,.0f} | {found[step] / sum(found.values()):.1%}" for found in table.values())
        lines.append(f"| {step} | {' | '.join(cells)} |")
    for title, key in (("in all, with the stopwatch", "watched"), ("in all, without", "plain")):
        whole = {how: statistics.median(one[key] for one in found) for how, found in heard.items()}
        lines.append(f"| {title} | {whole['rows']:,.0f} | | {whole['batches']:,.0f} | |")
    missing = heard["rows"][0]["missing"]
    return [*lines, *([f"\nNot found: {', '.join(missing)}."] if missing else [])]


def _median(found: list[dict[str, Any]], step: str) -> float:
    return statistics.median(one["steps"].get(step, 0.0) for one in found)
