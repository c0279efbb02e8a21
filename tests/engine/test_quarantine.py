"""A probe without a token leaves its slot alone for as long as an answer may come, and nobody else gets that.

The late answers here come 65,536 probes later, to the slot that the earlier probe had.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine.quarantine import QUARANTINE, Quarantine
from anyicmp.engine.table import OPEN, SLOTS, Table, slot_of
from anyicmp.results import ErrorReply, Reply
from anyicmp.wire.batch import PacketBatch, Quoted, Version
from engine.rig import SECOND, Rig

BOTH: list[Version] = [4, 6]
both = pytest.mark.parametrize("version", BOTH)

GIVEN = b"given by the caller, and longer than a token"
BARE: list[dict[str, Any]] = [{"size": 0}, {"size": 8}, {"size": 19}, {"payload": b""}, {"payload": GIVEN}]
bare = pytest.mark.parametrize("data", BARE, ids=str)
quotes = pytest.mark.parametrize("quoted", [Quoted.PACKET, Quoted.TRANSPORT])


def silent(rig: Rig, **data: Any) -> bytes:
    """A probe that times out."""
    rig.ping(1, **data)
    probe = rig.probe()
    rig.pass_time(SECOND)
    assert [outcome.kind for outcome in rig.expire()] == ["timeout"]
    return probe


@both
@bare
def test_a_late_reply_is_not_the_next_probe_s(version: Version, data: dict[str, Any]) -> None:
    rig = Rig(version)
    earlier = silent(rig, **data)
    rig.use_all_slots_but(1)
    rig.ping(1, **data)
    assert rig.probe()[6:8] == b"\0\1", "the slot of the earlier probe is passed over"
    rig.reply(earlier)
    assert rig.feed() == []
    assert (rig.exchange.counts.late, rig.exchange.counts.received) == (1, 0)
    assert rig.exchange.table.in_flight == 1


@both
@bare
@quotes
def test_a_late_error_is_not_the_next_probe_s(version: Version, data: dict[str, Any], quoted: Quoted) -> None:
    rig = Rig(version)
    earlier = silent(rig, **data)
    rig.use_all_slots_but(1)
    rig.ping(1, **data)
    rig.probe()
    rig.error(earlier, quoted=quoted)
    assert rig.feed() == []
    assert rig.exchange.counts.late == 1
    assert rig.exchange.table.in_flight == 1


@both
@bare
def test_when_its_time_is_over_a_slot_is_as_any_other(version: Version, data: dict[str, Any]) -> None:
    rig = Rig(version)
    silent(rig, **data)
    rig.use_all_slots_but(1)
    rig.pass_time(QUARANTINE - SECOND)
    rig.ping(1, **data)
    probe = rig.probe()
    assert probe[6:8] == b"\0\0"
    rig.reply(probe)
    (outcome,) = rig.feed()
    assert isinstance(outcome, Reply)


@both
@bare
def test_a_probe_with_a_token_may_have_the_slot(version: Version, data: dict[str, Any]) -> None:
    """Its token tells its reply. Errors about either count only as far as they say which probe they quote."""
    rig = Rig(version)
    earlier = silent(rig, **data)
    rig.use_all_slots_but(1)
    rig.ping(1)
    probe = rig.probe()
    assert probe[6:8] == b"\0\0"
    rig.reply(earlier)
    rig.error(earlier, at=1)
    rig.error(earlier, at=2, quoted=Quoted.TRANSPORT)
    rig.error(probe, at=3, keep=8)
    assert rig.feed(4) == []
    assert rig.exchange.counts.received == 0
    assert rig.exchange.table.in_flight == 1
    rig.error(probe)
    (outcome,) = rig.feed()
    assert isinstance(outcome, ErrorReply)


@both
@quotes
@pytest.mark.parametrize("data", [{"size": 8}, {"payload": GIVEN}], ids=str)
def test_an_error_about_an_earlier_probe_with_a_token_is_not_for_one_without(
    version: Version, quoted: Quoted, data: dict[str, Any]
) -> None:
    rig = Rig(version)
    earlier = silent(rig)
    rig.use_all_slots_but(1)
    rig.ping(1, **data)
    probe = rig.probe()
    assert probe[6:8] == b"\0\0"
    rig.error(earlier, quoted=quoted)
    assert rig.feed() == []
    rig.error(probe, quoted=quoted)
    (outcome,) = rig.feed()
    assert isinstance(outcome, ErrorReply)


def test_who_finds_no_slot_waits_and_holds_up_nobody_else() -> None:
    rig = Rig()
    rig.exchange.matching.quarantine.hold(0, SLOTS, rig.now)
    rig.ping(1, size=0)
    assert rig.fill() == 0
    assert rig.exchange.next_deadline() == rig.now + QUARANTINE
    rig.ping(1)
    rig.reply(rig.probe())
    assert len(rig.feed()) == 1
    rig.pass_time(QUARANTINE)
    assert rig.exchange.next_deadline() is not None
    rig.reply(rig.probe())
    (outcome,) = rig.feed()
    assert isinstance(outcome, Reply)
    assert outcome.size == 0


def test_what_could_not_leave_needs_no_quarantine() -> None:
    rig = Rig()
    rig.ping(1, size=0)
    assert rig.fill() == 1
    rig.exchange.failed(rig.tx, 0, 113, rig.now)
    assert rig.exchange.matching.quarantine.count == 0
    rig.ping(1, size=0)
    rig.probe()
    assert rig.exchange.matching.quarantine.count == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40_000), st.booleans()), max_size=12))
def test_no_slot_in_quarantine_is_handed_to_a_probe_without_a_token(
    steps: list[tuple[bool, int, bool]],
) -> None:
    """Whatever takes slots and leaves them, on two lanes: never one that is open, never one that is held."""
    table, quarantine, batch, now = (
        Table(4, 2),
        Quarantine(2, SLOTS),
        PacketBatch(4, capacity=40_000, slot=4),
        0,
    )
    rig = Rig()
    plan = rig.ping(1)
    for number, (carries, wanted, stays) in enumerate(steps):
        now, lane = now + QUARANTINE // 5, number % 2
        quarantine.release(now)
        if table.vacant(lane) - (0 if carries else quarantine.in_lane[lane]) < 1:
            continue
        token, n = table.reserve(wanted, lane, None if carries else quarantine)
        first = slot_of(token)
        assert 1 <= n <= wanted
        assert table.state.find(bytes((OPEN,)), first, first + n) < 0
        if not carries:
            assert quarantine.held.find(1, first, first + n) < 0
            quarantine.hold(first, n, now)
        table.open(token, batch, 0, n, plan)
        assert quarantine.count == sum(quarantine.held)
        for slot in range(first, first + n) if not stays else ():
            table.close(slot, 3)
