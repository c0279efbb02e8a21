"""Watching many hosts on a simulated network: states, names, targets that come and go, snapshots."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import anyicmp
from anyicmp import ClosedError, IPAddress, Monitor, MonitorTarget, Observer, Prober, StateChange
from anyicmp.api import monitor as monitor_module
from anyicmp.engine.table import SLOTS
from anyicmp.testing import Host, SimulatedNetwork
from api.scene import made, routers

pytestmark = pytest.mark.anyio

BEGAN = 1_700_000_000.0


def at(network: SimulatedNetwork, seconds: float, call: Callable[[], object]) -> None:
    """Have something happen so many seconds after the network began."""
    network.clocks.after(BEGAN + seconds - network.clocks.real() / 1e9, call)


async def changes_until(monitor: Monitor, network: SimulatedNetwork, seconds: float) -> list[StateChange]:
    """All changes of the first so many seconds."""
    found: list[StateChange] = []
    with anyio.CancelScope() as scope:
        at(network, seconds, scope.cancel)
        while True:
            found.append(await anext(monitor))
    return found


def told(changes: Sequence[StateChange]) -> list[tuple[str, str, float]]:
    return [(change.key, change.state, round(change.at - BEGAN, 3)) for change in changes]


async def test_an_outage_is_told_once_and_its_end(either_network: SimulatedNetwork) -> None:
    network = either_network
    host = network.host(ip_address("10.0.0.1").packed)
    assert host is not None
    at(network, 10.5, lambda: setattr(host, "silent", True))
    at(network, 30.5, lambda: setattr(host, "silent", False))
    async with Prober(network=network) as prober, prober.open_monitor("10.0.0.1") as monitor:
        changes = await changes_until(monitor, network, 59.5)
        status = monitor.snapshot()["10.0.0.1"]
    assert told(changes) == [
        ("10.0.0.1", "up", 0.01),
        ("10.0.0.1", "down", 14.0),
        ("10.0.0.1", "up", 32.01),
    ]
    assert changes[1] == StateChange(
        key="10.0.0.1",
        target=ip_address("10.0.0.1"),
        state="down",
        previous="up",
        reason="3 probes in a row without an answer",
        at=changes[1].at,
    )
    assert (status.state, status.since, status.target) == ("up", changes[2].at, ip_address("10.0.0.1"))
    assert (status.statistics.sent, status.statistics.received) == (60, 40)
    assert (status.totals.sent, status.totals.received) == (60, 40)
    assert status.totals.loss == pytest.approx(1 / 3)
    assert status.totals.average == pytest.approx(0.01)
    assert status.host is None


async def test_unreachable_says_who_reported_what(either_network: SimulatedNetwork) -> None:
    network = either_network
    network.add("10.0.0.51", Host(path=routers(4, 3), unreachable=1))
    network.add("2001:db8:1::51", Host(path=routers(6, 3), unreachable=0))
    network.add("10.0.0.52", Host(errno=101))
    hosts = ["10.0.0.51", "2001:db8:1::51", "10.0.0.52"]
    async with Prober(network=network) as prober, prober.open_monitor(hosts) as monitor:
        found = {change.key: change for change in await changes_until(monitor, network, 4.5)}
        counters = {each.key: each for each in monitor.counters()}
    assert {key: change.state for key, change in found.items()} == dict.fromkeys(hosts, "unreachable")
    assert "Host unreachable" in found[hosts[0]].reason
    assert found[hosts[0]].reason.endswith("Reported by 10.9.3.1.")
    assert "No route to destination" in found[hosts[1]].reason
    assert "no route leads to this network" in found[hosts[2]].reason
    assert counters[hosts[0]].errors == {(3, 1): 5}
    assert counters[hosts[1]].errors == {(1, 0): 5}
    assert counters[hosts[2]].failures == {101: 5}
    assert (counters[hosts[2]].probes, counters[hosts[0]].probes) == (0, 5)


async def test_a_name_that_fails_is_a_state_and_costs_nobody_else(network: SimulatedNetwork) -> None:
    targets = ["nowhere.example", "answers.example", MonitorTarget("10.0.0.1", family=6, key="wrong")]
    async with Prober(network=network) as prober, prober.open_monitor(targets) as monitor:
        at(network, 40, lambda: network.name("nowhere.example", "10.0.0.1"))
        changes = await changes_until(monitor, network, 99.5)
        statuses = monitor.snapshot()
    assert told(changes) == [
        ("nowhere.example", "unreachable", 0.0),
        ("wrong", "unreachable", 0.0),
        ("answers.example", "up", 0.01),
        ("nowhere.example", "up", 71.01),  # looked up after 10, 30 and 70 seconds
    ]
    assert "no address" in changes[0].reason
    assert changes[0].target is None
    assert (statuses["answers.example"].host, statuses["answers.example"].target) == (
        "answers.example",
        ip_address("10.0.0.1"),
    )
    assert statuses["wrong"].lookup_error is not None
    assert statuses["nowhere.example"].lookup_error is None


async def test_names_are_looked_up_again(network: SimulatedNetwork) -> None:
    """An address is kept while it is among those found, or none is; counters go on with another one."""
    lookups: list[str] = []
    answers: list[tuple[str, ...]] = [
        ("10.0.0.1",),
        ("10.1.0.9", "10.0.0.1"),
        (),
        ("2001:db8:1::1", "10.1.0.9"),
        ("2001:db8:1::1",),
    ]

    async def resolver(host: str, family: int | None) -> list[IPAddress]:
        lookups.append(host)
        await anyio.lowlevel.checkpoint()
        found = answers[min(len(lookups), len(answers)) - 1]
        if not found:
            raise OSError(-3, "Temporary failure in name resolution")
        return [ip_address(address) for address in found]

    async with (
        Prober(network=network, resolver=resolver) as prober,
        prober.open_monitor("moves.example", resolve_interval=20.25) as monitor,
    ):
        changes = await changes_until(monitor, network, 44.5)
        during = monitor.snapshot()["moves.example"]
        changes += await changes_until(monitor, network, 99.5)
        after = monitor.snapshot()["moves.example"]
        (counters,) = monitor.counters()
    assert during.state == "up"
    assert during.lookup_error is not None
    assert "Temporary failure" in during.lookup_error
    assert told(changes) == [("moves.example", "up", 0.01), ("moves.example", "up", 50.5)]
    assert changes[1].previous == "up"
    assert changes[1].reason == "the name leads to 2001:db8:1::1 instead of 10.0.0.1"
    assert (after.target, after.lookup_error) == (ip_address("2001:db8:1::1"), None)
    assert (after.totals.sent, after.totals.received) == (100, 100)
    assert counters.probes == 100


async def test_the_name_of_a_silent_target_is_looked_up_at_once(network: SimulatedNetwork) -> None:
    """It may have moved; that it has is no further outage."""
    network.name("moves.example", "10.0.0.1")
    async with Prober(network=network) as prober, prober.open_monitor("moves.example") as monitor:
        await changes_until(monitor, network, 9.5)
        network.add("10.0.0.1", Host(silent=True))
        network.name("moves.example", "10.1.0.1")
        assert told(await changes_until(monitor, network, 20)) == [
            ("moves.example", "down", 13.0),
            ("moves.example", "up", 15.005),
        ]


async def test_whatever_a_resolver_raises(
    network: SimulatedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    async def resolver(host: str, family: int | None) -> list[IPAddress]:
        raise KeyError(host)

    async with (
        Prober(network=network, resolver=resolver) as prober,
        prober.open_monitor(["broken.example", "10.0.0.1"]) as monitor,
    ):
        changes = await changes_until(monitor, network, 4.5)
    assert sorted(told(changes)) == [("10.0.0.1", "up", 0.01), ("broken.example", "unreachable", 0.0)]
    assert "the lookup of broken.example raised" in caplog.text


async def test_targets_come_and_go_and_what_stays_keeps_its_counters(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober, prober.open_monitor(["10.0.0.1", "10.1.0.1"]) as monitor:
        await changes_until(monitor, network, 9.5)
        monitor.add(MonitorTarget("10.1.0.1", key="again", interval=0.5))
        with pytest.raises(ValueError, match="watched already"):
            monitor.add("10.0.0.1")
        with pytest.raises(KeyError):
            monitor.remove("10.9.9.9")
        monitor.remove("10.1.0.1")
        assert len(monitor) == 2
        await changes_until(monitor, network, 19.4)
        statuses = monitor.snapshot()
        assert set(statuses) == {"10.0.0.1", "again"}
        assert (statuses["10.0.0.1"].totals.sent, statuses["again"].totals.sent) == (20, 20)
        monitor.replace(
            [
                MonitorTarget("10.0.0.1", interval=2.0, timeout=0.5, labels={"a": "b"}),
                MonitorTarget("10.1.0.2", key="again"),
                "2001:db8:1::1",
            ]
        )
        changes = await changes_until(monitor, network, 29.3)
        statuses = monitor.snapshot()
    assert [change.key for change in changes] == ["again", "2001:db8:1::1"]
    assert list(statuses) == ["10.0.0.1", "again", "2001:db8:1::1"]
    assert [status.totals.sent for status in statuses.values()] == [25, 10, 10]
    assert statuses["10.0.0.1"].statistics.sent == 5
    assert statuses["10.0.0.1"].since == pytest.approx(BEGAN + 0.01)
    assert statuses["10.0.0.1"].labels == {"a": "b"}
    assert statuses["again"].target == ip_address("10.1.0.2")


async def test_an_outage_after_another_interval_is_told(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober, prober.open_monitor("10.0.0.1") as monitor:
        await changes_until(monitor, network, 9.5)
        network.add("10.0.0.1", Host(silent=True))
        monitor.replace([MonitorTarget("10.0.0.1", interval=0.5)])
        assert told(await changes_until(monitor, network, 15)) == [("10.0.0.1", "down", 11.5)]


async def test_a_replacement_that_cannot_be_changes_nothing(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober, prober.open_monitor("10.0.0.1") as monitor:
        for wrong in (["10.0.0.2", "10.0.0.2"], [MonitorTarget("10.0.0.2", interval=0)], [""]):
            with pytest.raises(ValueError, match=r"two targets|interval|empty"):
                monitor.replace(wrong)
        await changes_until(monitor, network, 4.5)
        assert list(monitor.snapshot()) == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("targets", "options", "wrong"),
    [
        (["10.0.0.1", "10.0.0.1"], {}, "two targets have the key"),
        ([MonitorTarget("a.example", down_after=0)], {}, "down_after"),
        ([MonitorTarget("a.example", size=9, payload=b"x")], {}, "not both"),
        (["224.0.0.1"], {}, "group"),
        ([" "], {}, "empty"),
        ([], {"interval": 0.001}, "interval must be 0.01"),
        ([], {"window": 1e7}, "100000 probes"),
        ([], {"degraded_loss": 0.0}, "degraded_loss"),
        ([], {"degraded_rtt": -1.0}, "degraded_rtt"),
        ([], {"up_after": 0}, "up_after"),
        ([], {"resolve_interval": 0}, "resolve_interval"),
        ([MonitorTarget("a.example", family=5)], {}, "family"),
    ],
)
async def test_what_is_wrong_is_said_before_anything_is_sent(
    network: SimulatedNetwork, targets: list[Any], options: dict[str, Any], wrong: str
) -> None:
    async with Prober(network=network) as prober:
        with pytest.raises(ValueError, match=wrong):
            prober.open_monitor(targets, **options)
    for host, key in ((3, None), ("10.0.0.1", 3)):
        with pytest.raises(TypeError):
            anyicmp.open_monitor([MonitorTarget(host, key=key)], network=network)  # type: ignore[arg-type]
    assert not network.sent


async def test_who_does_not_read_loses_the_oldest(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "UNREAD", 3)
    async with (
        Prober(network=network) as prober,
        prober.open_monitor([f"10.1.0.{i}" for i in range(5)]) as monitor,
    ):
        assert await anext(monitor)
        network.clocks.advance(5)
        await anyio.lowlevel.checkpoint()
        found = await changes_until(monitor, network, 9.5)
    assert monitor.dropped + len(found) == 4


async def test_an_observer_hears_of_states_and_may_ask_and_change(
    network: SimulatedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    class Notes(Observer):
        def on_state(self, change: StateChange) -> None:
            assert monitor.snapshot()[change.key].state == change.state
            heard.append(change.key)
            if change.key == "10.0.0.1":
                monitor.remove(change.key)
                monitor.add("10.1.0.1")
                raise RuntimeError("mine")

    async with (
        Prober(network=network, observer=Notes()) as prober,
        prober.open_monitor("10.0.0.1") as monitor,
    ):
        assert len(await changes_until(monitor, network, 2.5)) == 2
    assert heard == ["10.0.0.1", "10.1.0.1"]
    assert "on_state raised" in caplog.text


async def test_a_snapshot_is_taken_from_any_thread_at_any_time(network: SimulatedNetwork) -> None:
    """While targets come and go in the loop: no lock is left taken, and every row is whole."""
    found: list[int] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def look() -> None:
        try:
            while not stop.is_set():
                for key, status in monitor.snapshot().items():
                    assert status.key == key
                    assert status.totals.received <= status.totals.sent
                for counters in monitor.counters():
                    assert counters.buckets[-1] == counters.received <= counters.probes
                found.append(len(monitor))
                assert monitor.lateness.probes >= 0
                assert monitor.prober_statistics.sent >= 0
        except BaseException as error:  # noqa: BLE001 - the test tells of it
            failures.append(error)

    async with Prober(network=network) as prober, prober.open_monitor() as monitor:
        thread = threading.Thread(target=look)
        thread.start()
        try:
            for round_ in range(6):
                monitor.replace([f"10.1.{round_ % 3}.{i}" for i in range(10)])
                await changes_until(monitor, network, 2 * round_ + 1)
        finally:
            stop.set()
            thread.join(10)
    assert not failures
    assert found
    assert monitor.snapshot()


async def test_closing_the_prober_ends_the_monitor(network: SimulatedNetwork) -> None:
    prober = Prober(network=network)
    await prober.open()
    async with prober.open_monitor("nowhere.example") as monitor:
        await anext(monitor)
        await prober.aclose()
        with pytest.raises(ClosedError, match="closed"):
            await anext(monitor)
        with pytest.raises(ClosedError, match="closed"):
            monitor.add("10.0.0.1")


async def test_leaving_the_block_leaves_nothing(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        targets = ["10.0.0.1", "10.0.0.2", "nowhere.example", "2001:db8:1::1"]
        async with prober.open_monitor(targets) as monitor:
            await anext(monitor)
            monitor.remove("2001:db8:1::1")
        drivers = list(prober._drivers.values())
        assert all(driver.exchange.table.in_flight == 0 and not driver._sinks for driver in drivers)
        assert not prober._watchers
        sent = len(network.sent)
        for address in ("10.1.0.1", "10.1.0.2"):
            await prober.ping(address, count=3, interval=10)
        assert len(network.sent) == sent + 6


async def test_it_is_cancelled_like_anything_else(network: SimulatedNetwork) -> None:
    network.turns.automatic = False
    with anyio.move_on_after(0.05) as scope:
        async with anyicmp.open_monitor("10.0.0.2", network=network) as monitor:
            await anext(monitor)
    assert scope.cancelled_caught


async def test_an_interface_that_is_not_there_yet_is_tried_again(network: SimulatedNetwork) -> None:
    async with (
        Prober(network=network) as prober,
        prober.open_monitor([MonitorTarget("fe80::1%sim9"), "10.0.0.1"]) as monitor,
    ):
        found = await changes_until(monitor, network, 4.5)
    assert [(change.key, change.state) for change in found] == [
        ("fe80::1%sim9", "unreachable"),
        ("10.0.0.1", "up"),
    ]
    assert "sim9" in found[0].reason


async def test_duplicates_and_late_answers_are_counted(network: SimulatedNetwork) -> None:
    network.add("10.0.0.7", Host(copies=3))
    network.add("10.0.0.8", Host(delay=1.5))
    async with (
        Prober(network=network) as prober,
        prober.open_monitor(["10.0.0.7", "10.0.0.8"]) as monitor,
    ):
        await changes_until(monitor, network, 9.9)
        statuses = monitor.snapshot()
    for figures in (statuses["10.0.0.7"].statistics, statuses["10.0.0.7"].totals):
        assert (figures.duplicates, figures.late) == (20, 0)
    for figures in (statuses["10.0.0.8"].statistics, statuses["10.0.0.8"].totals):
        assert (figures.duplicates, figures.late, figures.received) == (0, 9, 0)
    assert statuses["10.0.0.8"].state == "down"


@pytest.mark.once
def test_a_target_takes_the_memory_that_the_page_says_and_no_more() -> None:
    """Less than three kilobytes and 8 octets for each probe in the window, however long it is watched."""

    async def main() -> list[int]:
        network = made(privileged=False)
        taken: list[int] = []
        network.keeps = 10
        async with (
            Prober(network=network) as prober,
            prober.open_monitor(interval=1.0, window=10.0) as monitor,
        ):
            # What a driver has once and for all is no target's: its batches, and 8 octets a slot used so far.
            await prober.ping("10.0.0.1", count=1)
            for driver in prober._drivers.values():
                plans = driver.exchange.table.plan
                plans.extend([None] * (SLOTS - len(plans)))
            await changes_until(monitor, network, 2)
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                monitor.replace([f"10.1.{i // 256}.{i % 256}" for i in range(150)])
                for seconds in (14.5, 24.5, 34.5):
                    await changes_until(monitor, network, seconds)
                    for transport in network.transports:
                        transport.ways.forget()  # what the network remembers of it
                    gc.collect()
                    taken.append((tracemalloc.get_traced_memory()[0] - before) // 150)
            finally:
                tracemalloc.stop()
        return taken

    taken = anyio.run(main)
    assert max(taken) < 3000 + 8 * 10, taken
    assert taken[-1] < taken[0] + 100, taken
