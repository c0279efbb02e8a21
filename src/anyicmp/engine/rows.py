"""Rows for people: one outcome of a batch, or one reply by its values, as a frozen object.

The columns that they are made from are in `outcome.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from anyicmp.results import ErrorReply, IPAddress, NoReply, Reply, SendFailure
from anyicmp.wire.plain import maker, maker_of_many

if TYPE_CHECKING:
    from anyicmp.engine.outcome import OutcomeBatch

__all__ = ["CLOCKS", "ROWS", "Answered", "new_no_replies", "new_replies", "new_reply", "reply", "reply_of"]

Clock = Literal["user", "kernel"]

Answered = tuple[int, float, float, int | None, int, Clock]
"""A reply of the target itself: sequence, Unix time of sending, round trip in seconds, hop limit, octets of
payload, and what stamped it."""

CLOCKS: tuple[Clock, Clock] = ("user", "kernel")
"""What stamped an answer, by the batch's column."""

# Fields in the order of their classes: a maker sets them without the guard of a frozen class.
new_reply, new_no_reply = maker(Reply), maker(NoReply)
new_replies, new_no_replies = maker_of_many(Reply), maker_of_many(NoReply)


def reply_of(host: str | None, target: IPAddress, answered: Answered) -> Reply:
    """A reply of the target itself, from the values of its columns."""
    sequence, sent_at, rtt, ttl, size, clock = answered
    return new_reply(host, target, sequence, sent_at, target, rtt, ttl, size, 0, clock)


def reply(
    batch: OutcomeBatch, i: int, host: str | None, zone: str | None, target: IPAddress | None = None
) -> Reply:
    """Row i, a reply; to `target`, if the caller asked for that address."""
    target, ttl = batch.target(i, zone) if target is None else target, batch.ttls[i]
    width = 4 if batch.version == 4 else 16
    ours = slice(i * width, (i + 1) * width)
    return new_reply(
        host,
        target,
        batch.sequences[i],
        batch.sent_at[i],
        target if batch.sources[ours] == batch.packed[ours] else batch.source(i, zone),
        batch.rtts[i],
        ttl if ttl >= 0 else None,
        batch.sizes[i],
        batch.duplicates[i],
        CLOCKS[batch.kernel[i]],
    )


def _error(batch: OutcomeBatch, i: int, host: str | None, zone: str | None) -> ErrorReply:
    message = batch.message(i)
    return ErrorReply(
        host=host,
        target=batch.target(i, zone),
        sequence=batch.sequences[i],
        sent_at=batch.sent_at[i],
        source=batch.source(i, zone),
        rtt=batch.rtts[i],
        ttl=batch.ttls[i] if batch.ttls[i] >= 0 else None,
        clock="kernel" if batch.kernel[i] else "user",
        message=message,
        type=message.type,
        code=message.code,
        reason=message.explain(),
        local=i in batch.local,
    )


def _no_reply(batch: OutcomeBatch, i: int, host: str | None, zone: str | None) -> NoReply:
    return new_no_reply(host, batch.target(i, zone), batch.sequences[i], batch.sent_at[i], batch.timeout)


def _failure(batch: OutcomeBatch, i: int, host: str | None, zone: str | None) -> SendFailure:
    errno = batch.failures[i][0]
    return SendFailure(
        host=host,
        target=None if batch.nowhere else batch.target(i, zone),
        sequence=batch.sequences[i],
        sent_at=batch.sent_at[i],
        errno=errno,
        reason=batch.why_failed(i),
    )


ROWS = (reply, _error, _no_reply, _failure)
"""What makes row i, by its kind: of a batch, i, the name asked for and the scope id as written."""
