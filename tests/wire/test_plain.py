"""Values made by way of a plain twin are the frozen values in every respect."""

from __future__ import annotations

import pickle

import attrs
import pytest

from anyicmp.wire import EchoReply, MplsLabel, MplsStack, QuotedDatagram, TimeExceeded
from anyicmp.wire.plain import maker

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
    assert type(made) is cls
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
