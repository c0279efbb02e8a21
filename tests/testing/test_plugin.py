"""The pytest plugin as a project that embeds anyicmp meets it: found by its entry point, in a run of its own.

CI runs this file with the wheel installed too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.anybody

NETWORK = """\
[host."server.example"]
address = ["203.0.113.80", "2001:db8:300::80"]

[[link]]
path = ["client", "server.example"]
delay = "20 ms"
"""

# As the tests of an application: they know the public names, and their directory is no package of ours.
TESTS = f'''
import threading

import anyicmp
import anyio
import pytest

NETWORK = """{NETWORK}"""
marked = pytest.mark.simulated_network("networks/near.toml")


def alive(host, **options):
    return anyio.run(lambda: anyicmp.ping(host, count=1, **options)).is_alive


@marked
def test_file_beside_the_test(simulated_network):
    assert alive("server.example")
    assert len(simulated_network.sent) == 1


@pytest.mark.simulated_network(NETWORK, seed=5, privileged=True)
def test_text(simulated_network):
    assert alive("203.0.113.80")
    assert simulated_network.internet.seed == 5
    assert anyio.run(anyicmp.capabilities).privileged


@pytest.mark.simulated_network("demo")
def test_built_in(simulated_network):
    trace = anyio.run(anyicmp.traceroute, "server.demo")
    assert trace.reached and len(trace.hops) > 6


def test_nothing_there(simulated_network):
    assert not alive("203.0.113.80")
    simulated_network.add("203.0.113.80")
    assert alive("203.0.113.80")


@marked
def test_another_thread(simulated_network):
    found = []
    thread = threading.Thread(target=lambda: found.append(alive("server.example")))
    thread.start()
    thread.join()
    assert found == [True]


early = anyicmp.Prober()


@marked
def test_a_prober_made_before(simulated_network):
    async def use():
        async with early as prober:
            return (await prober.ping("server.example")).is_alive

    assert anyio.run(use)


@marked
def test_a_network_of_its_own_comes_first(simulated_network):
    from anyicmp.testing import SimulatedNetwork

    other = SimulatedNetwork()
    assert not alive("203.0.113.80", network=other)
    assert other.sent and not simulated_network.sent
    with other.activate():
        assert not alive("203.0.113.80")
    assert alive("203.0.113.80")


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture(scope="module")
async def of_the_module(anyio_backend):
    """It makes the runner's task start before the network is there."""
    return anyio_backend


@marked
@pytest.mark.anyio
async def test_asynchronous(of_the_module, simulated_network):
    result = await anyicmp.ping("server.example", count=3600)
    assert result.statistics.received == 3600
    assert result.statistics.average == pytest.approx(0.040)


def test_afterwards_the_default_is_the_system_again():
    from anyicmp.api.environment import active_environment

    assert isinstance(active_environment(), anyicmp.Environment)
'''


def run(folder: Path, source: str, *arguments: str) -> str:
    """What pytest prints of a project with this test file. Nothing of ours is on its path."""
    (folder / "networks").mkdir()
    (folder / "networks" / "near.toml").write_text(NETWORK)
    (folder / "test_application.py").write_text(textwrap.dedent(source))
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    environment = {name: value for name, value in os.environ.items() if name != "ANYICMP_CI_PASS"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--strict-markers", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_project_uses_fixture_and_marker(tmp_path: Path) -> None:
    printed = run(tmp_path, TESTS, "-q")
    assert re.search(r"^10 passed in ", printed, re.MULTILINE), printed


def test_the_marker_is_described(tmp_path: Path) -> None:
    printed = run(tmp_path, "", "--markers")
    assert "@pytest.mark.simulated_network(scenario, *, seed=None, privileged=False): " in printed


WRONG = {
    '"far.toml"': "No such file or directory: 'far.toml'",
    "\"[host.a]\\naddres = '10.0.0.1'\\n\"": "host.a.addres: unknown key",
    '"demo", speed=1': "unexpected keyword argument 'speed'",
}


def test_a_wrong_marker_fails_the_test_that_has_it(tmp_path: Path) -> None:
    source = "import pytest\n\n"
    for number, scenario in enumerate(WRONG):
        source += f"@pytest.mark.simulated_network({scenario})\ndef test_{number}(simulated_network): pass\n"
    printed = run(tmp_path, source, "-q")
    for number, said in enumerate(WRONG.values()):
        of_the_test = printed.partition(f"ERROR at setup of test_{number} ")[2].partition("ERROR at setup")[0]
        assert said in of_the_test, printed
    assert "3 errors in" in printed
