"""A diagnosis on a real kernel: one set of namespaces in which every address is broken in its own way.

All rows are diagnosed at once, by one prober, as root and as nobody; virtual time has more of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from diagnosis import Row, check

from namespaces import NOBODY, Chain, chain, command, run_in, settings

pytestmark = [pytest.mark.usefixtures("needs_namespaces", "needs_nftables"), pytest.mark.once]

HOPS = {
    number: {4: f"10.77.{number - 1}.2", 6: f"fd77:{number - 1:x}::2" if number > 1 else "fd77::2"}
    for number in (1, 2, 3)
}
PROHIBITED = "administratively prohibited"


def at(number: int) -> dict[int, str]:
    """An address of the target."""
    return {4: f"10.99.0.{number}", 6: f"fd99::{number:x}"}


@attrs.frozen(kw_only=True)
class Broken:
    """A row, and what makes it so: lines of `ip` in a namespace (`{prefix}`, `{to}`, `{unreachable}`), and of
    nftables (`{to}`: the match of the destination)."""

    row: Row
    ip: tuple[tuple[str, str], ...] = ()
    nft: tuple[tuple[str, str, str], ...] = ()


def _rejected(number: int, names: dict[int, str], codes: dict[int, tuple[int, int]], words: str) -> Broken:
    kinds = {4: "icmp type", 6: "icmpv6 type"}
    return Broken(
        row=Row(
            host=at(number),
            step="echo",
            address=HOPS[2],
            message=codes,
            innocent=(HOPS[1], HOPS[3], at(number)),
            says=(words,),
            versions=tuple(names),
        ),
        nft=tuple(
            ("router2", "forward", f"{version}:reject with {kinds[version]} {name}")
            for version, name in names.items()
        ),
    )


SILENT = Row(step="echo", address=HOPS[2], says=("ends silently after",), innocent=(HOPS[1], HOPS[3]))
OWN = Row(step="route", innocent=(HOPS[1],))
ROWS: dict[str, Broken] = {
    "healthy": Broken(row=Row(host=at(1), says=("answers", "1500 bytes"))),
    "no such name": Broken(
        row=Row(host={4: "nowhere.example", 6: "nowhere.example"}, step="name", says=("leads to no address",))
    ),
    "no route": Broken(
        row=attrs.evolve(OWN, host=at(2), says=("no route leads to",)),
        ip=(("client", "route add throw {to}"),),
    ),
    **{
        f"{kind} route": Broken(
            row=attrs.evolve(OWN, host=at(3 + i), says=(f"type {kind}",)),
            ip=(("client", f"route add {kind} {{to}}"),),
        )
        for i, kind in enumerate(("unreachable", "prohibit", "blackhole"))
    },
    "interface down": Broken(
        row=attrs.evolve(OWN, host={4: "10.66.0.9", 6: "fd66::9"}, says=("off is down", "ip link set off up"))
    ),
    "no carrier": Broken(
        row=attrs.evolve(OWN, host={4: "10.67.0.9", 6: "fd67::9"}, says=("idle, which has no carrier",))
    ),
    "gateway without ARP": Broken(
        row=Row(
            host=at(6),
            step="neighbor",
            address={4: "10.77.0.99", 6: "fd77::99"},
            innocent=(HOPS[1], at(6)),
            says=("the gateway", "does not answer", "on right"),
        ),
        ip=(("client", "route add {to} via {gateway}"),),
    ),
    "gateway that has gone, its link address still known": Broken(
        row=Row(
            host=at(19),
            step="neighbor",
            address={4: "10.77.0.97", 6: "fd77::97"},
            innocent=(HOPS[1], at(19)),
            says=("the gateway", "does not answer"),
        ),
        ip=(
            ("client", "neigh replace {gone} lladdr 02:00:00:00:00:97 dev right nud stale"),
            ("client", "route add {to} via {gone}"),
        ),
    ),
    "neighbour failed": Broken(
        row=Row(
            host={4: "10.77.0.98", 6: "fd77::98"},
            step="neighbor",
            address={4: "10.77.0.98", 6: "fd77::98"},
            innocent=(HOPS[1],),
            says=("the host is off",),
        )
    ),
    "host unreachable": Broken(
        row=Row(
            host={4: "10.77.3.98", 6: "fd77:3::98"},
            step="echo",
            address=HOPS[3],
            message={4: (3, 1), 6: (1, 3)},
            innocent=(HOPS[1], HOPS[2]),
            says=("the host is off",),
        )
    ),
    "prohibited 3/9": _rejected(7, {4: "net-prohibited"}, {4: (3, 9)}, PROHIBITED),
    "prohibited 3/10": _rejected(8, {4: "host-prohibited"}, {4: (3, 10)}, PROHIBITED),
    "prohibited 3/13, 1/1": _rejected(
        9, {4: "admin-prohibited", 6: "admin-prohibited"}, {4: (3, 13), 6: (1, 1)}, PROHIBITED
    ),
    "policy 1/5": _rejected(10, {6: "policy-fail"}, {6: (1, 5)}, "policy"),
    "reject route 1/6": _rejected(11, {6: "reject-route"}, {6: (1, 6)}, "rejects"),
    "silent drop": Broken(row=attrs.evolve(SILENT, host=at(12)), nft=(("router2", "forward", "drop"),)),
    "silent host": Broken(
        row=attrs.evolve(SILENT, host=at(13), address=HOPS[3], innocent=(HOPS[1], HOPS[2])),
        nft=(("target", "input", "drop"),),
    ),
    "MTU black hole": Broken(
        row=Row(
            host=at(14),
            step="mtu",
            address=HOPS[2],
            innocent=(HOPS[1], HOPS[3], at(14)),
            says=("packets above 1340 bytes vanish behind",),
        ),
        ip=(("router2", "route add {to} via {next} mtu lock 1340"),),
        nft=(("router2", "output", "too big"),),
    ),
    "echo filtered, TCP answers": Broken(
        row=Row(
            host=at(15),
            step="echo",
            innocent=(HOPS[1], HOPS[2], HOPS[3], at(15)),
            says=("TCP port 443 answers, echo does not: echo is filtered",),
        ),
        nft=(("target", "input", "echo drop"),),
    ),
    "routing loop": Broken(
        row=Row(
            host=at(16),
            step="echo",
            message={4: (11, 0), 6: (3, 0)},
            innocent=(HOPS[3], at(16)),
            address=HOPS[2],
            says=("packets circle",),
        ),
        ip=(("router2", "route add {to} via {back}"),),
    ),
    "own firewall": Broken(
        row=Row(host=at(17), step="echo", innocent=(HOPS[1],), says=("its own firewall",)),
        nft=(("client", "output", "drop"),),
    ),
    "two faults: echo dropped, the rest prohibited farther on": Broken(
        row=Row(
            host=at(18),
            step="echo",
            address=HOPS[3],
            message={4: (3, 13), 6: (1, 1)},
            innocent=(HOPS[1], at(18)),
            says=(PROHIBITED, "ends silently after"),
        ),
        nft=(
            ("router2", "forward", "echo drop"),
            ("router3", "forward", "4:reject with icmp type admin-prohibited"),
            ("router3", "forward", "6:reject with icmpv6 type admin-prohibited"),
        ),
    ),
}
ACTIONS = {
    "drop": {4: "ip daddr {to} drop", 6: "ip6 daddr {to} drop"},
    "echo drop": {
        4: "ip daddr {to} icmp type echo-request drop",
        6: "ip6 daddr {to} icmpv6 type echo-request drop",
    },
    "too big": {
        4: "icmp type destination-unreachable icmp code frag-needed drop",
        6: "icmpv6 type packet-too-big drop",
    },
}


def break_all(lab: Chain) -> None:
    """Put all faults into the namespaces."""
    names = {"client": lab.client, "target": lab.target}
    names |= {f"router{number}": name for number, name in enumerate(lab.routers, 1)}
    ip: dict[str, list[str]] = {name: [] for name in names}
    rules: dict[tuple[str, str], list[str]] = {}
    numbers = range(1, 20)
    ip["target"] += [f"addr add {at(n)[4]}/32 dev lo" for n in numbers]
    ip["target"] += [f"addr add {at(n)[6]}/128 dev lo nodad" for n in numbers]
    for name, hops in (("router3", {4: lab.target4, 6: lab.target6}),):
        ip[name] += [f"route add 10.99.0.0/24 via {hops[4]}", f"route add fd99::/64 via {hops[6]}"]
    ip["client"] += [
        "link add off type veth peer name off2",
        "link add idle type veth peer name idle2",
        "addr add 10.66.0.1/24 dev off",
        "addr add fd66::1/64 dev off nodad",
        "addr add 10.67.0.1/24 dev idle",
        "link set idle up",
        "addr add fd67::1/64 dev idle nodad",
        "route add throw 10.66.0.0/24",
        "route add throw fd66::/64",
    ]
    for broken in ROWS.values():
        for version in broken.row.versions:
            to = (broken.row.host or {})[version]
            links = {
                "to": f"{to}/{32 if version == 4 else 128}",
                "gateway": {4: "10.77.0.99", 6: "fd77::99"}[version],
                "gone": {4: "10.77.0.97", 6: "fd77::97"}[version],
                "next": HOPS[3][version],
                "back": {4: "10.77.1.1", 6: "fd77:1::1"}[version],
            }
            for name, line in broken.ip:
                ip[name].append(line.format(**links))
            for name, hook, action in broken.nft:
                only, _, rest = action.partition(":")
                if rest and int(only) != version:
                    continue
                pattern = (
                    f"{'ip' if version == 4 else 'ip6'} daddr {{to}} {rest}"
                    if rest
                    else ACTIONS[action][version]
                )
                rules.setdefault((name, hook), []).append(pattern.format(to=to))
    for name, lines in ip.items():
        if lines:
            done = command(names[name], ["ip", "-batch", "-"], stdin="\n".join(lines))
            assert done.returncode == 0, done.stderr
    for number, ((name, hook), lines) in enumerate(rules.items()):
        inside = f"type filter hook {hook} priority 0; {'; '.join(lines)};"
        text = f"table inet t{number} {{ chain c {{ {inside} }}; }}"
        done = command(names[name], ["nft", "-f", "-"], stdin=text)
        assert done.returncode == 0, done.stderr
    # The first router sends few errors, as Linux does by default: a hop that is silent now and then.
    settings(lab.routers[0], {"net/ipv4/icmp_ratemask": "6168", "net/ipv6/icmp/ratemask": "0-1,3-127"})


async def diagnosed(hosts: list[str], version: int) -> list[object]:
    """All at once, with one prober."""
    import socket

    import anyio

    import anyicmp
    from anyicmp.export import to_dict

    async def nobody_knows(host: str, family: int | None) -> list[object]:
        raise OSError(socket.EAI_NONAME, "Name or service not known")

    found: dict[str, object] = {}
    async with anyicmp.Prober(resolver=nobody_knows, family=version) as prober:

        async def one(host: str) -> None:
            found[host] = to_dict(await prober.diagnose(host, timeout=0.5, max_hops=8))

        async with anyio.create_task_group() as group:
            for host in hosts:
                group.start_soon(one, host)
    return [found[host] for host in hosts]


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([(None, 4, "asyncio"), (NOBODY, 6, "trio")], id="root-4-nobody-6"),
        pytest.param(
            [(None, 6, "asyncio+uvloop"), (NOBODY, 4, "asyncio")],
            id="root-6-nobody-4",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_each_fault_is_found_and_nobody_else_is_blamed(runs: list[tuple[int | None, int, str]]) -> None:
    """Rows without a twin of the other IP version: what only one of them can report."""
    wrong = []
    with chain(routers=3) as lab, ThreadPoolExecutor(len(runs)) as pool:
        break_all(lab)
        children = []
        for uid, version, backend in runs:
            rows = {name: one.row for name, one in ROWS.items() if version in one.row.versions}
            hosts = [(row.host or {})[version] for row in rows.values()]
            child = pool.submit(run_in, lab.client, diagnosed, hosts, version, uid=uid, backend=backend)
            children.append((uid, version, rows, child))
        for uid, version, rows, child in children:
            for (name, row), found in zip(rows.items(), child.result(), strict=True):
                try:
                    check(found, row, version)
                except AssertionError as error:
                    wrong.append(f"{name}, IPv{version}, {'root' if uid is None else 'nobody'}: {error}")
    assert not wrong, "\n".join(wrong)
