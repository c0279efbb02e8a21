"""A diagnosis names the step, the address and the message of each fault, and blames nobody else.

In virtual time; on a real kernel in `kernel/test_diagnose.py`.
"""

from __future__ import annotations

from functools import partial
from itertools import cycle

import anyio
import pytest

import anyicmp
from anyicmp import Diagnosis, Prober, UnsupportedError
from anyicmp.export import to_dict
from anyicmp.findings import STEPS
from anyicmp.testing import SimulatedNetwork
from api.diagnosis_rows import ROWS, TARGET, network
from diagnosis import Row, check

from conftest import LOOPS
from products import shared

pytestmark = pytest.mark.anyio

CASES = [
    (kind, name, str(version))
    for kind in ("datagram", "raw")
    for name, row in ROWS.items()
    for version in row.versions
]
NEEDED = set(shared(CASES))
"""Each row has both kinds of sockets and all its IP versions, but not all products of these."""


async def diagnosed(row: Row, version: int, *, privileged: bool) -> Diagnosis:
    """It takes no longer than it said beforehand."""
    scene = network(privileged=privileged, **row.scene)
    row.breaks(scene, version)
    host, began = (row.host or TARGET)[version], scene.clocks.monotonic()
    async with anyicmp.open_diagnose(host, network=scene, family=version) as steps:
        names = [step.name async for step in steps]
        assert tuple(names) == STEPS
        assert scene.clocks.monotonic() - began <= steps.longest * 1e9
        return steps.result


@pytest.mark.parametrize(
    ("row", "version", "privileged", "loop"),
    [
        pytest.param(
            ROWS[name],
            int(version),
            kind == "raw",
            loop,
            id=f"{name}-{version}-{kind}-{loop}",
            marks=() if number in NEEDED else pytest.mark.slow,
        )
        for (number, (kind, name, version)), loop in zip(enumerate(CASES), cycle(LOOPS))
    ],
)
def test_the_fault_is_found_and_nobody_else_is_blamed(
    row: Row, version: int, privileged: bool, loop: str
) -> None:
    """On one loop each: what is found does not depend on the loop, and the tests below run on all three."""
    backend, options = LOOPS[loop]
    found = anyio.run(
        partial(diagnosed, row, version, privileged=privileged), backend=backend, backend_options=options
    )
    check(to_dict(found), row, version, hears=privileged)


@pytest.mark.parametrize("version", [4, 6])
async def test_a_healthy_host_takes_no_time(version: int) -> None:
    """Nothing is waited for that has come: requests 0.2 s apart, and a few round trips."""
    scene = network()
    began = scene.clocks.monotonic()
    found = await anyicmp.diagnose(TARGET[version], network=scene)
    assert found.ok
    assert found.culprit is None
    assert scene.clocks.monotonic() - began < 0.6e9


async def test_what_left_and_came_is_told_octet_by_octet() -> None:
    scene = network()
    echo = (await anyicmp.diagnose(TARGET[4], network=scene)).step("echo").data
    request, reply = echo["request"], echo["reply"]
    assert request["octets"][20:] in [packet[20:] for packet in scene.sent]
    assert (request["type"], request["code"], request["sequence"]) == (8, 0, 0)
    assert (reply["type"], reply["code"], reply["sequence"]) == (0, 0, 0)
    assert reply["identifier"] == request["identifier"]
    assert reply["data"] == request["data"] == reply["octets"][28:]
    assert (str(request["destination"]), str(reply["source"])) == (TARGET[4], TARGET[4])


async def test_the_redirect_for_programs() -> None:
    scene = network(**ROWS["redirect"].scene)
    (redirect,) = (await anyicmp.diagnose(TARGET[4], network=scene)).step("echo").data["redirects"]
    assert {name: str(value) for name, value in redirect.items()} == {
        "source": "10.1.0.1",
        "gateway": "10.2.0.1",
        "type": "5",
        "code": "1",
        "taken": "False",
    }


async def test_only_the_ports_asked_for_are_tried() -> None:
    scene = network(
        target={"echo": False, "reject": [{"protocol": "udp", "code": "silent"}], "tcp": {22: "open"}}
    )
    found = await anyicmp.diagnose(TARGET[4], network=scene, ports=[22])
    assert found.step("echo").data["attempts"] == {"UDP port 33434": False, "TCP port 22": True}
    assert found.verdict.startswith("TCP port 22 answers, echo does not")
    assert found.step("path").data["method"] == "tcp"


@pytest.mark.parametrize(
    "wrong",
    [
        {"ports": [0]},
        {"ports": [65_536]},
        {"ports": ["http"]},
        {"timeout": 0},
        {"max_hops": 0},
        {"max_hops": 256},
        {"dscp": 64},
        {"time_limit": -1},
    ],
)
async def test_wrong_arguments_are_refused_before_anything_is_sent(wrong: dict[str, object]) -> None:
    scene: SimulatedNetwork = network()
    async with Prober(network=scene) as prober:
        with pytest.raises((ValueError, TypeError)):
            await prober.diagnose(TARGET[4], **wrong)  # type: ignore[arg-type]
    assert not scene.sent


@pytest.mark.parametrize("why", [UnsupportedError("Linux only"), PermissionError(1, "not permitted")])
async def test_without_tables_the_rest_is_looked_at(why: Exception) -> None:
    class Refused:
        async def interfaces(self) -> object:
            raise why

    scene = network(narrow={"mtu": 1340, "black_hole": True})
    scene.host_tables = Refused()  # type: ignore[assignment]
    found = await anyicmp.diagnose(TARGET[4], network=scene)
    assert [step.status for step in found.steps] == ["ok", "skipped", "skipped", "ok", "ok", "failed"]
    assert found.step("route").detail == str(why)


async def test_a_group_of_hosts_is_no_host() -> None:
    with pytest.raises(ValueError, match="stands for many"):
        await anyicmp.diagnose("ff02::1", network=network())
