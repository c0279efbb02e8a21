"""What the kernel's timestamps say on the engine's clock, and when they are believed.

A stamp is a time of the wall clock, which may be set at any moment; round trips are times of the monotonic
clock. No clock is read here.
"""

from __future__ import annotations

from array import array
from operator import le

from anyicmp.engine.table import OPEN, Table, slot_of
from anyicmp.wire.batch import PacketBatch

__all__ = ["STEADY", "believed", "note_sending", "note_sendings", "stamp_time"]

STEADY = 10_000
"""Nanoseconds by which two readings of both clocks may disagree, though nobody has set the wall clock."""


def stamp_time(table: Table, slot: int, rx: PacketBatch, i: int) -> int | None:
    """The kernel's stamp of a row about this slot's probe, in monotonic nanoseconds; None: not believed."""
    return believed(rx, i, table.handed_at[slot], table.ahead[slot])


def believed(rx: PacketBatch, i: int, earliest: int, then: int) -> int | None:
    """The same of a probe that was handed over at `earliest`, when the wall clock was ahead by `then`.

    The row came between the handing over of the probe and now; a stamp that says otherwise is wrong, and one
    of 0 (there is none) always does. If the wall clock was set meanwhile, it is another time ahead of the
    monotonic clock now. Then the stamp, read as one from before that, must not lie between the two as well.
    """
    latest = rx.after
    ahead = rx.real - latest
    when = rx.when[i] - ahead
    if not earliest <= when <= latest:
        return None
    stepped = ahead - then
    if -STEADY <= stepped <= STEADY or not earliest - STEADY <= when + stepped <= latest + STEADY:
        return when
    return None


def note_sending(table: Table, rx: PacketBatch, i: int) -> None:
    """The STAMP row i tells when its token's probe left: better than the time around the send call.

    A stamp that comes when the answer was heard, or in a later use of the slot, changes nothing.
    """
    token = rx.token[i]
    slot = slot_of(token)
    ours = not (table.generation[slot] ^ token >> 16) & 0xFF
    if ours and table.state[slot] == OPEN and table.sent_at[slot]:
        left = stamp_time(table, slot, rx, i)
        if left is not None:
            table.sent_at[slot] = left


def note_sendings(table: Table, rx: PacketBatch, n: int) -> None:
    """The same for the first n rows, all of them STAMP rows; by columns if they are neighbours that wait."""
    token = rx.token[0]
    first = slot_of(token)
    end, ahead = first + n, rx.real - rx.after
    generation, aheads = table.generation[first], table.ahead[first:end]
    if (
        rx.token[n - 1] - token == n - 1
        and rx.token[:n] == array("Q", range(token, token + n))
        and not (generation ^ token >> 16) & 0xFF
        and table.generation[first:end] == array("I", [generation]) * n
        and table.state.count(OPEN, first, end) == n
        and max(aheads) - ahead <= STEADY >= ahead - min(aheads)
    ):
        left = array("q", [stamp - ahead for stamp in rx.when[:n]])
        if max(left) <= rx.after and all(map(le, table.handed_at[first:end], left)):
            table.sent_at[first:end] = left
            return
    for i in range(n):
        note_sending(table, rx, i)
