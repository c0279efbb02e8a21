"""The calls of icmplib's interface, done by a prober: one for each call.

Only names, units and exceptions are translated here. What differs is said in "Move in from icmplib".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

import anyicmp
from anyicmp.compat.icmplib.exceptions import (
    ICMPSocketError,
    NameLookupError,
    SocketAddressError,
    SocketPermissionError,
)
from anyicmp.compat.icmplib.models import Hop, Host

__all__ = [
    "async_multiping",
    "async_ping",
    "async_resolve",
    "async_traceroute",
    "is_hostname",
    "is_ipv4_address",
    "is_ipv6_address",
    "multiping",
    "ping",
    "resolve",
    "traceroute",
]

Result = TypeVar("Result")

MS = 1000.0
SHORTEST = 0.001
"""Seconds: a timeout of 0 still sends, and hears what answers at once."""


async def async_ping(
    address: str,
    count: int = 4,
    interval: float = 1,
    timeout: float = 2,
    id: int | None = None,
    source: str | None = None,
    family: int | None = None,
    privileged: bool = True,
    **kwargs: Any,
) -> Host:
    """Ping a host. `id` is not used: each probe is known by more than that.

    Further options: `payload`, `payload_size`, `traffic_class` (its DSCP). Raises NameLookupError,
    SocketPermissionError, SocketAddressError, ICMPSocketError.
    """
    options = _options(kwargs)
    with _translated(privileged, source):
        async with anyicmp.Prober(privileged=privileged, source=source) as prober:
            return await _ping(prober, address, count, interval, timeout, family, options)


async def async_multiping(
    addresses: Iterable[str],
    count: int = 2,
    interval: float = 0.5,
    timeout: float = 2,
    concurrent_tasks: int = 50,
    source: str | None = None,
    family: int | None = None,
    privileged: bool = True,
    **kwargs: Any,
) -> list[Host]:
    """Ping several hosts; one result each, in their order. Options and exceptions as in `async_ping`."""
    options = _options(kwargs)
    found: dict[int, Host] = {}
    places = anyio.CapacityLimiter(max(1, concurrent_tasks))
    failures: list[Exception] = []

    async def one(number: int, address: str) -> None:
        async with places:
            try:
                found[number] = await _ping(prober, address, count, interval, timeout, family, options)
            except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                failures.append(error)

    with _translated(privileged, source):
        async with anyicmp.Prober(privileged=privileged, source=source) as prober:
            async with anyio.create_task_group() as tasks:
                for number, address in enumerate(addresses):
                    tasks.start_soon(one, number, address)
            if failures:
                raise failures[0]
    return [found[number] for number in sorted(found)]


async def async_traceroute(
    address: str,
    count: int = 2,
    interval: float = 0.05,
    timeout: float = 2,
    first_hop: int = 1,
    max_hops: int = 30,
    fast: bool = False,
    id: int | None = None,
    source: str | None = None,
    family: int | None = None,
    **kwargs: Any,
) -> list[Hop]:
    """Find the routers on the way to a host. Hops that do not answer are left out, as icmplib does.

    `interval`, `fast` and `id` are not used. Options and exceptions as in `async_ping`. icmplib has no such
    call: its `traceroute` blocks.
    """
    del interval, fast, id
    options = _options(kwargs)
    options.pop("payload", None)
    with _translated(True, source):
        async with anyicmp.Prober(source=source) as prober:
            trace = await prober.traceroute(
                await _address(prober, address, family),
                probes=count,
                timeout=max(timeout, SHORTEST),
                first_hop=first_hop,
                max_hops=max_hops,
                **options,
            )
    return [
        Hop(
            str(hop.addresses[0]),
            hop.statistics.sent,
            [row.rtt * MS for row in hop.outcomes if isinstance(row, anyicmp.Reply | anyicmp.ErrorReply)],
            hop.ttl,
        )
        for hop in trace.hops
        if hop.addresses
    ]


async def async_resolve(name: str, family: int | None = None) -> list[str]:
    """The addresses of a name: IPv4 ones if there are any, else IPv6 ones. Raises NameLookupError."""
    async with anyicmp.Prober() as prober:
        return [str(address) for address in await _resolve(prober, name, family)]


def ping(
    address: str,
    count: int = 4,
    interval: float = 1,
    timeout: float = 2,
    id: int | None = None,
    source: str | None = None,
    family: int | None = None,
    privileged: bool = True,
    **kwargs: Any,
) -> Host:
    """`async_ping`, blocking."""
    call = partial(async_ping, address, count, interval, timeout, id, source, family, privileged, **kwargs)
    return _blocking(call)


def multiping(
    addresses: Iterable[str],
    count: int = 2,
    interval: float = 0.5,
    timeout: float = 2,
    concurrent_tasks: int = 50,
    source: str | None = None,
    family: int | None = None,
    privileged: bool = True,
    **kwargs: Any,
) -> list[Host]:
    """`async_multiping`, blocking."""
    rest = (concurrent_tasks, source, family, privileged)
    return _blocking(partial(async_multiping, addresses, count, interval, timeout, *rest, **kwargs))


def traceroute(
    address: str,
    count: int = 2,
    interval: float = 0.05,
    timeout: float = 2,
    first_hop: int = 1,
    max_hops: int = 30,
    fast: bool = False,
    id: int | None = None,
    source: str | None = None,
    family: int | None = None,
    **kwargs: Any,
) -> list[Hop]:
    """`async_traceroute`, blocking."""
    rest = (first_hop, max_hops, fast, id, source, family)
    return _blocking(partial(async_traceroute, address, count, interval, timeout, *rest, **kwargs))


def resolve(name: str, family: int | None = None) -> list[str]:
    """`async_resolve`, blocking."""
    return _blocking(partial(async_resolve, name, family))


def is_hostname(name: str) -> bool:
    """Whether it is neither an IPv4 nor an IPv6 address."""
    return _literal(name) is None


def is_ipv4_address(address: str) -> bool:
    """Whether it is an IPv4 address."""
    return isinstance(_literal(address), IPv4Address)


def is_ipv6_address(address: str) -> bool:
    """Whether it is an IPv6 address."""
    return isinstance(_literal(address), IPv6Address)


# In between.


def _blocking(call: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run on an event loop of its own: in this thread, or in another where this one has a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return anyio.run(call)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, call).result()


def _literal(text: str) -> anyicmp.IPAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """Raises TypeError for an option that icmplib's requests have not."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in {"payload", "payload_size", "traffic_class"}:
            raise TypeError(f"unknown option {name!r}; known: payload, payload_size, traffic_class")
        if name == "traffic_class":
            found["dscp"] = value >> 2
        elif value is not None:
            found["size" if name == "payload_size" else name] = value
    if "payload" in found:
        found.pop("size", None)
    return found


