"""The application's own sleeps in the network's time: on `VirtualTimeLoop`, and under trio's mock clock."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

import anyicmp
from anyicmp import Prober, Reply
from anyicmp.testing import Host, SimulatedNetwork, VirtualTimeLoop

SECOND = 1_000_000_000
HOUR, YEAR = 3600, 365 * 86_400
SIMPLE = """
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


def backend(loop: str) -> tuple[str, dict[str, Any]]:
    if loop == "asyncio":
        return "asyncio", {"loop_factory": VirtualTimeLoop}
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


LOOPS = ["asyncio", "trio"]
on_both = pytest.mark.parametrize("loop", LOOPS)


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return backend(request.param)


def run(loop: str, main: Callable[[], Awaitable[Any]]) -> Any:
    name, options = backend(loop)
    return anyio.run(main, backend=name, backend_options=options)


def network_with(delay: float = 0.25) -> SimulatedNetwork:
    network = SimulatedNetwork()
    network.add("10.0.0.1", Host(delay=delay))
    network.add("10.0.0.2", Host(silent=True))
    return network


# The application's time.


def test_a_year_of_sleep_is_exact() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        times = [loop.time()]
        for seconds in (0.1, 0.0, 1.5, YEAR, 60.0, 1e-9):
            await asyncio.sleep(seconds)
            times.append(loop.time())
        return times

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        times = runner.run(main())
    assert times[:4] == [0.0, 0.1, 0.1, 1.6]
    assert times[4:6] == [YEAR + 1.6, YEAR + 61.6]


@on_both
def test_timeouts_and_answers_share_one_time(loop: str) -> None:
    async def main() -> None:
        network = network_with()
        async with Prober(network=network) as prober:
            start, clock = anyio.current_time(), network.clocks.monotonic()
            with anyio.move_on_after(9.5) as scope:
                await prober.ping("10.0.0.1", count=100, interval=1.0)
            assert scope.cancelled_caught
            assert anyio.current_time() - start == pytest.approx(9.5, abs=1e-9)
            result = await prober.ping("10.0.0.1", count=100, interval=1.0, time_limit=10.5)
            assert len(result.outcomes) == 11
            assert anyio.current_time() - start == pytest.approx(20.0, abs=1e-9)
            assert network.clocks.monotonic() - clock == 20 * SECOND
        await anyio.sleep(HOUR)
        assert network.clocks.monotonic() - clock == (HOUR + 20) * SECOND, "also where no prober is open"

    run(loop, main)


@on_both
def test_what_is_heard_comes_before_what_times_out_then(loop: str) -> None:
    async def main() -> list[bool]:
        async with Prober(network=network_with(delay=0.5)) as prober:
            # Many times, as trio runs what is ready in an order of its own choice.
            results = [await prober.ping("10.0.0.1", count=1, time_limit=0.5) for _ in range(30)]
        return [result.is_alive for result in results]

    assert run(loop, main) == [True] * 30


durations = st.lists(
    st.integers(1, 5_000).map(lambda milliseconds: milliseconds / 1000), min_size=1, max_size=5
)


@on_both
@settings(max_examples=20)
@given(sleeps=durations, pings=durations)
def test_any_mix_ends_in_the_order_of_time(loop: str, sleeps: list[float], pings: list[float]) -> None:
    """And the time that passed is that of the longest."""

    async def main() -> list[tuple[float, float]]:
        network = SimulatedNetwork()
        for i, seconds in enumerate(pings):
            network.add(f"10.0.1.{i}", Host(delay=seconds))
        ended: list[tuple[float, float]] = []
        start, clock = anyio.current_time(), network.clocks.monotonic()

        async def ping(prober: Prober, i: int, seconds: float) -> None:
            (outcome,) = await prober.ping(f"10.0.1.{i}", count=1, timeout=10.0)
            assert isinstance(outcome, Reply)
            assert outcome.rtt == pytest.approx(seconds, abs=1e-9)
            note(seconds)

        async def sleep(seconds: float) -> None:
            await anyio.sleep(seconds)
            note(seconds)

        def note(seconds: float) -> None:
            ended.append((seconds, anyio.current_time() - start))
            assert network.clocks.monotonic() - clock == pytest.approx(seconds * SECOND, abs=1)

        async with Prober(network=network) as prober, anyio.create_task_group() as tasks:
            for i, seconds in enumerate(pings):
                tasks.start_soon(ping, prober, i, seconds)
            for seconds in sleeps:
                tasks.start_soon(sleep, seconds)
        return ended

    ended = run(loop, main)
    assert [seconds for seconds, _ in ended] == sorted(sleeps + pings)
    assert [when for _, when in ended] == pytest.approx(sorted(sleeps + pings), abs=1e-8)


