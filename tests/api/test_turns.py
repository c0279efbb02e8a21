"""A driver's turns are short: a batch leaves in several, and who goes on has one of them in a cycle."""

from __future__ import annotations

import os
from errno import EAGAIN
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from anyicmp import Prober
from anyicmp.api import sending
from anyicmp.api.sending import Sending
from anyicmp.api.wake import open_wake
from anyicmp.testing import SimulatedNetwork
from anyicmp.wire.batch import PacketBatch

ROW = 9_000
"""Nanoseconds that a row takes to leave, on a slow machine."""


class Slow:
    """A driver with as much of it as sending needs: its calls take time."""

    def __init__(self, full_at: int | None = None, row: int = ROW) -> None:
        self.time, self.row = 1_000_000_000, row
        self.left: list[tuple[int, int]] = []
        self.calls: list[int] = []
        self.full_at = full_at
        self.batches = SimpleNamespace(tx=PacketBatch(4, capacity=256, slot=4))
        self.exchange = SimpleNamespace(sent=lambda tx, start, stop: self.left.append((start, stop)))
        self.transport: Any = self

    def now(self) -> int:
        return self.time

    def both_clocks(self) -> tuple[int, int]:
        return self.time, self.time

    def watch_writable(self, on: bool) -> None:
        pass

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        if self.full_at is not None and stop > self.full_at:
            return max(0, self.full_at - start), EAGAIN
        self.time += self.row * (stop - start)
        self.calls.append(stop - start)
        return stop - start, 0


@pytest.mark.parametrize(("row", "patient"), [(ROW, False), (3 * ROW, True)])
def test_a_batch_leaves_in_as_many_turns_as_its_calls_are_slow(row: int, patient: bool) -> None:
    enough = (sending.UNHURRIED if patient else sending.HURRIED).turn
    driver = Slow(row=row)
    out = Sending(driver, None)  # type: ignore[arg-type]
    start, turns = 0, []
    while True:
        began = driver.time
        assert out.send(start, 256, patient=patient)
        turns.append(driver.time - began)
        if not out.interrupted:
            break
        start, stop = out.pending
        assert stop == 256
    assert out.pending == (0, 0)
    assert [row for call in driver.left for row in range(*call)] == list(range(256))
    assert len(turns) == -(-sum(driver.calls) * row // max(turns)) > 1
    # A turn ends with the call in which it has had its time.
    assert enough < max(turns) <= enough + row * max(driver.calls)


def test_the_patient_begin_each_turn_with_few_rows_and_go_on_with_many() -> None:
    """The first rows take longest: in a call with others it would be these that seem to leave late."""
    driver = Slow()
    out = Sending(driver, None)  # type: ignore[arg-type]
    for _ in range(2):
        assert out.send(0, 208, patient=True)
    few, most = sending.FEWEST, sending.UNHURRIED.rows
    assert driver.calls == 2 * [few, most, most, 208 - few - 2 * most]


def test_a_full_buffer_is_no_interruption() -> None:
    driver = Slow(full_at=40)
    out = Sending(driver, None)  # type: ignore[arg-type]
    assert not out.send(0, 256, patient=False)
    assert out.pending == (40, 256)
    assert not out.interrupted
    assert out.patience


@pytest.mark.anyio
async def test_what_has_not_left_yet_stays_here_when_nobody_wants_it(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that is left in the midst of a batch sends nothing more."""
    monkeypatch.setattr(sending, "HURRIED", sending.HURRIED._replace(turn=-1))
    async with Prober(network=network) as prober:
        async with prober.open_sweep("10.1.0.0/22"):
            while not (sent := prober.statistics.sent):
                await anyio.lowlevel.checkpoint()
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        assert prober.statistics.sent == sent < 256


@pytest.mark.anyio
@pytest.mark.parametrize("deaf_before", [False, True])
async def test_who_goes_on_is_not_given_a_second_turn_in_the_same_cycle(deaf_before: bool) -> None:
    """Neither by what has come; that is looked at when there is nothing else to do, and is not forgotten."""
    turns: list[bool] = []
    looked = anyio.Event()
    inward, outward = os.pipe()

    def turn(readable: bool) -> None:
        turns.append(readable)
        if readable:
            os.read(inward, 1)
            looked.set()
        elif len(turns) < 5:
            wake.soon()
        else:
            wake.after(None)

    wake = open_wake(turn, inward)
    try:
        if deaf_before:
            wake.listen(False)
            wake.listen(True)
        wake.soon()
        os.write(outward, b"x")
        with anyio.fail_after(5):
            await looked.wait()
    finally:
        wake.close()
        os.close(inward)
        os.close(outward)
    assert turns == [False] * 5 + [True]
