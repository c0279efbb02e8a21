"""Two processes with one identifier, at full rate: each hears the other's answers, and believes none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from namespaces import command, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces", "needs_nftables"), pytest.mark.once]

HOSTS = 65_534


@contextlib.contextmanager
def a_whole_prefix() -> Iterator[str]:
    """A client; behind its link a host that has all of 10.96.0.0/16, but odd addresses are deaf to DSCP 8."""
    with namespaces("client", "server") as (client, server):
        for name, lines in {
            client: (
                f"link add right type veth peer name left netns {server}",
                "addr add 10.77.0.1/24 dev right",
                "link set right txqueuelen 20000 up",
            ),
            server: (
                "addr add 10.77.0.2/24 dev left",
                "link set left txqueuelen 20000 up",
                "route add local 10.96.0.0/16 dev lo",
            ),
        }.items():
            for line in lines:
                done = command(name, ["ip", *line.split()])
                assert done.returncode == 0, done.stderr
        assert command(client, ["ip", "route", "add", "10.96.0.0/16", "via", "10.77.0.2"]).returncode == 0
        deaf = "icmp type echo-request ip dscp 8 ip daddr & 0.0.0.1 == 0.0.0.1 drop"
        table = f"table ip t {{ chain c {{ type filter hook prerouting priority 0; {deaf}; }}; }}"
        done = command(server, ["nft", "-f", "-"], stdin=table)
        assert done.returncode == 0, done.stderr
        yield client


async def swept(meeting_place: str, dscp: int) -> object:
    import os

    import anyio

    import anyicmp
    from anyicmp.api.environment import Environment

    def entropy(octets: int) -> bytes:
        # Two octets for the prober's first socket, sixteen for those of its sweeps.
        return b"\x2a" * octets if octets in (2, 16) else os.urandom(octets)

    network = Environment(entropy=entropy)
    async with anyicmp.Prober(network=network, privileged=True) as prober:
        await anyio.Path(meeting_place, str(dscp)).touch()
        with anyio.fail_after(30):
            while len([here async for here in anyio.Path(meeting_place).iterdir()]) < 2:  # noqa: ASYNC110
                await anyio.sleep(0.001)
        result = await prober.sweep("10.96.0.0/16", dscp=dscp, timeout=1.0, retries=1)
        counted = prober.statistics
    alive = [int(reply.target) & 1 for reply in result.alive]
    return {
        "identifiers": [driver.transport.identifiers[0] for driver in prober._drivers.values()],
        "even": alive.count(0),
        "odd": alive.count(1),
        "ended": len(result.outcomes),
        "others": sorted({str(reply.source) for reply in result.alive if reply.source != reply.target}),
        "duplicates": counted.duplicates,
        "foreign": counted.foreign,
        "late": counted.late,
        "dropped": counted.dropped,
    }


def test_nothing_that_answers_the_one_is_believed_by_the_other(tmp_path: Path) -> None:
    with a_whole_prefix() as client, ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_in, client, swept, str(tmp_path), dscp) for dscp in (0, 8)]
        hears_all, hears_half = (each.result() for each in both)
    print(hears_all, hears_half)  # noqa: T201 - shown by -rP
    for found in (hears_all, hears_half):
        assert found["identifiers"] == [0x2A2A, 0x2A2B]
        assert found["ended"] == HOSTS
        assert found["others"] == []
        # Had one been taken for its own, the own one behind it would be a second copy.
        assert found["duplicates"] == 0
    assert (hears_all["even"], hears_all["odd"]) == (HOSTS // 2, HOSTS // 2)
    # Half of the hosts are silent for this one, and alive before its eyes for the other.
    assert (hears_half["even"], hears_half["odd"]) == (HOSTS // 2, 0)
    assert min(hears_all["foreign"], hears_half["foreign"]) > 1000, "they did not run at once"
