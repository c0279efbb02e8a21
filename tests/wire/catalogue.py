"""Every message at least once: its name, its byte constant and its value."""

from __future__ import annotations

from discovery import DISCOVERY
from everyday import EVERYDAY, Entry
from informational import INFORMATIONAL

__all__ = ["CATALOGUE", "Entry"]

CATALOGUE: list[Entry] = [*EVERYDAY, *INFORMATIONAL, *DISCOVERY]
