"""The nodes of a simulated internet: routers and hosts, and how each of them misbehaves.

Values only, built by keyword or from TOML: times are given in seconds or as text ("5 ms") and kept in
nanoseconds. Nothing moves here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from anyicmp.testing.internet.forgery import Forgery
from anyicmp.testing.internet.tables import read, table, tables
from anyicmp.testing.internet.values import (
    NEVER,
    IPAddress,
    IPNetwork,
    Nanoseconds,
    Occurrence,
    addresses,
    codes,
    duration,
    names,
    occurrence,
    octets_or_all,
    sources,
)
from anyicmp.wire import InterfaceInformation, MplsLabel

__all__ = ["Echo", "Forgery", "Host", "Nat", "RateLimit", "Redirection", "Rejection", "Router"]

in_ = attrs.validators.in_


def _numbers(values: int | Iterable[int]) -> tuple[int, ...]:
    return (values,) if isinstance(values, int) else tuple(values)


def _known_code(_: object, __: object, code: str | int) -> None:
    if code != "reset":
        codes(code)


def _above_zero(_: object, field: Any, value: float) -> None:
    if isinstance(value, bool) or value <= 0:
        raise ValueError(f"{field.name} is a number above 0, not {value!r}")


def _hex(text: str | bytes) -> bytes:
    octets = text if isinstance(text, bytes) else bytes.fromhex(text)
    if len(octets) % 4 or len(octets) > 40:
        raise ValueError(f"IPv4 options take a multiple of 4 octets up to 40, not {len(octets)}")
    return octets


@attrs.frozen(kw_only=True)
class RateLimit:
    """A token bucket: `rate` errors a second on the long run, up to `burst` at once."""

    rate: float = attrs.field(validator=_above_zero)
    burst: int = attrs.field(default=1, validator=_above_zero)


@attrs.frozen(kw_only=True)
class Rejection:
    """A firewall's rule, or a route that leads nowhere: what matches is dropped and reported.

    Attributes:
        to: destination networks; none means all.
        protocol: "icmp" (ICMPv6 too), "udp", "tcp" or None: all.
        ports: destination ports; none means all.
        code: of the destination unreachable: name, number, or "silent"; "reset" refuses TCP by RST.
        after: time until the report, such as that of a neighbour that does not answer.
    """

    to: tuple[IPNetwork, ...] = attrs.field(default=(), converter=addresses)
    protocol: Literal["icmp", "udp", "tcp"] | None = attrs.field(
        default=None, validator=in_((None, "icmp", "udp", "tcp"))
    )
    ports: tuple[int, ...] = attrs.field(default=(), converter=_numbers)
    code: str | int = attrs.field(default="silent", validator=_known_code)
    after: int = attrs.field(default=0, converter=duration)


@attrs.frozen(kw_only=True)
class Redirection:
    """A router's word that another gateway is nearer; the packet travels on all the same.

    Attributes:
        to: destination networks; none means all.
        gateway: addresses of the better gateway, of either version.
        code: of the ICMP redirect (RFC 792).
    """

    to: tuple[IPNetwork, ...] = attrs.field(default=(), converter=addresses)
    gateway: tuple[IPAddress, ...] = attrs.field(converter=sources)
    code: int = 1


@attrs.frozen(kw_only=True)
class Nat:
    """Source translation for what comes from the client's side.

    Attributes:
        address: what sources are rewritten to; a version without one passes as it is.
        undo: whether the rewrite is undone in what ICMP errors quote (RFC 5508 section 4.2).
        ports: ports and echo identifiers are rewritten too.
    """

    address: tuple[IPAddress, ...] = attrs.field(converter=sources)
    undo: bool = True
    ports: bool = False


@attrs.frozen(kw_only=True)
class Echo:
    """How echo requests are answered.

    Attributes:
        lost: requests that get no answer.
        delay: from request to reply.
        late, late_by: requests whose reply takes so much longer.
        copies, apart: how often each reply is sent, and the time between.
        hop_limit: TTL of the reply as it leaves.
        truncate: octets of data that are sent back, None: all.
        alter: requests whose data come back with the last octet inverted.
        source: addresses that the replies come from, each sends one; none: the one asked.
        checksum: requests whose reply has a wrong ICMP checksum.
        identifier, sequence: what is added to the request's, modulo 2^16.
        options: IPv4 options of the reply, in hex.
        destination_options: IPv6 replies have a destination options header (of padding).
    """

    lost: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    delay: int = attrs.field(default=0, converter=duration)
    late: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    late_by: int = attrs.field(default=Nanoseconds(3_000_000_000), converter=duration)
    copies: int = 1
    apart: int = attrs.field(default=Nanoseconds(1_000_000), converter=duration)
    hop_limit: int = 64
    truncate: int | None = None
    alter: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    source: tuple[IPAddress, ...] = attrs.field(default=(), converter=sources)
    checksum: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    identifier: int = 0
    sequence: int = 0
    options: bytes = attrs.field(default=b"", converter=_hex)
    destination_options: bool = False


def _rate_limit(value: RateLimit | Mapping[str, Any] | None) -> RateLimit | None:
    return table(RateLimit, value)


def _nat(value: Nat | Mapping[str, Any] | None) -> Nat | None:
    return table(Nat, value)


def _echo(value: Echo | Mapping[str, Any] | bool | None) -> Echo | None:
    return (Echo() if value else None) if isinstance(value, bool) else table(Echo, value)


def _rejections(values: Iterable[Rejection | Mapping[str, Any]]) -> tuple[Rejection, ...]:
    return tables(Rejection, values)


def _redirections(values: Iterable[Redirection | Mapping[str, Any]]) -> tuple[Redirection, ...]:
    return tables(Redirection, values)


def _forgeries(values: Iterable[Forgery | Mapping[str, Any]]) -> tuple[Forgery, ...]:
    return tables(Forgery, values)


def _label(value: MplsLabel | Mapping[str, Any] | int) -> MplsLabel:
    if isinstance(value, MplsLabel):
        return value
    return read(MplsLabel, {"ttl": 1, **({"label": value} if isinstance(value, int) else value)})


def _labels(values: Iterable[MplsLabel | Mapping[str, Any] | int]) -> tuple[MplsLabel, ...]:
    several = [_label(value) for value in values]
    return tuple(
        MplsLabel(label.label, label.traffic_class, i == len(several), label.ttl)
        for i, label in enumerate(several, 1)
    )


def _interfaces(
    values: Mapping[str, Any] | Iterable[InterfaceInformation | Mapping[str, Any]],
) -> tuple[InterfaceInformation, ...]:
    several: list[Any] = [values] if isinstance(values, Mapping) else list(values)
    for i, value in enumerate(several):
        if isinstance(value, Mapping) and "address" in value:
            several[i] = {**value, "address": sources(value["address"])[0]}
    return tables(InterfaceInformation, several)


def _weights(values: Mapping[str, int]) -> dict[str, int]:
    if any(isinstance(weight, bool) or weight < 1 for weight in values.values()):
        raise ValueError(f"a weight is a whole number from 1 on, not {dict(values)}")
    return dict(values)


def _routes(values: Mapping[str, str | Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {where: names(hops) for where, hops in values.items()}


FIELDS = ("ports", "icmp", "label", "class")
"""What a balancer may hash beside addresses and protocol: ports of UDP and TCP, the first four octets of
ICMP (type, code, checksum), the IPv6 flow label, the traffic class."""


@attrs.frozen(kw_only=True)
class Router:
    """Forwards packets, answers those for itself, and reports what it must drop.

    Attributes:
        address: its addresses; the first of each version is the source of its errors.
        silent: errors that it does not send.
        delay: time that it takes to write an error.
        hop_limit: TTL of its errors as they leave.
        rate_limit: of its errors, a `RateLimit` or None.
        quote: octets behind the IP header that its errors quote, or "all" that is allowed: errors of 576
            octets in IPv4 (RFC 1812 section 4.3.2.3), of 1280 in IPv6 (RFC 4443 section 2.4).
        mpls: labels in its errors (RFC 4950), as numbers or tables.
        interface: what its errors tell of its interfaces (RFC 5837).
        length_field: False leaves the RFC 4884 length at 0, as older routers do.
        extension_checksum: "right", "wrong" or "none" (zero).
        quoted_ttl: the TTL that its errors quote, whatever it was; None: as it came.
        zero_ttl: it forwards what arrives with TTL 1, so that the next hop reports in its stead.
        hidden: it forwards without touching the TTL, as inside of an MPLS tunnel.
        balance: how it chooses between equally good next hops: "flow", "destination", "packet" or None:
            always the first.
        flow: what identifies a flow beside addresses and protocol, of "ports", "icmp", "label", "class".
        weights: name of a next hop to its weight; 1 where not named.
        routes: destination (name of a node, or network) to next hops, instead of the shortest path.
        nat: a `Nat`, or None.
        reject: `Rejection` rules, the first that matches counts.
        redirect: `Redirection` rules.
        echo: how its own addresses answer, an `Echo`; None (in TOML: false): not at all.
    """

    address: tuple[IPNetwork, ...] = attrs.field(default=(), converter=addresses)
    silent: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    delay: int = attrs.field(default=0, converter=duration)
    hop_limit: int = 255
    rate_limit: RateLimit | None = attrs.field(default=None, converter=_rate_limit)
    quote: int | Literal["all"] = attrs.field(default="all", validator=octets_or_all)
    mpls: tuple[MplsLabel, ...] = attrs.field(default=(), converter=_labels)
    interface: tuple[InterfaceInformation, ...] = attrs.field(default=(), converter=_interfaces)
    length_field: bool = True
    extension_checksum: Literal["right", "wrong", "none"] = attrs.field(
        default="right", validator=in_(("right", "wrong", "none"))
    )
    quoted_ttl: int | None = None
    zero_ttl: bool = False
    hidden: bool = False
    balance: Literal["flow", "destination", "packet"] | None = attrs.field(
        default=None, validator=in_((None, "flow", "destination", "packet"))
    )
    flow: tuple[str, ...] = attrs.field(
        default=("ports", "icmp", "label"),
        converter=names,
        validator=attrs.validators.deep_iterable(in_(FIELDS)),
    )
    weights: Mapping[str, int] = attrs.field(factory=dict, converter=_weights)
    routes: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, converter=_routes)
    nat: Nat | None = attrs.field(default=None, converter=_nat)
    reject: tuple[Rejection, ...] = attrs.field(default=(), converter=_rejections)
    redirect: tuple[Redirection, ...] = attrs.field(default=(), converter=_redirections)
    echo: Echo | None = attrs.field(factory=lambda: Echo(hop_limit=255), converter=_echo)
    forged: tuple[Forgery, ...] = attrs.field(default=(), init=False)
    names: tuple[str, ...] = attrs.field(default=(), converter=names)


def _ports(values: Mapping[str | int, str]) -> dict[int | None, str]:
    return {None if port == "others" else int(port): answer for port, answer in values.items()}


def _port_answers(*known: str) -> Any:
    return attrs.validators.deep_mapping(
        attrs.validators.optional(attrs.validators.instance_of(int)), in_(known)
    )


@attrs.frozen(kw_only=True)
class Host:
    """Answers. It forwards nothing.

    Attributes:
        address: its addresses; a network stands for a host at each of its addresses.
        names: under which it is found beside its own name.
        silent: it answers nothing at all.
        absent: it is not there: the router before it reports host (address) unreachable, 3 s later.
        echo: how it answers echo requests, an `Echo`; None (in TOML: false): not at all.
        udp: port, or "others", to "answer" (the data come back), "unreachable" or "silent".
        tcp: port, or "others", to "open", "closed" or "silent".
        reject: its firewall: `Rejection` rules, the first that matches counts.
        forged: `Forgery` entries: what others send in its stead.
        quote: as in `Router`, of its own unreachables.
        hop_limit: TTL of its unreachables and of its UDP and TCP answers as they leave.
        delay: time until those.
        rate_limit: of its unreachables, a `RateLimit` or None.
    """

    address: tuple[IPNetwork, ...] = attrs.field(converter=addresses)
    names: tuple[str, ...] = attrs.field(default=(), converter=names)
    silent: Occurrence = attrs.field(default=NEVER, converter=occurrence)
    absent: bool = False
    echo: Echo | None = attrs.field(factory=Echo, converter=_echo)
    udp: Mapping[int | None, str] = attrs.field(
        factory=dict, converter=_ports, validator=_port_answers("answer", "unreachable", "silent")
    )
    tcp: Mapping[int | None, str] = attrs.field(
        factory=dict, converter=_ports, validator=_port_answers("open", "closed", "silent")
    )
    reject: tuple[Rejection, ...] = attrs.field(default=(), converter=_rejections)
    forged: tuple[Forgery, ...] = attrs.field(default=(), converter=_forgeries)
    quote: int | Literal["all"] = attrs.field(default="all", validator=octets_or_all)
    hop_limit: int = 64
    delay: int = attrs.field(default=0, converter=duration)
    rate_limit: RateLimit | None = attrs.field(default=None, converter=_rate_limit)
