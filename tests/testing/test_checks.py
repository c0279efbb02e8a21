"""Each check is able to fail: a transport that breaks one clause of the contract is found by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from anyicmp.net.transport import SocketSpec, Transport
from anyicmp.testing import checks
from anyicmp.testing.transport import SimulatedTransport
from anyicmp.wire.batch import PacketBatch
from testing.test_transports import simulated


class Broken:
    """A transport that passes all on to a sound one; each kind below spoils one thing."""

    def __init__(self, sound: SimulatedTransport) -> None:
        self.sound = sound

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sound, name)


class OneIdentifier(Broken):
    @property
    def identifiers(self) -> tuple[int, ...]:
        return self.sound.identifiers[:1]


class RestlessDescriptor(Broken):
    descriptors = iter(range(3, 1000))

    def fileno(self) -> int:
        return next(self.descriptors)


class TakesAll(Broken):
    """Says that rows left which did not."""

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        self.sound.send(tx, start, stop)
        return tx.capacity, 0


class LeavesDirt(Broken):
    """Does not write a column."""

    def recv(self, rx: PacketBatch, offset: int) -> int:
        kept = bytes(rx.truncated)
        n = self.sound.recv(rx, offset)
        rx.truncated[:] = kept
        return n


class SendsFromTheBeginning(Broken):
    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        n, fault = self.sound.send(tx, 0, stop)
        return max(0, n - start), fault


class ForgetsTheOffset(Broken):
    def recv(self, rx: PacketBatch, offset: int) -> int:
        return self.sound.recv(rx, 0) if offset else self.sound.recv(rx, offset)


class HidesTheCut(Broken):
    def recv(self, rx: PacketBatch, offset: int) -> int:
        n = self.sound.recv(rx, offset)
        rx.truncated[offset : offset + n] = bytes(n)
        return n


class MixesLanes(Broken):
    def recv(self, rx: PacketBatch, offset: int) -> int:
        n = self.sound.recv(rx, offset)
        rx.lane[offset : offset + n] = bytes(n)
        return n


class LosesTheErrno(Broken):
    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        n, fault = self.sound.send(tx, start, stop)
        return n + bool(fault), 0


class DoesNotCount(Broken):
    def dropped(self) -> int:
        return 0


class BlamesTheNext(Broken):
    """Reports the error that an earlier probe left on the socket as the next row's own."""

    sticky = 0

    def recv(self, rx: PacketBatch, offset: int) -> int:
        n = self.sound.recv(rx, offset)
        self.sticky = next((rx.errno[i] for i in range(offset, offset + n) if rx.errno[i]), self.sticky)
        return n

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        if self.sticky:
            fault, self.sticky = self.sticky, 0
            return 0, fault
        return self.sound.send(tx, start, stop)


class StampsNamelessly(Broken):
    def recv(self, rx: PacketBatch, offset: int) -> int:
        n = self.sound.recv(rx, offset)
        for i in range(offset, offset + n):
            rx.token[i] &= 0xFFFF
        return n


class GoesOnStamping(Broken):
    """Asks for stamps because an earlier call did."""

    asked = False

    def send(self, tx: PacketBatch, start: int, stop: int) -> tuple[int, int]:
        self.asked = self.asked or any(tx.stamped[start:stop])
        tx.stamped[start:stop] = bytes([self.asked]) * (stop - start)
        return self.sound.send(tx, start, stop)


BROKEN: list[tuple[checks.Check, type[Broken]]] = [
    (checks.names_itself, OneIdentifier),
    (checks.keeps_one_descriptor, RestlessDescriptor),
    (checks.sends_nothing_of_nothing, TakesAll),
    (checks.brings_answers, LeavesDirt),
    (checks.sends_the_rows_asked_for, SendsFromTheBeginning),
    (checks.writes_from_the_offset, ForgetsTheOffset),
    (checks.marks_what_is_cut, HidesTheCut),
    (checks.tells_lanes_apart, MixesLanes),
    (checks.names_the_row_at_fault, LosesTheErrno),
    (checks.counts_what_overflows, DoesNotCount),
    (checks.brings_errors, BlamesTheNext),
    (checks.stamps_what_leaves, StampsNamelessly),
    (checks.stamps_many_that_leave, GoesOnStamping),
]


@pytest.mark.parametrize(("check", "broken"), BROKEN, ids=lambda value: value.__name__)
def test_a_check_finds_its_breach(check: checks.Check, broken: Callable[[Any], Transport]) -> None:
    sound = simulated(4, privileged=False)

    def opener(spec: SocketSpec) -> Transport:
        return broken(sound.open(spec))

    with pytest.raises((AssertionError, IndexError)):
        check(attrs.evolve(sound, open=opener))


def test_each_check_has_its_breach() -> None:
    assert [check for check, _ in BROKEN] == list(checks.CHECKS)


def test_a_check_says_what_it_lacks() -> None:
    poor = attrs.evolve(simulated(4, privileged=False), refused=None, beyond=None)
    lacking = [check(poor) for check in checks.CHECKS]
    assert [str(found) for found in lacking if found] == [
        "an address that sending is refused to",
        "a router that answers",
    ]
