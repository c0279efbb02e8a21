"""Replies that are as expected, matched at once: whole columns of them, or one without a detour.

Shortcuts of the exchange. They accept only what the exchange, looking at row after row, would have
accepted; otherwise they touch nothing, and that is what happens next. Silence too comes in columns.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import repeat
from math import nan
from mmap import mmap
from operator import itemgetter, truediv
from sys import byteorder

from anyicmp.engine.outcome import REPLY, TIMEOUT, OutcomeBatch
from anyicmp.engine.plan import Plan
from anyicmp.engine.stamps import STEADY
from anyicmp.engine.table import ANSWERED, OPEN, OVER, SLOTS, Run, Table
from anyicmp.methods.base import EchoedToken, Replies
from anyicmp.wire.batch import PacketBatch
from anyicmp.wire.wide import all_at_least, column_of, differences, ones, wide

__all__ = ["FEW", "expected", "match_replies", "silence"]

FEW = 4
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
    end = first + n
    if replies.in_a_row:
        if table.state.count(OPEN, first, end) != n:
            return None
        plans: Sequence[Plan | None] = table.plan[first:end]
        peers: Sequence[int] | bytes = table.peer[first * width : end * width]
        heard: Sequence[int] | bytes = rx.peer[: n * width]
        generations, nonces, scopes, sent_at, handed_at, aheads, tags = (
            column[first:end].tobytes()
            for column in (
                table.generation,
                table.nonce,
                table.scope,
                table.sent_at,
                table.handed_at,
                table.ahead,
                table.tag,
            )
        )
    else:
        slots = [lane * SLOTS + slot for slot in slots]
        if len(set(slots)) < n:
            return None
        pick = itemgetter(*slots)
        if pick(table.state).count(OPEN) != n:
            return None
        plans = pick(table.plan)
        peers = _addresses(table.peer, width, slots)
        heard = _addresses(rx.peer, width, range(n))
        generations, nonces, scopes = (
            array("I", pick(column)).tobytes() for column in (table.generation, table.nonce, table.scope)
        )
        sent_at, handed_at, aheads = (
            array("q", pick(column)).tobytes() for column in (table.sent_at, table.handed_at, table.ahead)
        )
        tags = array("Q", pick(table.tag)).tobytes()
    plan = plans[0]
    if (
        plan is None
        or plan.many
        or not plan.template.carries_token
        or plans.count(plan) != n
        or generations != replies.generation.to_bytes(4, byteorder) * n
        or nonces != replies.nonces.tobytes()
        or peers != heard
    ):
        return None
    # Whole columns at once: at this point of a sweep a line of Python a row weighs as much as a packet.
    ahead, each, left, stamps = rx.real - rx.after, ones(n), wide(sent_at), wide(rx.when[:n])
    told = all_at_least(left, each, n)  # 0: the probe is not known to have left
    if not told or any(abs(ahead - then) > STEADY for then in _different(aheads, n)):
        return None
    before = wide(handed_at) + ahead * each
    if not (all_at_least(rx.real * each, stamps, n) and all_at_least(stamps, before, n)):
        return None
    departed = left + ahead * each
    if replies.in_a_row:
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
    batch.departed, batch.trips = column_of(departed, n), column_of(differences(stamps, departed, n), n)
    batch.ttls += rx.hop_limit[:n]
    batch.sizes += array("I", [replies.size]) * n
    batch.duplicates += array("I", bytes(4 * n))
    batch.kernel += b"\1" * n
    return plan, batch


def _different(column: bytes, n: int) -> Iterable[int]:
    """The different numbers of a column of n; of many that are one and the same none is looked at."""
    numbers = memoryview(column).cast("q")
    return numbers[:1] if column[:8] * n == column else set(numbers)


def silence(table: Table, run: Run, plan: Plan, ahead: int, doubted_at: int, batch: OutcomeBatch) -> None:
    """Close all slots of a run, which nobody answered in time, and add them to the plan's outcomes."""
    first, n, width = run.first, run.count, table.width
    end = first + n
    tags, left = table.tag[first:end], table.sent_at[first:end]
    table.state[first:end] = bytes((OVER,)) * n
    table.in_flight -= n
    plan.waiting -= n
    table.in_lane[first // SLOTS] -= n
    batch.doubtful.update(tag for tag, when in zip(tags, left, strict=True) if when <= doubted_at)
    batch.kinds += bytes((TIMEOUT,)) * n
    batch.packed += table.peer[first * width : end * width]
    batch.sources += bytes(n * width)
    batch.scopes.frombytes(table.scope[first:end].tobytes())
    batch.tags.frombytes(tags.tobytes())
    batch.sequences.frombytes(tags.tobytes())
    departed = column_of(wide(left) + ahead * ones(n), n)
    batch.sent_at.fromlist(list(map(truediv, departed, repeat(SECOND))))
    batch.rtts.frombytes(array("d", [nan]).tobytes() * n)
    batch.ttls.frombytes(array("h", [-1]).tobytes() * n)
    batch.sizes.frombytes(bytes(4 * n))
    batch.duplicates.frombytes(bytes(4 * n))
    batch.kernel += bytes(n)


def expected(table: Table, rx: PacketBatch, i: int, reply: EchoedToken) -> Plan | None:
    """The plan whose open slot the reply in row i is for, if all of it is as it was sent; None otherwise."""
    lane, sequence, generation, nonce, _ = reply
    slot, width = lane * SLOTS + sequence, table.width
    if table.state[slot] != OPEN:
        return None
    plan = table.owner(slot)
    if (
        plan.many
        or not plan.template.carries_token
        or table.generation[slot] != generation
        or table.nonce[slot] != nonce
        or table.sent_at[slot] <= 0
        or rx.peer[i * width : (i + 1) * width] != table.peer[slot * width : (slot + 1) * width]
    ):
        return None
    return plan


def _addresses(column: bytearray | mmap, width: int, rows: Sequence[int]) -> list[int]:
    """The addresses of some rows of a packed column, as numbers to compare."""
    if width == 4:
        words = memoryview(column).cast("I")
        return [words[row] for row in rows]
    halves = memoryview(column).cast("Q")
    return [half for row in rows for half in (halves[2 * row], halves[2 * row + 1])]
