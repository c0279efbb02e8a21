"""The table of probes in flight: slots, generations, lanes, rings."""

from __future__ import annotations

import pytest

from anyicmp.engine.probe import Probe
from anyicmp.engine.table import ANSWERED, FORGOTTEN, NEVER, OPEN, OVER, SLOTS, Run, Table, slot_of
from anyicmp.methods.echo import EchoMethod
from anyicmp.wire.batch import PacketBatch
from engine.rig import one_series

SECOND = 1_000_000_000
PLAN = one_series(
    Probe(peer=bytes(4)), EchoMethod(4).template(size=56), number=None, interval=1, timeout=SECOND
)
TX = PacketBatch(4, capacity=4096)


def generation(token: int) -> int:
    return token >> 16 & 0xFFFFFFFF


def take(table: Table, n: int, lane: int = 0) -> tuple[int, int]:
    """Reserve and open up to n slots."""
    token, most = table.reserve(n, lane)
    table.open(token, TX, 0, most, PLAN)
    return token, most


def take_all(table: Table, n: int, lane: int = 0) -> list[int]:
    """Open exactly n slots; their tokens."""
    tokens: list[int] = []
    while len(tokens) < n:
        token, most = take(table, min(4096, n - len(tokens)), lane)
        tokens += range(token, token + most)
    return tokens


def test_a_token_names_lane_generation_and_sequence() -> None:
    table = Table(4, 3)
    tokens = [take(table, 2, lane)[0] for lane in (0, 1, 2, 0)]
    assert [token >> 48 for token in tokens] == [0, 1, 2, 0]
    assert [token & 0xFFFF for token in tokens] == [0, 0, 0, 2]
    assert [slot_of(token) for token in tokens] == [0, SLOTS, 2 * SLOTS, 2]


def test_reserving_alone_changes_nothing() -> None:
    table = Table(4, 1)
    assert table.reserve(5, 0) == table.reserve(5, 0)
    assert table.in_flight == 0
    assert table.state[0] == NEVER


def test_what_was_put_into_a_row_stands_in_the_slot() -> None:
    table, tx = Table(16, 1), PacketBatch(6, capacity=4)
    tx.tag[1], tx.scope[1] = 12345678901234, 7
    tx.peer[16:32] = bytes(range(16))
    tx.nonce[4:8] = b"\x01\x02\x03\x04"
    table.open(table.reserve(1, 0)[0], tx, 1, 2, PLAN)
    assert (table.tag[0], table.scope[0], table.nonce[0]) == (12345678901234, 7, 0x01020304)
    assert bytes(table.peer[:16]) == bytes(range(16))
    assert table.plan[0] is PLAN
    assert table.sent_at[0] == 0


def test_generations_tell_the_uses_of_a_slot_apart() -> None:
    table = Table(4, 1)
    seen = set()
    for turn in range(3):
        for token in take_all(table, SLOTS):
            table.close(slot_of(token), ANSWERED)
            assert token not in seen
            seen.add(token)
            assert generation(token) == turn
    assert len(seen) == 3 * SLOTS


def test_slots_that_stay_open_are_passed_over_when_sequences_wrap() -> None:
    table = Table(4, 1)
    first = take_all(table, SLOTS - 10)
    kept = {slot_of(token) for token in first[100:104]}
    for token in first:
        if slot_of(token) not in kept:
            table.close(slot_of(token), OVER)
    second = take_all(table, SLOTS - 4)
    assert kept.isdisjoint(slot_of(token) for token in second)
    assert len({slot_of(token) for token in second}) == SLOTS - 4
    assert table.vacant(0) == 0
    # The kept ones are still those of the first use.
    assert {table.generation[slot] for slot in kept} == {generation(first[0])}


def test_lanes_fill_apart() -> None:
    table = Table(4, 2)
    assert len(take_all(table, SLOTS - 3)) == SLOTS - 3
    assert (table.vacant(0), table.vacant(1)) == (3, SLOTS)
    assert len(take_all(table, 3, lane=0)) == 3
    assert (table.vacant(0), table.vacant(1)) == (0, SLOTS)
    assert take(table, 50, lane=1) == (1 << 48, 50)


def test_a_run_does_not_reach_over_the_last_slot() -> None:
    table = Table(4, 1)
    for token in take_all(table, SLOTS - 2):
        table.close(slot_of(token), OVER)
    token, most = take(table, 50)
    assert (token & 0xFFFF, most) == (SLOTS - 2, 2)
    assert take(table, 50)[0] & 0xFFFF == 0


def overdue(table: Table, now: int) -> list[int]:
    """The slots whose wait is over and that still wait."""
    return [slot for run in table.overdue(now) for slot in table.open_in(run)]


def test_each_timeout_has_its_ring_and_each_probe_its_time() -> None:
    table = Table(4, 1)
    for at, timeout in ((0, 5), (1, 1), (2, 5), (3, 1)):
        token, _ = take(table, 1)
        table.await_until(Run(slot_of(token), 1, generation(token), at + timeout), timeout)
    assert table.next_deadline() == 2
    assert overdue(table, 1) == []
    assert overdue(table, 2) == [1]
    assert table.next_deadline() == 4
    assert sorted(overdue(table, 6)) == [0, 3]
    assert table.next_deadline() == 7


def test_what_was_closed_is_not_overdue_and_sets_no_deadline() -> None:
    table = Table(4, 1)
    token, _ = take(table, 3)
    table.await_until(Run(0, 3, generation(token), 10), 10)
    table.close(1, ANSWERED)
    assert table.next_deadline() == 10
    table.close(0, ANSWERED)
    table.close(2, FORGOTTEN)
    assert table.next_deadline() is None
    assert overdue(table, 100) == []
    assert table.in_flight == 0


def test_an_old_run_does_not_end_a_later_use_of_its_slot() -> None:
    table = Table(4, 1)
    token, _ = take(table, 1)
    table.await_until(Run(0, 1, generation(token), 10), 10)
    table.close(0, ANSWERED)
    for other in take_all(table, SLOTS - 1):
        table.close(slot_of(other), ANSWERED)
    again, _ = take(table, 1)
    assert slot_of(again) == 0
    assert overdue(table, 10) == []
    assert table.state[0] == OPEN


@pytest.mark.parametrize("lanes", [1, 4])
def test_counting_survives_many_uses(lanes: int) -> None:
    table = Table(4, lanes)
    for _ in range(40):
        tokens = [token for lane in range(lanes) for token in take_all(table, 3000, lane)]
        assert table.in_flight == 3000 * lanes
        for token in tokens:
            table.close(slot_of(token), OVER)
    assert table.in_flight == 0
    assert [table.vacant(lane) for lane in range(lanes)] == [SLOTS] * lanes


@pytest.mark.parametrize("lanes", [1, 2])
def test_plans_are_kept_up_to_the_last_slot_used(lanes: int) -> None:
    """What the collector has to look at is no more than was used."""
    table, last = Table(4, lanes), lanes - 1
    first = last * SLOTS
    assert table.plan == []
    take(table, 1, last)
    token, _ = take(table, 5, last)
    assert len(table.plan) == first + 6
    table.open_only(PLAN, 1, bytes(4), 0, 1) if last == 0 else take(table, 1, last)
    assert len(table.plan) == first + 7
    assert table.plan[first:] == [PLAN] * 7
    table.close(slot_of(token), ANSWERED)
    assert table.owner(slot_of(token)) is PLAN
    take(table, 3)
    assert len(table.plan) == first + (7 if last else 10)
