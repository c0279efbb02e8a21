"""The path's MTU over real routers and links, as root and as nobody."""

from __future__ import annotations

import pytest

from namespaces import NOBODY, Chain, chain, command, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once, pytest.mark.waits]

slow = pytest.mark.slow
users = pytest.mark.parametrize(
    ("uid", "family"),
    [
        pytest.param(None, 4, id="root-4"),
        pytest.param(NOBODY, 6, id="nobody-6"),
        pytest.param(None, 6, id="root-6", marks=slow),
        pytest.param(NOBODY, 4, id="nobody-4", marks=slow),
    ],
)


async def search(target: str) -> object:
    import anyicmp

    found = await anyicmp.path_mtu(target, timeout=0.2)
    by = None if found.limited_by is None else str(found.limited_by)
    return [found.mtu, found.confirmed, by, found.limited_at, found.black_hole]


def rules(namespace: str, hook: str, *lines: str) -> None:
    text = f"table inet t {{ chain c {{ type filter hook {hook} priority 0; {' '.join(lines)} }}; }}"
    done = command(namespace, ["nft", "-f", "-"], stdin=text)
    assert done.returncode == 0, done.stderr


def way(lab: Chain, family: int) -> tuple[tuple[str, ...], str]:
    return (lab.hops4, lab.target4) if family == 4 else (lab.hops6, lab.target6)


@users
def test_a_narrow_link_is_reported_whatever_the_kernel_remembers(uid: int | None, family: int) -> None:
    """A second search finds the link widened, which the kernel's own memory of the path does not know yet."""
    with chain(routers=3, mtus={2: 1300}) as lab:
        hops, target = way(lab, family)
        found = run_in(lab.client, search, target, uid=uid)
        for namespace, link in ((lab.routers[1], "right"), (lab.routers[2], "left")):
            done = command(namespace, ["ip", "link", "set", link, "mtu", "1450"])
            assert done.returncode == 0, done.stderr
        again = run_in(lab.client, search, target, uid=uid)
    assert found == [1300, True, hops[1], None, False]
    assert again == [1450, True, hops[1], None, False]


@users
@pytest.mark.usefixtures("needs_nftables")
def test_a_router_that_may_not_report_is_found_by_hop_limit(uid: int | None, family: int) -> None:
    with chain(routers=3, mtus={2: 1300}) as lab:
        hops, target = way(lab, family)
        rules(
            lab.routers[1],
            "output",
            "icmp type destination-unreachable icmp code frag-needed drop;",
            "icmpv6 type packet-too-big drop;",
        )
        found = run_in(lab.client, search, target, uid=uid)
    assert found == [1300, True, hops[1], 2, True]


@users
@pytest.mark.usefixtures("needs_nftables")
def test_a_host_that_answers_nothing_is_no_black_hole(uid: int | None, family: int) -> None:
    with chain(routers=2) as lab:
        rules(lab.target, "input", "icmp type echo-request drop;", "icmpv6 type echo-request drop;")
        found = run_in(lab.client, search, way(lab, family)[1], uid=uid)
    assert found == [None, False, None, None, None]


@users
def test_the_own_link_limits(uid: int | None, family: int) -> None:
    with chain(routers=1, mtus={0: 1420}) as lab:
        found = run_in(lab.client, search, way(lab, family)[1], uid=uid)
    assert found == [1420, True, None, None, False]
