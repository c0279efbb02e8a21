"""PrefixTable: an offline table of prefixes and numbers of autonomous systems, as text.

One prefix a line, a tab, a number: "192.0.2.0/24<TAB>64496". It reads and looks up, and asks nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Self

from anyicmp.results import IPAddress

__all__ = ["PrefixTable"]

BITS = {4: 32, 6: 128}


class PrefixTable:
    """Looks up the number of the longest prefix that an address is in. Give it to `traceroute(asn=...)`."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Read lines of text; empty ones and those that begin with "#" are passed over.

        Raises ValueError for another line that is no prefix, tab and number ("AS64496" or "64496"), naming
        it by its number from 1.
        """
        # IP version to length of prefix to the prefix's bits to the number.
        self._numbers: dict[int, dict[int, dict[int, int]]] = {4: {}, 6: {}}
        for at, line in enumerate(lines, 1):
            text = line.strip()
            if text and not text.startswith("#"):
                try:
                    self._add(*text.split("\t"))
                except (TypeError, ValueError):
                    raise ValueError(f"line {at} is not prefix, tab and number: {text!r}") from None
        self._lengths = {version: sorted(found, reverse=True) for version, found in self._numbers.items()}

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file. Raises OSError where that is not possible, ValueError for what is no such table."""
        with Path(path).open(encoding="utf-8") as file:
            return cls(file)

    def _add(self, prefix: str, number: str) -> None:
        network = ip_network(prefix.strip())
        shift = BITS[network.version] - network.prefixlen
        value = int(number.strip().upper().removeprefix("AS"))
        if not 0 <= value <= 0xFFFFFFFF:
            raise ValueError
        found = self._numbers[network.version].setdefault(network.prefixlen, {})
        found[int(network.network_address) >> shift] = value

    def __call__(self, address: IPAddress) -> int | None:
        """The number for an address, None where no prefix holds it."""
        bits, version = int(address), address.version
        for length in self._lengths[version]:
            number = self._numbers[version][length].get(bits >> (BITS[version] - length))
            if number is not None:
                return number
        return None
