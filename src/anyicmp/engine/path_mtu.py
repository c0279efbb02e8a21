"""The plan of a path's MTU: which sizes are tried next, and when the largest that passes is known.

RFC 1191 and RFC 8201 where routers report what they drop; where they do not, sizes are tried as RFC 8899
does it, and the hop that drops is looked for by hop limit. No bytes, no socket and no clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterable, Sequence
from typing import Literal

import attrs

from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.probe import Probe
from anyicmp.methods.base import Template
from anyicmp.results import IPAddress
from anyicmp.wire.batch import UNSET, PacketBatch, Version

__all__ = ["SMALLEST", "Fate", "MtuSearch", "Shot", "Volley"]

SMALLEST = 68
"""Octets of the packet that must pass: every IPv4 link carries it (RFC 791), and IPv6 ones carry far more."""

LARGEST = 65_535
LEAST: dict[Version, int] = {4: 68, 6: 1280}
"""No router reports less in earnest (RFC 791; RFC 8201 section 4)."""

# fmt: off
USUAL = (
    68, 296, 508, 576, 1006, 1280, 1380, 1400, 1420, 1440, 1450, 1454, 1460, 1472, 1476, 1480, 1492, 1500,
    2002, 4352, 4464, 8166, 9000, 9216, 17914, 32000, LARGEST,
)
# fmt: on
"""MTUs of known links (RFC 1191 section 7.1), and what tunnels make of them."""

MOST = 16
"""Sizes tried at once: where nobody reports, they wait together."""

HOPS = 8
"""Hop limits asked at once."""


@attrs.frozen
class Shot:
    """One probe: octets of its IP packet, and hop limit (None: the host's usual one)."""

    size: int
    ttl: int | None = None


@attrs.frozen
class Fate:
    """What became of a shot.

    Attributes:
        kind: "reply" (of the target), "too big" (a report), "own link" (this host could not send so much),
            "exceeded" (of a hop), "silence", or "other".
        source: who answered or reported, None where nobody did.
        mtu: what the report says, 0 where it says nothing.
    """

    kind: Literal["reply", "too big", "own link", "exceeded", "silence", "other"]
    source: IPAddress | None = None
    mtu: int = 0


Fates = dict[Shot, Fate]
Waves = Generator[tuple[Shot, ...], Fates, None]


class MtuSearch:
    """A search for the largest packet that reaches a host in one piece.

    `waves` yields shots that go out together and takes what became of them. What is known so far stands in
    the attributes, at any time.

    Attributes:
        passed: the largest size that the target answered, 0 before the first.
        limited_by, limited_at: see `paths.PathMtu`.
    """

    def __init__(self, version: Version, *, probes: int, max_hops: int) -> None:
        """`probes`: how often a size is tried before its silence counts."""
        self.passed = 0
        self.limited_by: IPAddress | None = None
        self.limited_at: int | None = None
        self._least = LEAST[version]
        self._probes = probes
        self._max_hops = max_hops
        self._failed: Fates = {}
        self._claims: dict[int, IPAddress | None] = {}

    @property
    def mtu(self) -> int | None:
        """The path's MTU as far as is known."""
        return self.passed or min(self._claims, default=None)

    @property
    def black_hole(self) -> bool | None:
        """Whether what is larger vanishes without a report."""
        if not self.passed:
            return False if self._claims else None
        if self.passed in self._claims or self._useless:
            return False
        over = self._failed.get(Shot(self._bound))
        return over is not None and over.kind == "silence"

    @property
    def _bound(self) -> int:
        """The smallest size above what has passed that did not."""
        return min((shot.size for shot in self._failed if shot.size > self.passed), default=LARGEST + 1)

    @property
    def _useless(self) -> dict[int, IPAddress | None]:
        """Who reported, by size, without a true word of what passes: none, too much, or too little."""
        return {
            shot.size: fate.source
            for shot, fate in self._failed.items()
            if fate.kind == "too big"
            and shot.size > self.passed
            and not max(self._least, self.passed) <= fate.mtu < shot.size
        }

    def hear(self, shot: Shot, fate: Fate) -> None:
        """Take at once what the target answered, though other shots of its wave still wait."""
        if fate.kind == "reply" and shot.ttl is None:
            self.passed = max(self.passed, shot.size)

    def waves(self) -> Waves:
        """Shots to send at once, again and again; send in what became of each."""
        for size in reversed(USUAL):
            yield from self._ask([size])
            if self._failed.get(Shot(size), Fate("other")).kind != "own link":
                break
        looked_for = 0
        while True:
            while sizes := self._next():
                yield from self._ask(sizes)
            if not self.black_hole or looked_for == self._bound:
                break
            looked_for = self._bound
            yield from self._locate(looked_for)
        if self.black_hole:
            return
        over = self._failed.get(Shot(self._bound))
        if self.passed and over is not None and over.kind == "too big":
            self.limited_by = over.source
        elif self.mtu in self._claims:
            self.limited_by = self._claims[self.mtu]
        elif self.passed and (useless := self._useless):
            self.limited_by = useless[min(useless)]

    def _next(self) -> Sequence[int]:
        low, high = self.passed, self._bound
        claims = [size for size in self._claims if low < size < high]
        if claims:
            size = min(claims)
            # One more tells whether the report is true.
            return [size, size + 1] if size + 1 < high else [size]
        if not low:
            return [] if Shot(SMALLEST) in self._failed else [SMALLEST]
        if high - low <= MOST + 1:
            return range(low + 1, high)
        known = [size for size in USUAL if low + 1 < size < high] or range(low + 2, high)
        return [low + 1, *known[:: -(-len(known) // (MOST - 1))]]

    def _ask(self, sizes: Iterable[int]) -> Waves:
        """Try sizes until each has passed, failed, or been silent as often as it takes."""
        left = dict.fromkeys(map(Shot, sizes), self._probes)
        left.update({shot: 1 for shot in left if shot.size - 1 in self._claims})
        while left:
            fates = yield tuple(left)
            for shot, fate in fates.items():
                left[shot] -= 1
                if fate.kind != "silence" or not left[shot]:
                    self._note(shot, fate)
                    del left[shot]
            enough = min((size for size in self._claims if size > self.passed), default=LARGEST)
            left = {shot: n for shot, n in left.items() if self.passed < shot.size <= enough}
            if left and not self.passed and Shot(SMALLEST) not in self._failed:
                left.setdefault(Shot(SMALLEST), self._probes)

    def _note(self, shot: Shot, fate: Fate) -> None:
        if fate.kind == "reply":
            self.hear(shot, fate)
            return
        self._failed[shot] = fate
        if fate.kind == "too big" and self._least <= fate.mtu < shot.size:
            self._claims.setdefault(fate.mtu, fate.source)

    def _locate(self, size: int) -> Waves:
        """Find the last hop that a size reaches: the next one answers small probes and no large ones.

        If it reaches the target, it was silent by chance.
        """
        last = 0
        routers: dict[int, IPAddress | None] = {}
        for first in range(1, self._max_hops + 1, HOPS):
            ttls = range(first, min(first + HOPS, self._max_hops + 1))
            found: Fates = {}
            left = [Shot(octets, ttl) for ttl in ttls for octets in (size, SMALLEST)]
            for _ in range(self._probes):
                fates = yield tuple(left)
                found |= fates
                left = [shot for shot in left if found[shot].kind == "silence"]
                if not left:
                    break
            for ttl in ttls:
                large, small = found[Shot(size, ttl)], found[Shot(SMALLEST, ttl)]
                if large.kind == "reply":
                    self.passed = size
                    return
                if large.kind == "exceeded":
                    last, routers[ttl] = ttl, large.source
                elif small.kind in ("exceeded", "reply"):
                    if ttl == last + 1:
                        self.limited_at, self.limited_by = last, routers.get(last)
                    return


class Volley:
    """Probes of one size to one address, one for each hop limit, all at once; see `plan.Plan`.

    Its tags count from `first` on.
    """

    many = False
    responsive = False
    patient = False

    def __init__(
        self, probe: Probe, template: Template, ttls: Sequence[int | None], *, first: int, timeout: int
    ) -> None:
        self.template = template
        self.timeout = timeout
        self.waiting = 0
        self._probe = probe
        self._ttls = ttls
        self._first = first
        self._taken = self._ended = 0

    @property
    def done(self) -> bool:
        return self._ended == len(self._ttls)

    def take(self, tx: PacketBatch, start: int, stop: int, now: int) -> int:
        taken = self._ttls[self._taken : self._taken + stop - start]
        for i, ttl in enumerate(taken, start):
            self._probe.write(tx, i, hop_limit=UNSET if ttl is None else ttl)
            tx.tag[i] = self._first + self._taken
            self._taken += 1
        return len(taken)

    def heard(self, outcomes: OutcomeBatch) -> OutcomeBatch:
        self._ended += len(outcomes)
        outcomes.sequences = array("Q", outcomes.tags)
        return outcomes

    def wake_at(self, now: int) -> int | None:
        return now if self._taken < len(self._ttls) else None
