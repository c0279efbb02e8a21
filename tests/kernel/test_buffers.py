"""Nothing is lost on this host: errors and pings by the thousand, and what the kernel refuses to send.

In namespaces, as root and as nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anyicmp.engine.room import Room

from namespaces import NOBODY, Chain, chain, command, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]


@pytest.fixture(params=["asyncio", "asyncio+uvloop", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[None, NOBODY], ids=["root", "nobody"])
def uid(request: pytest.FixtureRequest) -> int | None:
    value: int | None = request.param
    return value


async def pings(number: int) -> object:
    import anyio

    import anyicmp

    alive = []

    async def one(prober: anyicmp.Prober) -> None:
        alive.append((await prober.ping("127.0.0.1", count=1)).is_alive)

    async with anyicmp.Prober(receive_buffer=212_992) as prober:
        async with anyio.create_task_group() as tasks:
            for _ in range(number):
                tasks.start_soon(one, prober)
        granted = next(iter(prober._drivers.values())).transport.receive_buffer
        return [sum(alive), granted, prober.statistics.dropped]


def test_four_thousand_pings_at_once_over_a_buffer_for_256_replies(backend: str, uid: int | None) -> None:
    with namespaces("alone") as (alone,):
        assert run_in(alone, pings, 4000, uid=uid, backend=backend) == [4000, 212_992, 0]


@pytest.fixture(scope="module")
def lab() -> Iterator[Chain]:
    """A client, a router, a target; the router answers probes to some networks with errors."""
    with chain(routers=1) as built:
        rules = """
            table inet closed {
                chain forward {
                    type filter hook forward priority 0
                    ip daddr 10.88.0.0/16 reject with icmp type host-unreachable
                    ip6 daddr fd88::/16 reject with icmpv6 type admin-prohibited
                }
            }
        """
        command(built.routers[0], ["nft", "-f", "-"], stdin=rules).check_returncode()
        lines = ["route add 10.88.0.0/16 via 10.77.1.2", "route add fd88::/16 via fd77:1::2"]
        command(built.routers[0], ["ip", "-batch", "-"], stdin="\n".join(lines)).check_returncode()
        yield built


async def errors(first: str, number: int, size: int, ttl: int | None) -> object:
    from ipaddress import ip_address

    import anyicmp

    base = ip_address(first)
    async with anyicmp.Prober(receive_buffer=212_992) as prober:
        result = await prober.sweep([base + k for k in range(number)], size=size, ttl=ttl)
        kinds = [outcome.kind for outcome in result]
        return [kinds.count("error"), prober.statistics.sent, prober.statistics.dropped]


@pytest.mark.parametrize("ttl", [None, 1])
@pytest.mark.parametrize("size", [56, 500, 1400])
@pytest.mark.parametrize("first", ["10.88.0.1", "fd88::1"])
def test_two_thousand_errors_at_once_are_all_heard(
    lab: Chain, uid: int | None, first: str, size: int, ttl: int | None
) -> None:
    """An error shares the receive buffer and may quote 548 octets (IPv4) or 1,232 (IPv6) of the probe.

    None is probed twice either: the buffer never overflowed.
    """
    assert run_in(lab.client, errors, first, 2000, size, ttl, uid=uid) == [2000, 2000, 0]


def charged(version: int, target: str, sizes: list[int]) -> object:
    import socket
    import time

    from anyicmp.net.sockets import queued
    from anyicmp.net.transport import SocketSpec, open_transport
    from anyicmp.wire import EchoRequest, encode

    option = (
        (socket.IPPROTO_IP, socket.IP_TTL)
        if version == 4
        else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
    )
    number, found = 8, []
    for size in sizes:
        row = []
        for ttl in (64, 1):
            transport = open_transport(SocketSpec(version=version, identifiers=(4711,)))  # type: ignore[arg-type]
            (sock,) = transport.sockets  # type: ignore[attr-defined]
            sock.setsockopt(*option, ttl)
            for sequence in range(number):
                identifier = transport.identifiers[0]
                request = EchoRequest(
                    version=version, identifier=identifier, sequence=sequence, data=bytes(size)
                )
                for _ in range(2):  # the error of the one before may fail the call (ip(7), IP_RECVERR)
                    try:
                        sock.sendto(encode(request, source=None, destination=None), (target, 0))
                        break
                    except OSError:
                        continue
            before, deadline = -1, time.monotonic() + 5
            while (now := queued(sock)) != before or not now:
                assert time.monotonic() < deadline
                before = now
                time.sleep(0.02)
            row.append(now / number)
            transport.close()
        found.append(row)
    return found


@pytest.mark.parametrize("version", [4, 6])
def test_a_probe_is_charged_for_what_the_kernel_charges_its_answer(
    lab: Chain, uid: int | None, version: int
) -> None:
    """The reply of the target, and the router's error about it, measured in the socket's buffer."""
    sizes = [0, 56, 100, 130, 140, 160, 200, 500, 540, 600, 1000, 1300, 1400]
    found = run_in(lab.client, charged, version, lab.target4 if version == 4 else lab.target6, sizes, uid=uid)
    plain, limited = Room(1 << 20, version=version), Room(1 << 20, version=version, hop_limited=True)
    for size, (reply, error) in zip(sizes, found, strict=True):
        assert max(reply, error) <= plain.cost[size] <= 2 * max(reply, error), size
        assert error <= limited.cost[size] <= 2 * max(reply, error), size


async def refused(targets: list[str], size: int, dont_fragment: bool) -> object:
    import anyicmp

    async with anyicmp.Prober() as prober:
        result = await prober.sweep(targets, timeout=2.0, size=size, dont_fragment=dont_fragment)
        return [
            [outcome.kind, outcome.reason if outcome.kind == "failed" else ""]
            for outcome in sorted(result, key=lambda outcome: outcome.sequence)
        ]


@pytest.mark.usefixtures("needs_nftables")
@pytest.mark.parametrize("version", [4, 6])
def test_what_the_kernel_refuses_costs_that_address_alone(lab: Chain, uid: int | None, version: int) -> None:
    """No route, a prohibited one, a firewall's drop, a blackhole; between them a target that answers."""
    net, mask, alive = (
        ("203.0.113.", 32, lab.target4) if version == 4 else ("2001:db8:dead::", 128, lab.target6)
    )
    kinds = ("unreachable", "prohibit", "blackhole")
    lines = [f"route replace {kind} {net}{k}/{mask}" for k, kind in enumerate(kinds, 1)]
    command(lab.client, ["ip", "-batch", "-"], stdin="\n".join(lines)).check_returncode()
    family = "ip" if version == 4 else "ip6"
    rules = f"""
        table {family} shut {{
            chain output {{
                type filter hook output priority 0
                {family} daddr {net}4 drop
            }}
        }}
    """
    command(lab.client, ["nft", "-f", "-"], stdin=rules).check_returncode()
    try:
        targets = [part for k in range(1, 5) for part in (f"{net}{k}", alive)]
        found = run_in(lab.client, refused, targets, 56, False, uid=uid)
    finally:
        command(lab.client, ["nft", "delete", "table", family, "shut"]).check_returncode()
    assert found[1::2] == [["reply", ""]] * 4
    # Linux does not tell an IPv6 datagram socket what its firewall drops (net/ipv6/ping.c).
    dropped = "timeout" if (version, uid) == (6, NOBODY) else "failed"
    assert [kind for kind, _ in found[::2]] == ["failed", "failed", "failed", dropped]
    reasons = [reason for _, reason in found[::2]]
    assert len(set(reasons)) == 4, reasons
    assert "no route" in reasons[0]
    assert dropped == "timeout" or "not permitted" in reasons[3]


@pytest.mark.parametrize("version", [4, 6])
def test_too_big_for_our_own_link_is_told(lab: Chain, uid: int | None, version: int) -> None:
    target = lab.target4 if version == 4 else lab.target6
    found = run_in(lab.client, refused, [target, "127.0.0.1" if version == 4 else "::1"], 1600, True, uid=uid)
    assert found == [["failed", "Message too long"], ["reply", ""]]
