"""From a host as people write it to addresses, without ever blocking the event loop.

Addresses in text are read here; names go to the environment's resolver, within a time limit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

import anyio
import attrs

from anyicmp.api.environment import Resolver
from anyicmp.api.options import check_family
from anyicmp.api.wake import waiter
from anyicmp.engine.targets import BadTarget, Name, Span, parse_target
from anyicmp.errors import NameLookupError
from anyicmp.host.names import lookup
from anyicmp.results import IPAddress
from anyicmp.wire.batch import Version

__all__ = [
    "LOOKUP_LIMIT",
    "Destination",
    "addresses_of",
    "destination",
    "destination_at",
    "in_thread",
    "literal",
    "look_up",
]

Answer = TypeVar("Answer")

LOOKUP_LIMIT = 10.0
"""Seconds that a lookup may take before it counts as failed."""

_VERSIONS = {4: "IPv4", 6: "IPv6"}


async def in_thread(ask: Callable[[], Answer], name: str) -> Answer:
    """What a call that blocks returns, made in a thread of its own. Raises what it raises.

    When the caller is cancelled the thread is left to end by itself. It is a daemon, so that a resolver
    that hangs does not keep the program from exiting.
    """
    parked = waiter()
    answer: list[Answer] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(ask())
        except BaseException as error:  # noqa: BLE001 - carried over to the waiting task
            failure.append(error)
        parked.wake_from_thread()

    threading.Thread(target=run, name=name, daemon=True).start()
    await parked.wait()
    if failure:
        raise failure[0]
    return answer[0]


async def look_up(host: str, family: int | None) -> tuple[IPAddress, ...]:
    """The system resolver's answer. Raises OSError as getaddrinfo does."""
    return await in_thread(lambda: lookup(host, family), f"anyicmp lookup of {host}")


@attrs.frozen(eq=False)
class Destination:
    """An address, and what each probe to it asks anew.

    Attributes:
        packed: its octets; zone: the scope id as written, None where there is none.
        sort: IP version, and whether it is a multicast address.
    """

    address: IPAddress
    packed: bytes
    version: Version
    zone: str | None
    sort: tuple[Version, bool]


def literal(host: object) -> IPAddress | None:
    """The address that a host is, or that its text is; None for a name and for what is no host."""
    found = destination(host)
    return None if found is None else found.address


def destination(host: object) -> Destination | None:
    """The same as a destination."""
    if isinstance(host, str):
        return _destination_in(host)
    return destination_at(host) if isinstance(host, (IPv4Address, IPv6Address)) else None


@lru_cache(maxsize=4096)
def _destination_in(text: str) -> Destination | None:
    try:
        return destination_at(ip_address(text.strip()))
    except ValueError:
        return None


@lru_cache(maxsize=4096, typed=True)
def destination_at(address: IPAddress) -> Destination:
    """An address as a destination."""
    version: Version = 4 if address.version == 4 else 6
    zone = getattr(address, "scope_id", None)
    return Destination(address, address.packed, version, zone, (version, address.is_multicast))


async def addresses_of(
    host: str | IPAddress, family: int | None, resolver: Resolver | None
) -> tuple[IPAddress, ...]:
    """All addresses of a host, in the order to try.

    Raises NameLookupError where there are none (of that family) or the resolver takes more than
    LOOKUP_LIMIT seconds; TypeError for what is neither text nor address, ValueError for empty text.
    """
    check_family(family)
    if (address := literal(host)) is not None:
        return (_of_family(address, str(host), family),)
    if not isinstance(host, str):
        raise TypeError(f"a host is text or an address, not {type(host).__name__}: {host!r}")
    if not host.strip():
        raise ValueError("a host must not be empty")
    match parse_target(host):
        case BadTarget(reason=reason):
            raise NameLookupError(host, reason)
        case Span():
            raise NameLookupError(host, "a network or range is no host: use sweep")
        case Name(text=text):
            return await _resolve(text, family, resolver)


def _of_family(address: IPAddress, host: str, family: int | None) -> IPAddress:
    if family is not None and address.version != family:
        raise NameLookupError(host, f"not an {_VERSIONS[family]} address")
    return address


async def _resolve(name: str, family: int | None, resolver: Resolver | None) -> tuple[IPAddress, ...]:
    found: Sequence[IPAddress] = ()
    try:
        with anyio.move_on_after(LOOKUP_LIMIT) as scope:
            found = await (resolver or look_up)(name, family)
    except (OSError, UnicodeError) as error:
        raise NameLookupError(
            name, getattr(error, "strerror", None) or str(error) or type(error).__name__
        ) from error
    if scope.cancelled_caught:
        raise NameLookupError(name, f"the resolver did not answer within {LOOKUP_LIMIT:g} seconds")
    fitting = tuple(a for a in map(_as_address, found) if family is None or a.version == family)
    if not fitting:
        raise NameLookupError(name, f"no {_VERSIONS[family] + ' ' if family else ''}address known")
    return fitting


def _as_address(found: IPAddress | str) -> IPAddress:
    return ip_address(found) if isinstance(found, str) else found
