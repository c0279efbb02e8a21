"""A diagnosis in time: step by step, within a limit, left and closed in between. All time is virtual."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
import trio.testing

import anyicmp
from anyicmp import ClosedError, Prober
from anyicmp.testing import VirtualTimeLoop
from api.diagnosis_rows import TARGET, network

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Loops on which sleeps and limits are in the network's time too."""
    if request.param == "asyncio":
        return "asyncio", {"loop_factory": VirtualTimeLoop}
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


async def test_the_time_limit_leaves_the_rest_out() -> None:
    scene = network(target={"silent": "all"})
    began = scene.clocks.monotonic()
    found = await anyicmp.diagnose(TARGET[4], network=scene, time_limit=0.5)
    assert scene.clocks.monotonic() - began == pytest.approx(0.5e9, rel=0.01)
    assert [step.status for step in found.steps] == ["ok", "ok", "ok", "skipped", "skipped", "skipped"]
    assert found.verdict == "not finished: no time was left"
    assert not found.ok


async def test_a_step_comes_when_it_has_ended() -> None:
    scene = network(target={"silent": "all"})
    async with Prober(network=scene) as prober, prober.open_diagnose(TARGET[4]) as steps:
        assert not scene.sent
        assert [(await anext(steps)).name for _ in range(2)] == ["name", "route"]
        assert not scene.sent
        assert steps.result.steps[1].status == "ok"
        with anyio.move_on_after(0.1):  # a wait that is given up
            for _ in range(2):
                await anext(steps)
        assert [step.name async for step in steps] == ["echo", "path", "mtu"]
        assert len(scene.listening) == 0
        with pytest.raises(StopAsyncIteration):
            await anext(steps)


async def test_leaving_ends_it() -> None:
    scene = network(target={"silent": "all"})
    async with Prober(network=scene) as prober:
        async with prober.open_diagnose(TARGET[4]) as steps:
            for _ in range(3):
                await anext(steps)
            assert len(scene.listening) == 1
        assert scene.listening == []
        sent = len(scene.sent)
        await anyio.sleep(5.0)
        assert len(scene.sent) == sent


async def test_one_task_iterates() -> None:
    scene = network(target={"silent": "all"})
    async with Prober(network=scene) as prober, prober.open_diagnose(TARGET[4]) as steps:
        for _ in range(3):
            await anext(steps)
        async with anyio.create_task_group() as group:
            group.start_soon(anext, steps)
            await anyio.sleep(0.01)
            with pytest.raises(anyio.BusyResourceError):
                await anext(steps)
            group.cancel_scope.cancel()


async def test_closing_the_prober_ends_it_plainly() -> None:
    """No exception group, whatever was under way: here the attempts with ports."""
    scene = network(target={"silent": "all"})

    async def close(prober: Prober) -> None:
        await anyio.sleep(2.0)
        await prober.aclose()

    async with Prober(network=scene) as prober, anyio.create_task_group() as group:
        group.start_soon(close, prober)
        with pytest.raises(ClosedError):
            await prober.diagnose(TARGET[4])
