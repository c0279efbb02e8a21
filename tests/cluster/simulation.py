"""A sweep over many workers that die and come back, in virtual time: the real division, imagined machines.

    python tests/cluster/simulation.py [TARGETS] [WORKERS] [RATE] [MEAN LIFE] [SEED]

It imagines what the engine does: a chunk whose worker died is begun again on another one, from the position
that was noted, once the scheduler has noticed. Nothing is sent. Without arguments it prints the figures of
`docs/explanation/scale.md`.
"""

from __future__ import annotations

import heapq
import itertools
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from anyicmp import SweepPosition
from anyicmp.cluster.chunks import LANES, Chunk, Division

NOTICED = 22.0
"""Seconds until the scheduler knows that a machine has gone: ten signs of life of 2 s each have not come, and
it looks each 2.5 s. A process that ends is noticed at once."""
REPAIRED = 30.0
"""Seconds until it is back."""
DEATHS = 3
"""A chunk may cost so many workers their lives; with one more it is given up."""
TIMEOUT = 1.0
"""Seconds that a silent target is waited for."""
POSTED = 1.0
"""Seconds between two parcels of a chunk."""


@dataclass
class Worker:
    """Whether it lives, and the chunks that it has."""

    alive: bool = True
    chunks: set[int] = field(default_factory=set)


@dataclass
class Report:
    """What came of it.

    Attributes:
        seconds: of virtual time.
        outcomes: how often each target had one.
        fastest: the highest rate of all workers together.
        sent: packets, truly; `sent_again`: as the division says.
        deaths: of workers.
    """

    seconds: float
    outcomes: bytearray
    fastest: float
    sent: int
    sent_again: int
    deaths: int
    given_up: int


