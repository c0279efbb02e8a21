"""What callers may ask for, checked before anything is sent.

Each check raises ValueError or TypeError with one line that names the option and its limits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import isfinite
from typing import Any, TypeVar

from anyicmp.methods.echo_payload import LARGEST
from anyicmp.results import IPAddress

__all__ = [
    "at_least",
    "check_family",
    "check_payload",
    "header_byte",
    "interface_name",
    "nanoseconds",
    "number",
    "remembered",
    "seconds",
    "source_address",
    "traffic_class",
    "whole",
    "yes_no",
]

Checked = TypeVar("Checked")

SECOND = 1_000_000_000
LONGEST = 365 * 86400.0


def remembered(check: Callable[..., Checked], most: int = 256) -> Callable[..., Checked]:
    """Options that were checked once are not checked again: most calls of an application are alike.

    `most`: so many different ones are kept, those that were used last.
    """
    known = lru_cache(maxsize=most, typed=True)(check)

    @wraps(check)
    def checked(*values: Any) -> Checked:
        try:
            return known(*values)
        except TypeError:
            # Wrong, or only nothing to remember by (a bytearray): the check itself tells.
            return check(*values)

    return checked


def whole(name: str, value: object, lowest: int, highest: int) -> int:
    """A whole number between two limits, both included."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must be {lowest} to {highest}, not {value}")
    return value


def at_least(name: str, value: object, lowest: int) -> int:
    """A whole number that is not too small."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < lowest:
        raise ValueError(f"{name} must be {lowest} or more, not {value}")
    return value


def number(name: str, value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        as_float = float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large") from None
    if not isfinite(as_float):
        raise ValueError(f"{name} must be finite, not {value}")
    return as_float


def seconds(name: str, value: object, *, zero: bool = False) -> float:
    """A duration in seconds, above 0 (or 0 where `zero` allows it), at most a year."""
    duration = number(name, value)
    if duration < 0 or duration > LONGEST or (duration == 0 and not zero):
        raise ValueError(
            f"{name} must be {'0 or more' if zero else 'above 0'} seconds, at most a year, not {value}"
        )
    return duration


def nanoseconds(name: str, value: object, *, zero: bool = False) -> int:
    """A duration given in seconds, as nanoseconds (at least one where it is above 0)."""
    duration = seconds(name, value, zero=zero)
    return max(1, round(duration * SECOND)) if duration else 0


def yes_no(name: str, value: bool | None) -> bool | None:
    """True, False or None."""
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{name} must be True, False or None, not {value!r}")
    return value


def interface_name(name: object) -> str | None:
    """The name of a network interface, or None."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"interface must be a name, not {name!r}")
    if not name or "\0" in name:
        raise ValueError(f"interface must be a name, not {name!r}")
    return name


def check_family(family: object) -> None:
    """4, 6 or None."""
    if family is not None and (isinstance(family, bool) or family not in (4, 6)):
        raise ValueError(f"family must be 4, 6 or None, not {family!r}")


def check_payload(size: object, payload: object, default: int = 56) -> tuple[int, bytes | None]:
    """Size and payload of a probe: one or the other, at most 65,507 octets."""
    if payload is None:
        return whole("size", default if size is None else size, 0, LARGEST), None
    if size is not None:
        raise ValueError("give size or payload, not both")
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        raise TypeError(f"payload must be bytes, not {type(payload).__name__}")
    data = bytes(payload)
    whole("size of the payload", len(data), 0, LARGEST)
    return len(data), data


def header_byte(name: str, value: object, lowest: int = 1) -> int:
    """A hop limit, or -1 for None."""
    return -1 if value is None else whole(name, value, lowest, 255)


def traffic_class(dscp: object) -> int:
    """The traffic class octet of a DSCP (RFC 2474 section 3), or -1 for None."""
    return -1 if dscp is None else whole("dscp", dscp, 0, 63) << 2


def source_address(source: object) -> IPAddress | None:
    """A local address given as text or object."""
    if source is None or isinstance(source, (IPv4Address, IPv6Address)):
        return source
    if not isinstance(source, str):
        raise TypeError(f"source must be an address, not {source!r}")
    try:
        return ip_address(source)
    except ValueError:
        raise ValueError(f"source must be an IP address of this host, not {source!r}") from None
