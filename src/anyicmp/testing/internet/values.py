"""How a scenario writes its values: times, addresses, port lists, and which packets something happens to.

Text and numbers become values here, in code and in TOML alike. Nothing is simulated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from random import Random

import attrs

from anyicmp.wire import UnreachableCode4, UnreachableCode6

__all__ = [
    "ALWAYS",
    "NEVER",
    "Draw",
    "IPAddress",
    "IPNetwork",
    "Nanoseconds",
    "Occurrence",
    "addresses",
    "codes",
    "duration",
    "names",
    "occurrence",
    "octets_or_all",
    "sources",
]

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|min)")
_CHANCE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_EVERY = re.compile(r"(\d+) in (\d+)")
_RANGE = re.compile(r"(\d+)(?:st|nd|rd|th)?(?: (on)| to (?:the )?(\d+)(?:st|nd|rd|th)?)?")


class Nanoseconds(int):
    """A time that needs no conversion any more."""

    __slots__ = ()


def duration(value: float | str) -> Nanoseconds:
    """Of seconds as a number, or of text such as "5 ms"; nanoseconds stay. Raises ValueError, TypeError."""
    if isinstance(value, Nanoseconds):
        return value
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError(f'a time is seconds as a number, or text such as "5 ms", not {value!r}')
        return Nanoseconds(round(float(found[1]) * _UNITS[found[2]]))
    if isinstance(value, bool) or not 0 <= value < 1e9:
        raise ValueError(f'a time is seconds as a number from 0 on, or text such as "5 ms", not {value!r}')
    return Nanoseconds(round(value * 1_000_000_000))


@attrs.frozen
class Occurrence:
    """Which packets something happens to: by chance, by their numbers from 1, or k of each n.

    Attributes:
        chance: probability, 0 to 1.
        ranges: tuple of (first number, last number or None: all from there on).
        every: (k, n): the last k of each n packets; n is 0 where it is not used.
    """

    chance: float = 0.0
    ranges: tuple[tuple[int, int | None], ...] = ()
    every: tuple[int, int] = (0, 0)

    def happens(self, number: int, random: Random) -> bool:
        """Whether it happens to the packet of this number; draws only where chance decides."""
        if self.chance:
            return random.random() < self.chance
        k, n = self.every
        if n:
            return (number - 1) % n >= n - k
        return any(first <= number and (last is None or number <= last) for first, last in self.ranges)


NEVER = Occurrence()
ALWAYS = Occurrence(ranges=((1, None),))


def occurrence(value: Occurrence | str | float | Iterable[int]) -> Occurrence:
    """Of text ("10 %", "1 in 4", "2nd, 5th", "3rd to 6th", "7th on", "all", "none"), or other values.

    A number is a probability, a list the numbers of packets from 1, True all and False none. Raises
    ValueError for anything else.
    """
    if isinstance(value, Occurrence):
        return value
    if isinstance(value, bool):
        return ALWAYS if value else NEVER
    if isinstance(value, (int, float)):
        if not 0 <= value <= 1:
            raise ValueError(f"a probability is from 0 to 1, not {value}")
        return Occurrence(chance=float(value))
    if isinstance(value, str):
        return _occurrence_of_text(value.strip())
    numbers = sorted(value)
    if any(number < 1 for number in numbers):
        raise ValueError(f"packets are counted from 1, not {numbers}")
    return Occurrence(ranges=tuple((number, number) for number in numbers))


def _occurrence_of_text(text: str) -> Occurrence:
    if text in ("all", "none"):
        return ALWAYS if text == "all" else NEVER
    if (found := _CHANCE.fullmatch(text)) and float(found[1]) <= 100:
        return Occurrence(chance=float(found[1]) / 100)
    if (found := _EVERY.fullmatch(text)) and 0 < int(found[1]) <= int(found[2]):
        return Occurrence(every=(int(found[1]), int(found[2])))
    ranges = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None or int(found[1]) < 1:
            raise ValueError(
                'which packets: "10 %", "1 in 4", "2nd, 5th", "3rd to 6th", "7th on", "all" or "none", '
                f"not {text!r}"
            )
        first = int(found[1])
        ranges.append((first, None if found[2] else int(found[3] or first)))
    return Occurrence(ranges=tuple(ranges))


class Draw:
    """An occurrence with its count: called once for each packet, it says whether it happens to this one."""

    __slots__ = ("_number", "_occurrence", "_random")

    def __init__(self, what: Occurrence, random: Random) -> None:
        self._occurrence = what
        self._random = random
        self._number = 0

    def __call__(self) -> bool:
        self._number += 1
        return self._occurrence.happens(self._number, self._random)


def addresses(
    value: str | IPAddress | IPNetwork | Iterable[str | IPAddress | IPNetwork],
) -> tuple[IPNetwork, ...]:
    """Networks, of one or several addresses or networks; an address is a network of one.

    Raises ValueError.
    """
    several = (
        [value] if isinstance(value, (str, IPv4Address, IPv6Address, IPv4Network, IPv6Network)) else value
    )
    return tuple([ip_network(each) if isinstance(each, str) else ip_network(str(each)) for each in several])


def sources(value: str | IPAddress | Iterable[str | IPAddress]) -> tuple[IPAddress, ...]:
    """Addresses, of one or several. Raises ValueError."""
    several = [value] if isinstance(value, (str, IPv4Address, IPv6Address)) else value
    return tuple([ip_address(each) for each in several])


def names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Names, of one or several."""
    return (value,) if isinstance(value, str) else tuple(value)


def codes(value: str | int | None) -> dict[int, int] | None:
    """IP version to code of destination unreachable, of a code's name or number; None for "silent".

    A name counts for the versions that have such a code. Raises ValueError for another name.
    """
    if value is None or value == "silent":
        return None
    if isinstance(value, int):
        return {4: value, 6: value}
    name = value.upper().replace(" ", "_")
    found = {
        version: int(table[name])
        for version, table in ((4, UnreachableCode4), (6, UnreachableCode6))
        if name in table.__members__
    }
    if not found:
        known = ", ".join(
            sorted({code.name.lower().replace("_", " ") for code in (*UnreachableCode4, *UnreachableCode6)})
        )
        raise ValueError(f'no such code: {value!r}; give its number, "silent" or one of: {known}')
    return found


def octets_or_all(_: object, __: object, octets: int | str) -> None:
    """Validate a number of octets from 0 on, or "all". Raises ValueError."""
    if octets != "all" and (isinstance(octets, bool) or not isinstance(octets, int) or octets < 0):
        raise ValueError(f'a number of octets from 0 on, or "all", not {octets!r}')
