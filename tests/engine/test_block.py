"""Replies matched by columns end as those matched row by row: same outcomes, same counts, same slots."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from random import Random
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp.engine import matching
from anyicmp.engine.block import match_replies
from anyicmp.engine.probe import Probe
from anyicmp.engine.segments import Segment
from anyicmp.engine.sweep import SweepPlan
from anyicmp.engine.table import Table
from anyicmp.methods.base import Replies
from anyicmp.methods.echo import EchoMethod
from anyicmp.results import Outcome
from anyicmp.wire.batch import PacketBatch, Version
from engine.rig import MS, TARGET, Rig

ROWS = 40
Mischief = Callable[[Rig, int], None]


def _nothing(rig: Rig, i: int) -> None:
    pass


def _flip_tail(rig: Rig, i: int) -> None:
    rig.rx.data[i * rig.rx.slot + 60] ^= 1


def _flip_nonce(rig: Rig, i: int) -> None:
    rig.rx.data[i * rig.rx.slot + 13] ^= 0x40


def _flip_checksum(rig: Rig, i: int) -> None:
    rig.rx.data[i * rig.rx.slot + 3] ^= 0x10


def _other_code(rig: Rig, i: int) -> None:
    rig.rx.data[i * rig.rx.slot + 1] = 1


def _other_identifier(rig: Rig, i: int) -> None:
    rig.rx.data[i * rig.rx.slot + 5] ^= 1


def _other_source(rig: Rig, i: int) -> None:
    rig.rx.peer[i * rig.rx.width] ^= 1


def _cut(rig: Rig, i: int) -> None:
    rig.rx.length[i] -= 8


def _no_stamp(rig: Rig, i: int) -> None:
    rig.rx.when[i] = 0


def _stamp_before_sending(rig: Rig, i: int) -> None:
    rig.rx.when[i] -= 3600 * 1000 * MS


def _stamp_in_the_future(rig: Rig, i: int) -> None:
    rig.rx.when[i] += 3600 * 1000 * MS


def _copy_of_the_first(rig: Rig, i: int) -> None:
    rx = rig.rx
    for column, size in ((rx.data, rx.slot), (rx.peer, rx.width)):
        column[i * size : (i + 1) * size] = column[:size]


MISCHIEF: tuple[Mischief, ...] = (
    _nothing,
    _flip_tail,
    _flip_nonce,
    _flip_checksum,
    _other_code,
    _other_identifier,
    _other_source,
    _cut,
    _no_stamp,
    _stamp_before_sending,
    _stamp_in_the_future,
    _copy_of_the_first,
)


def _sweep(version: Version, order: list[int], mischief: dict[int, Mischief], few: int) -> tuple[object, ...]:
    """Probe ROWS neighbours, hear them in some order with some mischief; all there is to see."""
    rig = Rig(version, verify=version == 4)
    width = rig.tx.width
    plan = SweepPlan(Probe(peer=b""), rig.method.template(size=56), timeout=1000 * MS)
    plan.add(Segment(int.from_bytes(TARGET[version], "big"), ROWS, 0))
    plan.finish()
    rig.exchange.start(plan, rig.now)
    assert rig.fill() == ROWS
    rig.leave(0, ROWS, took=2 * MS)
    rig.pass_time(5 * MS)
    probes = [(bytes(rig.tx.row(i)), bytes(rig.tx.peer[i * width : (i + 1) * width])) for i in range(ROWS)]
    for at, i in enumerate(order):
        probe, peer = probes[i]
        rig.reply(probe, peer=peer, at=at, age=i * 1000)
    for at, change in mischief.items():
        change(rig, at)
    with mock.patch.object(matching, "FEW", few):
        heard: list[Outcome] = rig.feed(ROWS)
    table = rig.exchange.table
    return (
        heard,
        rig.exchange.counts,
        bytes(table.state[:ROWS]),
        table.in_flight,
        table.in_lane,
        rig.exchange.room.used,
        plan.done,
    )


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("mischief", MISCHIEF, ids=lambda change: change.__name__.strip("_"))
@settings(max_examples=20)
@given(seed=st.integers(0, 1000), at=st.integers(1, ROWS - 1), in_order=st.booleans())
def test_columns_and_rows_agree(
    version: Version, mischief: Mischief, seed: int, at: int, in_order: bool
) -> None:
    """Whatever the order of the answers and whatever is wrong with one of them."""
    order = list(range(ROWS))
    if not in_order:
        Random(seed).shuffle(order)
    by_columns, by_rows = (_sweep(version, order, {at: mischief}, few) for few in (8, ROWS + 1))
    assert by_columns == by_rows


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("in_order", [True, False])
def test_an_undisturbed_sweep_is_matched_by_columns(version: Version, in_order: bool) -> None:
    """The shortcut is taken: no row is looked at alone."""
    order = list(range(ROWS))
    if not in_order:
        Random(1).shuffle(order)
    with mock.patch.object(matching.Matching, "_match", side_effect=AssertionError("row by row")):
        heard, counts, *_ = _sweep(version, order, {}, 8)
    assert len(heard) == counts.received == ROWS  # type: ignore[arg-type, attr-defined]


@pytest.mark.parametrize("sequences", [[5000, 5001], [0, 65_535], [65_535, 0]], ids=str)
def test_replies_to_slots_that_were_never_used_are_nobody_s(sequences: list[int]) -> None:
    """The column of plans ends before them."""
    plan = SweepPlan(Probe(peer=b""), EchoMethod(4).template(size=56), timeout=1000 * MS)
    table, batch = Table(4, 1), PacketBatch(4)
    table.open(table.reserve(1, 0)[0], batch, 0, 1, plan)
    replies = Replies(
        lane=0,
        sequences=array("H", sequences),
        in_a_row=sequences[1] - sequences[0] == 1,
        generation=0,
        nonces=array("I", [0, 0]),
        size=56,
    )
    assert match_replies(table, batch, 2, replies) is None
    assert table.in_flight == 1


def _silent(version: Version, answered: list[int], doubted: bool, few: int) -> tuple[object, ...]:
    """Probe ROWS neighbours of whom some answer; what is told of the others when their time is over."""
    rig = Rig(version, verify=version == 4)
    width = rig.tx.width
    plan = SweepPlan(Probe(peer=b""), rig.method.template(size=56), timeout=1000 * MS)
    plan.add(Segment(int.from_bytes(TARGET[version], "big"), ROWS, 0))
    plan.finish()
    rig.exchange.start(plan, rig.now)
    assert rig.fill() == ROWS
    rig.leave(0, ROWS, took=2 * MS)
    for i in answered:
        rig.reply(bytes(rig.tx.row(i)), peer=bytes(rig.tx.peer[i * width : (i + 1) * width]), age=i * 1000)
        rig.feed()
    if doubted:
        rig.exchange.be_careful(rig.now - MS)
    rig.pass_time(1000 * MS)
    with mock.patch.object(matching, "FEW", few), mock.patch.object(plan, "heard", lambda batch: batch):
        ((_, batch),) = rig.exchange.expire(rig.now, rig.now)
    table = rig.exchange.table
    return (
        list(batch),
        list(batch.tags),
        batch.doubtful,
        bytes(table.state[:ROWS]),
        table.in_flight,
        table.in_lane,
        plan.waiting,
        rig.exchange.room.used,
    )


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("doubted", [False, True])
@pytest.mark.parametrize("answered", [[], [0], [ROWS - 1], [3, 7]], ids=str)
def test_silence_by_columns_and_by_rows_is_the_same(
    version: Version, answered: list[int], doubted: bool
) -> None:
    by_columns, by_rows = (_silent(version, answered, doubted, few) for few in (8, ROWS + 1))
    assert by_columns == by_rows
    assert len(by_columns[0]) == ROWS - len(answered)  # type: ignore[arg-type]
    assert bool(by_columns[2]) == doubted
