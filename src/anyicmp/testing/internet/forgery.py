"""Forgery: what somebody else sends in a host's stead, by keyword or from TOML.

A value only; who sends it and when is `target.py`'s.
"""

from __future__ import annotations

from typing import Literal

import attrs

from anyicmp.testing.internet.values import (
    ALWAYS,
    IPAddress,
    Occurrence,
    duration,
    occurrence,
    octets_or_all,
    sources,
)

__all__ = ["Forgery"]

in_ = attrs.validators.in_

KINDS = ("reply", "unreachable", "time exceeded", "foreign", "error")
KNOWLEDGE = ("all", "header")

_octet = attrs.validators.optional([attrs.validators.ge(0), attrs.validators.le(255)])


def _optional_address(value: str | IPAddress | None) -> IPAddress | None:
    return None if value is None else sources(value)[0]


@attrs.frozen(kw_only=True)
class Forgery:
    """A packet that somebody else sends in the host's stead when a request reaches it.

    Attributes:
        source: addresses of the forger, of either version.
        kind: "reply", "unreachable", "time exceeded", "foreign": an unreachable that quotes a packet which
            nobody sent, or "error": of `type` and `code`.
        which: the requests that it happens to.
        delay: from the request.
        code: of the unreachable or error.
        type: of the "error".
        rest: second word of the "error", as a number: an MTU, a pointer in its place.
        knows: what the forger knows of the request: "all", or only its "header", and what stands behind is
            guessed wrong.
        quote: octets behind the IP header that the error quotes, or "all".
        quoted_options: the quoted IP header has options: in IPv6 a destination options header.
        quoted_destination: the quoted packet's destination, None: the request's.
    """

    source: tuple[IPAddress, ...] = attrs.field(converter=sources)
    kind: Literal["reply", "unreachable", "time exceeded", "foreign", "error"] = attrs.field(
        default="reply", validator=in_(KINDS)
    )
    which: Occurrence = attrs.field(default=ALWAYS, converter=occurrence)
    delay: int = attrs.field(default=0, converter=duration)
    code: int = 1
    type: int | None = attrs.field(default=None, validator=_octet)
    rest: int = 0
    knows: Literal["all", "header"] = attrs.field(default="all", validator=in_(KNOWLEDGE))
    quote: int | Literal["all"] = attrs.field(default="all", validator=octets_or_all)
    quoted_options: bool = False
    quoted_destination: IPAddress | None = attrs.field(default=None, converter=_optional_address)

    def __attrs_post_init__(self) -> None:
        if (self.kind == "error") == (self.type is None):
            raise ValueError('the kind "error" takes a type, and no other kind does')