@on_both
def test_networks_on_one_loop_share_its_time(loop: str) -> None:
    async def main() -> list[str]:
        first, second = network_with(delay=0.3), network_with(delay=0.2)
        ended = []

        async def ping(network: SimulatedNetwork, name: str, timeout: float) -> None:
            for _ in range(3):
                await anyicmp.ping("10.0.0.1", count=1, timeout=timeout, network=network)
                ended.append(name)

        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ping, first, "first", 5.0)
            tasks.start_soon(ping, second, "second", 7.0)
        assert anyio.current_time() - start == pytest.approx(0.9)
        return ended

    # 0.2 0.3 0.4 0.6 0.6 0.9
    ended = run(loop, main)
    assert ended[:3] == ["second", "first", "second"]
    assert ended[5] == "first"


@on_both
def test_time_that_is_moved_by_hand_moves_the_application_s(loop: str) -> None:
    async def main() -> None:
        network, other = network_with(), network_with(delay=0.5)
        async with Prober(network=network) as prober, Prober(network=other) as second:
            start, clock = anyio.current_time(), other.clocks.monotonic()
            done: list[float] = []

            async def ping(prober: Prober) -> None:
                assert (await prober.ping("10.0.0.1", count=1, timeout=30.0)).is_alive
                done.append(anyio.current_time() - start)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ping, prober)
                tasks.start_soon(ping, second)
                await anyio.wait_all_tasks_blocked() if loop == "trio" else await anyio.sleep(0.1)
                before = anyio.current_time()
                network.clocks.advance(10.0)
                assert anyio.current_time() - before == pytest.approx(10.0)
            assert min(done) >= 10.0, "nobody had a turn meanwhile"
            assert other.clocks.monotonic() - clock == pytest.approx((anyio.current_time() - start) * SECOND)

    run(loop, main)


@on_both
def test_a_network_by_hand_stands_still_while_the_application_sleeps(loop: str) -> None:
    async def main() -> None:
        network = network_with()
        network.turns.automatic = False
        async with Prober(network=network) as prober:
            clock = network.clocks.monotonic()
            assert not (await prober.ping("10.0.0.1", count=1, time_limit=HOUR)).outcomes
            assert network.clocks.monotonic() == clock
            network.turns.resume()
            start = anyio.current_time()
            assert (await prober.ping("10.0.0.1", count=1)).is_alive
            assert anyio.current_time() - start == pytest.approx(0.25)

    run(loop, main)


def test_trio_s_clock_may_be_moved_by_others() -> None:
    """What was due on the way comes at its time, before the network's clock catches up."""
    clock = trio.testing.MockClock()

    async def main() -> None:
        network = network_with()
        async with Prober(network=network) as prober:
            start = network.clocks.monotonic()
            seen: list[int] = []
            network.clocks.after(2.0, lambda: seen.append(network.clocks.monotonic() - start))
            clock.jump(5.0)
            assert network.clocks.monotonic() - start == 2 * SECOND
            for _ in range(2):  # whoever else waited for this has had its turn after the second time
                await trio.testing.wait_all_tasks_blocked()
            assert seen == [2 * SECOND]
            assert network.clocks.monotonic() - start == 5 * SECOND
            assert (await prober.ping("10.0.0.1", count=1)).is_alive

    trio.run(main, clock=clock)
    assert clock.current_time() == pytest.approx(5.25)


@pytest.mark.anyio
@pytest.mark.simulated_network(SIMPLE)
async def test_the_fixture_s_network_is_on_the_loop_of_the_test(simulated_network: SimulatedNetwork) -> None:
    start = anyio.current_time()
    (outcome,) = await anyicmp.ping("server", count=1)
    assert isinstance(outcome, Reply)
    assert outcome.rtt == 0.01
    await anyio.sleep(HOUR)
    assert anyio.current_time() - start == pytest.approx(HOUR + 0.01)
    assert len(simulated_network.sent) == 1


