"""Outcomes as columns and as rows: frozen, hashable, picklable, made when looked at."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp import KINDS, ErrorReply, NoReply, OutcomeBatch, Reply, SendFailure, SweepResult
from anyicmp.engine.addresses import addresses, if_the_same
from anyicmp.engine.collection import Rows
from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT
from anyicmp.engine.statistics import Tally
from anyicmp.export import to_dict
from anyicmp.wire.batch import Quoted, Version
from engine.rig import EXCEEDED, OWN, ROUTER, SECOND, Rig


def reply_and_error(version: Version = 4) -> OutcomeBatch:
    """A reply and an error, as an exchange makes them."""
    rig = Rig(version)
    rig.ping(None, timeout=SECOND)
    probes = [rig.probe() for _ in range(3)]
    rig.pass_time(SECOND // 4)
    rig.reply(probes[0], age=SECOND // 8)
    rig.error(probes[1], at=1, kind=EXCEEDED[version], code=0, quoted=Quoted.TRANSPORT)
    rig.rx.after = rig.now
    rig.rx.real = rig.now + rig.offset
    ((_, batch),) = rig.exchange.feed(rig.rx, 2)
    return batch


def batch_of_all_kinds() -> OutcomeBatch:
    batch = reply_and_error()
    target = IPv4Address("10.0.0.1").packed
    batch.append(TIMEOUT, target=target, scope=0, tag=2, sent_at=1.5)
    batch.append(FAILED, target=target, scope=0, tag=3, sent_at=2.5)
    batch.failures[3] = (113, None)
    batch.append(FAILED, target=target, scope=0, tag=4, sent_at=2.5)
    batch.failures[4] = (None, "no such name")
    batch.timeout = 1.0
    return batch


def test_a_batch_is_a_sequence_of_rows() -> None:
    batch = batch_of_all_kinds()
    assert [type(row) for row in batch] == [Reply, ErrorReply, NoReply, SendFailure, SendFailure]
    assert [KINDS[kind] for kind in batch.kinds] == [row.kind for row in batch]
    assert len(batch) == len(batch.rtts) == len(batch.sequences) == len(batch.packed) // 4 == 5
    assert list(batch) == [batch[i] for i in range(5)] == batch[:]
    assert batch[-1] == batch[4]
    assert batch[1:3] == [batch[1], batch[2]]
    for beyond in (5, -6):
        with pytest.raises(IndexError):
            batch[beyond]


@given(st.lists(st.integers(0, (1 << 32) - 1)), st.lists(st.integers(0, (1 << 128) - 1)))
def test_addresses_made_quickly_are_the_standard_librarys(four: list[int], six: list[int]) -> None:
    for numbers, version, cls in ((four, 4, IPv4Address), (six, 6, IPv6Address)):
        width = 4 if version == 4 else 16
        made = addresses(bytearray(b"".join(n.to_bytes(width, "big") for n in numbers)), version)
        theirs = [cls(n) for n in numbers]
        assert made == theirs
        for one, other in zip(made, theirs, strict=True):
            assert (type(one), hash(one), str(one), one.packed) == (
                cls,
                hash(other),
                str(other),
                other.packed,
            )
            assert pickle.loads(pickle.dumps(one)) == other


def test_an_address_class_that_is_otherwise_inside_is_called() -> None:
    """Nothing is guessed of a standard library that keeps an address elsewhere."""

    class Elsewhere(IPv4Address):
        __slots__ = ("_number",)

        def __init__(self, number: int) -> None:
            super().__init__(number)
            self._number = number

        def __hash__(self) -> int:
            return hash(self._number)

    def quick(numbers: Iterable[int]) -> list[IPv4Address]:
        return [object.__new__(Elsewhere) for _ in numbers]

    assert if_the_same(quick, Elsewhere)([5]) == [IPv4Address(5)]


def test_a_batch_survives_pickling() -> None:
    batch = batch_of_all_kinds()
    again = pickle.loads(pickle.dumps(batch))
    assert list(again) == list(batch)
    assert again.packed == batch.packed


def test_rows_are_frozen_hashable_unordered_and_picklable() -> None:
    for row in batch_of_all_kinds():
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            row.sequence = 5  # type: ignore[misc]
        assert pickle.loads(pickle.dumps(row)) == row
        assert hash(pickle.loads(pickle.dumps(row))) == hash(row)
        assert not hasattr(row, "__dict__")
        assert type(row).__name__ in repr(row)
        assert row
        with pytest.raises(TypeError):
            sorted([row, row])  # type: ignore[type-var]


def test_a_row_made_cheaply_is_like_one_made_by_hand() -> None:
    row = batch_of_all_kinds()[0]
    assert isinstance(row, Reply)
    by_hand = Reply(**{field.name: getattr(row, field.name) for field in attrs.fields(Reply)})
    assert row == by_hand
    assert hash(row) == hash(by_hand)
    assert repr(row) == repr(by_hand)
    assert type(row) is type(by_hand)
    assert attrs.asdict(row) == attrs.asdict(by_hand)


def test_what_there_is_not_is_none() -> None:
    batch = batch_of_all_kinds()
    batch.ttls[0] = -1
    batch.nowhere = True
    first = batch[0]
    assert isinstance(first, Reply)
    assert first.ttl is None
    failed = batch[4]
    assert isinstance(failed, SendFailure)
    assert (failed.target, failed.errno, failed.reason) == (None, None, "no such name")
    silent = batch[2]
    assert isinstance(silent, NoReply)
    assert silent.timeout == 1.0
    assert batch.rtts[2] != batch.rtts[2], "NaN"


def test_a_link_local_target_keeps_its_scope() -> None:
    batch = OutcomeBatch(6)
    packed = IPv6Address("fe80::5").packed
    batch.append(REPLY, target=packed, scope=3, tag=0, sent_at=0.0, rtt=0.1, source=packed)
    assert str(batch[0].target) == "fe80::5%3"
    batch.zones = {3: "eth0"}
    assert str(batch[0].target) == "fe80::5%eth0"


def test_a_batch_of_some_rows_keeps_all_their_columns() -> None:
    batch = batch_of_all_kinds()
    some = batch.only([4, 1, 3])
    assert list(some) == [batch[4], batch[1], batch[3]]


def test_a_sweep_s_result_is_lazy_and_in_kinds() -> None:
    batches = (batch_of_all_kinds(), batch_of_all_kinds())
    result = SweepResult(columns=batches, statistics=Tally().statistics())
    assert len(result.outcomes) == len(list(result)) == 10
    assert (len(result.alive), len(result.errors), len(result.unanswered), len(result.failed)) == (2, 2, 2, 4)
    assert isinstance(result.outcomes, Rows)
    assert [row.kind for row in result.failed] == ["failed"] * 4
    assert result.failed[-1] == batches[1][4]
    assert result.alive[1] == batches[1][0]
    assert result.failed[1:3] == [batches[0][4], batches[1][3]]
    assert list(result.batches()) == list(batches)
    assert result
    with pytest.raises(IndexError):
        result.alive[2]


@pytest.mark.parametrize("version", [4, 6])
def test_an_error_s_message_is_decoded_when_looked_at(version: Version) -> None:
    batch = reply_and_error(version)
    assert batch.kinds[1] == ERROR
    with pytest.raises(KeyError):
        batch.message(0)
    row = batch[1]
    assert isinstance(row, ErrorReply)
    assert row.message.type == EXCEEDED[version]
    assert row.reason == row.message.explain()


@pytest.mark.parametrize("version", [4, 6])
def test_an_unreachable_of_this_host_is_one_whose_reporter_is_its_own_way_to_itself(version: Version) -> None:
    rig = Rig(version)
    rig.ping(None)
    probes = [rig.probe() for _ in range(3)]
    rig.error(probes[0])
    rig.error(probes[1], at=1)
    rig.error(probes[2], at=2, kind=EXCEEDED[version], code=0)
    width = rig.rx.width
    rig.rx.peer[:width] = OWN[version]
    rig.rx.peer[2 * width : 3 * width] = OWN[version]
    rig.rx.before = rig.rx.after = rig.now
    rig.rx.real = rig.now + rig.offset
    ((_, batch),) = rig.exchange.feed(rig.rx, 3)
    asked: list[bytes] = []

    def own_address(peer: bytes, scope: int) -> bytes:
        asked.append(peer)
        return OWN[version]

    batch.find_local(own_address)
    assert [row.local for row in batch if isinstance(row, ErrorReply)] == [True, False, False]
    assert asked == [OWN[version], ROUTER[version]], "nobody asks about a time exceeded"
    assert [row.local for row in batch.only([1, 0]) if isinstance(row, ErrorReply)] == [False, True]
    assert to_dict(batch[0])["local"] is True


def test_a_scope_is_named_as_the_caller_did() -> None:
    batch = OutcomeBatch(6)
    for scope in (3, 4):
        target = IPv6Address("fe80::1").packed
        batch.append(REPLY, target=target, scope=scope, tag=scope, sent_at=0.0, rtt=0.1, source=target)
    batch.zones = {3: "eth0"}
    assert [str(row.target) for row in batch] == ["fe80::1%eth0", "fe80::1%4"]
    assert [str(row.source) for row in batch.only([1, 0])] == ["fe80::1%4", "fe80::1%eth0"]
