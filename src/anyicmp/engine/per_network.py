"""Politeness: no network gets more probes a second than it is to have, and none waits for another.

Which addresses there are is told from outside, and so is the time.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

import attrs

from anyicmp.engine.pacer import Pacer
from anyicmp.engine.segments import InOrder, Segment

__all__ = ["IN_PLAY", "PerNetwork"]

IN_PLAY = 8192
"""Networks that have their turns at one time; the others follow as these are done."""


@attrs.define(eq=False)
class Network:
    """What of one network waits, and when the next probe may go there."""

    key: int
    pacer: Pacer
    segments: InOrder = attrs.field(factory=InOrder)


class PerNetwork:
    """`Segments` of which each network, addresses with the same first bits, gets `rate` probes a second.

    A network comes into play when none that is in play is due, so that segments may be as large as they
    like. It stays until its time for the next probe has come and there is none.
    """

    ahead = 16384

    def __init__(self, rate: float, host_bits: int, *, in_play: int = IN_PLAY) -> None:
        """`host_bits`: low bits of an address that tell hosts of one network apart.

        Raises ValueError for a rate that is not above 0 and finite.
        """
        Pacer(rate)
        self._rate = rate
        self._host_bits = host_bits
        self._most = in_play
        self._networks: dict[int, Network] = {}
        # Each network in play stands here once, with the time of its next probe.
        self._turns: list[tuple[int, int, Network]] = []
        self._aside: deque[Segment] = deque()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def add(self, segment: Segment) -> None:
        """See `Segments.add`."""
        self._waiting += 1
        if segment.mark:
            self._aside.appendleft(segment)
        else:
            self._aside.append(segment)

    def take(self, most: int, now: int, attempt: int | None = None) -> Segment | None:
        """See `Segments.take`."""
        while self._is_due(now) or self._next_network(now):
            _, key, network = self._turns[0]
            had = len(network.segments)
            allowed = min(most, network.pacer.allowance(now))
            segment = network.segments.take(allowed, now, attempt)
            if segment is None:
                if had:
                    return None  # of another attempt
                heappop(self._turns)
                del self._networks[key]
                continue
            self._waiting -= had - len(network.segments)
            network.pacer.spend(segment.count)
            heappop(self._turns)
            heappush(self._turns, (network.pacer.due(0), key, network))
            return segment
        return None

    def _is_due(self, now: int) -> bool:
        return bool(self._turns) and self._turns[0][0] <= now

    def _next_network(self, now: int) -> bool:
        """Hand segments to their networks until one is due; False: there is none."""
        while self._aside:
            segment = self._aside[0]
            key = segment.first >> self._host_bits
            network = self._networks.get(key)
            if network is None:
                if len(self._networks) >= self._most:
                    return False
                network = self._networks[key] = Network(key, Pacer(self._rate))
                heappush(self._turns, (now, key, network))
            inside = ((key + 1) << self._host_bits) - segment.first
            self._waiting -= len(network.segments)
            if segment.count > inside:
                network.segments.add(segment.cut(inside))
            else:
                network.segments.add(self._aside.popleft())
                self._waiting -= 1
            self._waiting += len(network.segments)
            if self._is_due(now):
                return True
        return False

    def due(self, now: int) -> int | None:
        """See `Segments.due`."""
        if not self._waiting:
            return None
        if self._aside and len(self._networks) < self._most:
            return now
        return max(now, self._turns[0][0])
