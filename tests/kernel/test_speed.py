"""The gate: a sweep takes no more CPU time, beside a naive one in the same process, than it used to.

Judged are ratios, so that neither the machine nor its load matters much. That the gate sees a decay is shown by
two of them, each beside the code as it is, in the same minutes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address

import pytest

from anyicmp.api import batches
from anyicmp.engine import outcome
from kernel.naive import Change, ratios, unchanged

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("needs_raw_socket")]

USUAL = 0.51, 0.49
"""What `python tests/kernel/naive.py 20` says of all CPU time, and of that outside the system calls
(CPython 3.11, Linux 6.18, November 2026). Whoever makes the sweep faster lowers it."""

DECAY = 1.2
"""How much more is too much: a decay by a quarter is, noise is not."""


def is_red(now: tuple[float, float], usual: tuple[float, float]) -> bool:
    """Whether it takes too much, of all or outside the calls."""
    return any(ratio > DECAY * used for ratio, used in zip(now, usual, strict=True))


def test_a_sweep_takes_no_more_cpu_time_than_it_used_to() -> None:
    tries = [ratios(30, unchanged)[0] for _ in range(2)]
    assert not all(is_red(now, USUAL) for now in tries), f"now {tries} of a naive loop's, usually {USUAL}"


def batches_of_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batches, "SIZES", ((65536, 1),))


def addresses_made_of_text(patch: pytest.MonkeyPatch) -> None:
    def addresses(column: bytearray, version: int) -> Iterable[IPv4Address]:
        assert version == 4
        return [IPv4Address(socket.inet_ntoa(column[at : at + 4])) for at in range(0, len(column), 4)]

    patch.setattr(outcome, "addresses", addresses)


@pytest.mark.parametrize(("decay", "rounds"), [(batches_of_one, 8), (addresses_made_of_text, 20)])
def test_the_gate_sees_a_decay(decay: Change, rounds: int) -> None:
    usual, again, decayed = ratios(rounds, unchanged, unchanged, decay)
    assert is_red(decayed, usual), f"{decayed} of a naive loop's, {usual} before"
    assert not is_red(again, usual)
