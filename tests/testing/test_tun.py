"""The TUN door: the real kernel and real sockets before a simulated internet, and what is left of it."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest

from anyicmp import UnsupportedError
from anyicmp.testing.tun import TunNetwork, behind_tun

from echoing import Echoing
from namespaces import NOBODY, command, run_in

needs_tun = pytest.mark.usefixtures("needs_namespaces", "needs_tun")

MILLISECOND = 1_000_000


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


@needs_tun
@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8:7::7"])
def test_real_sockets_meet_the_simulated_internet(host: str, uid: int | None) -> None:
    with behind_tun(Echoing()) as network:
        found = run_in(network.namespace, pinged, host, 5, uid=uid)
    assert [row[:2] for row in found] == [["reply", host]] * 5
    assert network.counts["taken"] == network.counts["written"] == 5  # and nothing of the kernel's own


@needs_tun
def test_names_resolve_inside() -> None:
    with behind_tun(Echoing(), names={"server.demo": ["198.51.100.9", "2001:db8::9"]}) as network:
        assert {row[1] for row in run_in(network.namespace, pinged, "server.demo", 2)} < {
            "198.51.100.9",
            "2001:db8::9",
        }


@needs_tun
def test_a_delay_of_10_ms_is_kept() -> None:
    """Of the round trips the median is compared, for the machine may be busy with other things."""
    with behind_tun(Echoing(delay=10 * MILLISECOND)) as network:
        found = run_in(network.namespace, pinged, "198.51.100.7", 100)
    trips = [row[2] for row in found]
    assert min(trips) >= 0.010
    assert statistics.median(trips) < 0.0105


@needs_tun
def test_the_device_takes_packets_of_its_mtu() -> None:
    with behind_tun(Echoing(), mtu=1300) as network:
        shown = command(network.namespace, ["ip", "-o", "link", "show", "sim0"]).stdout
    assert "mtu 1300" in shown
    assert "qlen 20000" in shown


@needs_tun
def test_an_internet_that_fails_is_told_of_and_nothing_is_left() -> None:
    door = behind_tun(Echoing(poison=b"\xc6\x33\x64\x07"))
    network = door.__enter__()
    run_in(network.namespace, pinged, "198.51.100.7", 1)
    with pytest.raises(RuntimeError, match=r"(?s)the pump failed.*ZeroDivisionError: poison"):
        door.__exit__(None, None, None)
    assert left(network) == []


@needs_tun
def test_nothing_is_left_when_the_block_fails() -> None:
    made: list[TunNetwork] = []

    def fail() -> None:
        with behind_tun(Echoing()) as network:
            made.append(network)
            assert len(left(network)) == 2
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert left(made[0]) == []


@pytest.mark.usefixtures("needs_unprivileged")
def test_who_may_not_is_told_what_it_needs() -> None:
    with pytest.raises(UnsupportedError, match=re.escape("needs Linux, root")), behind_tun(Echoing()):
        pass
