"""The path's MTU through simulated networks: reports and none, both families, both kinds of socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import anyio
import pytest

import anyicmp
from anyicmp import IPAddress, NameLookupError, Observer, PathMtu, Prober, SendFailure
from anyicmp.testing import Host, Internet, SimulatedNetwork, Topology
from anyicmp.testing.internet.report import Reporter

pytestmark = pytest.mark.anyio

TARGET = {4: "10.0.0.1", 6: "2001:db8:f::1"}
ROUTER = {4: "10.{}.0.1", 6: "2001:db8:{}::1"}
versions = pytest.mark.parametrize("version", [4, 6])
kinds = pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])


def network(
    *, privileged: bool = False, target: dict[str, Any] | None = None, own: int = 1500, **narrow: Any
) -> SimulatedNetwork:
    """Three routers in a row; `narrow` is the link behind the second."""
    topology = Topology()
    for hop in (1, 2, 3):
        topology.router(f"router{hop}", ROUTER[4].format(hop), ROUTER[6].format(hop))
    topology.host("target", TARGET[4], TARGET[6], **(target or {}))
    topology.link("client", "router1", delay="2 ms", mtu=own).link("router1", "router2", delay="2 ms")
    topology.link("router2", "router3", delay="2 ms", **narrow).link("router3", "target", delay="2 ms")
    return SimulatedNetwork(internet=Internet(topology), privileged=privileged)


def known(found: PathMtu) -> tuple[object, ...]:
    by = None if found.limited_by is None else str(found.limited_by)
    return found.mtu, found.confirmed, by, found.limited_at, found.black_hole


@versions
@kinds
async def test_a_router_that_reports(version: int, privileged: bool) -> None:
    found = await anyicmp.path_mtu(TARGET[version], network=network(privileged=privileged, mtu=1400))
    assert known(found) == (1400, True, ROUTER[version].format(2), None, False)
    assert found.target == ip_address(TARGET[version])
    left = [step for step in found.steps if not isinstance(step.outcome, SendFailure)]
    assert [(step.size, step.outcome.kind) for step in left] == [
        (1500, "error"),
        (1400, "reply"),
        (1401, "error"),
    ]


@versions
@kinds
async def test_a_router_that_does_not(version: int, privileged: bool) -> None:
    scene = network(privileged=privileged, mtu=1337, black_hole=True)
    found = await anyicmp.path_mtu(TARGET[version], network=scene)
    assert known(found) == (1337, True, ROUTER[version].format(2), 2, True)


@versions
@kinds
async def test_nothing_but_the_own_link_limits(version: int, privileged: bool) -> None:
    """What is too large for it never leaves, and costs nothing."""
    scene = network(privileged=privileged, own=1420)
    found = await anyicmp.path_mtu(TARGET[version], network=scene)
    assert known(found) == (1420, True, None, None, False)
    assert max(map(len, scene.sent)) == 1420


@versions
async def test_a_host_that_does_not_answer(version: int) -> None:
    scene = network(target={"silent": True})
    found = await anyicmp.path_mtu(TARGET[version], network=scene)
    assert known(found) == (None, False, None, None, None)
    scene = network(target={"silent": True}, mtu=1400)
    found = await anyicmp.path_mtu(TARGET[version], network=scene)
    assert known(found) == (1400, False, ROUTER[version].format(2), None, False)


async def test_a_reply_in_fragments_is_a_reply() -> None:
    """A way back that is narrower is no limit of the way there."""
    found = await anyicmp.path_mtu(TARGET[4], network=network(back={"mtu": 1300}))
    assert known(found) == (1500, True, None, None, False)


@pytest.mark.parametrize("said", [0, 20, 1000, 1279, 1300, 9000, 65_535])
@versions
@kinds
async def test_a_report_that_is_not_true(
    version: int, privileged: bool, said: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Less than links carry (RFC 791, RFC 8201), no less than what was sent, or simply less: it is seen."""
    true = Reporter.too_big
    monkeypatch.setattr(
        Reporter, "too_big", lambda self, now, sender, packet, mtu: true(self, now, sender, packet, said)
    )
    found = await anyicmp.path_mtu(TARGET[version], network=network(privileged=privileged, mtu=1400))
    assert known(found) == (1400, True, ROUTER[version].format(2), None, False)


async def test_every_probe_forbids_fragments_and_belongs_to_one_flow() -> None:
    scene = network(mtu=1400, black_hole=True)
    await anyicmp.path_mtu(TARGET[4], network=scene)
    assert {packet[6] & 0x40 for packet in scene.sent} == {0x40}
    assert len({packet[22:24] for packet in scene.sent}) == 1


