"""Counts of all that an exchange sent and heard, whoever it was for.

Numbers alone: what they are counted for is in the exchange, what a probe's own series says in
`statistics.py`.
"""

from __future__ import annotations

import attrs

__all__ = ["Counts"]


@attrs.define
class Counts:
    """What an exchange sent and heard; see `results.ProberStatistics`."""

    sent: int = 0
    received: int = 0
    duplicates: int = 0
    late: int = 0
    foreign: int = 0
    malformed: int = 0

    def add(self, others: Counts) -> None:
        """Count all that others counted, too."""
        for name in attrs.fields_dict(Counts):
            setattr(self, name, getattr(self, name) + getattr(others, name))
