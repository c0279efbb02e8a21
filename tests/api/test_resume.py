"""A sweep that was stopped goes on where it was: nothing is left out, and no outcome comes twice."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import anyicmp
from anyicmp import Prober, SweepPosition
from anyicmp.testing import Host, SimulatedNetwork
from api.scene import made

TARGETS = ["10.1.0.0/27", "answers.example", "nowhere.example", "10.2.0.0/28", "2001:db8:2::/123", "10.1.9.9"]
TOTAL = 30 + 1 + 1 + 14 + 31 + 1
ORDERS: list[dict[str, object]] = [{}, {"shuffle": 7}, {"shard": (1, 3)}, {"shuffle": 3, "shard": (0, 2)}]


def mixed() -> SimulatedNetwork:
    """Answers at once, later, and never."""
    network = made(privileged=False)
    network.add("10.2.0.0/16", Host(silent=True))
    network.add("10.1.0.16/28", Host(delay=0.4))
    return network


async def part(
    network: SimulatedNetwork,
    most: int,
    resume: SweepPosition | str | None,
    by_batch: bool,
    **options: object,
) -> tuple[list[int], SweepPosition]:
    """The numbers of the outcomes until there are so many, and where the sweep was then."""
    numbers: list[int] = []
    async with Prober(network=network) as prober:
        async with prober.open_sweep(TARGETS, resume=resume, rate=2000, **options) as sweep:  # type: ignore[arg-type]
            if by_batch:
                async for batch in sweep.batches():
                    numbers += batch.sequences
                    if len(numbers) >= most:
                        break
            else:
                async for outcome in sweep:
                    numbers.append(outcome.sequence)
                    if len(numbers) >= most:
                        break
        return numbers, sweep.position


wholes: dict[str, list[int]] = {}
"""Orders to the numbers of all outcomes, sorted: how they are read makes no difference to them."""


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    parts=st.lists(st.integers(1, 40), max_size=4),
    order=st.sampled_from(ORDERS),
    by_batch=st.booleans(),
    as_text=st.booleans(),
)
def test_all_parts_together_are_the_whole_once(
    parts: list[int], order: dict[str, object], by_batch: bool, as_text: bool
) -> None:
    """However often it is stopped, wherever, in whatever order it probes."""

    async def swept() -> None:
        network = mixed()
        if (whole := wholes.get(str(order))) is None:
            numbers, _ = await part(network, TOTAL + 1, None, by_batch, **order)
            whole = wholes[str(order)] = sorted(numbers)
        found: list[int] = []
        position: SweepPosition | None = None
        for most in [*parts, TOTAL + 1]:
            numbers, position = await part(
                network, most, str(position) if as_text and position else position, by_batch, **order
            )
            found += numbers
        assert sorted(found) == whole
        assert len(set(whole)) == len(whole)

    anyio.run(swept)


@pytest.mark.anyio
async def test_only_what_was_in_flight_is_probed_twice(network: SimulatedNetwork) -> None:
    numbers: list[int] = []
    async with Prober(network=network) as prober:
        async with prober.open_sweep("10.1.0.0/24", rate=1000) as sweep:
            async for outcome in sweep:
                numbers.append(outcome.sequence)
                if len(numbers) == 100:
                    break
            in_flight = sweep.progress.sent - sweep.progress.done
        sent = len(network.sent)
        result = await prober.sweep("10.1.0.0/24", resume=sweep.position)
        assert sorted(numbers + [outcome.sequence for outcome in result]) == list(range(254))
        assert sent + (254 - 100) == len(network.sent)
        assert len(network.sent) - 254 <= in_flight + 64
    assert result.position == SweepPosition(254)


@pytest.mark.anyio
async def test_the_position_counts_rows_as_they_are_handed_out(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober, prober.open_sweep("10.1.0.0/26") as sweep:
        assert sweep.position == SweepPosition(0)
        for n in range(1, 63):
            await anext(sweep)
            assert sweep.position == SweepPosition(n)
        with pytest.raises(StopAsyncIteration):
            await anext(sweep)
    assert str(sweep.position) == "62"
    assert pickle.loads(pickle.dumps(sweep.position)) == sweep.position


@pytest.mark.anyio
async def test_rows_and_batches_may_take_turns(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober, prober.open_sweep("10.1.0.0/22") as sweep:
        for _ in range(10):
            await anext(sweep)
        batch = await sweep.next_batch()
        assert batch is not None
        assert sweep.position == SweepPosition(10, ((batch.sequences[0], batch.sequences[-1]),))
        rest = [outcome.sequence async for outcome in sweep]
        assert len(rest) == 1022 - 10 - len(batch)
    assert sweep.position == SweepPosition(1022)


@pytest.mark.anyio
async def test_who_waits_longer_leaves_a_gap(network: SimulatedNetwork) -> None:
    """The silent one in the middle is not over yet."""
    targets = ["10.1.0.1", "10.1.0.2", "10.0.0.2", "10.1.0.3", "10.1.0.4"]
    async with Prober(network=network) as prober:
        async with prober.open_sweep(targets) as sweep:
            assert [(await anext(sweep)).sequence for _ in range(4)] == [0, 1, 3, 4]
        assert sweep.position == SweepPosition(2, ((3, 4),))
        result = await prober.sweep(iter(targets), resume="2,3-4")
    assert [(outcome.sequence, outcome.kind) for outcome in result] == [(2, "timeout")]


@pytest.mark.anyio
async def test_a_generator_is_read_again_and_not_probed_again(network: SimulatedNetwork) -> None:
    read: list[int] = []

    def targets() -> Iterator[str]:
        for i in range(1, 200):
            read.append(i)
            yield f"10.1.0.{i}"

    async with Prober(network=network) as prober, prober.open_sweep(targets(), resume="150") as sweep:
        assert [outcome.sequence async for outcome in sweep] == list(range(150, 199))
        assert sweep.progress == anyicmp.SweepProgress(done=49, total=49, sent=49, received=49)
    assert len(read) == 199


@pytest.mark.anyio
@pytest.mark.parametrize("order", ORDERS)
async def test_at_the_end_nothing_is_left(network: SimulatedNetwork, order: dict[str, object]) -> None:
    async with Prober(network=network) as prober:
        first = await prober.sweep("10.1.0.0/26", **order)  # type: ignore[arg-type]
        again = await prober.sweep("10.1.0.0/26", resume=first.position, **order)  # type: ignore[arg-type]
    assert len(first.outcomes) in (62, 31, 21)
    assert first.position == again.position == SweepPosition(len(first.outcomes))
    assert len(again.outcomes) == 0


@pytest.mark.anyio
async def test_what_is_no_position(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        with pytest.raises(ValueError, match="not a position in a sweep: 'x'"):
            await prober.sweep("10.1.0.1", resume="x")
        with pytest.raises(TypeError, match="resume must be a position in a sweep, not 7"):
            await prober.sweep("10.1.0.1", resume=7)  # type: ignore[arg-type]