# A long watch.


@pytest.mark.once
def test_a_year_of_pings() -> None:
    probes = YEAR // HOUR

    async def main() -> None:
        network = SimulatedNetwork.from_toml(SIMPLE)
        network.keeps = 1_000
        loop = asyncio.get_running_loop()
        async with Prober(network=network) as prober:
            start, clock = loop.time(), network.clocks.monotonic()
            async with prober.open_ping("server", count=probes, interval=float(HOUR)) as outcomes:
                seen = [(outcome.sequence, outcome.kind) async for outcome in outcomes]
                figures = outcomes.statistics
            assert seen == [(number, "reply") for number in range(probes)]
            assert (figures.sent, figures.received, figures.loss) == (probes, probes, 0.0)
            assert (figures.minimum, figures.maximum, figures.duplicates, figures.late) == (0.01, 0.01, 0, 0)
            assert figures.average == pytest.approx(0.01, abs=1e-12)
            assert network.clocks.monotonic() - clock == (probes - 1) * HOUR * SECOND + SECOND // 100
            assert loop.time() - start == (probes - 1) * HOUR + 0.01
            assert 1_000 <= len(network.sent) <= 2_000

    run("asyncio", main)


# Threads and descriptors are real.


def later(call: Callable[[], object]) -> None:
    """Have something called by another thread, in a twentieth of a real second."""
    threading.Timer(0.05, call).start()


def work() -> str:
    done = threading.Event()
    later(done.set)
    assert done.wait(10)
    return threading.current_thread().name


async def in_executor() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def to_thread() -> str:
    return await asyncio.to_thread(work)


async def by_anyio() -> str:
    return await anyio.to_thread.run_sync(work)


@pytest.mark.parametrize("way", [in_executor, to_thread, by_anyio])
def test_work_in_threads_is_not_overtaken(way: Callable[[], Awaitable[str]]) -> None:
    async def main() -> None:
        network = network_with(delay=0.001)
        async with Prober(network=network) as prober, anyio.create_task_group() as tasks:
            tasks.start_soon(prober.ping, "10.0.0.1")
            tasks.start_soon(anyio.sleep, 0.002)
            with anyio.fail_after(0.01):
                assert await way() != threading.current_thread().name
            assert anyio.current_time() == 0.0
            tasks.cancel_scope.cancel()
        await anyio.sleep(1.0)
        assert anyio.current_time() == 1.0, "then time passes again"

    run("asyncio", main)


@pytest.mark.parametrize("way", [in_executor, to_thread, by_anyio])
def test_no_packet_overtakes_work_in_a_thread(way: Callable[[], Awaitable[str]]) -> None:
    """Not even where nothing else is due on the loop."""

    async def main() -> None:
        network = network_with(delay=0.001)
        async with Prober(network=network) as prober, anyio.create_task_group() as tasks:
            tasks.start_soon(prober.ping, "10.0.0.1")
            await anyio.lowlevel.checkpoint()
            start = network.clocks.monotonic()
            await way()
            assert network.clocks.monotonic() == start

    run("asyncio", main)


def test_work_that_nobody_waits_for_any_longer_holds_nothing_up() -> None:
    async def main() -> None:
        released = threading.Event()
        waiting = asyncio.get_running_loop().run_in_executor(None, released.wait, 10)
        waiting.cancel()
        await asyncio.sleep(HOUR)
        released.set()

    run("asyncio", main)


@pytest.mark.parametrize("timers", [0, 1])
def test_a_loop_with_nothing_due_waits_really(timers: int) -> None:
    class Counting(VirtualTimeLoop):
        asked = 0

        def pass_time(self, timer: float | None, jumps: int = 1) -> bool:
            self.asked += 1
            return super().pass_time(timer, jumps)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        for _ in range(timers):
            loop.call_later(5.0, lambda: None)
        later(lambda: loop.call_soon_threadsafe(future.set_result, None))
        await future
        assert isinstance(loop, Counting)
        return loop.asked

    with asyncio.Runner(loop_factory=Counting) as runner:
        assert runner.run(main()) <= 5


