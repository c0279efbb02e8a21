"""Addresses of one link alone, over a real one: their scope comes from the caller and comes back to it."""

from __future__ import annotations

import pytest

from namespaces import NOBODY, chain, command, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once, pytest.mark.waits]


async def over_one_link(own: str, index: str) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        everyone = await prober.ping("ff02::1%right", count=1, timeout=0.5)
        (peer,) = {str(row.source) for row in everyone if not str(row.source).startswith(own)}
        by_name = await prober.ping(peer, source=f"{own}%right", count=1)
        by_index = await prober.ping(peer, source=f"{own}%{index}", count=1)
        through = await prober.ping("10.77.0.2", interface=index, count=1)
    return {
        "targets": sorted({str(row.target) for row in everyone}),
        "peer": peer,
        "alive": [by_name.is_alive, by_index.is_alive, through.is_alive],
    }


@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_a_link_s_addresses_keep_their_scope(uid: int | None) -> None:
    with chain(routers=1) as lab:
        shown = command(lab.client, ["ip", "-6", "-o", "addr", "show", "dev", "right", "scope", "link"])
        index, own = shown.stdout.split(":")[0], shown.stdout.split()[3].split("/")[0]
        found = run_in(lab.client, over_one_link, own, index, uid=uid)
    assert found["targets"] == ["ff02::1%right"]
    assert found["peer"].endswith("%right")
    assert found["alive"] == [True, True, True]
