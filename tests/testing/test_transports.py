"""Every transport is held to one contract: the simulated one, batched calls and single calls alike."""

from __future__ import annotations

import select
import time
from ipaddress import ip_address

import pytest

from anyicmp.net.transport import Transport, open_transport
from anyicmp.testing import Host, Router, SimulatedNetwork
from anyicmp.testing.checks import CHECKS, Check, Setting
from anyicmp.wire.batch import Version

from namespaces import chain, run_in

LOOPBACK: dict[Version, bytes] = {4: ip_address("127.0.0.1").packed, 6: ip_address("::1").packed}


def simulated(version: Version, privileged: bool, **knobs: object) -> Setting:
    network = SimulatedNetwork(privileged=privileged)
    network.stamps_sending = True
    for name, value in knobs.items():
        setattr(network, name, value)
    base = "10.0.0.{}" if version == 4 else "2001:db8:1::{}"
    answering, refused, beyond, router = (ip_address(base.format(i)) for i in (1, 2, 3, 4))
    network.add(answering)
    network.add(refused, Host(errno=113))
    network.add(beyond, Host(path=(Router(address=router),)))
    return Setting(
        open=network.open_transport,
        version=version,
        privileged=privileged,
        answering=answering.packed,
        wait=lambda _: network.clocks.advance(0.01),
        real=network.clocks.real,
        refused=refused.packed,
        beyond=beyond.packed,
    )


def wait_for(transport: Transport) -> None:
    select.select([transport.fileno()], [], [], 0.02)


def system(version: Version, privileged: bool, batched: bool) -> Setting:
    return Setting(
        open=open_transport,
        version=version,
        privileged=privileged,
        answering=LOOPBACK[version],
        wait=wait_for,
        real=time.time_ns,
        # To a broadcast address without SO_BROADCAST (ip(7)); to an address that only means "none".
        refused=ip_address("255.255.255.255").packed if version == 4 else None,
        batched=None if batched else False,
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize("version", [4, 6])
def test_the_simulated_transport(check: Check, version: Version, privileged: bool) -> None:
    assert check(simulated(version, privileged)) is None


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_simulated_transport_that_takes_three_rows_a_call(check: Check) -> None:
    assert check(simulated(4, privileged=False, rows_per_call=3)) is None


LACKING = {
    "a router that answers": "on loopback there is none",
    "an address that sending is refused to": "IPv6 has none on loopback",
    "transmit stamps": "Linux before 6.13",
}


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "portable"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
class TestTheSystemsTransports:
    """On loopback, where there is no router to report anything: that check runs in namespaces."""

    @pytest.mark.usefixtures("needs_raw_socket")
    def test_raw_v4(self, check: Check, batched: bool) -> None:
        assert check(system(4, True, batched)) in (None, *LACKING)

    @pytest.mark.usefixtures("needs_ping_socket")
    def test_datagram_v4(self, check: Check, batched: bool) -> None:
        assert check(system(4, False, batched)) in (None, *LACKING)

    @pytest.mark.usefixtures("needs_raw_socket", "needs_ipv6")
    def test_raw_v6(self, check: Check, batched: bool) -> None:
        assert check(system(6, True, batched)) in (None, *LACKING)

    @pytest.mark.usefixtures("needs_ping_socket", "needs_ipv6")
    def test_datagram_v6(self, check: Check, batched: bool) -> None:
        assert check(system(6, False, batched)) in (None, *LACKING)


def run_all(answering: dict[str, str], beyond: dict[str, str]) -> dict[str, str]:
    """Runs inside a namespace: each kind of transport through each check; what failed, and why."""
    import select
    import time
    import traceback
    from ipaddress import ip_address

    from anyicmp.net.transport import open_transport
    from anyicmp.testing.checks import CHECKS, Setting

    failures = {}
    for version in (4, 6):
        for privileged in (False, True):
            for batched in (None, False):
                setting = Setting(
                    open=open_transport,
                    version=version,  # type: ignore[arg-type]
                    privileged=privileged,
                    answering=ip_address(answering[str(version)]).packed,
                    wait=lambda transport: select.select([transport.fileno()], [], [], 0.02) and None,
                    real=time.time_ns,
                    refused=ip_address("255.255.255.255").packed if version == 4 else None,
                    beyond=ip_address(beyond[str(version)]).packed,
                    batched=batched,
                )
                for check in CHECKS:
                    try:
                        lacking = check(setting)
                        assert lacking in (None, "transmit stamps") or (
                            version == 6 and "refused" in lacking
                        ), lacking
                    except Exception:  # noqa: BLE001 - whatever goes wrong is what the caller wants to see
                        name = f"{check.__name__} v{version} raw={privileged} batched={batched}"
                        failures[name] = traceback.format_exc()
    return failures


@pytest.mark.usefixtures("needs_namespaces")
def test_the_system_s_transports_behind_a_router() -> None:
    """All of them, datagram sockets too, with a router that reports what it must drop."""
    with chain(1) as made:
        answering = {"4": made.hops4[0], "6": made.hops6[0]}
        beyond = {"4": made.target4, "6": made.target6}
        assert run_in(made.client, run_all, answering, beyond) == {}
