"""Whom a cluster may be trusted to, and how soon it notices that a machine has gone.

Whoever reaches a scheduler without TLS can run any program on all its workers: it is remote code execution
by design. So that is refused for anything but loopback.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import dask.config
from distributed import Client, SchedulerPlugin, Security

__all__ = ["Promptness", "check_address", "connect", "security_for"]

TTL = 10.0
"""Seconds without a sign of life after which a worker counts as gone."""


class Promptness(SchedulerPlugin):
    """Has a scheduler notice within 15 s that a worker is silent. By default it takes five minutes."""

    name = "anyicmp-promptness"
    idempotent = True

    async def start(self, scheduler: Any) -> None:
        """Look for silent workers more often. See `SchedulerPlugin.start`."""
        scheduler.worker_ttl = min(TTL, scheduler.worker_ttl or TTL)
        look = scheduler.periodic_callbacks.get("worker-ttl")
        if look is not None:
            look.stop()
            look.callback_time = TTL / 4 * 1000  # milliseconds
            look.start()


def _is_loopback(address: str) -> bool:
    host = address.partition("://")[2].rpartition(":")[0].strip("[]")
    if address.startswith("inproc://") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(address: str, *, insecure: bool) -> None:
    """Raises ValueError for a scheduler elsewhere without TLS."""
    if not insecure and not _is_loopback(address) and not address.startswith(("tls://", "wss://")):
        raise ValueError(
            f"{address} is not TLS: whoever reaches such a scheduler can run programs on all its workers. "
            "Start it with certificates and give tls://..., or say insecure=True"
        )


def security_for(address: str, security: Security | Mapping[str, str] | None) -> Security | None:
    """What a client needs for an address; without certificates those of Dask's configuration.

    Raises ValueError where there are none.
    """
    if isinstance(security, Mapping):
        return Security(require_encryption=True, **security)
    if security is None and address.startswith("tls://"):
        if dask.config.get("distributed.comm.tls.ca-file") is None:
            raise ValueError("tls:// needs certificates: give security=, or set distributed.comm.tls of Dask")
        return Security(require_encryption=True)
    return security


async def connect(address: str, *, security: Security | None, timeout: float) -> Any:
    """A client of a scheduler, on this loop. Raises OSError where there is none."""
    return await Client(
        address, asynchronous=True, security=security, timeout=timeout, set_as_default=False, name="anyicmp"
    )
