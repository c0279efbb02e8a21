"""Round trips of an exact sweep at full speed, beside the kernel's own stamps of each packet."""

from __future__ import annotations

import pytest

from conftest import LOOPS
from namespaces import NOBODY, command, namespaces, run_in
from products import paired

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

FIRST = {4: "127.1.0.0", 6: "fd00:1::"}
HOSTS = 8192
NEAR = 3e-6
"""Seconds by which 99 of 100 round trips may differ from the kernel's."""


async def swept(first: str, count: int, privileged: bool) -> object:
    """How far each round trip is from what the kernel stamped, read past the engine."""
    from ipaddress import ip_address

    import anyicmp
    from anyicmp.net.mmsg import BatchedTransport
    from anyicmp.wire.batch import RowKind

    left: dict[int, int] = {}
    came: dict[int, tuple[int, bytes]] = {}
    recv = BatchedTransport.recv

    def noting(self, rx, offset):  # type: ignore[no-untyped-def]
        n = recv(self, rx, offset)
        for i in range(offset, offset + n):
            if rx.kind[i] == RowKind.STAMP:
                left[rx.token[i]] = rx.when[i]
            elif rx.kind[i] == RowKind.ICMP:
                message = bytes(rx.message(i))
                sequence = int.from_bytes(message[6:8], "big")
                came[rx.lane[i] << 48 | message[11] << 16 | sequence] = rx.when[i], rx.address(rx.peer, i)
        return n

    BatchedTransport.recv = noting  # type: ignore[method-assign]
    last = ip_address(int(ip_address(first)) + count - 1)
    async with anyicmp.Prober(privileged=privileged) as prober:
        if "transmit timestamps" in prober.capabilities.missing:
            return None
        result = await prober.sweep(f"{first}-{last}", exact=True)
        dropped = prober.statistics.dropped
    true = {peer: (when - left[key]) / 1e9 for key, (when, peer) in came.items() if key in left}
    off = sorted(abs(reply.rtt - true[reply.target.packed]) for reply in result.alive)
    return {
        "alive": len(result.alive),
        "stamped": len(true),
        "dropped": dropped,
        "by_kernel": sum(reply.clock == "kernel" for reply in result.alive),
        "shortest": min(reply.rtt for reply in result.alive),
        "off": off[int(count * 0.99)],
    }


@pytest.mark.parametrize(("version", "uid", "loop"), paired([4, 6], [None, NOBODY], list(LOOPS)))
def test_an_exact_sweep_at_full_speed_is_right_to_microseconds(
    version: int, uid: int | None, loop: str
) -> None:
    with namespaces("alone") as (alone,):
        command(alone, ["ip", "-6", "route", "add", "local", "fd00:1::/64", "dev", "lo"]).check_returncode()
        found = run_in(alone, swept, FIRST[version], HOSTS, uid is None, uid=uid, backend=loop)
    if found is None:
        pytest.skip("needs transmit timestamps: Linux 6.13 or newer")
    assert (found["alive"], found["stamped"], found["dropped"]) == (HOSTS, HOSTS, 0)
    # A process that is stopped while it reads both clocks does not believe the stamps in doubt.
    assert found["by_kernel"] >= HOSTS * 0.99
    assert found["shortest"] >= 0
    assert found["off"] <= NEAR
