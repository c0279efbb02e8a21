"""Options that show on the wire: the mark, the DSCP, DF, the interface, the payload; counted by nftables.

Also whose identifier a socket has. In namespaces.
"""

from __future__ import annotations

import json

import pytest

from namespaces import NOBODY, command, link, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces", "needs_nftables"), pytest.mark.once]

HOSTS = {4: ("10.66.0.1", "10.66.0.2"), 6: ("fd66::1", "fd66::2")}
CALLS = ["ping", "open_ping", "sweep", "open_sweep", "traceroute", "open_traceroute"]


async def call(
    names: list[str], host: str, options: dict[str, object], prober_options: dict[str, object]
) -> object:
    import anyicmp

    once = {"ping": {"count": 1}, "open_ping": {"count": 1}, "traceroute": {"probes": 1, "max_hops": 1}}
    once["open_traceroute"] = {"rounds": 1, "probes": 1, "max_hops": 1}
    if "payload" in options:
        options["payload"] = str(options["payload"]).encode()
    async with anyicmp.Prober(**prober_options) as prober:
        for name in names:
            found = getattr(prober, name)(host, **once.get(name, {}), **options)
            if not name.startswith("open"):
                await found
            else:
                async with found as stream:
                    async for _ in stream:
                        pass
        return prober.statistics.sent


def count(client: str, version: int, match: str) -> None:
    """Have echo requests counted that match as they leave."""
    echo = "icmp type echo-request" if version == 4 else "icmpv6 type echo-request"
    rules = f"""
        table inet seen {{
            chain output {{
                type filter hook output priority 0
                {echo} {match} counter
            }}
        }}
    """
    command(client, ["nft", "-f", "-"], stdin=rules).check_returncode()


def packets(client: str) -> int:
    shown = command(client, ["nft", "-j", "list", "table", "inet", "seen"]).stdout
    command(client, ["nft", "delete", "table", "inet", "seen"]).check_returncode()
    rules = [part["rule"]["expr"] for part in json.loads(shown)["nftables"] if "rule" in part]
    return sum(one["counter"]["packets"] for rule in rules for one in rule if "counter" in one)


MATCHES = {
    "mark": ("meta mark 77", "meta mark 77"),
    "dscp": ("ip dscp 46", "ip6 dscp 46"),
    "dont_fragment": ("ip frag-off & 0x4000 != 0", ""),
    "payload": ("@th,64,32 0x61626364", "@th,64,32 0x61626364"),
    "source": ("ip saddr 10.66.0.3", "ip6 saddr fd66::3"),
    "interface": ('oifname "lan"', 'oifname "lan"'),
}


def value(option: str, version: int) -> object:
    source = "10.66.0.3" if version == 4 else "fd66::3"
    values = {"mark": 77, "dscp": 46, "dont_fragment": True, "payload": "abcdefgh", "source": source}
    return values.get(option, "lan")


@pytest.mark.parametrize("version", [4, 6])
def test_what_was_asked_for_leaves_with_the_packet(version: int) -> None:
    """Each option with each call that has it, raw and (but for the mark) by datagram socket."""
    own, peer = HOSTS[version]
    length = 24 if version == 4 else 64
    third = f"addr add {value('source', version)}/{length} dev lan{' nodad' if version == 6 else ''}"
    with link(f"{own}/{length}", [f"{peer}/{length}"]) as client:
        command(client, ["ip", "-batch", "-"], stdin=third).check_returncode()
        for option, matches in MATCHES.items():
            if not (match := matches[version == 6]):
                continue
            # A flow is kept by words in the payload: traces have their own.
            names = [name for name in CALLS if option != "payload" or "trace" not in name]
            for uid in (None, NOBODY)[: 1 if option == "mark" else 2]:
                count(client, version, match)
                options = {option: value(option, version)}
                sent = run_in(client, call, names, peer, options, {}, uid=uid)
                assert (packets(client), sent) == (len(names), len(names)), (option, uid)
        for prober_options, seen in (({"mark": 77}, 6), ({}, 0)):
            count(client, version, MATCHES["mark"][0])
            run_in(client, call, CALLS, peer, {}, prober_options)
            assert packets(client) == seen, "a prober's default"


async def refused_mark(name: str) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        try:
            found = getattr(prober, name)("127.0.0.1", mark=77)
            if not name.startswith("open"):
                await found
            else:
                async with found as stream:
                    await anext(stream)
        except anyicmp.SocketPermissionError as error:
            return str(error)
    return None


@pytest.mark.parametrize("name", CALLS)
def test_an_unprivileged_mark_is_refused_with_the_right_that_it_needs(name: str) -> None:
    with namespaces("alone") as (alone,):
        found = run_in(alone, refused_mark, name, uid=NOBODY)
    assert found == "marking packets (77) needs the capability CAP_NET_ADMIN"


async def stolen() -> object:
    import subprocess
    import sys

    import anyicmp

    code = """
import socket, sys
for family in (socket.AF_INET, socket.AF_INET6):
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            thief.bind(("", int(sys.argv[1])))
            print("bound", end=" ")
        except OSError as error:
            print(error.errno, end=" ")
"""
    said = []
    async with anyicmp.Prober(privileged=False) as prober:
        await prober.sweep("127.0.0.1")
        for driver in prober._drivers.values():
            for identifier in driver.transport.identifiers:
                done = subprocess.run(  # noqa: ASYNC221 - the thief is quick
                    [sys.executable, "-c", code, str(identifier)], capture_output=True, text=True, check=True
                )
                said.append(done.stdout.split()[0])
        alive = (await prober.ping("127.0.0.1", count=3, interval=0.01)).is_alive
    return [sorted(set(said)), alive]


def test_no_other_process_can_take_an_identifier_over() -> None:
    """Ping sockets are born with SO_REUSEADDR, which would let the last who binds hear all answers."""
    eaddrinuse = "98"
    with namespaces("alone") as (alone,):
        assert run_in(alone, stolen, uid=NOBODY) == [[eaddrinuse], True]


async def identifiers() -> object:
    from pathlib import Path

    import anyicmp
    from anyicmp.api.environment import Environment
    from anyicmp.net.transport import SocketSpec, Transport, open_transport

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    used: list[int] = []

    def opened(spec: SocketSpec) -> Transport:
        transport = open_transport(spec)
        if spec.session:
            used.append(transport.identifiers[0])
        return transport

    async with anyicmp.Prober(network=Environment(open_transport=opened)) as prober:
        before = descriptors()
        alive = []
        for _ in range(20):
            alive.append((await prober.ping("127.0.0.1", count=1, new_identifier=True)).is_alive)
            async with prober.open_ping("::1", count=1, new_identifier=True) as stream:
                alive.append((await anext(stream)).kind == "reply")
            alive.append(bool((await prober.sweep("127.0.0.1", new_identifier=True)).alive))
            alive.append((await prober.traceroute("127.0.0.1", new_identifier=True)).reached)
        after = descriptors()
        return [all(alive), len(used), len(set(used)), before == after, prober.statistics.sent]


@pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])
def test_a_call_may_have_an_identifier_of_its_own(uid: int | None) -> None:
    with namespaces("alone") as (alone,):
        alive, opened, different, freed, sent = run_in(alone, identifiers, uid=uid)
    assert alive
    assert freed, "its socket is closed with the call"
    assert opened == 80
    assert different >= 78 if uid is None else different == 80
    assert sent >= 80, "what such calls sent still counts"
