"""Make the pictures of the documentation anew: python docs/pictures.py.

Measures the simulated internet that comes with the package, in virtual time, so that each run draws the same.
The screenshots need chromium, which is run without a network, by root.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from random import Random

import anyio

from anyicmp import Prober, Trace
from anyicmp.export import to_json
from anyicmp.plot import report, svg
from anyicmp.testing import SimulatedNetwork

FOLDER = Path(__file__).parent / "pictures"
LAB = """
[router.switch]
address = "10.1.0.1"

[host.desks]
address = "10.1.16.0/21"
echo = { delay = "2 ms" }

[host.servers]
address = ["10.1.64.0/24", "10.1.66.0/24"]

[host.branch]
address = "10.1.128.0/19"
echo = { delay = "60 ms" }

[[link]]
path = ["client", "switch"]
delay = "100 us"

[[link]]
path = ["switch", "desks"]

[[link]]
path = ["switch", "servers"]

[[link]]
path = ["switch", "branch"]
loss = 0.4
"""
LOSSY = """
[host."lossy.demo"]
address = "192.0.2.80"

[[link]]
path = ["client", "lossy.demo"]
delay = "8 ms"
jitter = "6 ms"
loss = 0.06
"""
CHANGES = ("up", "degraded", "up", "down", "unreachable", "up")


async def measured() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Pictures by name, and the lines of a report."""
    async with Prober(network=SimulatedNetwork.from_toml("demo", privileged=True), family=4) as prober:
        paths = await prober.multipath("server.demo")
        async with prober.open_traceroute("server.demo", rounds=30, interval=0.1) as rounds:
            traces: list[Trace] = [trace async for trace in rounds]
        small = await prober.sweep("203.0.113.128/28")
    network = SimulatedNetwork.from_toml(LAB, privileged=True)
    async with Prober(network=network, receive_buffer=8 << 20) as prober:
        large = await prober.sweep("10.1.0.0/16", timeout=1)
    async with Prober(network=SimulatedNetwork.from_toml(LOSSY, privileged=True)) as prober:
        ping = await prober.ping("lossy.demo", count=600, interval=0.5)
    pictures = {
        "grid": svg(small),
        "map": svg(large),
        "distribution": svg(large, kind="distribution"),
        "smoke": svg(ping),
        "hops": svg(traces[-1]),
        "paths": svg(paths),
    }
    files = {
        "lab.jsonl": [to_json(outcome) for outcome in large],
        "ping.json": [to_json(ping)],
        "trace.json": [to_json(traces[-1])],
        "paths.json": [to_json(paths)],
        "monitor.jsonl": state_changes(),
    }
    return pictures, files


def state_changes() -> list[str]:
    """A day of four targets."""
    from anyicmp import StateChange

    chance, lines = Random(2), []
    for key in ("gateway", "database", "web", "printer"):
        previous, at = "unknown", 1_700_000_000.0
        for state in CHANGES[: chance.randrange(2, 7)]:
            change = StateChange(
                key=key,
                target=None,
                state=state,
                previous=previous,
                reason="simulated",
                at=at,  # type: ignore[arg-type]
            )
            lines.append(to_json(change))
            previous, at = state, at + chance.uniform(1000, 20000)
    return lines


def screenshot(page: Path, picture: Path, width: int, height: int, *, dark: bool) -> None:
    """What a browser shows of a page."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *("unshare", "--net", "chromium", "--headless", "--no-sandbox", "--disable-gpu"),
                *("--hide-scrollbars", f"--user-data-dir={profile}", f"--window-size={width},{height}"),
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                *(f"--screenshot={picture}", page.as_uri()),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


def main() -> None:
    """Write all pictures, and the screenshots where there is a browser."""
    FOLDER.mkdir(exist_ok=True)
    pictures, files = anyio.run(measured)
    for name, picture in pictures.items():
        (FOLDER / f"{name}.svg").write_text(picture + "\n", "utf-8")
    if shutil.which("chromium") is None:
        print("no chromium: the screenshots stay as they are")
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(report(files, title="Lab"), "utf-8")
        screenshot(page, FOLDER / "report-light.png", 1000, 1150, dark=False)
        screenshot(page, FOLDER / "report-dark.png", 390, 1150, dark=True)


if __name__ == "__main__":
    main()
