"""Replies that are as expected, matched at once: whole columns of them, or one without a detour.

Two shortcuts of the exchange. They accept only what the exchange, looking at row after row, would have
accepted; otherwise they touch nothing, and that is what happens next.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import repeat
from operator import add, itemgetter, le, sub, truediv

from anyicmp.engine.outcome import REPLY, OutcomeBatch
from anyicmp.engine.plan import Plan
from anyicmp.engine.stamps import STEADY
from anyicmp.engine.table import ANSWERED, OPEN, SLOTS, Table
from anyicmp.methods.base import EchoedToken, Replies
from anyicmp.wire.batch import PacketBatch

__all__ = ["FEW", "expected", "match_replies"]

FEW = 8
"""Below this many rows it does not pay."""

SECOND = 1_000_000_000


def match_replies(
    table: Table, rx: PacketBatch, n: int, replies: Replies
) -> tuple[Plan, OutcomeBatch] | None:
    """Close the slots that the first n rows answer; returns their plan and outcomes, or None.

    None: the rows are of several plans, not all open and right, or a timestamp is missing, cannot be, or is
    not to be believed because the wall clock was stepped.
    """
    width, lane = table.width, replies.lane
    slots: Sequence[int] = replies.sequences
    first = lane * SLOTS + slots[0]
    in_a_row = slots[-1] - slots[0] == n - 1 and slots == array("H", range(slots[0], slots[0] + n))
    end = first + n
    if in_a_row:
        plans: Sequence[Plan | None] = table.plan[first:end]
        generations: Sequence[int] = table.generation[first:end]
        nonces: Sequence[int] = table.nonce[first:end]
        states: Sequence[int] = table.state[first:end]
        peers: Sequence[int] | bytearray = table.peer[first * width : end * width]
        heard: Sequence[int] | bytearray = rx.peer[: n * width]
        sent_at: Sequence[int] = table.sent_at[first:end]
        handed_at: Sequence[int] = table.handed_at[first:end]
        aheads: Sequence[int] = table.ahead[first:end]
        tags, scopes = table.tag[first:end].tobytes(), table.scope[first:end].tobytes()
    else:
        slots = [lane * SLOTS + slot for slot in slots]
        if len(set(slots)) < n:
            return None
        pick = itemgetter(*slots)
        plans, states = pick(table.plan), pick(table.state)
        generations, nonces = array("I", pick(table.generation)), array("I", pick(table.nonce))
        peers = _addresses(table.peer, width, slots)
        heard = _addresses(rx.peer, width, range(n))
        sent_at, handed_at, aheads = pick(table.sent_at), pick(table.handed_at), pick(table.ahead)
        tags, scopes = array("Q", pick(table.tag)).tobytes(), array("I", pick(table.scope)).tobytes()
    plan = plans[0]
    if (
        plan is None
        or plan.many
        or not plan.template.carries_token
        or plans.count(plan) != n
        or states.count(OPEN) != n
        or generations != replies.generations
        or nonces != replies.nonces
        or peers != heard
        or min(sent_at) <= 0
    ):
        return None
    ahead = rx.real - rx.after
    if max(aheads) - ahead > STEADY or ahead - min(aheads) > STEADY:
        return None
    when = list(map(sub, rx.when[:n], repeat(ahead)))
    if max(when) > rx.after or not all(map(le, handed_at, when)):
        return None
    # One call a column: at this point of a sweep a line of Python a row weighs as much as a packet.
    rtts = list(map(truediv, map(sub, when, sent_at), repeat(SECOND)))
    if min(rtts) < 0:
        rtts = list(map(max, rtts, repeat(0.0)))
    if in_a_row:
        table.state[first:end] = bytes((ANSWERED,)) * n
    else:
        for slot in slots:
            table.state[slot] = ANSWERED
    table.in_flight -= n
    plan.waiting -= n
    table.in_lane[lane] -= n
    batch = OutcomeBatch(rx.version)
    batch.timeout = plan.timeout / SECOND
    batch.kinds += bytes((REPLY,)) * n
    batch.packed += rx.peer[: n * width]
    batch.sources += batch.packed
    batch.scopes.frombytes(scopes)
    batch.tags.frombytes(tags)
    batch.sequences.frombytes(tags)
    batch.sent_at.fromlist(list(map(truediv, map(add, sent_at, repeat(ahead)), repeat(SECOND))))
    batch.rtts.fromlist(rtts)
    batch.ttls += rx.hop_limit[:n]
    batch.sizes += array("I", [replies.size]) * n
    batch.duplicates += array("I", bytes(4 * n))
    batch.kernel += b"\1" * n
    return plan, batch


def expected(table: Table, rx: PacketBatch, i: int, reply: EchoedToken) -> Plan | None:
    """The plan whose open slot the reply in row i is for, if all of it is as it was sent; None otherwise."""
    lane, sequence, generation, nonce, _ = reply
    slot, width = lane * SLOTS + sequence, table.width
    plan = table.plan[slot]
    if (
        plan is None
        or plan.many
        or not plan.template.carries_token
        or table.state[slot] != OPEN
        or table.generation[slot] != generation
        or table.nonce[slot] != nonce
        or table.sent_at[slot] <= 0
        or rx.peer[i * width : (i + 1) * width] != table.peer[slot * width : (slot + 1) * width]
    ):
        return None
    return plan


def _addresses(column: bytearray, width: int, rows: Sequence[int]) -> list[int]:
    """The addresses of some rows of a packed column, as numbers to compare."""
    if width == 4:
        words = memoryview(column).cast("I")
        return [words[row] for row in rows]
    halves = memoryview(column).cast("Q")
    return [half for row in rows for half in (halves[2 * row], halves[2 * row + 1])]
