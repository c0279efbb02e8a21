"""What a sweep is asked to probe: spans of addresses, never expanded, and names yet to be looked up.

Text and address objects in, spans out. No lookup and no I/O happens here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import attrs

from anyicmp.engine.reserved import RESERVED
from anyicmp.wire.batch import Version

__all__ = ["BadTarget", "Name", "Span", "Target", "parse_excluded", "parse_target", "subtract"]

Target = str | IPv4Address | IPv6Address | IPv4Network | IPv6Network


@attrs.frozen
class Span:
    """`count` neighbouring addresses of one version from `first` (an integer) on.

    `zone` is the scope id of a link-local address as it was written.
    """

    version: Version
    first: int
    count: int
    zone: str | None = None

    @property
    def last(self) -> int:
        return self.first + self.count - 1


@attrs.frozen
class Name:
    """A host name, to be looked up."""

    text: str


@attrs.frozen
class BadTarget:
    """What is neither address, network, range nor possible name; `reason` says why.

    `malformed`: it was meant as a network or range, a mistake that is never a host's fault.
    """

    text: str
    reason: str
    malformed: bool = False


_RANGE = re.compile(r"\s*([^\s-]+)\s*-\s*([^\s-]+)\s*")
_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)", re.UNICODE)


def parse_target(target: object) -> Span | Name | BadTarget:
    """Read "10.0.0.1", "10.0.0.0/16", "10.0.0.1-10.0.0.99", "host.example", or an ipaddress object.

    Networks stand for their `hosts()`; ranges and addresses are taken literally. Raises TypeError for
    what is neither text nor an ipaddress object.
    """
    match target:
        case IPv4Address() | IPv6Address():
            return _single(target)
        case IPv4Network() | IPv6Network():
            return _network(target)
        case str():
            return _text(target.strip())
        case _:
            raise TypeError(f"a target is text, an address or a network, not {target!r}")


def parse_excluded(target: object) -> tuple[Span, ...]:
    """As `parse_target`, for what is to be left out: of a network all addresses; "reserved" is many networks.

    Raises ValueError for a name, or what is no target.
    """
    if target == "reserved":
        return tuple(_whole(ip_network(network)) for network in RESERVED)
    match parse_target(target):
        case Span() if isinstance(target, (IPv4Network, IPv6Network)):
            return (_whole(target),)
        case Span() if isinstance(target, str) and "/" in target:
            return (_whole(ip_network(target.strip())),)
        case Span() as span:
            return (span,)
        case Name(text=text):
            raise ValueError(f"exclude takes addresses, networks and ranges, not a name: {text!r}")
        case BadTarget(text=text, reason=reason):
            raise ValueError(f"exclude: {text}: {reason}")


def _whole(network: IPv4Network | IPv6Network) -> Span:
    return Span(_version(network), int(network.network_address), network.num_addresses)


def _single(address: IPv4Address | IPv6Address) -> Span:
    zone = address.scope_id if isinstance(address, IPv6Address) else None
    return Span(_version(address), int(address), 1, zone)


def _version(address: IPv4Address | IPv6Address | IPv4Network | IPv6Network) -> Version:
    return 4 if address.version == 4 else 6


def _network(network: IPv4Network | IPv6Network) -> Span:
    first, size = int(network.network_address), network.num_addresses
    if size <= 2:
        return Span(_version(network), first, size)
    # As `hosts()`: IPv4 leaves out network and broadcast address, IPv6 the subnet-router anycast.
    return Span(_version(network), first + 1, size - (2 if network.version == 4 else 1))


def _text(text: str) -> Span | Name | BadTarget:
    if not text:
        return BadTarget(text, "an empty text is no target")
    if "/" in text:
        try:
            return _network(ip_network(text))
        except ValueError as error:
            return BadTarget(text, _without_repeat(error, text), malformed=True)
    try:
        return _single(ip_address(text))
    except ValueError:
        pass
    span = _RANGE.fullmatch(text)
    if span is not None:
        try:
            first, last = (ip_address(end) for end in span.groups())
        except ValueError:
            pass  # a name may hold hyphens
        else:
            if first.version != last.version or int(last) < int(first):
                reason = "a range goes from an address to a later one of the same version"
                return BadTarget(text, reason, malformed=True)
            return Span(_version(first), int(first), int(last) - int(first) + 1)
    return _name(text)


def _name(text: str) -> Name | BadTarget:
    labels = text.removesuffix(".").split(".")
    if ":" in text or all(label.isdecimal() for label in labels[-1:]):
        return BadTarget(text, "neither an IP address nor a host name")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return BadTarget(text, "not a host name: letters, digits and hyphens, in labels of at most 63")
    return Name(text)


def _without_repeat(error: ValueError, text: str) -> str:
    """The library's reason without the text, which the caller shows anyway."""
    return str(error).replace(repr(text), "").replace(text, "").strip()


def subtract(span: Span, excluded: Iterable[Span]) -> Iterator[Span]:
    """The parts of a span that no excluded span covers, in order."""
    cuts = sorted(
        (cut.first, cut.last)
        for cut in excluded
        if cut.version == span.version and cut.first <= span.last and cut.last >= span.first
    )
    at = span.first
    for first, last in cuts:
        if first > at:
            yield attrs.evolve(span, first=at, count=first - at)
        at = max(at, last + 1)
    if at <= span.last:
        yield attrs.evolve(span, first=at, count=span.last - at + 1)
