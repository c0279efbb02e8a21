"""What this host itself reports is told from what a router does: both say "unreachable" after about 3 s."""

from __future__ import annotations

import pytest

from namespaces import NOBODY, chain, command, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once, pytest.mark.waits]


async def ask_the_absent(targets: list[str]) -> object:
    import anyio

    import anyicmp
    from anyicmp.export import to_dict

    found: dict[str, object] = {}

    async def one(target: str) -> None:
        (outcome,) = await prober.ping(target, count=1, timeout=5.0)
        row = to_dict(outcome)
        found[target] = [row["kind"], row.get("type"), row.get("code"), row.get("source"), row.get("local")]

    async with anyicmp.Prober() as prober, anyio.create_task_group() as tasks:
        for target in targets:
            tasks.start_soon(one, target)
    return found


@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_an_unreachable_of_this_host_is_told_from_a_router_s(uid: int | None) -> None:
    with chain(routers=1) as lab:
        shown = command(lab.client, ["ip", "-6", "-o", "addr", "show", "dev", "right", "scope", "link"])
        own = shown.stdout.split()[3].split("/")[0]
        near, far = ["10.77.0.9", "fd77::9", "fe80::9%right"], ["10.77.1.9", "fd77:1::9"]
        found = run_in(lab.client, ask_the_absent, [*near, *far], uid=uid)
    assert found == {
        "10.77.0.9": ["error", 3, 1, lab.source4, True],
        "fd77::9": ["error", 1, 3, lab.source6, True],
        "fe80::9%right": ["error", 1, 3, f"{own}%right", True],
        "10.77.1.9": ["error", 3, 1, lab.hops4[0], False],
        "fd77:1::9": ["error", 1, 3, lab.hops6[0], False],
    }


async def ask_through(interface: str, target: str) -> object:
    import anyicmp

    async with anyicmp.Prober(interface=interface) as prober:
        (outcome,) = await prober.ping(target, count=1, timeout=5.0)
    return [outcome.kind, str(outcome.source), outcome.local]


@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_another_interface_than_the_routes_say_makes_no_difference(uid: int | None) -> None:
    """By the routes the target is behind `right`. The probe goes to a second link, whose address reports."""
    with chain(routers=1) as lab:
        for line in (
            "link add aside type veth peer name beyond",
            "link set aside up",
            "link set beyond up",
            "addr add 10.78.0.1/24 dev aside",
        ):
            assert command(lab.client, ["ip", *line.split()]).returncode == 0
        found = run_in(lab.client, ask_through, "aside", "10.77.0.9", uid=uid)
    assert found == ["error", "10.78.0.1", True]
