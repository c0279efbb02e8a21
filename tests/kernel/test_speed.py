"""The gate: a sweep takes no more CPU time, beside a naive one in the same process, than it used to.

Judged are ratios, so that neither the machine nor its load matters much, on a loopback where nobody else
sends. That the gate sees a decay is shown by two of them, each beside the code as it is, in the same seconds.
"""

from __future__ import annotations

import pytest

from namespaces import namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

USUAL = [0.43, 0.37]
"""What `python tests/kernel/naive.py 20` says of all CPU time, and of that outside the system calls
(CPython 3.11, Linux 6.18, November 2026). Whoever makes the sweep faster lowers it."""

DECAY = 1.2
"""How much more is too much: a decay by a quarter is, noise is not."""


def measured(rounds: int, changes: list[str]) -> object:
    from kernel.naive import ratios

    return ratios(rounds, *changes)


def ratios(rounds: int, *changes: str) -> list[list[float]]:
    with namespaces("alone") as (alone,):
        found: list[list[float]] = run_in(alone, measured, rounds, changes, timeout=120.0)
    return found


def is_red(now: list[float], usual: list[float]) -> bool:
    """Whether it takes too much, of all or outside the calls."""
    return any(ratio > DECAY * used for ratio, used in zip(now, usual, strict=True))


def test_a_sweep_takes_no_more_cpu_time_than_it_used_to() -> None:
    (now,) = ratios(30, "unchanged")
    if is_red(now, USUAL):
        (now,) = ratios(30, "unchanged")
    assert not is_red(now, USUAL), f"now {now} of a naive loop's, usually {USUAL}"


@pytest.mark.parametrize(("decay", "rounds"), [("batches_of_one", 8), ("addresses_of_text", 30)])
def test_the_gate_sees_a_decay(decay: str, rounds: int) -> None:
    usual, decayed = ratios(rounds, "unchanged", decay)
    assert is_red(decayed, usual), f"{decayed} of a naive loop's, {usual} before"
