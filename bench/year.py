"""How long a year takes in virtual time: one target, a probe a minute, all of it included.

python bench/year.py [--probes N] [loop ...]
"""

from __future__ import annotations

import platform
from argparse import ArgumentParser
from time import perf_counter
from typing import Any

import anyio
import trio.testing

import anyicmp
from anyicmp.testing import SimulatedNetwork, VirtualTimeLoop

YEAR = 525_600
SCENARIO = """
[router.gateway]
address = "192.0.2.254"

[host.server]
address = "198.51.100.7"

[[link]]
path = ["client", "gateway"]
delay = "1 ms"

[[link]]
path = ["gateway", "server"]
delay = "4 ms"
"""
LOOPS: dict[str, tuple[str, dict[str, Any]]] = {
    "virtual": ("asyncio", {"loop_factory": VirtualTimeLoop}),
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
    "trio-mock": ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}),
}


async def watch(probes: int) -> tuple[float, float]:
    """Seconds that it took, and those that passed in the network."""
    network = SimulatedNetwork.from_toml(SCENARIO)
    async with anyicmp.Prober(network=network) as prober:
        began, start = perf_counter(), network.clocks.monotonic()
        async with prober.open_ping("server", count=probes, interval=60.0) as outcomes:
            answered = [1 async for outcome in outcomes if outcome.kind == "reply"]
        took, passed = perf_counter() - began, (network.clocks.monotonic() - start) / 1e9
    assert len(answered) == probes
    return took, passed


def main() -> None:
    """Measure each loop in turn."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, default=43_200, help="probes to send (a year has 525,600)")
    parser.add_argument(
        "loops", nargs="*", metavar="loop", help=f"of {', '.join(LOOPS)}; all if none is named"
    )
    options = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    for loop in options.loops or LOOPS:
        backend, settings = LOOPS[loop]
        took, passed = anyio.run(watch, options.probes, backend=backend, backend_options=settings)
        each = took / options.probes
        print(
            f"{loop:>9}: {options.probes:,} probes, {passed / 86_400:.1f} days in {took:.1f} s; "
            f"{each * 1e6:.1f} us a probe, a year in {each * YEAR:.1f} s"
        )


if __name__ == "__main__":
    main()
