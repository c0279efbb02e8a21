"""A child that sweeps with a stopwatch around each step: `timing.py [FIRST, COUNT, HOW]`; prints JSON.

All times are CPU time, so that other work on the machine counts little. A step's is without that of the steps
it calls; the watch itself costs about a microsecond a step and batch of 64. Steps are found by name; one that
is not there any more is told, and counts where it is called from.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import anyio

import anyicmp

STEPS = {
    "kernel: sendmmsg": ["net.mmsg:_sendmmsg"],
    "kernel: recvmmsg": ["net.mmsg:_recvmmsg"],
    "kernel: which sockets are ready": ["net.lanes:Lanes.ready"],
    "net: arrays for what is sent": ["net.outgoing:Outgoing.fill", "net.mmsg:BatchedTransport.send"],
    "net: columns of what was received": ["net.incoming:Incoming.drain", "net.mmsg:BatchedTransport.recv"],
    "engine: addresses of the targets": ["engine.sweep:SweepPlan.take"],
    "engine: slots opened": ["engine.table:Table.open", "engine.table:Table.reserve"],
    "methods: octets stamped": ["methods.echo:EchoMethod.stamp"],
    "engine: fill, the rest": ["engine.exchange:Exchange.fill"],
    "engine: sent": ["engine.exchange:Exchange.sent"],
    "methods: octets compared": ["methods.echo:EchoMethod.replies", "methods.echo:EchoMethod.tokens"],
    "engine: matched, outcomes written": ["engine.matching:match_replies"],
    "engine: feed, the rest": ["engine.exchange:Exchange.feed", "engine.sweep:SweepPlan.heard"],
    "api: nonces": ["api.batches:Batches.to_send"],
    "api: statistics": ["engine.statistics:Tally.add"],
    "api: to the inbox": ["api.inbox:Inbox.outcomes", "api.sweep:SweepStream._look"],
    "api: the driver's turn, the rest": ["api.driver:Driver.turn"],
    "api: addresses and columns for the rows": ["engine.outcome:OutcomeBatch.parts"],
}


class Watch:
    """What each step took, without what it called."""

    def __init__(self) -> None:
        self.taken = dict.fromkeys(STEPS, 0)
        self.missing: list[str] = []
        self._inner = [0]

    def around(self, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, timed."""
        clock, inner, taken = time.thread_time_ns, self._inner, self.taken

        @functools.wraps(call)
        def timed(*arguments: Any, **options: Any) -> Any:
            inner.append(0)
            began = clock()
            try:
                return call(*arguments, **options)
            finally:
                whole = clock() - began
                taken[step] += whole - inner.pop()
                inner[-1] += whole

        return timed

    def start(self) -> None:
        """Put a stopwatch around each step."""
        for step, names in STEPS.items():
            for name in names:
                module, _, path = name.partition(":")
                *way, last = path.split(".")
                try:
                    home = importlib.import_module(f"anyicmp.{module}")
                    for part in way:
                        home = getattr(home, part)
                    setattr(home, last, self.around(step, getattr(home, last)))
                except (ImportError, AttributeError):
                    self.missing.append(name)


async def sweep(first: str, count: int, how: str) -> int:
    """Nanoseconds of a sweep whose rows, or columns, are read."""
    async with anyicmp.Prober(privileged=True) as prober:
        began = time.thread_time_ns()
        async with prober.open_sweep(f"{first}-{ip_address(first) + (count - 1)}") as outcomes:
            if how == "batches":
                async for batch in outcomes.batches():
                    _ = batch.packed, batch.sequences, batch.rtts
            else:
                async for outcome in outcomes:
                    if outcome.kind == "reply":
                        _ = outcome.target, outcome.source, outcome.rtt, outcome.ttl, outcome.size
        return time.thread_time_ns() - began


async def rows(first: str, count: int) -> tuple[int, int]:
    """Nanoseconds of making the rows of ready columns, and of reading five fields of each, no event loop."""
    result = await anyicmp.sweep(f"{first}-{ip_address(first) + (count - 1)}")
    batches = list(result.batches())
    gc.collect()
    began = time.thread_time_ns()
    for batch in batches:
        deque(batch, maxlen=0)
    made = time.thread_time_ns()
    for batch in batches:
        for outcome in batch:
            if outcome.kind == "reply":
                _ = outcome.target, outcome.source, outcome.rtt, outcome.ttl, outcome.size
    return made - began, time.thread_time_ns() - made - (made - began)


def main(first: str, count: int, how: str) -> dict[str, Any]:
    """All of it, in nanoseconds a host."""
    anyio.run(sweep, first, count, how)  # imports, caches
    plain = anyio.run(sweep, first, count, how)
    made, read = anyio.run(rows, first, count)
    watch = Watch()
    watch.start()
    watched = anyio.run(sweep, first, count, how)
    steps = {step: taken / count for step, taken in watch.taken.items()}
    rest = (watched - sum(watch.taken.values())) / count
    if how == "rows":
        columns = steps["api: addresses and columns for the rows"]
        steps["api: rows made of them"] = max(0.0, made / count - columns)
        steps["the consumer reads five fields"] = max(0.0, read / count)
        rest -= steps["api: rows made of them"] + steps["the consumer reads five fields"]
    steps["async for, and the event loop"] = rest
    return {"steps": steps, "plain": plain / count, "watched": watched / count, "missing": watch.missing}


if __name__ == "__main__":
    print(json.dumps(main(*json.loads(sys.argv[1]))))
