"""Twenty hosts watched for a year of virtual time: every outage is told once, at the right time.

Hosts fail and come back, some for too short a time to count; the resolver fails, names move, the list of
targets is replaced. Chance is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from random import Random

import anyio
import pytest

from anyicmp import IPAddress, MonitorTarget, Prober, StateChange
from anyicmp.testing import Host, SimulatedNetwork, VirtualTimeLoop
from api.test_monitor import BEGAN, at, changes_until

pytestmark = pytest.mark.once

DAY = 86_400.0
TIMEOUT = 1.0
RESOLVE = 3600.0
HOSTS = 20
DOWN_AFTER, UP_AFTER = 3, 2
SEED = 7

Outage = tuple[float, float]


def name(i: int) -> str:
    return f"host{i}.example" if i % 2 else f"10.0.1.{i}"


def drawn(random: Random, days: int, interval: float) -> tuple[list[Outage], list[Outage]]:
    """Outages that must be told, and failures that are too short: neither begins while another lasts."""
    told, flaps, now = [], [], DAY / 4
    while now < (days - 1) * DAY:
        now += random.uniform(2 * DAY, 20 * DAY)
        if random.random() < 0.4:
            flaps.append((now, now + random.uniform(0.1, DOWN_AFTER - 1) * interval))
        else:
            told.append((now, now + random.uniform((DOWN_AFTER + 1) * interval, DAY)))
        now += DAY
    end = (days - 0.1) * DAY
    return [outage for outage in told if outage[1] < end], [flap for flap in flaps if flap[1] < end]


@pytest.mark.parametrize(
    ("days", "interval"), [(15, 3600.0), pytest.param(365, 300.0, marks=pytest.mark.slow)]
)
def test_every_outage_is_told_once_at_the_right_time(days: int, interval: float) -> None:
    anyio.run(watch, days, interval, backend_options={"loop_factory": VirtualTimeLoop})


async def watch(days: int, interval: float) -> None:
    random, network = Random(SEED), SimulatedNetwork()
    expected: dict[str, list[Outage]] = {}
    for i in range(HOSTS):
        host = network.add(f"10.0.1.{i}", Host(delay=0.02))
        expected[name(i)], flaps = drawn(random, days, interval)
        for began, ended in (*expected[name(i)], *flaps):
            for when, silent in ((began, True), (ended, False)):
                at(network, when, lambda host=host, silent=silent: setattr(host, "silent", silent))

    failing = False

    async def resolve(asked: str, family: int | None) -> Sequence[IPAddress]:
        if failing:
            raise OSError(-3, "Temporary failure in name resolution")
        return [ip_address(f"10.0.1.{asked.removeprefix('host').removesuffix('.example')}")]

    def fail(how: bool) -> None:
        nonlocal failing
        failing = how

    def targets(reload: int) -> list[str | MonitorTarget]:
        watched: list[str | MonitorTarget] = [name(i) for i in range(HOSTS)]
        return [*watched, MonitorTarget("10.0.2.1", key=f"passing {reload}")][reload % 2 :]

    async with (
        Prober(network=network, resolver=resolve) as prober,
        prober.open_monitor(
            targets(0),
            interval=interval,
            resolve_interval=RESOLVE,
            timeout=TIMEOUT,
            down_after=DOWN_AFTER,
            up_after=UP_AFTER,
        ) as monitor,
    ):
        for day in range(days):
            at(network, (day + 0.3) * DAY, lambda: fail(True))
            at(network, (day + 0.4) * DAY, lambda: fail(False))
            at(network, (day + 0.6) * DAY, lambda day=day: monitor.replace(targets(2 * day)))
        changes = await changes_until(monitor, network, days * DAY)
        statuses = monitor.snapshot()
        assert monitor.dropped == 0
    found: dict[str, list[StateChange]] = {name(i): [] for i in range(HOSTS)}
    for change in changes:
        if change.key in found:
            found[change.key].append(change)
    assert sum(map(len, expected.values())) >= HOSTS * days // 40
    for key, outages in expected.items():
        first, *rest = found[key]
        assert (first.state, first.previous) == ("up", "unknown")
        assert first.at - BEGAN < 10.1
        assert [change.state for change in rest] == ["down", "up"] * len(outages)
        for (began, ended), down, up in zip(outages, rest[::2], rest[1::2], strict=True):
            late = down.at - BEGAN - began
            assert (DOWN_AFTER - 1) * interval < late <= DOWN_AFTER * interval + TIMEOUT + 0.01
            late = up.at - BEGAN - ended
            assert (UP_AFTER - 1) * interval < late <= UP_AFTER * interval + 0.03
        totals = statuses[key].totals
        assert totals.sent == pytest.approx(days * DAY / interval, abs=2)
        assert totals.loss == pytest.approx(
            sum(ended - began for began, ended in outages) / (days * DAY), abs=0.01 + 1.5 / days
        )