class Simulation:
    """One sweep. `size` targets a chunk; `life`: mean seconds until a worker dies, None: never."""

    def __init__(
        self, targets: int, workers: int, rate: float, *, size: int, life: float | None, seed: int
    ) -> None:
        self._rate = rate
        self._life = life
        self._random = random.Random(seed)
        self._workers = [Worker() for _ in range(workers)]
        self._division = Division(targets, size=size, resume=SweepPosition(), limited=True)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._now = 0.0
        self._runs = itertools.count()
        self._deaths: dict[int, int] = {}
        self._noted: dict[int, str] = {}
        self._waiting: list[Chunk] = []
        self._rates: dict[int, float] = {}
        self.report = Report(0.0, bytearray(targets), 0.0, 0, 0, 0, 0)

    def _at(self, delay: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + delay, next(self._order), what))

    def run(self) -> Report:
        """To the end."""
        for worker in self._workers:
            self._may_die(worker)
        self._assign()
        while not self._division.over:
            self._now, _, what = heapq.heappop(self._events)
            what()
        self.report.seconds = self._now
        self.report.sent_again = self._division.sent_again
        self.report.given_up = sum(part.count for part in self._division.given_up)
        return self.report

    def _may_die(self, worker: Worker) -> None:
        if self._life is not None:
            self._at(self._random.expovariate(1 / self._life), lambda: self._die(worker))

    def _die(self, worker: Worker) -> None:
        worker.alive = False
        self.report.deaths += 1
        lost, worker.chunks = worker.chunks, set()
        for number in lost:
            self._rates.pop(number, None)
        self._at(NOTICED, lambda: self._again(lost))
        self._at(REPAIRED, lambda: self._back(worker))

    def _back(self, worker: Worker) -> None:
        worker.alive = True
        self._may_die(worker)
        self._assign()

    def _again(self, lost: set[int]) -> None:
        for number in sorted(lost):
            if not self._division.is_active(number):
                continue
            self._deaths[number] = self._deaths.get(number, 0) + 1
            if self._deaths[number] > DEATHS:
                self._division.fail(number, "its workers died", for_good=True)
            else:
                self._waiting.append(self._chunks[number])
        self._assign()

    _chunks: dict[int, Chunk]

    def _assign(self) -> None:
        if not hasattr(self, "_chunks"):
            self._chunks = {}
        while free := [w for w in self._workers if w.alive and len(w.chunks) < LANES]:
            if self._waiting:
                chunk = self._waiting.pop()
            else:
                alive = sum(worker.alive for worker in self._workers)
                found = self._division.next(alive)
                if found is None:
                    return
                chunk = self._chunks[found.number] = found
            self._begin(chunk, min(free, key=lambda worker: len(worker.chunks)))

    def _begin(self, chunk: Chunk, worker: Worker) -> None:
        worker.chunks.add(chunk.number)
        start = self._noted.get(chunk.number, str(chunk.position))
        left = SweepPosition.of(start).left(chunk.first, chunk.count)
        numbers = [n for first, count in left for n in range(first, first + count)]
        self._send(chunk, worker, str(next(self._runs)), numbers, 0, 0)

    def _send(
        self, chunk: Chunk, worker: Worker, run: str, numbers: list[int], sent: int, posted: int
    ) -> None:
        """The next second of sending; its outcomes come when the slowest of its targets has timed out."""
        if chunk.number not in worker.chunks:
            return
        rate = self._rate * chunk.share
        part = min(len(numbers) - sent, max(1, round(rate * POSTED)))
        if part:
            self._rates[chunk.number] = rate
            self.report.fastest = max(self.report.fastest, sum(self._rates.values()))
            self.report.sent += part
            sent += part
            self._at(part / rate, lambda: self._sent(chunk, worker, run, numbers, sent, posted))

    def _sent(
        self, chunk: Chunk, worker: Worker, run: str, numbers: list[int], sent: int, posted: int
    ) -> None:
        if chunk.number not in worker.chunks:
            return
        if sent == len(numbers):
            self._rates.pop(chunk.number)
            self._division.take(chunk.number, run, [], sent=sent, position=str(chunk.position), over=False)
            self._assign()
        self._at(TIMEOUT, lambda: self._post(chunk, worker, run, numbers, posted, sent))
        self._send(chunk, worker, run, numbers, sent, sent)

    def _post(
        self, chunk: Chunk, worker: Worker, run: str, numbers: list[int], first: int, last: int
    ) -> None:
        if chunk.number not in worker.chunks:
            return
        over = last == len(numbers)
        done = numbers[last] if not over else chunk.first + chunk.count
        end = chunk.first + chunk.count
        position = f"{done},{end}-{(1 << 56) - 1}" if done < end else str(1 << 56)
        part = numbers[first:last]
        new = self._division.take(chunk.number, run, part, sent=last, position=position, over=over)
        for n in part if new is None else (part[i] for i in new):
            self.report.outcomes[n] += 1
        # A worker may die between the parcel and the note, and its successor begins a parcel earlier.
        if self._random.random() < 0.9:
            self._noted[chunk.number] = position
        if over:
            worker.chunks.discard(chunk.number)
            del self._chunks[chunk.number]
        self._assign()


def main(arguments: list[str]) -> None:
    """Print what came of one sweep, or of those of the page."""
    if arguments:
        targets, workers, rate, life, seed = (*map(float, arguments), *(1 << 20, 100, 20_000, 600, 0))[:5]
        cases = [(int(targets), int(workers), rate, life, int(seed))]
    else:
        cases = [(1 << 22, 100, 50_000.0, life, 0) for life in (float("inf"), 3600.0, 600.0, 120.0)]
    for targets, workers, rate, life, seed in cases:
        mean = None if life == float("inf") else life
        size = int(min(max(rate / workers / 2 * 5, 256), 32_768))
        report = Simulation(targets, workers, rate, size=size, life=mean, seed=seed).run()
        assert set(report.outcomes) == {1} or report.given_up
        sys.stdout.write(
            f"{workers} workers, mean life {life:.0f} s: {targets} targets in {report.seconds:.1f} s "
            f"(ideal {targets / rate:.1f}), {report.deaths} deaths, {report.sent - targets} packets sent "
            f"again, {report.given_up} targets given up, at most {report.fastest:.0f} packets a second\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
