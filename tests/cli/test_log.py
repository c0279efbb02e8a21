"""What the library logs: nothing by itself, one line a warning from the command."""

from __future__ import annotations

import logging
import subprocess
import sys

import anyio
import pytest

from anyicmp.cli.loop import run

APPLICATION = """
import logging, sys
import anyio, anyicmp
from anyicmp.testing import Host, SimulatedNetwork

class Observer(anyicmp.Observer):
    def on_outcome(self, outcome):
        raise RuntimeError("observers may raise")

async def main():
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host())
    async with anyicmp.Prober(network=network, observer=Observer()) as prober:
        await prober.ping("10.0.0.1", count=1)

if len(sys.argv) > 1:
    logging.basicConfig(format="%(name)s says: %(message)s")
anyio.run(main)
"""


@pytest.mark.parametrize("listens", [False, True])
def test_a_library_is_silent_unless_its_application_listens(listens: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", APPLICATION, *["listen"] * listens], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    if listens:
        assert done.stderr.startswith("anyicmp says: the observer's on_outcome raised\nTraceback")
    else:
        assert done.stderr == ""


def test_the_command_shows_warnings_in_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("anyicmp")
    before = list(logger.handlers)

    async def work(stop: anyio.CancelScope) -> int:
        logger.info("nobody wants to know")
        logger.warning("this host\n  dropped %d packets", 7)
        try:
            raise OSError("no such\nplace")
        except OSError:
            logger.exception("the lookup of %s raised", "server.example")
        return 3

    assert run(work, "asyncio") == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "anyicmp: this host dropped 7 packets",
        "anyicmp: the lookup of server.example raised: OSError: no such place",
    ]
    assert logger.handlers == before
