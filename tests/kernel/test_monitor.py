"""A monitor on real sockets: targets that fail and come back, lists that change under load, nothing leaks."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from namespaces import namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once, pytest.mark.waits]


async def watch(rounds: int) -> object:
    import gc
    import subprocess
    from pathlib import Path

    import anyio
    import anyio.lowlevel

    import anyicmp

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)

    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    told: list[list[str]] = []
    found: dict[str, object] = {"told": told}
    await anyio.lowlevel.checkpoint()
    gc.collect()
    before = descriptors()
    ip("addr", "add", "10.9.9.9/32", "dev", "lo")
    async with anyicmp.Prober() as prober:
        many = [f"127.0.{i // 256}.{i % 256}" for i in range(1, 601)]
        flapping = anyicmp.MonitorTarget("10.9.9.9", interval=0.05, timeout=0.2)
        async with prober.open_monitor([*many, "::1", flapping], interval=0.5) as monitor:

            async def until(key: str, *states: str) -> None:
                with anyio.fail_after(20):
                    async for change in monitor:
                        if change.key == key and change.state != change.previous:
                            told.append([change.state, change.previous])
                            if change.state in states:
                                return

            await until("10.9.9.9", "up")
            ip("addr", "del", "10.9.9.9/32", "dev", "lo")
            await until("10.9.9.9", "unreachable", "down")
            ip("addr", "add", "10.9.9.9/32", "dev", "lo")
            await until("10.9.9.9", "up")
            for round_ in range(rounds):
                monitor.replace([*many[round_ * 20 :], "::1"])
                await anyio.sleep(0.06)
            await anyio.sleep(0.6)
            statuses = monitor.snapshot()
            found["watched"] = len(statuses) == 601 - 20 * (rounds - 1)
            found["states"] = sorted({status.state for status in statuses.values()})
            found["lost"] = sum(each.probes - each.received for each in monitor.counters())
            found["sent"] = min(status.totals.sent for status in statuses.values()) >= 2
            monitor.replace(many)
        found["in_flight"] = sum(driver.exchange.table.in_flight for driver in prober._drivers.values())
        with anyio.move_on_after(0.3):
            async with prober.open_monitor(many, interval=0.1) as monitor:
                async for _ in monitor:
                    pass
    await anyio.sleep(0.05)
    gc.collect()
    found["left"] = descriptors() - before
    return found


@pytest.mark.parametrize(
    "backend", ["asyncio", pytest.param("asyncio+uvloop", marks=pytest.mark.slow), "trio"]
)
def test_outages_churn_and_shutdown(backend: str) -> None:
    with namespaces("watcher") as (name,):
        found = run_in(name, watch, 8, backend=backend)
    silent = found["told"][1][0]
    assert silent in ("down", "unreachable")
    assert found == {
        "told": [["up", "unknown"], [silent, "up"], ["up", silent]],
        "watched": True,
        "states": ["up"],
        "lost": 0,
        "sent": True,
        "in_flight": 0,
        "left": 0,
    }


def test_a_short_soak() -> None:
    """`bench/monitor.py` measures; here nothing may be lost, and memory stays. Other tests run beside it."""
    monitor = runpy.run_path(str(Path(__file__).parents[2] / "bench" / "monitor.py"))
    with monitor["namespace"]() as name:
        watch = monitor["begun"](name, monitor["WATCH"], 1000, 8.0, 127, "asyncio", {})
        found = monitor["printed"](watch, 90)
    assert (found["up"], found["lost"], found["dropped"]) == (1000, 0, 0)
    assert found["rate"] == pytest.approx(1000, rel=0.1)
    assert found["share"] < 0.5
    assert found["p99"] < 0.2
    assert max(found["resident"]) - min(found["resident"]) < 4_000_000
