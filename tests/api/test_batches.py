"""The batches of a driver: made when they are needed, with a nonce that no probe had before."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

from anyicmp.api.batches import DRAW, Batches


def made(log: list[Any]) -> Batches:
    """Batches over no socket; what is prepared is noted. Entropy is 0, 1, 2 and so on, in words."""
    words = count()
    transport: Any = SimpleNamespace(
        spec=SimpleNamespace(buffers=0),
        receive_buffer=1 << 20,
        send=lambda batch, start, stop: log.append((batch, start, stop)),
    )
    return Batches(4, transport, lambda n: b"".join(next(words).to_bytes(4, "little") for _ in range(n // 4)))


def test_nothing_is_made_before_it_is_needed() -> None:
    log: list[Any] = []
    batches = made(log)
    assert batches._made == {}
    rx = batches.rx  # something came, and nothing was sent yet
    assert list(batches._made.values()) == [rx]
    tx = batches.to_send(64)
    assert batches.rx is rx
    assert log == [(tx, 0, 0)], "what the transport prepares for a batch is not part of a round trip"
    assert batches.to_send(64) is tx
    large = batches.to_send(1400)
    assert large.slot > tx.slot
    assert batches.rx.slot >= 1460
    assert batches.to_send(0) is large, "whose answers may still come"
    assert batches.rx.slot >= 1460
    assert batches.to_send(64) is tx
    assert len(batches._made) == 4


def test_no_nonce_is_given_twice() -> None:
    batches = made([])
    nonces: list[int] = []
    for _ in range(3):
        batches.used = 5 if nonces else batches.used
        tx = batches.to_send(64)
        batches.used = 5
        nonces += [int.from_bytes(tx.nonce[4 * i : 4 * i + 4], "little") for i in range(5)]
        nonces += [batches.nonce() for _ in range(DRAW // 4 + 1)]
    assert len(set(nonces)) == len(nonces)


def test_they_grow_where_all_are_patient_and_fill_them() -> None:
    batches = made([])
    tx, rx = batches.to_send(64), batches.rx
    assert (tx.capacity, rx.capacity) == (128, 128)
    for used, patient in ((127, True), (128, False)):
        batches.used = used
        assert batches.to_send(64, patient=patient) is tx
    batches.used = 128
    tx = batches.to_send(64, patient=True)
    assert (tx.capacity, batches.rx.capacity) == (256, 256)
    batches.used = 256
    assert batches.to_send(64, patient=True) is tx
    batches.used = 1
    assert batches.to_send(64) is tx
    nonces = bytes(tx.nonce)
    assert len({nonces[at : at + 4] for at in range(0, 1024, 4)}) == 256
