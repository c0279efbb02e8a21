"""Whether one hop loses more than another, or only seems to: Fisher's exact test on two counts.

Numbers in, a probability out; which hops are compared is for the caller.
"""

from __future__ import annotations

from math import comb

__all__ = ["DOUBT", "loses_more"]

DOUBT = 0.01
"""How often chance alone may make us say of a hop that it limits its answers."""


def loses_more(lost: int, sent: int, other_lost: int, other_sent: int) -> float:
    """How probable it is that as many as `lost` of all losses fall on the first series by chance alone.

    Both series are taken to lose equally (Fisher 1922, one-sided). Small: the first loses more.
    """
    total, both = sent + other_sent, lost + other_lost
    ways = sum(
        comb(sent, k) * comb(other_sent, both - k) for k in range(lost, min(sent, both) + 1) if both - k >= 0
    )
    return ways / comb(total, both)
