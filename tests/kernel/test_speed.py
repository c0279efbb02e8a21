"""The gate: a sweep takes no more CPU time, beside a naive one in the same process, than it used to.

Judged are ratios, so that neither the machine nor its load matters much. Load makes them worse and never
better, so the best of three tries counts. That the gate sees a decay is shown by two of them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address

import pytest

from anyicmp.api import batches
from anyicmp.engine import outcome
from kernel.naive import ratios

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("needs_raw_socket")]

USUAL = 0.50, 0.54
"""What `python tests/kernel/naive.py 20` says of all CPU time, and of that outside the system calls
(CPython 3.11, Linux 6.18, November 2026). Whoever makes the sweep faster lowers it."""

DECAY = 1.2
"""How much more is too much: a decay by a quarter is, noise is not."""


def is_red(rounds: int) -> bool:
    """Whether three tries all took too long."""
    return all(
        any(ratio > DECAY * usual for ratio, usual in zip(ratios(rounds), USUAL, strict=True))
        for _ in range(3)
    )


def test_a_sweep_takes_no_more_cpu_time_than_it_used_to() -> None:
    assert not is_red(rounds=21), f"now {ratios(rounds=21)} of a naive loop's, usually {USUAL}"


def test_the_gate_sees_batches_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SIZES", ((65536, 1),))
    assert is_red(rounds=2)


def test_the_gate_sees_an_address_made_of_text_for_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def addresses(column: bytearray, version: int) -> Iterable[IPv4Address]:
        assert version == 4
        return [IPv4Address(socket.inet_ntoa(column[at : at + 4])) for at in range(0, len(column), 4)]

    monkeypatch.setattr(outcome, "addresses", addresses)
    assert is_red(rounds=15)
