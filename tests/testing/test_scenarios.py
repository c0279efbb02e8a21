"""All scenarios, through each door: in memory and virtual time, and behind a TUN device with the real kernel.

What must come of a scenario stands in its file; what it is, in `scenarios/README.md`.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest

from anyicmp import Prober
from anyicmp.testing import Internet, SimulatedNetwork
from anyicmp.testing.tun import behind_tun
from scenarios import playing
from scenarios.playing import HERE, NAMES, check_of

from namespaces import first, python

LONG = frozenset({"sweep_wrap"})
"""Those that take seconds: once is enough."""

AMPLE = 1 << 26
"""Octets of receive buffer for all replies to the longest sweep at once."""

EARLY, LATE = 5.0, 50.0
"""Milliseconds by which a round trip behind the TUN device may differ on a busy machine: less where the call
that sent returned late, more where the pump woke late."""


async def play(name: str, privileged: bool) -> Any:
    check = check_of(name)
    network = SimulatedNetwork.from_toml(HERE / f"{name}.toml", privileged=privileged)
    if name in LONG:
        # The rate is for the device's queue: here each probe would have a turn of its own.
        check = {**check, "options": {**check["options"], "rate": None}}
        network.receive_buffer = AMPLE
    async with Prober(network=network) as prober:
        return await playing.play(check, prober)


async def in_memory(name: str, privileged: bool) -> dict[str, Any]:
    check, result = check_of(name), await play(name, privileged)
    return {
        "lines": playing.lines(check, result),
        "quotes": playing.quotes(result),
        "milliseconds": playing.milliseconds(result),
        "fields": playing.fields(check, result),
    }


@cache
def in_memory_on_one_loop(name: str, privileged: bool) -> dict[str, Any]:
    return anyio.run(in_memory, name, privileged)


def wanted(name: str, privileged: bool) -> list[str]:
    check = check_of(name)
    lines: list[str] = (privileged and check.get("raw")) or check["outcome"]
    return lines


@pytest.mark.anyio
@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in LONG])
async def test_in_memory(name: str, privileged: bool) -> None:
    check, result = check_of(name), await play(name, privileged)
    assert playing.lines(check, result) == wanted(name, privileged)
    if "milliseconds" in check:
        assert playing.milliseconds(result) == check["milliseconds"]
    if privileged and "quotes" in check:
        assert playing.quotes(result) == check["quotes"]


@pytest.mark.once
@pytest.mark.parametrize("name", sorted(LONG))
def test_in_memory_once(name: str) -> None:
    assert in_memory_on_one_loop(name, False)["lines"] == wanted(name, False)


def play_behind(name: str, privileged: bool) -> dict[str, Any]:
    with behind_tun(Internet.from_toml(HERE / f"{name}.toml")) as network:
        argv = first() + python("-m", "scenarios.playing", name, "raw" if privileged else "datagram")
        done = subprocess.run(
            network.command(argv), cwd=HERE.parent, capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


BEHIND = [
    pytest.param(name, privileged, id=f"{name}-{kind}")
    for privileged, kind in ((False, "datagram"), (True, "raw"))
    for name in NAMES
    # Raw sockets see what errors quote: that is what traces live on.
    if not privileged or name.startswith("trace")
]


@pytest.mark.once
@pytest.mark.parametrize(("name", "privileged"), BEHIND)
def test_behind_a_tun_device(
    name: str, privileged: bool, behind_the_device: Callable[..., dict[str, Any]]
) -> None:
    """The full outcomes are those of the other door, times aside, and those agree within the bound."""
    found = behind_the_device(name, privileged)
    # How many copies an outcome has seen is a matter of when it was read; all are in the statistics.
    assert [re.sub(r" duplicates \d+$", "", line) for line in found["lines"]] == wanted(name, privileged)
    expected = in_memory_on_one_loop(name, privileged)
    assert found["fields"] == json.loads(json.dumps(expected["fields"]))
    assert found["quotes"] == expected["quotes"]
    for real, virtual in zip(found["milliseconds"], expected["milliseconds"], strict=True):
        assert virtual - EARLY <= real <= virtual + LATE


def test_the_index_names_every_scenario() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (.*) \|$", (HERE / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(listed) >= 40
    described = {name: tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))["about"] for name in NAMES}
    assert dict(listed) == described


def test_each_file_bears_its_name() -> None:
    for name in NAMES:
        assert tomllib.loads(Path(HERE, f"{name}.toml").read_text("utf-8"))["name"] == name
