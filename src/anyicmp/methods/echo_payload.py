"""The payload of an echo request: what is the same in all probes alike, and whether a token has room in it.

Where the parts of a token stand, and how they are written, is in `echo.py`.
"""

from __future__ import annotations

from functools import lru_cache

from anyicmp.methods.base import Template

__all__ = ["HEADER", "LARGEST", "PREFIX", "template_of"]

HEADER = 8
PREFIX = 20
"""Octets of payload that a token takes."""

LARGEST = 65507
PATTERN = bytes(range(256)) * 256


def _of(data: bytes, flow: int | None, label: int, *, carries: bool) -> Template:
    size = len(data)
    return Template(data=data, octets=HEADER + size, size=size, flow=flow, carries_token=carries, label=label)


@lru_cache(maxsize=64)
def template_of(size: int, payload: bytes | None, flow: int | None, label: int) -> Template:
    """Raises ValueError for a size outside 0 to 65,507 octets. A payload that is given carries no token."""
    if payload is not None:
        return _of(payload, flow, label, carries=False)
    if not 0 <= size <= LARGEST:
        raise ValueError(f"size must be 0 to {LARGEST} octets, not {size}")
    carries = size >= PREFIX
    data = bytes(PREFIX) + PATTERN[PREFIX:size] if carries else PATTERN[:size]
    return _of(data, flow, label, carries=carries)
