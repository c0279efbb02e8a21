"""Answers that tell the flow alone: who is meant, who is told; and probes that a transport must let go of."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from anyicmp.engine import suspects
from anyicmp.engine.exchange import Exchange
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.engine.room import Room
from anyicmp.engine.trace import TracePlan
from anyicmp.methods.udp import UdpMethod
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind, Version
from engine.rig import EXCEEDED, OTHER, OWN, ROUTER, SECOND, TARGET


class Flows:
    """An exchange of UDP probes without sockets."""

    def __init__(self, version: Version = 4) -> None:
        self.method = UdpMethod(version)
        self.method.identify((40_000,), verify=False)
        self.exchange = Exchange(self.method, Room(1 << 22, version=version))
        self.tx = PacketBatch(version, capacity=64, slot=128)
        self.rx = PacketBatch(version, capacity=4, slot=256)
        self.version = version

    def trace(self, *, target: bytes | None = None, flow: int | None = None, **options: Any) -> TracePlan:
        plan = TracePlan(
            Probe(peer=target or TARGET[self.version], local=OWN[self.version]),
            self.method.template(size=56, flow=flow),
            **{"first_hop": 1, "max_hops": 3, "probes": 1, "timeout": SECOND, **options},
        )
        self.exchange.start(plan, 0)
        return plan

    def leave(self, now: int = 0) -> list[int]:
        n = self.exchange.fill(self.tx, now)
        self.tx.before = self.tx.after = self.tx.real = now + 1
        self.exchange.sent(self.tx, 0, n)
        return list(self.tx.token[:n])

    def hear(
        self, *, port: int = 33_434, own_port: int = 40_000, about: bytes | None = None
    ) -> dict[Any, OutcomeBatch]:
        """An error whose quote came without its payload."""
        rx, width = self.rx, self.rx.width
        rx.data[:8] = bytes((EXCEEDED[self.version], 0)) + bytes(6)
        rx.length[0], rx.kind[0], rx.quoted[0] = 8, RowKind.ERROR, Quoted.PAYLOAD
        rx.reporter[:width], rx.original[:width] = ROUTER[self.version], about or TARGET[self.version]
        rx.port[0], rx.own_port[0] = port, own_port
        rx.after = rx.real = 1000
        return dict(self.exchange.feed(rx, 1))


@pytest.fixture(params=[256, 0], ids=["by slot", "by peer"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of looking find the same."""
    monkeypatch.setattr(suspects, "FEW", request.param)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("version", [4, 6])
def test_the_only_probe_of_a_flow_in_flight_is_meant(version: Version) -> None:
    flows = Flows(version)
    plan = flows.trace(max_hops=1)
    other = flows.trace(max_hops=1, target=OTHER[version])
    flows.leave()
    told = flows.hear()
    assert list(told) == [plan]
    (outcome,) = told[plan]
    assert (outcome.kind, outcome.source) == ("error", ip_address(ROUTER[version]))
    assert outcome.message.quoted.destination == ip_address(TARGET[version])
    assert outcome.message.quoted.protocol == 17
    assert (plan.done, other.waiting) == (True, 1)
    assert flows.hear() == {}, "nobody is waiting any longer"
    assert flows.exchange.counts.foreign == 1


@pytest.mark.usefixtures("few")
def test_of_several_none_is_meant_and_all_are_told() -> None:
    flows = Flows()
    plans = [flows.trace(), flows.trace()]
    flows.leave()
    told = flows.hear()
    assert set(told) == set(plans)
    assert [len(batch) for batch in told.values()] == [0, 0]
    assert sorted(len(batch.unclear[0]) for batch in told.values()) == [3, 3]
    assert [plan.waiting for plan in plans] == [3, 3]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("row", [{"port": 53}, {"own_port": 40_001}, {"about": OTHER[4]}])
def test_another_flow_is_not_meant(row: dict[str, Any]) -> None:
    flows = Flows()
    plan = flows.trace(max_hops=1)
    flows.leave()
    assert flows.hear(**row) == {}
    assert (plan.waiting, flows.exchange.counts.foreign) == (1, 1)


def test_two_flows_to_one_target_are_told_apart() -> None:
    flows = Flows()
    first, second = flows.trace(max_hops=1), flows.trace(max_hops=1, flow=5)
    flows.leave()
    assert list(flows.hear(own_port=1029)) == [second]
    assert list(flows.hear()) == [first]


class Turning(TracePlan):
    """A trace that goes on in another flow while its probes are in flight, as a multipath trace does."""

    def turn(self, flows: Flows, flow: int) -> None:
        self.template = flows.method.template(size=56, flow=flow)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("version", [4, 6])
def test_a_probe_is_of_the_flow_that_it_left_with(version: Version) -> None:
    flows = Flows(version)
    options = {"first_hop": 1, "max_hops": 6, "probes": 1, "timeout": SECOND, "one_by_one": True}
    peer = Probe(peer=TARGET[version], local=OWN[version])
    plan = Turning(peer, flows.method.template(size=56), **options)
    flows.exchange.start(plan, 0)
    sent = flows.leave()
    plan.turn(flows, 5)
    plan._one_by_one = False
    flows.exchange.schedule(plan, 10)
    later = flows.leave(10)
    assert (len(sent), len(later)) == (1, 5)
    (outcome,) = flows.hear()[plan]
    assert (outcome.kind, plan.waiting) == ("error", 5)
    assert flows.hear() == {}, "none of the first flow is in flight"
    told = flows.hear(own_port=1029)
    assert [len(tags) for tags in told[plan].unclear] == [5]


def test_what_has_not_left_yet_is_not_meant() -> None:
    flows = Flows()
    plan = flows.trace(max_hops=1)
    flows.exchange.fill(flows.tx, 0)
    assert flows.hear() == {}
    assert plan.waiting == 1


def test_whoever_holds_something_for_a_probe_hears_of_its_end_once() -> None:
    flows = Flows()
    ended: list[int] = []
    flows.exchange.matching.on_close = ended.append
    flows.trace(max_hops=1)
    (answered,) = flows.leave()
    flows.hear()
    assert ended == [answered]
    flows.trace(max_hops=1)
    (late,) = flows.leave()
    flows.exchange.expire(2 * SECOND, 2 * SECOND)
    assert ended == [answered, late]
    plan = flows.trace(max_hops=1)
    (given_up,) = flows.leave(3 * SECOND)
    flows.exchange.forget(plan)
    assert ended == [answered, late, given_up]


def test_what_leaves_after_it_was_given_up_is_let_go_of_too() -> None:
    flows = Flows()
    ended: list[int] = []
    plan = flows.trace(max_hops=1)
    flows.exchange.fill(flows.tx, 0)
    flows.exchange.forget(plan)
    flows.exchange.matching.on_close = ended.append
    flows.exchange.sent(flows.tx, 0, 1)
    assert ended == [flows.tx.token[0]]
