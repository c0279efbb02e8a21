"""The options of a prober by their names: for the functions that open one for a single call.

What they mean, and how they are checked, is in `owner.py`.
"""

from __future__ import annotations

import os
from typing import TypedDict

from anyicmp.api.environment import Network, Resolver
from anyicmp.api.observer import Observer

__all__ = ["ProberOptions"]


class ProberOptions(TypedDict, total=False):
    """The options of a prober, as the functions that open one for a single call take them too."""

    privileged: bool | None
    resolver: Resolver | None
    network: Network | None
    observer: Observer | None
    receive_buffer: int | None
    batched: bool | None
    record: str | os.PathLike[str] | None
    transmit_stamps: bool
