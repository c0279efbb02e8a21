"""What is an answer to which probe: source, identifier, generation, nonce, and how little may be quoted."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest

from anyicmp.results import ErrorReply, NoReply, Reply, SendFailure
from anyicmp.wire import TimeExceeded
from anyicmp.wire.batch import Quoted, RowKind, Version
from engine.rig import EXCEEDED, MS, OTHER, OWN, ROUTER, SECOND, TARGET, Rig, ip

BOTH: list[Version] = [4, 6]
both = pytest.mark.parametrize("version", BOTH)


@both
def test_a_reply_ends_its_probe(version: Version) -> None:
    rig = Rig(version)
    plan = rig.ping()
    probe = rig.probe()
    rig.pass_time(20 * MS)
    rig.reply(probe)
    (outcome,) = rig.feed()
    assert outcome == Reply(
        target=ip(TARGET[version]),
        sequence=0,
        sent_at=1_700_000_000.0,
        source=ip(TARGET[version]),
        rtt=0.02,
        ttl=61,
        size=56,
        clock="user",
    )
    assert plan.done
    assert rig.exchange.table.in_flight == 0
    assert rig.exchange.counts.received == rig.exchange.counts.sent == 1


@both
@pytest.mark.parametrize(
    ("offset", "what"), [(8, "generation"), (12, "nonce"), (4, "identifier"), (6, "sequence")]
)
def test_a_forger_must_know_each_word(version: Version, offset: int, what: str) -> None:
    rig = Rig(version)
    rig.ping()
    probe = bytearray(rig.probe())
    probe[offset] ^= 0x40
    rig.reply(bytes(probe))
    assert rig.feed() == []
    counts = rig.exchange.counts
    # A generation that was not there yet is nobody's: only an older one can be a late answer.
    assert (counts.foreign, counts.late) == (1, 0), what
    assert rig.exchange.table.in_flight == 1


@both
def test_an_answer_from_another_address_is_foreign(version: Version) -> None:
    rig = Rig(version)
    rig.ping()
    rig.reply(rig.probe(), peer=OTHER[version])
    assert rig.feed() == []
    assert rig.exchange.counts.foreign == 1
    assert rig.exchange.table.in_flight == 1


@both
def test_an_error_about_another_destination_is_foreign(version: Version) -> None:
    for quoted in (Quoted.PACKET, Quoted.TRANSPORT):
        rig = Rig(version)
        rig.ping()
        rig.error(rig.probe(), quoted=quoted, original=OTHER[version])
        assert rig.feed() == []
        assert rig.exchange.counts.foreign == 1


@both
def test_our_own_request_is_no_answer(version: Version) -> None:
    """A raw socket on loopback hears what it sent."""
    rig = Rig(version)
    rig.ping()
    probe = rig.probe()
    rig.reply(probe)
    rig.rx.data[0] = probe[0]
    assert rig.feed() == []
    assert rig.exchange.counts.foreign == 1


def test_a_wrong_checksum_is_malformed_where_the_kernel_does_not_look() -> None:
    rig = Rig(verify=True)
    rig.ping()
    rig.reply(rig.probe())
    rig.rx.data[40] ^= 1
    assert rig.feed() == []
    assert rig.exchange.counts.malformed == 1
    rig.rx.data[40] ^= 1
    assert len(rig.feed()) == 1


@both
def test_a_copy_is_a_duplicate_and_no_second_outcome(version: Version) -> None:
    rig = Rig(version)
    plan = rig.ping(2)
    rig.probe()
    probe = bytes(rig.tx.row(0))
    rig.reply(probe)
    rig.reply(probe, at=1)
    results = rig.exchange.feed(rig.rx, 2)
    ((owner, batch),) = results
    assert owner is plan
    assert len(batch) == 1
    assert batch[0].duplicates == 1, "both came together: the row shows it"
    assert list(batch.copies) == [0]
    rig.reply(probe)
    ((_, later),) = rig.exchange.feed(rig.rx, 1)
    assert len(later) == 0
    assert list(later.copies) == [0]
    assert rig.exchange.counts.duplicates == 2


@both
def test_an_answer_after_its_timeout_is_late(version: Version) -> None:
    rig = Rig(version)
    plan = rig.ping(None, timeout=SECOND, interval=10 * SECOND)
    probe = rig.probe()
    rig.pass_time(SECOND - 1)
    assert rig.expire() == []
    rig.pass_time(1)
    (outcome,) = rig.expire()
    assert outcome == NoReply(target=ip(TARGET[version]), sequence=0, sent_at=1_700_000_000.0, timeout=1.0)
    rig.reply(probe)
    ((owner, batch),) = rig.exchange.feed(rig.rx, 1)
    assert owner is plan
    assert batch.late == [0]
    assert len(batch) == 0
    assert rig.exchange.counts.late == 1


def test_an_answer_of_an_older_use_of_the_slot_is_late() -> None:
    rig = Rig()
    rig.ping(1)
    probe = rig.probe()
    rig.pass_time(SECOND)
    rig.expire()
    rig.use_all_slots_but(1)
    rig.ping(1)
    assert rig.probe()[6:8] == b"\0\0"
    assert rig.exchange.table.generation[0] == 1
    rig.reply(probe)
    assert rig.feed() == []
    assert rig.exchange.counts.late == 1


@both
@pytest.mark.parametrize("keep", [8, 16, 24, 64])
@pytest.mark.parametrize("quoted", [Quoted.PACKET, Quoted.TRANSPORT])
def test_an_error_may_quote_little(version: Version, keep: int, quoted: Quoted) -> None:
    """RFC 792 promises 8 octets of the datagram; the nonce is looked at where it is there."""
    rig = Rig(version)
    rig.ping()
    probe = rig.probe()
    rig.pass_time(5 * MS)
    rig.error(probe, kind=EXCEEDED[version], code=0, keep=keep, quoted=quoted)
    (outcome,) = rig.feed()
    assert isinstance(outcome, ErrorReply)
    assert outcome.source == ip(ROUTER[version])
    assert outcome.target == ip(TARGET[version])
    assert outcome.rtt == 0.005
    assert (outcome.type, outcome.code) == (EXCEEDED[version], 0)
    assert isinstance(outcome.message, TimeExceeded)
    message = outcome.message
    assert message.quoted.data == probe[:keep]
    assert message.quoted.destination == ip(TARGET[version])
    # Nothing is invented where the kernel withheld the quoted IP header.
    assert message.quoted.source == (ip(OWN[version]) if quoted == Quoted.PACKET else None)
    assert (message.quoted.ttl is None) == (quoted == Quoted.TRANSPORT)
    assert outcome.reason


@both
@pytest.mark.parametrize("quoted", [Quoted.PACKET, Quoted.TRANSPORT])
def test_an_error_that_quotes_too_little_is_nobody_s(version: Version, quoted: Quoted) -> None:
    rig = Rig(version)
    rig.ping()
    rig.error(rig.probe(), keep=7, quoted=quoted)
    assert rig.feed() == []
    assert rig.exchange.table.in_flight == 1


@both
def test_an_error_with_a_wrong_nonce_is_foreign(version: Version) -> None:
    rig = Rig(version)
    rig.ping()
    probe = bytearray(rig.probe())
    probe[13] ^= 1
    rig.error(bytes(probe))
    assert rig.feed() == []
    assert rig.exchange.counts.foreign == 1


@both
@pytest.mark.parametrize("size", range(25))
def test_payloads_of_any_size_are_matched(version: Version, size: int) -> None:
    rig = Rig(version)
    rig.ping(size=size)
    probe = rig.probe()
    assert len(probe) == 8 + size
    rig.reply(probe)
    (outcome,) = rig.feed()
    assert isinstance(outcome, Reply)
    assert outcome.size == size


@both
def test_a_payload_of_the_caller_is_sent_as_it_is_and_compared(version: Version) -> None:
    payload = b"what the caller wrote, longer than a token"
    rig = Rig(version)
    rig.ping(payload=payload)
    probe = rig.probe()
    assert probe[8:] == payload
    rig.reply(probe[:-1] + b"X")
    assert rig.feed() == []
    rig.reply(probe)
    (outcome,) = rig.feed()
    assert isinstance(outcome, Reply)
    assert outcome.size == len(payload)


@both
def test_a_truncated_reply_is_not_taken_for_the_probe_s(version: Version) -> None:
    """A target returns all that it got; only routers may quote less."""
    rig = Rig(version)
    rig.ping()
    probe = rig.probe()
    rig.reply(probe[:12])
    assert rig.feed() == []
    assert rig.exchange.counts.foreign == 1


@both
@pytest.mark.parametrize("octets", [0, 1, 7])
def test_what_is_shorter_than_a_header_is_malformed(version: Version, octets: int) -> None:
    rig = Rig(version)
    rig.ping()
    rig.reply(rig.probe())
    rig.rx.length[0] = octets
    assert rig.feed() == []
    assert rig.exchange.counts.malformed == 1


@both
def test_payload_of_another_protocol_and_stamps_are_nobody_s_answer(version: Version) -> None:
    rig = Rig(version)
    rig.ping()
    rig.reply(rig.probe())
    rig.rx.token[0] = 0
    for kind in (RowKind.DATA, RowKind.STAMP, RowKind.LOCAL_ERROR):
        rig.rx.kind[0] = kind
        assert rig.feed() == []
    assert rig.exchange.table.in_flight == 1
    rig.rx.kind[0] = RowKind.ICMP
    assert len(rig.feed()) == 1


@pytest.mark.parametrize("kind", [4, 5], ids=["source quench", "redirect"])
@pytest.mark.parametrize("quoted", [Quoted.PACKET, Quoted.TRANSPORT])
def test_a_redirect_is_a_notice_for_the_probe_travels_on(kind: int, quoted: Quoted) -> None:
    rig = Rig()
    rig.ping()
    probe = rig.probe()
    rig.error(probe, kind=kind, quoted=quoted)
    assert rig.feed() == []
    assert rig.exchange.counts.foreign == 0
    rig.reply(probe)
    assert len(rig.feed()) == 1


@both
def test_answers_are_told_apart_by_lane(version: Version) -> None:
    rig = Rig(version, identifiers=(100, 200))
    rig.ping(1)
    first = rig.probe()
    rig.ping(1)
    second = rig.probe()
    assert (first[4:6], second[4:6]) == ((100).to_bytes(2, "big"), (200).to_bytes(2, "big"))
    # The same sequence on the other lane: the identifier does not fit.
    rig.reply(first, lane=1)
    assert rig.feed() == []
    rig.reply(second, lane=1)
    rig.reply(first, at=1, lane=0)
    assert len(rig.feed(2)) == 2


@both
def test_several_hosts_answer_a_broadcast(version: Version) -> None:
    rig = Rig(version)
    plan = rig.ping(1, many=True)
    probe = rig.probe()
    hosts = [TARGET[version], OTHER[version], ROUTER[version]]
    for at, host in enumerate([*hosts, OTHER[version]]):
        rig.reply(probe, peer=host, at=at)
    outcomes = rig.feed(4)
    assert [outcome.source for outcome in outcomes if isinstance(outcome, Reply)] == list(map(ip, hosts))
    assert rig.exchange.counts.duplicates == 1
    assert not plan.done
    rig.pass_time(SECOND)
    assert rig.expire() == [], "a probe that was answered did not time out"
    assert plan.done


@both
def test_nobody_answers_a_broadcast(version: Version) -> None:
    rig = Rig(version)
    plan = rig.ping(1, many=True)
    rig.probe()
    rig.pass_time(SECOND)
    assert [outcome.kind for outcome in rig.expire()] == ["timeout"]
    assert plan.done


def test_responders_of_one_broadcast_are_not_remembered_for_the_next_use_of_its_slot() -> None:
    rig = Rig()
    plan = rig.ping(2, many=True)
    probe = rig.probe()
    rig.reply(probe, peer=OTHER[4])
    rig.error(probe, at=1)
    assert [outcome.kind for outcome in rig.feed(2)] == ["reply", "error"]
    rig.exchange.forget(plan)
    rig.use_all_slots_but(1)
    again = rig.ping(1, many=True)
    probe = rig.probe()
    assert probe[6:8] == b"\0\0"
    rig.reply(probe, peer=OTHER[4])
    assert [outcome.kind for outcome in rig.feed()] == ["reply"]
    assert not again.done


def test_rows_that_cannot_leave_are_failures() -> None:
    rig = Rig()
    plan = rig.ping(1)
    assert rig.fill() == 1
    rig.tx.real, rig.tx.before = rig.now + rig.offset, rig.now
    ((owner, batch),) = rig.exchange.failed(rig.tx, 0, errno.EHOSTUNREACH, rig.now)
    assert owner is plan
    (outcome,) = batch
    assert isinstance(outcome, SendFailure)
    assert outcome.errno == errno.EHOSTUNREACH
    assert outcome.target == ip(TARGET[4])
    assert outcome.sent_at == 1_700_000_000.0
    assert "cannot reach" in outcome.reason
    assert plan.done
    assert rig.exchange.counts.sent == 0
    assert rig.exchange.failed(rig.tx, 0, errno.EHOSTUNREACH, rig.now) == []


def test_an_answer_to_a_probe_that_was_never_sent_is_foreign() -> None:
    rig = Rig()
    rig.ping()
    rig.fill()
    rig.reply(bytes(rig.tx.row(0)))
    assert rig.feed() == []
    assert rig.exchange.counts.foreign == 1


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("sequences", [[60_000], [1], range(1, 41), range(65_496, 65_536), range(5, 200, 5)])
def test_an_answer_in_a_slot_that_was_never_used_is_foreign(
    version: Version, sequences: Sequence[int]
) -> None:
    """One, many in a row and many that are scattered: of such slots not even a plan is kept."""
    rig = Rig(version, verify=version == 4)
    rig.ping(2)
    probe = rig.probe()
    for at, sequence in enumerate(sequences):
        octets = sequence.to_bytes(2, "big")
        complement = (sequence ^ 0xFFFF).to_bytes(2, "big")
        rig.reply(probe[:6] + octets + probe[8:24] + complement + probe[26:], at=at)
    assert rig.feed(len(sequences)) == []
    counts = rig.exchange.counts
    assert (counts.foreign, counts.received, counts.malformed) == (len(sequences), 0, 0)
    rig.reply(probe)
    assert len(rig.feed()) == 1