@contextmanager
def _translated(privileged: bool, source: str | None) -> Iterator[None]:
    try:
        yield
    except anyicmp.SocketPermissionError as error:
        raise SocketPermissionError(privileged, str(error)) from error
    except anyicmp.NameLookupError as error:
        raise NameLookupError(error.host) from error
    except anyicmp.AnyicmpError as error:
        raise ICMPSocketError(str(error)) from error
    except ValueError as error:
        if source is not None and "source" in str(error):
            raise SocketAddressError(source) from error
        raise


async def _resolve(prober: anyicmp.Prober, name: str, family: int | None) -> tuple[anyicmp.IPAddress, ...]:
    try:
        return await prober.resolve(name, family=family or 4)
    except anyicmp.NameLookupError as error:
        if family:
            raise NameLookupError(name) from error
    return await _resolve(prober, name, 6)


async def _address(prober: anyicmp.Prober, host: str, family: int | None) -> anyicmp.IPAddress:
    return _literal(host) or (await _resolve(prober, host, family))[0]


async def _ping(
    prober: anyicmp.Prober,
    host: str,
    count: int,
    interval: float,
    timeout: float,
    family: int | None,
    options: dict[str, Any],
) -> Host:
    target = await _address(prober, host, family)
    if count < 1:  # what may be opened is all that is asked
        await anyio.lowlevel.checkpoint()
        return Host(str(target), 0, [])
    result = await prober.ping(
        target, count=count, interval=interval, timeout=max(timeout, SHORTEST), **options
    )
    return Host(
        str(target),
        result.statistics.sent,
        [row.rtt * MS for row in result.outcomes if isinstance(row, anyicmp.Reply)],
    )