@pytest.mark.parametrize("timers", [0, 1])
def test_jumps_that_wake_nobody_cost_no_cycle_of_the_loop(timers: int) -> None:
    """And a timer comes in its order among them, one that an event sets as well."""

    class Counting(VirtualTimeLoop):
        cycles = 0

        def _run_once(self) -> None:
            self.cycles += 1
            super()._run_once()

    async def main() -> tuple[list[float], int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Counting)
        network, seen = network_with(), []
        future: asyncio.Future[None] = loop.create_future()

        def note() -> None:
            seen.append(loop.time())

        async with Prober(network=network) as prober:
            await prober.ping("10.0.0.1", count=1)
            start, cycles = loop.time(), loop.cycles
            for i in range(1, 41):
                network.clocks.after(float(i), note)
            network.clocks.after(10.25, lambda: loop.call_later(0.25, note))
            network.clocks.after(50.0, lambda: future.set_result(None))
            for _ in range(timers):
                loop.call_later(20.5, note)
            await future
            return [when - start for when in seen], loop.cycles - cycles

    with asyncio.Runner(loop_factory=Counting) as runner:
        times, cycles = runner.run(main())
    assert times == pytest.approx(sorted([*range(1, 41), 10.5, *([20.5] * timers)]))
    assert cycles <= 6


def test_a_clock_that_comes_moves_and_goes_leaves_time_where_it_is() -> None:
    """What was due while another network's clock was moved in an event is late, and time never goes back."""
    seen: list[tuple[float, int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        network, other = network_with(), SimulatedNetwork()
        async with Prober(network=network) as prober:
            await prober.ping("10.0.0.1", count=1)
            began, start = loop.time(), network.clocks.monotonic()

            def note() -> None:
                seen.append((loop.time() - began, network.clocks.monotonic() - start))

            def meddle() -> None:
                other.clocks.join(loop.timeline)
                other.clocks.advance(5.0)
                other.clocks.leave()
                note()

            done: asyncio.Future[None] = loop.create_future()
            for seconds, call in (
                (1.0, meddle),
                (2.0, note),
                (7.0, note),
                (8.0, lambda: done.set_result(None)),
            ):
                network.clocks.after(seconds, call)
            await done

    run("asyncio", main)
    assert seen == [(6.0, SECOND), (6.0, 2 * SECOND), (7.0, 7 * SECOND)]


def test_a_signal_is_heard_while_time_jumps() -> None:
    """The loop looks at descriptors seldom where it has none but its own, but it does."""
    heard: list[int] = []

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: heard.append(seen))
        seen = 0
        network = SimulatedNetwork.from_toml(SIMPLE)
        async with Prober(network=network) as prober, prober.open_ping("server", count=500) as outcomes:
            async for _ in outcomes:
                seen += 1
                if seen == 100:
                    os.kill(os.getpid(), signal.SIGUSR1)

    run("asyncio", main)
    (when,) = heard
    assert 100 <= when <= 100 + 2 * 64


def test_what_a_descriptor_has_comes_before_time_passes() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            for i in range(200):
                reading = asyncio.create_task(loop.sock_recv(ours, 10))
                await asyncio.sleep(0)
                theirs.send(b"x")
                async with asyncio.timeout(1e-6):
                    assert await reading == b"x"
                assert loop.time() == i
                await asyncio.sleep(1.0)

    run("asyncio", main)


def test_what_an_event_raises_ends_the_run() -> None:
    async def main() -> None:
        network = network_with()
        async with Prober(network=network) as prober:
            network.clocks.after(0.1, lambda: 1 // 0)  # type: ignore[arg-type,return-value]
            await prober.ping("10.0.0.1", count=1)

    with pytest.raises(ZeroDivisionError), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_a_network_goes_from_loop_to_loop() -> None:
    network = network_with()

    async def main() -> float:
        async with Prober(network=network) as prober:
            start = network.clocks.monotonic()
            assert (await prober.ping("10.0.0.1", count=3)).is_alive
            return network.clocks.monotonic() - start

    runs: Sequence[tuple[str, dict[str, Any]]] = [
        backend("asyncio"),
        ("asyncio", {}),
        backend("trio"),
        ("trio", {}),
        backend("asyncio"),
        ("asyncio", {"use_uvloop": True}),
    ]
    for name, options in runs:
        assert anyio.run(main, backend=name, backend_options=options) == 9 * SECOND / 4
