"""Shards of a sweep: of whatever targets and however many, each target is in one of them."""

from __future__ import annotations

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from anyicmp import count_targets
from anyicmp.api.targets import TargetReader, excluded
from anyicmp.engine.position import SweepPosition
from anyicmp.engine.targets import Span

TARGETS = st.one_of(
    st.builds(lambda k, bits: f"10.0.{k}.0/{bits}", st.integers(0, 255), st.integers(24, 32)),
    st.builds(lambda k, n: f"10.1.0.{k}-10.1.1.{n}", st.integers(0, 255), st.integers(0, 255)),
    st.builds(lambda k, bits: f"2001:db8:{k:x}::/{bits}", st.integers(0, 50), st.integers(120, 128)),
    st.builds("host{}.example".format, st.integers(0, 99)),
    st.just("10.0.0.999"),
)


def read(targets: list[str], seed: int | None, shard: tuple[int, int]) -> list[tuple[int, object]]:
    """The targets of a shard, each with its number."""

    async def reading() -> list[tuple[int, object]]:
        found: list[tuple[int, object]] = []
        reader = TargetReader(iter(targets), excluded("10.0.3.0/24"), seed, shard, SweepPosition())
        async for part, number in reader:
            if isinstance(part, Span):
                found += [(number + k, (part.version, part.first + k)) for k in range(part.count)]
            else:
                found.append((number, part))
        assert reader.numbered == len(found)
        return found

    return anyio.run(reading)


@settings(max_examples=60)
@given(
    targets=st.lists(TARGETS, min_size=1, max_size=5),
    seed=st.none() | st.integers(-(1 << 63), (1 << 63) - 1),
    of=st.integers(1, 12) | st.sampled_from([255, 5000]),
)
def test_shards_are_disjoint_and_complete(targets: list[str], seed: int | None, of: int) -> None:
    """Of more shards than targets some are empty."""
    whole = read(targets, None, (0, 1))
    assert anyio.run(lambda: count_targets(iter(targets), exclude="10.0.3.0/24")) == len(whole)
    indices = range(of) if of <= 12 else [0, 1, of // 2, of - 1]
    shards = [read(targets, seed, (index, of)) for index in indices]
    numbers = [number for shard in shards for number, _ in shard]
    assert len(set(numbers)) == len(numbers)
    assert all(abs(len(shard) - len(whole) / of) < 1 for shard in shards)
    assert {item for shard in shards for item in shard} <= set(whole)
    if of <= 12:
        assert sorted(numbers) == [number for number, _ in whole] == list(range(len(whole)))
