"""A sweep over a cluster for people: a stream of outcomes, or of batches with who found them, and the result.

The work is done in `shepherd.py`, on the loop of Dask's client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from operator import length_hint
from types import TracebackType
from typing import Self

import anyio
import attrs

from anyicmp import ClosedError, Outcome, OutcomeBatch, SweepPosition, SweepProgress, SweepResult
from anyicmp.cluster.bridge import Bridge
from anyicmp.cluster.chunks import GivenUp
from anyicmp.cluster.shepherd import Found, Shepherd

__all__ = ["ClusterSweep", "ClusterSweepResult", "whole"]


@attrs.frozen(kw_only=True, order=False, eq=False)
class ClusterSweepResult(SweepResult):
    """What came of a sweep over a cluster: a `SweepResult`, by vantage point and in each in order of ending.

    Attributes:
        by_vantage: the same by the name of the vantage point.
        sent_again: packets, at least, that were sent for nothing: by attempts that came to no end.
        given_up: targets that have no outcome, and why.
    """

    by_vantage: dict[str, SweepResult] = attrs.field(factory=dict, repr=False)
    sent_again: int = 0
    given_up: tuple[GivenUp, ...] = ()


class ClusterSweep:
    """Outcomes of a sweep over a cluster: an async context manager and, inside, an async iterator.

    Each target has one outcome, whatever happens to workers. A consumer that falls behind slows the sweep.
    Leaving the block stops all probing.
    """

    def __init__(self, bridge: Bridge, prepare: Callable[[], Awaitable[Shepherd]]) -> None:
        """`prepare` reads the targets and divides them, on entering."""
        self._bridge = bridge
        self._prepare = prepare
        self._begun: Shepherd | None = None
        self._state = "new"
        self._rows: Iterator[Outcome] = iter(())

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise ClosedError("a stream can be entered once: open another one")
        self._state = "open"
        self._begun = await self._prepare()
        try:
            await self._bridge.call(self._shepherd.begin)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        self._state = "closed"
        with anyio.CancelScope(shield=True):
            await self._bridge.call(self._shepherd.end)

    @property
    def _shepherd(self) -> Shepherd:
        if self._begun is None:
            raise ClosedError("the stream has not begun: enter it with 'async with' first")
        return self._begun

    @property
    def progress(self) -> SweepProgress:
        """How far the sweep is: what has come, and what workers have said that they sent."""
        division = self._shepherd.division
        return SweepProgress(
            done=division.done, total=division.total, sent=division.sent, received=self._shepherd.received
        )

    @property
    def position(self) -> SweepPosition:
        """Which targets have their outcome: `resume` another sweep of the same targets with it."""
        return self._shepherd.before if length_hint(self._rows) else self._shepherd.position

    @property
    def sent_again(self) -> int:
        """Packets, at least, that were sent for nothing: by attempts that came to no end."""
        return self._shepherd.division.sent_again

    @property
    def given_up(self) -> tuple[GivenUp, ...]:
        """Targets that will have no outcome, and why."""
        return tuple(self._shepherd.division.given_up)

    async def next_batch(self) -> Found | None:
        """The next outcomes: the name of the vantage point, and its batch; None at the end."""
        if self._state != "open":
            raise ClosedError("the stream is not open: enter it with 'async with', and read inside")
        return await self._bridge.call(self._shepherd.next)

    def batches(self) -> ClusterBatches:
        """(name of the vantage point, `OutcomeBatch`) pairs as they come: an async iterator."""
        return ClusterBatches(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        while (row := next(self._rows, None)) is None:
            found = await self.next_batch()
            if found is None:
                raise StopAsyncIteration
            self._rows = iter(list(found[1]))  # a list's iterator knows how many are left
        return row


class ClusterBatches:
    """The batches of a sweep over a cluster."""

    def __init__(self, stream: ClusterSweep) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Found:
        found = await self._stream.next_batch()
        if found is None:
            raise StopAsyncIteration
        return found


async def whole(stream: ClusterSweep, *, time_limit: float | None) -> ClusterSweepResult:
    """Wait for all outcomes of a sweep over a cluster; see `Cluster.sweep`."""
    batches: dict[str, list[OutcomeBatch]] = {}
    async with stream:
        with anyio.move_on_after(time_limit):
            async for vantage, batch in stream.batches():
                batches.setdefault(vantage, []).append(batch)
    results = {vantage: SweepResult.of(found) for vantage, found in batches.items()}
    return ClusterSweepResult.of(
        (batch for result in results.values() for batch in result.columns),
        by_vantage=results,
        sent_again=stream.sent_again,
        given_up=stream.given_up,
        position=stream.position,
    )