@pytest.mark.parametrize(
    ("link", "octets", "milliseconds"),
    [({}, 1500, 16), ({"mtu": 1400}, 1400, 24), ({"mtu": 1337, "black_hole": True}, 1337, 18_000)],
)
async def test_how_long_it_takes(link: dict[str, Any], octets: int, milliseconds: int) -> None:
    """One round trip; to the router and one more; three timeouts for each of six steps."""
    scene = network(**link)
    began = scene.clocks.monotonic()
    assert (await anyicmp.path_mtu(TARGET[4], network=scene)).mtu == octets
    assert scene.clocks.monotonic() - began == milliseconds * 1_000_000


async def test_steps_tell_all_probes() -> None:
    scene = network(mtu=1400, black_hole=True)
    found = await anyicmp.path_mtu(TARGET[4], network=scene)
    assert [step.outcome.sequence for step in found.steps] == list(range(len(found.steps)))
    left = [step for step in found.steps if not isinstance(step.outcome, SendFailure)]
    assert sorted(step.size for step in left) == sorted(map(len, scene.sent))
    assert {step.ttl for step in found.steps} == {None, *range(1, 9)}


class Meddler(Observer):
    """Does something when a certain probe has left."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        self.number, self.act = number, act

    def on_sent(self, target: IPAddress, sent_at: float) -> None:
        self.number -= 1
        if self.number == 0:
            self.act()


async def test_a_time_limit_gives_what_is_known() -> None:
    scene = network(mtu=1400, black_hole=True)
    # It passes while the fifth probe leaves: 1,500 octets three times without an answer, 68 with one.
    slow = Meddler(5, lambda: time.sleep(0.2))
    found = await anyicmp.path_mtu(TARGET[4], network=scene, observer=slow, time_limit=0.15)
    assert (found.mtu, found.confirmed, found.limited_by) == (68, True, None)
    assert len(found.steps) < 20
    assert not found.complete


async def test_whoever_asks_hears_what_is_known_all_the_time() -> None:
    """A size that has passed counts at once, though others of its wave wait for their silence."""
    scene = network(mtu=1400, black_hole=True)
    heard: list[tuple[int, PathMtu]] = []

    def note(found: PathMtu) -> None:
        heard.append((scene.clocks.monotonic() - began, found))

    began = scene.clocks.monotonic()
    found = await anyicmp.path_mtu(TARGET[4], network=scene, on_progress=note)
    assert found.complete
    assert not any(known.complete for _, known in heard)
    sizes = [known.mtu or 0 for _, known in heard]
    assert sizes == sorted(sizes)
    assert max(sizes) == found.mtu
    assert {known.mtu for at, known in heard if at < 3_500_000_000} > {68, 1280}


async def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="on_progress"):
        await anyicmp.path_mtu(TARGET[4], network=network(), on_progress=5)  # type: ignore[arg-type]


async def test_a_time_limit_without_an_address() -> None:
    async def slow(host: str, family: int | None) -> list[str]:
        await anyio.sleep(10)
        return ["10.0.0.1"]

    with pytest.raises(NameLookupError, match="time limit"):
        await anyicmp.path_mtu("slow.example", network=network(), resolver=slow, time_limit=0.01)


async def test_no_way_at_all() -> None:
    scene = SimulatedNetwork()
    scene.add("10.0.0.9", Host(errno=101))
    found = await anyicmp.path_mtu("10.0.0.9", network=scene)
    assert known(found) == (None, False, None, None, None)
    assert {step.outcome.kind for step in found.steps} == {"failed"}


async def test_many_at_once_through_one_prober() -> None:
    scene = network(mtu=1400)
    results: list[PathMtu] = []

    async def one(prober: Prober, target: str) -> None:
        results.append(await prober.path_mtu(target))

    async with Prober(network=scene) as prober, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(one, prober, TARGET[4])
            group.start_soon(one, prober, TARGET[6])
    assert [found.mtu for found in results] == [1400] * 20


@pytest.mark.parametrize("wrong", [{"probes": 0}, {"max_hops": 256}, {"timeout": 0.0}, {"dscp": 64}])
async def test_options_are_checked(wrong: dict[str, Any]) -> None:
    scene = network()
    with pytest.raises(ValueError, match=next(iter(wrong))):
        await anyicmp.path_mtu(TARGET[4], network=scene, **wrong)
    assert not scene.sent


async def test_the_search_leaves_nothing_behind() -> None:
    """Cancelled in the middle: nothing is waited for, and the prober still serves."""
    scene, scope = network(mtu=1400, black_hole=True), anyio.CancelScope()
    async with Prober(network=scene, observer=Meddler(5, scope.cancel)) as prober:
        with scope:
            await prober.path_mtu(TARGET[4])
        assert scope.cancelled_caught
        for driver in prober._drivers.values():
            assert (driver.exchange.table.in_flight, driver._sinks) == (0, {})
        sent = len(scene.sent)
        found = await prober.ping(TARGET[4], count=1)
        assert found.is_alive
        assert len(scene.sent) == sent + 1
