"""The wall clock is set at every moment of a probe, and its reader comes late: what a round trip then says.

In virtual time, so that the true round trip is known. What cannot be seen is in docs/explanation/time.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from anyicmp import ErrorReply, Outcome, Prober, Reply
from anyicmp.api.clock import both_of
from anyicmp.engine.stamps import STEADY
from anyicmp.testing import Host, SimulatedNetwork
from anyicmp.testing.clock import VirtualClock
from api.scene import routers

from conftest import LOOPS

TRUE, HOPS = 0.05, 6
STEPS = (3600.0, -3600.0, 0.02, -0.02, 0.001, -0.001)
DELAYS = (0.0, 0.005)
MOMENTS = ("before", "sending", "on the way", "before reading", "after")
RESOLUTION = STEADY / 1e9
FIRST = {4: "10.0.0.1", 6: "2001:db8:1::1"}
MANY = {4: "10.1.0.0/28", 6: "2001:db8:2::/124"}

Measure = Callable[[Prober, int], Awaitable[list[Outcome]]]


def network_of(*, privileged: bool, stamps_sending: bool) -> SimulatedNetwork:
    network = SimulatedNetwork(privileged=privileged)
    network.stamps_sending = stamps_sending
    for version in (4, 6):
        network.add(FIRST[version], Host(delay=TRUE, path=routers(version, HOPS)))
        network.add(MANY[version], Host(delay=TRUE))
    return network


async def ping(prober: Prober, version: int) -> list[Outcome]:
    return list((await prober.ping(FIRST[version], count=1)).outcomes)


async def sweep(prober: Prober, version: int) -> list[Outcome]:
    return list((await prober.sweep(MANY[version])).outcomes)


async def trace(prober: Prober, version: int) -> list[Outcome]:
    found = await prober.traceroute(FIRST[version], probes=1)
    return [outcome for hop in found.hops for outcome in hop.outcomes]


def true_round_trip(outcome: Outcome) -> float:
    """A router of the scene is as many milliseconds away as its address says."""
    assert isinstance(outcome, (Reply, ErrorReply))
    if isinstance(outcome, Reply):
        return TRUE
    return outcome.source.packed[2 if outcome.source.version == 4 else 7] / 1000


def set_once(network: SimulatedNetwork, moment: str, step: float, delay: float) -> None:
    """Set the wall clock at one moment of the first probe; whoever reads its answer comes `delay` late."""
    clocks, left = network.clocks, {"sending", "on the way", "before reading", "late"}

    def once(name: str) -> bool:
        found = name in left
        left.discard(name)
        return found

    def sent(packet: bytes) -> None:
        if once("on the way") and moment == "on the way":
            clocks.after(0.0004, lambda: clocks.step(step))
        if once("sending") and moment == "sending":
            clocks.step(step)

    def arrived(packet: bytes) -> None:
        if once("before reading") and moment == "before reading":
            clocks.step(step)
        if once("late"):
            clocks.advance(delay)
            if moment == "after":
                clocks.after(1e-6, lambda: clocks.step(step))

    network.on_sent, network.on_arrival = sent, arrived
    if moment == "before":
        clocks.step(step)


def check(outcome: Outcome, delay: float) -> None:
    assert isinstance(outcome, (Reply, ErrorReply))
    off = outcome.rtt - true_round_trip(outcome)
    assert outcome.rtt >= 0
    assert abs(off) <= delay + RESOLUTION
    assert outcome.clock in ("kernel", "user")
    if abs(off) > RESOLUTION:
        assert outcome.clock == "user"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("measure", "privileged", "version"),
    [(measure, raw, 6 if raw else 4) for measure in (ping, sweep, trace) for raw in (False, True)],
)
async def test_a_round_trip_is_off_by_no_more_than_the_loop_was_late(
    measure: Measure, privileged: bool, version: int, anyio_backend: tuple[str, Any]
) -> None:
    """The loops share the cases: each has all moments, steps and delays, but a third of their products."""
    loop = list(LOOPS.values()).index(anyio_backend)
    for stamps_sending in (False, True):
        network = network_of(privileged=privileged, stamps_sending=stamps_sending)
        async with Prober(network=network, privileged=privileged) as prober:
            for places in product(*map(range, map(len, (MOMENTS, STEPS, DELAYS)))):
                if sum(places) % len(LOOPS) != (loop + stamps_sending) % len(LOOPS):
                    continue
                moment, step, delay = MOMENTS[places[0]], STEPS[places[1]], DELAYS[places[2]]
                set_once(network, moment, step, delay)
                found = await measure(prober, version)
                assert len(found) == {ping: 1, sweep: 14 if version == 4 else 15, trace: HOPS + 1}[measure]
                for outcome in found:
                    check(outcome, delay)
                if moment in ("before", "after") and measure is not trace:
                    # A late reader alone is no reason to doubt the kernel.
                    assert {outcome.clock for outcome in found} == {"kernel"}
                    assert {round(outcome.rtt, 9) for outcome in found} == {TRUE}
                network.clocks.advance(1.0)  # what was to come after the probe does so before the next one


class Stopping:
    """Clocks that can be read but one after the other; between some readings the process stops for 3 ms."""

    def __init__(self, *stops: int) -> None:
        self._clock = VirtualClock()
        self.monotonic = self._clock.monotonic
        self._stops = stops
        self.readings = 0

    def real(self) -> int:
        self.readings += 1
        if self.readings in self._stops:
            self._clock.advance(0.003)
        return self._clock.real()


@pytest.mark.parametrize(("stops", "readings"), [((), 1), ((1,), 2), ((1, 2), 3)])
def test_a_process_stopped_between_two_clocks_reads_them_again(stops: tuple[int, ...], readings: int) -> None:
    """Else the clocks would seem to have been set apart."""
    clocks = Stopping(*stops)
    ahead = VirtualClock().real() - clocks.monotonic()
    now, real = both_of(clocks)()
    assert real - now == ahead
    assert now == clocks.monotonic()
    assert clocks.readings == readings


def test_clocks_that_know_it_say_both_at_once() -> None:
    clock = VirtualClock()
    clock.advance(2.5)
    clock.step(-3600.0)
    assert both_of(clock)() == clock.both() == (clock.monotonic(), clock.real())


def test_a_process_stopped_all_the_time_goes_on() -> None:
    clocks = Stopping(*range(1, 100))
    both_of(clocks)()
    assert 1 < clocks.readings < 10
