"""The TUN door: the real kernel and real sockets before a simulated internet, and what is left of it."""

from __future__ import annotations

import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from anyicmp import UnsupportedError
from anyicmp.testing import Internet, Topology
from anyicmp.testing.tun import TunNetwork, behind_tun, main

from failing import FailingInternet
from namespaces import NOBODY, command, run_in

needs_tun = pytest.mark.usefixtures("needs_namespaces", "needs_tun")


async def pinged(host: str, count: int) -> object:
    import anyicmp

    result = await anyicmp.ping(host, count=count, interval=0.01)
    return [
        [outcome.kind, str(getattr(outcome, "source", None)), getattr(outcome, "rtt", None)]
        for outcome in result.outcomes
    ]


def left(network: TunNetwork) -> list[Path]:
    places = (Path("/run/netns"), Path("/etc/netns"))
    return [where for place in places if (where := place / network.namespace).exists()]


def near(delay: str = "0 ms") -> Internet:
    """A router and a host that is found under two names."""
    topology = Topology().router("gateway", "192.0.2.254", "2001:db8::fe")
    topology.host("server", "198.51.100.7", "2001:db8:7::7", names=["server.example"])
    return Internet(topology.link("client", "gateway", "server", delay=delay))


@needs_tun
@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8:7::7"])
def test_real_sockets_meet_the_simulated_internet(host: str, uid: int | None) -> None:
    with behind_tun(near()) as network:
        found = run_in(network.namespace, pinged, host, 5, uid=uid)
    assert [row[:2] for row in found] == [["reply", host]] * 5
    assert network.counts["taken"] == network.counts["written"] == 5  # and nothing of the kernel's own


@needs_tun
@pytest.mark.parametrize("name", ["server", "server.example"])
def test_names_resolve_inside(name: str) -> None:
    with behind_tun(near()) as network:
        found = run_in(network.namespace, pinged, name, 2)
    assert {row[1] for row in found} <= {"198.51.100.7", "2001:db8:7::7"}


@needs_tun
def test_a_delay_of_10_ms_is_kept() -> None:
    """Of the round trips the median is compared, for the machine may be busy with other things."""
    with behind_tun(near("2.5 ms")) as network:
        found = run_in(network.namespace, pinged, "198.51.100.7", 100)
    trips = [row[2] for row in found]
    assert min(trips) >= 0.010
    assert statistics.median(trips) < 0.0105


@needs_tun
def test_the_device_takes_packets_of_its_mtu() -> None:
    with behind_tun(near(), mtu=1300) as network:
        shown = command(network.namespace, ["ip", "-o", "link", "show", "sim0"]).stdout
    assert "mtu 1300" in shown
    assert "qlen 20000" in shown


@needs_tun
def test_any_program_runs_inside(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "ip", "-o", "address", "show", "dev", "sim0"]) == 0
    shown = capfd.readouterr().out
    assert "192.0.2.10/32" in shown
    assert "2001:db8:0:1::10/128" in shown
    assert main(["demo", "false"]) == 1


@needs_tun
def test_an_internet_that_fails_is_told_of_and_nothing_is_left() -> None:
    door = behind_tun(FailingInternet.from_toml("demo"))
    network = door.__enter__()
    run_in(network.namespace, pinged, "203.0.113.134", 1)
    with pytest.raises(RuntimeError, match=r"(?s)the pump failed.*ZeroDivisionError: a packet"):
        door.__exit__(None, None, None)
    assert left(network) == []


@needs_tun
def test_nothing_is_left_when_the_block_fails() -> None:
    made: list[TunNetwork] = []

    def fail() -> None:
        with behind_tun(near()) as network:
            made.append(network)
            assert len(left(network)) == 2
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert left(made[0]) == []


@pytest.mark.usefixtures("needs_unprivileged")
def test_who_may_not_is_told_what_it_needs() -> None:
    with pytest.raises(UnsupportedError, match=re.escape("needs Linux, root")), behind_tun(near()):
        pass


TRACE = """
def main(target, simulate):
    import json, subprocess, sys
    argv = [sys.executable, "-m", "anyicmp", "trace", target, "--flow", "5", "--json"]
    return json.loads(subprocess.run([*argv, *simulate], capture_output=True, check=True).stdout)
"""


def without(value: Any, *names: str) -> Any:
    """The same JSON without some names, wherever they are."""
    if isinstance(value, dict):
        return {key: without(each, *names) for key, each in value.items() if key not in names}
    return [without(each, *names) for each in value] if isinstance(value, list) else value


@needs_tun
@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
@pytest.mark.parametrize("target", ["203.0.113.80", "2001:db8:300::80"])
def test_both_doors_show_the_same(target: str, uid: int | None) -> None:
    """But for the times, and what each kernel draws for the probes: identifications and tokens."""
    drawn = ("rtt", "sent_at", "statistics", "identification", "data", "packet")
    sockets = "--privileged" if uid is None else "--unprivileged"
    with behind_tun(Internet.from_toml("demo")) as network:
        real = run_in(network.namespace, TRACE, target, [], uid=uid)
        simulated = run_in(network.namespace, TRACE, target, ["--simulate", "demo", sockets])
    assert without(real, *drawn) == without(simulated, *drawn)
    for there, here in zip(real["hops"], simulated["hops"], strict=True):
        assert there["statistics"]["minimum"] == pytest.approx(here["statistics"]["minimum"], abs=0.005)
