"""Values made by way of a plain twin are the frozen values in every respect."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import attrs
import pytest

from anyicmp import PingResult, Reply, Statistics
from anyicmp.engine.outcome import REPLY
from anyicmp.engine.statistics import Tally
from anyicmp.wire import EchoReply, MplsLabel, MplsStack, QuotedDatagram, TimeExceeded
from anyicmp.wire.plain import maker, maker_of_many

CASES = [
    (MplsLabel, {"label": 16, "traffic_class": 1, "bottom": True, "ttl": 2}),
    (MplsStack, {"labels": (MplsLabel(16),)}),
    (EchoReply, {"code": 0, "version": 4, "identifier": 1, "sequence": 2, "data": b"x"}),
    (TimeExceeded, {"code": 0, "version": 6, "quoted": QuotedDatagram(), "extensions": ()}),
    (QuotedDatagram, {field.name: b"" for field in attrs.fields(QuotedDatagram)}),
]


@pytest.mark.parametrize(("cls", "fields"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_a_made_value_is_the_frozen_value(cls: type, fields: dict[str, object]):
    assert list(fields) == [field.name for field in attrs.fields(cls)]
    made, built = maker(cls)(*fields.values()), cls(**fields)
    (one_of_many,) = maker_of_many(cls)([tuple(fields.values())])
    assert one_of_many == made
    assert type(made) is type(one_of_many) is cls
    assert made == built
    assert hash(made) == hash(built)
    assert repr(made) == repr(built)
    assert pickle.loads(pickle.dumps(made)) == built
    assert attrs.evolve(made) == built
    name = next(iter(fields))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(made, name, 1)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(made, name)
    assert not hasattr(made, "__dict__")


def one_reply(rtt: float) -> Reply:
    address = ip_address("192.0.2.1")
    return Reply(
        target=address,
        sequence=0,
        sent_at=1.0,
        source=address,
        rtt=rtt,
        ttl=64,
        size=56,
        duplicates=0,
        clock="user",
    )


@pytest.mark.parametrize(
    "look",
    [repr, hash, pickle.dumps, attrs.asdict, attrs.evolve, copy.deepcopy, lambda made: made.statistics],
    ids=["repr", "hash", "pickle", "asdict", "evolve", "deepcopy", "read"],
)
def test_what_is_left_out_is_made_when_someone_looks(look: Callable[[Any], object]) -> None:
    reply = one_reply(0.25)
    tally = Tally()
    tally.count(REPLY, reply.rtt)
    built = PingResult(target=reply.target, outcomes=(reply,), statistics=tally.statistics())
    assert type(built.statistics) is Statistics
    made = maker(PingResult, but="statistics")(reply.target, None, (reply,))
    assert look(made) == look(built)
    assert made == built
    assert made.statistics is made.statistics


def test_what_a_result_does_not_have_is_said_as_ever() -> None:
    reply = one_reply(0.25)
    made = maker(PingResult, but="statistics")(reply.target, None, (reply,))
    with pytest.raises(AttributeError, match="'PingResult' object has no attribute 'loss'"):
        made.loss  # noqa: B018
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.statistics = Statistics()
