"""How true the round trips of a full sweep are, and how late it makes other tasks.

The truth comes from plain pings of a socket whose packets the kernel stamps both ways (`rtt.py truth`), in
runs between the sweeps'. Errors are differences from its median. All in microseconds.
"""

from __future__ import annotations

import statistics

from sweeping.laboratory import FIRST, Laboratory

RATE = 5_000
"""Packets a second to the far door: one process answers them all, and shall not be what is measured."""


def measure_trips(lab: Laboratory, hosts: int, rounds: int, *, trio: bool) -> dict[str, float]:
    """By the names that `goals.py` knows."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, value in _round(lab, hosts, trio=trio).items():
            found.setdefault(name, []).append(value)
    trips = {name: statistics.median(values) for name, values in found.items()}
    if found:
        trips["least round trip in a full sweep"] = min(found["least round trip in a full sweep"])
    print("\nround trips, µs")
    for name, value in trips.items():
        print(f"  {name:76}{value:10.1f}")
    return trips


def _round(lab: Laboratory, hosts: int, *, trio: bool) -> dict[str, float]:
    found: dict[str, float] = {}
    truth = _median(lab.child("rtt.py", FIRST["lo"], 3000, 0.0, who="truth"))
    found["true round trip on lo, median"] = truth
    for backend in ("asyncio", "trio") if trio else ("asyncio",):
        seen = lab.child("rtt.py", FIRST["lo"], hosts, None, False, backend, who="sweep")
        found[f"other tasks' lateness in a sweep, 99 %, {backend}"] = seen["late"][99]  # type: ignore[index]
        found[f"other tasks' lateness in a sweep, median, {backend}"] = seen["late"][50]  # type: ignore[index]
        if backend == "asyncio":
            found["least round trip in a full sweep"] = seen["rtt"][0]  # type: ignore[index]
            found["99 % of round trips in a full sweep are wrong by less than"] = _error(seen, truth, 99)
    if exact := lab.child("rtt.py", FIRST["lo"], hosts, None, True, "asyncio", who="sweep"):
        found["the same, exact"] = _error(exact, truth, 99)
    truth = _median(lab.child("rtt.py", FIRST["far"], RATE // 5, 1 / RATE, who="truth"))
    found["true round trip 20 ms away, median"] = truth
    for name, exactly in (("", False), (", exact", True)):
        if seen := lab.child("rtt.py", FIRST["far"], RATE, RATE, exactly, "asyncio", who="sweep"):
            found[f"20 ms away, half of the round trips are wrong by less than{name}"] = _error(
                seen, truth, 50
            )
            found[f"20 ms away, 99 % are wrong by less than{name}"] = _error(seen, truth, 99)
    return found


def _median(seen: dict[str, float]) -> float:
    return seen["rtt"][50]  # type: ignore[index, no-any-return]


def _error(seen: dict[str, float], truth: float, percent: int) -> float:
    """What so many per cent of the round trips do not exceed, by the quantiles that were told."""
    errors = sorted(abs(rtt - truth) for rtt in seen["rtt"])  # type: ignore[attr-defined]
    return errors[percent]
